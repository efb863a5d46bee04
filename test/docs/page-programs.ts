// The programs of a page. A ```ts block is one; a ```text block that follows it in the same section is what it prints. Marks say what
// is otherwise:
//
//   ts continues     goes on with the program of the last block: a guide shows it in parts, each with what is printed there
//   ts kvm           needs /dev/kvm
//   ts no-run        needs what no test has, such as a certain device of the host: it is compiled only
//   ts fragment      is no program: it is neither compiled nor run

import type { ShownProgram } from './compile-programs.js';
import { type FencedBlock, fencedBlocks } from './markdown-page.js';

/** How a program of a page is kept true. */
export type Treatment = 'run' | 'no-run' | 'fragment';

/** A program, with what its parts print; `undefined` where the page doesn't show that. */
export interface PageProgram extends ShownProgram {
  readonly treatment: Treatment;
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
    treatment: marks.find((mark) => mark === 'no-run' || mark === 'fragment') ?? 'run',
    outputs: parts.map(({ output }) => output),
  };
}

type Mark = 'continues' | 'kvm' | Exclude<Treatment, 'run'>;

const knownMarks: readonly Mark[] = ['continues', 'kvm', 'no-run', 'fragment'];

function marksOf(page: string, { marks, line }: FencedBlock): Mark[] {
  return marks.map((mark) => {
    const known = knownMarks.find((one) => one === mark);
    if (known === undefined) throw new Error(`${page}:${line}: nobody knows the mark "${mark}"`);
    return known;
  });
}
