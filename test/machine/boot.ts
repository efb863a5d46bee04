// Boots a machine, and waits for its end.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { foreignEnvironment } from '../foreign-environment.js';
import { type BootOptions, qemuCommand } from './qemu.js';
import { runFile } from './run-folder.js';

/** How long a machine may take. Emulation is slow, and others may use this one. */
const deadline = 25 * 60_000;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/** Why a machine didn't come to its end, in words that end with the last lines of its console; undefined where it did. */
export async function boot(options: BootOptions): Promise<string | undefined> {
  const failure = await bootOnce(options);
  if (failure === undefined || hasBooted(options)) return failure;
  console.log(`${failure}\nIt did not come to its own programs, so it's booted once more.`);
  return bootOnce(options);
}

/** Boots a machine with a shell on this terminal. */
export async function bootWithShell(options: BootOptions): Promise<void> {
  const [command, ...args] = qemuCommand({ ...options, kernelArguments: ['flatview.shell'] });
  await once(spawn(command, args, { stdio: 'inherit' }), 'exit');
}

function hasBooted({ share }: BootOptions): boolean {
  return existsSync(path.join(share, runFile.booted));
}

async function bootOnce(options: BootOptions): Promise<string | undefined> {
  const consoleFile = path.join(options.share, runFile.console);
  rmSync(consoleFile, { force: true });
  const output = openSync(consoleFile, 'w');
  const [command, ...args] = qemuCommand(options);
  const child = spawn(command, args, {
    stdio: ['ignore', output, output],
    env: foreignEnvironment(),
    timeout: deadline,
    killSignal: 'SIGKILL',
  });
  running.add(child);
  const [status, signal] = await once(child, 'exit');
  running.delete(child);
  closeSync(output);
  const said = readFileSync(consoleFile, 'utf8');
  if (status === 0 && said.includes('reboot: Power down')) return undefined;
  const how =
    signal === null
      ? `ended with status ${status}`
      : `was stopped after ${deadline / 60_000} minutes (${signal})`;
  const tail = said.split('\n').slice(-40).join('\n');
  return `QEMU ${how} before the machine had powered itself down. The end of its console:\n${tail}`;
}
