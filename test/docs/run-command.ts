// Running a command as a page shows it.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { flatview } from '../cli/command.js';
import { HostFixture } from '../pci/host-fixture.js';
import { repository } from './compile-programs.js';

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

/** What it prints; `emulated-q35/sys` and the like are of a machine in test/pci/fixtures, which is unpacked for it. */
export async function commandOutput(args: readonly string[]): Promise<string> {
  const machine = machineOf(args);
  using host = machine === undefined ? undefined : HostFixture.of(machine);
  const { stdout } = await flatview(
    args.map((arg) =>
      host === undefined ? placed(arg) : arg.replace(`${machine}/`, `${host.folder}/`),
    ),
  );
  return `${stdout.trimEnd()}\n`;
}
