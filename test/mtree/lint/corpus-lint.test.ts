// Ordinary machines are quiet, and no page that KVM couldn't map is missed.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe as suite, test } from 'node:test';
import type { AddressSpace, FlatRange } from '../../../lib/index.js';
import { buildTopology } from '../../../lib/mtree/build-topology.js';
import { type LintReport, lint } from '../../../lib/mtree/lint/lint.js';
import { readTopology } from '../../../lib/mtree/read-topology.js';
import { caseFiles, readSequence } from '../../corpus/corpus.js';
import { CorpusTopology } from '../../corpus/corpus-topology.js';

function withCase<T>(file: string, use: (spaces: readonly AddressSpace[]) => T): T {
  const { topology, addressSpaces } = buildTopology(readTopology(readFileSync(file)).document);
  try {
    return use(addressSpaces);
  } finally {
    topology.close();
  }
}

function nameOf(file: string): string {
  return path.basename(file, '.json.gz');
}

/** What is found that isn't a note, as `ID REGION`, each once. */
function hazards({ findings }: LintReport): string[] {
  const loud = findings.filter(({ severity }) => severity !== 'note');
  return [...new Set(loud.map(({ id, regions }) => `${id} ${regions[0]?.name}`))].sort();
}

/** Of PCs and Arm's virt, these are the only machines with a hazard, and it is a real one. */
const loudPcs: readonly (readonly [name: RegExp, hazards: RegExp])[] = [
  // Three cards claim VGA's ports.
  [/^pc-vga-3/, /^(equal-priority|never-shown) (vbe|vga|cirrus-|ati|vmport).*$/],
  // The guest put a card's ports over vmport's.
  [/^q35-bridge180-b/, /^never-shown vmport$/],
];

suite('lint of the corpus', () => {
  test('PCs, q35 and virt are quiet, but for hazards that are there', () => {
    let quiet = 0;
    for (const file of caseFiles().filter((it) =>
      /^(pc-|q35|x86|a64-virt|aarch64-virt)/.test(nameOf(it)),
    )) {
      const found = withCase(file, (spaces) => hazards(lint(spaces)));
      const [, expected] = loudPcs.find(([name]) => name.test(nameOf(file))) ?? [];
      for (const hazard of found) assert.match(hazard, expected ?? /^$/, nameOf(file));
      if (found.length === 0) quiet++;
    }
    assert.ok(quiet > 130, `${quiet} machines are quiet`);
  });

  test('nearly all of the other machines are quiet, too', () => {
    const loud = caseFiles().filter((file) =>
      withCase(file, (spaces) => hazards(lint(spaces)).length > 0),
    );
    assert.ok(loud.length <= 20, loud.map(nameOf).join(' '));
  });

  test('a BAR that a hostile guest put over RAM is found', () => {
    const { topology } = new CorpusTopology(readSequence('seq-pc-overlap-ram').final);
    const { findings } = lint(topology.addressSpaces, { only: ['bar-over-ram'] });
    assert.deepEqual(
      findings.map(({ regions }) => regions.map(({ name }) => name)),
      [['pvpanic', 'pc.ram']],
    );
    topology.close();
  });

  for (const pageSize of [0x1000n, 0x4000n, 0x10000n]) {
    test(`each page of ${pageSize / 1024n} KiB that memory doesn't fill is found, and no other`, () => {
      for (const file of caseFiles().filter((_, index) => index % 5 === 0)) {
        withCase(file, (spaces) => {
          const { findings } = lint(spaces, {
            pageSize,
            only: ['split-page', 'shared-page', 'partial-page'],
          });
          const found = findings.map(({ first }) => first);
          const expected = new Set(
            spaces.flatMap((space) => [...brokenPages(space.flatView, pageSize)]),
          );
          assert.deepEqual(new Set(found), expected, nameOf(file));
        });
      }
    });
  }
});

/** The pages at the edges of memory that the memory doesn't fill, and those of pieces of which no page is whole. */
function* brokenPages(ranges: Iterable<FlatRange>, pageSize: bigint): Generator<bigint> {
  const pageOf = (address: bigint) => address - (address % pageSize);
  for (const { address, last, region, romd, offset } of ranges) {
    const isMemory = region.isRam || (region.kind === 'rom-device' && romd);
    const isCongruent = (address - offset) % pageSize === 0n;
    const hasPage = pageOf(address + pageSize - 1n) + pageSize - 1n <= last;
    if (!isMemory || (!isCongruent && hasPage)) continue;
    if (address % pageSize !== 0n || !hasPage) yield pageOf(address);
    if ((last + 1n) % pageSize !== 0n || !hasPage) yield pageOf(last);
  }
}
