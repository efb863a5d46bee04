// What the repository's Markdown shows: the fenced blocks of each page.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { repository } from './compile-programs.js';

/** The text between two fences. */
export interface FencedBlock {
  /** The first word behind the fence, and those after it: readers of the page see none of them. */
  readonly language: string;
  readonly marks: readonly string[];
  readonly text: string;
  /** The line of the opening fence, from 1. */
  readonly line: number;
  /** How many headings stand before it. */
  readonly section: number;
}

/** The pages that a person wrote: docs/api is made of docstrings, which have tests of their own. */
export const pages: readonly string[] = [
  ...markdownIn('.', (file) => !file.includes('/')),
  ...markdownIn('docs', (file) => !file.startsWith('api/')),
];

function markdownIn(folder: string, isWanted: (file: string) => boolean): string[] {
  const recursive = folder !== '.';
  return readdirSync(path.join(repository, folder), { recursive, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md') && isWanted(file))
    .map((file) => path.join(folder, file))
    .sort();
}

export function fencedBlocks(page: string): FencedBlock[] {
  const lines = readFileSync(path.join(repository, page), 'utf8').split('\n');
  const blocks: FencedBlock[] = [];
  let section = 0;
  for (let i = 0; i < lines.length; i++) {
    if (/^#+ /.test(lines[i] ?? '')) section++;
    const [, information] = /^```(.*)$/.exec(lines[i] ?? '') ?? [];
    if (information === undefined) continue;
    const [language = '', ...marks] = information.split(' ');
    const line = i + 1;
    const end = lines.indexOf('```', line);
    if (end < 0) throw new Error(`${page}:${line}: this block has no end`);
    const text = lines
      .slice(line, end)
      .map((shown) => `${shown}\n`)
      .join('');
    blocks.push({ language, marks, text, line, section });
    i = end;
  }
  return blocks;
}
