// The transcripts of a page. A ```console block shows commands, each behind "$ ", and what each one prints. The mark
// "varies" says that counts and times are others in each run.

import { type FencedBlock, fencedBlocks } from './markdown-page.js';

/** A command, and what the page shows of its output. */
export interface Transcript {
  readonly page: string;
  readonly line: number;
  readonly args: readonly string[];
  readonly shown: string;
  readonly numbersVary: boolean;
}

/** The runs of `npx flatview` that a page shows. */
export function pageTranscripts(page: string): Transcript[] {
  return fencedBlocks(page)
    .filter(({ language }) => language === 'console')
    .flatMap((block) => transcriptsOf(page, block));
}

function transcriptsOf(page: string, block: FencedBlock): Transcript[] {
  const unknown = block.marks.find((mark) => mark !== 'varies');
  if (unknown !== undefined) {
    throw new Error(`${page}:${block.line}: nobody knows the mark "${unknown}"`);
  }
  const runs = block.text.split(/^\$ /m).slice(1);
  return runs.map((run) => {
    const [command = '', ...shown] = run.split('\n');
    const [npx, flatview, ...args] = command.split(' ');
    if (npx !== 'npx' || flatview !== 'flatview') {
      throw new Error(`${page}:${block.line}: nobody knows how to run "${command}"`);
    }
    const numbersVary = block.marks.includes('varies');
    return { page, line: block.line, args, shown: shown.join('\n'), numbersVary };
  });
}
