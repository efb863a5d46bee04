// What the documentation shows of the command line is what the command prints.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { flatview } from '../cli/command.js';
import { noKvm } from '../kvm/real-mode-guest.js';
import { HostFixture } from '../pci/host-fixture.js';
import { repository } from './compile-programs.js';
import { pages } from './markdown-page.js';
import { pageTranscripts } from './page-transcripts.js';
import { assertShown } from './shown-output.js';

/** The machine whose files a command is to look at, of those in test/pci/fixtures. */
function machineOf(args: readonly string[]): string | undefined {
  const folder = args[args.indexOf('--sysfs') + 1];
  return args.includes('--sysfs') ? folder?.replace(/\/sys$/, '') : undefined;
}

/** An argument as a test needs it that has another working directory: files are named from the repository's root. */
function placed(arg: string): string {
  const file = path.join(repository, arg);
  return arg.includes('/') && existsSync(file) ? file : arg;
}

/** Runs what a page shows, where need be with a machine of test/pci/fixtures unpacked. */
async function outputOf(args: readonly string[]): Promise<string> {
  const machine = machineOf(args);
  using host = machine === undefined ? undefined : HostFixture.of(machine);
  const { stdout } = await flatview(
    args.map((arg) =>
      host === undefined ? placed(arg) : arg.replace(`${machine}/`, `${host.folder}/`),
    ),
  );
  return stdout;
}

suite('The commands in the documents', () => {
  const transcripts = pages.flatMap(pageTranscripts);
  for (const { page, line, args, shown, numbersVary } of transcripts) {
    const skip = args[0] === 'demo' && noKvm;
    test(`${page}:${line}: flatview ${args.join(' ')}`, { skip }, async () => {
      assertShown(`${(await outputOf(args)).trimEnd()}\n`, shown, numbersVary);
    });
  }

  test('are run on many dumps, recordings and machines', (context) => {
    context.diagnostic(`${transcripts.length} commands`);
    const inputs = new Set(
      transcripts.flatMap(({ args }) => args.filter((arg) => /\w\/\w/.test(arg))),
    );
    assert.ok(inputs.size > 10);
  });
});
