// Inputs of a fuzzer as files in a folder. As libFuzzer does it, a file's name is the SHA-1 of its content; what once
// was a finding may have a name that says what it was.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The corpora that are kept in the repository. */
export const corpusFolder: string = fileURLToPath(
  new URL('../../../test/fuzz/corpus/', import.meta.url),
);

export interface CorpusFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** All files of a folder, which need not exist, by name. */
export function readCorpus(folder: string): CorpusFile[] {
  mkdirSync(folder, { recursive: true });
  return readdirSync(folder)
    .sort()
    .map((name) => ({ name, bytes: readFileSync(path.join(folder, name)) }));
}

/** Adds an input to a folder, and returns the path of its file. */
export function saveInput(folder: string, bytes: Uint8Array, prefix = ''): string {
  const file = path.join(folder, prefix + createHash('sha1').update(bytes).digest('hex'));
  writeFileSync(file, bytes);
  return file;
}
