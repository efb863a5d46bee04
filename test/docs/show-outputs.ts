// Writes into pages what their programs and commands print:
//
//   npm run build:ts && node dist/test/docs/show-outputs.js docs/kvm.md
//
// Only what isn't true is written anew; where something was left out by `...` or `…` it wants a look afterwards.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { compilePrograms, repository } from './compile-programs.js';
import { pagePrograms, partEnd } from './page-programs.js';
import { pageTranscripts } from './page-transcripts.js';
import { runApart } from './run-apart.js';
import { commandOutput } from './run-command.js';
import { isShown } from './shown-output.js';

/** A place in a page, by the line before it and what stands there now; and what is to stand there. */
interface Output {
  readonly before: string;
  readonly shown: string;
  readonly printed: string;
}

async function programOutputs(page: string): Promise<Output[]> {
  const programs = pagePrograms(page).filter(({ runs }) => runs);
  const compilation = compilePrograms(programs);
  const found: Output[] = [];
  for (const [i, { name, outputs }] of programs.entries()) {
    const { mistakes = [], javascript = '' } = compilation.programs[i] ?? {};
    for (const mistake of mistakes) console.log(mistake);
    const { status, stdout, stderr } = await runApart(javascript);
    if (status !== 0) console.log(`${name} ended with ${status}\n${stderr}`);
    for (const [part, printed] of stdout.split(partEnd).entries()) {
      const shown = outputs[part];
      if (shown !== undefined) found.push({ before: '```text\n', shown, printed });
      else if (printed !== '') console.log(`${name}, part ${part + 1} prints\n${printed}`);
    }
  }
  return found;
}

async function commandOutputs(page: string): Promise<Output[]> {
  const found: Output[] = [];
  for (const { args, shown, numbersVary } of pageTranscripts(page)) {
    const printed = await commandOutput(args);
    const isTrue = isShown(printed, shown, numbersVary);
    const before = `$ npx flatview ${args.join(' ')}\n`;
    found.push({ before, shown, printed: isTrue ? shown : printed });
  }
  return found;
}

/** `text` with each output in its place. They are in the order of the page. */
function withOutputs(text: string, outputs: readonly Output[]): string {
  let done = '';
  let rest = text;
  for (const { before, shown, printed } of outputs) {
    const isTrue = isShown(printed, shown);
    if (!isTrue) console.log(printed);
    const start = rest.indexOf(before + shown) + before.length;
    done += rest.slice(0, start) + (isTrue ? shown : printed);
    rest = rest.slice(start + shown.length);
  }
  return done + rest;
}

for (const page of process.argv.slice(2)) {
  const file = path.join(repository, page);
  const text = withOutputs(readFileSync(file, 'utf8'), await programOutputs(page));
  writeFileSync(file, withOutputs(text, await commandOutputs(page)));
}
