// The programs of a page. A ```ts block is one; a ```text block that follows it in the same section is what it prints. Marks say what
// is otherwise:
//
//   ts continues     goes on with the program of the last block: a guide shows it in parts, each with what is printed there
//   ts kvm           needs /dev/kvm
//   ts no-run        needs what no test has, such as a certain device of the host: it is compiled only

import type { ShownProgram } from './compile-programs.js';
import { type FencedBlock, fencedBlocks } from './markdown-page.js';

/** A program, with what its parts print; `undefined` where the page doesn't show that. */
export interface PageProgram extends ShownProgram {
  /** Whether tests can run it, and not only compile it. */
  readonly runs: boolean;
  readonly outputs: readonly (string | undefined)[];
}

/** What a program prints where one of its parts ends and the next begins. */
export const partEnd = '\u001e';

interface Part {
  readonly block: FencedBlock;
  readonly output: string | undefined;
}

export function pagePrograms(page: string): PageProgram[] {
  const programs: Part[][] = [];
  const blocks = fencedBlocks(page);
  for (const [i, block] of blocks.entries()) {
    if (block.language !== 'ts') continue;
    const next = blocks[i + 1];
    const isOutput = next?.language === 'text' && next.section === block.section;
    const part = { block, output: isOutput ? next.text : undefined };
    const last = programs.at(-1);
    if (!block.marks.includes('continues')) programs.push([part]);
    else if (last === undefined) throw new Error(`${page}:${block.line} continues nothing`);
    else last.push(part);
  }
  return programs.map((parts) => programOf(page, parts));
}

function programOf(page: string, parts: readonly Part[]): PageProgram {
  const lines: string[] = [];
  for (const { block } of parts) {
    while (lines.length < block.line - 1) lines.push('');
    lines.push(block === parts[0]?.block ? '' : `process.stdout.write('\\u001e');`);
    lines.push(...block.text.trimEnd().split('\n'));
  }
  const marks = parts.flatMap(({ block }) => marksOf(page, block));
  return {
    name: `${page}:${parts[0]?.block.line}`,
    page,
    source: `${lines.join('\n')}\n`,
    needs: marks.filter((mark) => mark === 'kvm'),
    runs: !marks.includes('no-run'),
    outputs: parts.map(({ output }) => output),
  };
}

const knownMarks = ['continues', 'kvm', 'no-run'];

function marksOf(page: string, { marks, line }: FencedBlock): readonly string[] {
  const unknown = marks.find((mark) => !knownMarks.includes(mark));
  if (unknown !== undefined) throw new Error(`${page}:${line}: nobody knows the mark "${unknown}"`);
  return marks;
}
