// Writes into pages what their programs print:
//
//   npm run build:ts && node dist/test/docs/show-outputs.js docs/kvm.md
//
// Only output blocks that aren't true are written anew; those in which something was left out by `...` or `…` want a look afterwards.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { compilePrograms, repository } from './compile-programs.js';
import { pagePrograms, partEnd } from './page-programs.js';
import { runApart } from './run-apart.js';
import { isShown } from './shown-output.js';

for (const page of process.argv.slice(2)) {
  const file = path.join(repository, page);
  const programs = pagePrograms(page).filter(({ treatment }) => treatment === 'run');
  const compilation = compilePrograms(programs);
  let rest = readFileSync(file, 'utf8');
  let text = '';
  for (const [i, { name, outputs }] of programs.entries()) {
    const { mistakes = [], javascript = '' } = compilation.programs[i] ?? {};
    for (const mistake of mistakes) console.log(mistake);
    const { status, stdout, stderr } = await runApart(javascript);
    if (status !== 0) console.log(`${name} ended with ${status}\n${stderr}`);
    for (const [part, printed] of stdout.split(partEnd).entries()) {
      const output = outputs[part];
      const isTrue = isShown(printed, output ?? '');
      if (!isTrue) console.log(`${name}, part ${part + 1} prints\n${printed}`);
      if (output === undefined) continue;
      const fence = '```text\n';
      const start = rest.indexOf(fence + output) + fence.length;
      text += rest.slice(0, start) + (isTrue ? output : printed);
      rest = rest.slice(start + output.length);
    }
  }
  writeFileSync(file, text + rest);
}
