import { readFileSync } from 'node:fs';
import { type CaseTexts, caseFiles, caseTexts, readCase } from '../corpus/corpus.js';

/** How many of the corpus' machines, the smallest ones. */
const machines = 40;

const forms: readonly ((texts: CaseTexts) => string)[] = [
  ({ treeWithOwnersAndDisabled, flatWithOwners }) => treeWithOwnersAndDisabled + flatWithOwners,
  ({ tree, flat }) => flat + tree,
  ({ tree }) => tree,
  ({ flat }) => flat,
];

/** What fuzzing begins with: small machines in each form of text and as JSON, and the example's dump. */
export function seedDumps(): Uint8Array[] {
  const smallest = [...caseTexts().values()]
    .sort((a, b) => a.tree.length - b.tree.length)
    .slice(0, machines);
  const texts = smallest.flatMap((machine) => forms.map((form) => Buffer.from(form(machine))));
  return [...texts, ...jsonSeeds(), readFileSync('examples/dumps/pc-i440fx.txt.gz')];
}

function jsonSeeds(): Uint8Array[] {
  const documents = caseFiles().map((file) => {
    const { regions, address_spaces, flat } = readCase(file);
    return JSON.stringify({ regions, address_spaces, flat });
  });
  return documents
    .sort((a, b) => a.length - b.length)
    .slice(0, machines)
    .map((document) => Buffer.from(document));
}
