import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { HostMemory, hostPageSize } from '../../lib/memory/host-memory.js';
import { foreignEnvironment } from '../foreign-environment.js';

const source = path.resolve(import.meta.dirname, '../../../test/memory/truncated-memory.c');

/** Why there can be no memory whose file was truncated: without a compiler nobody maps one here. `false` where there is one. */
export const noTruncatedMemory: string | false = whyNone();

function whyNone(): string | false {
  if (process.arch !== 'x64' && process.arch !== 'arm64') {
    return `an access on ${process.arch} does not survive SIGBUS`;
  }
  try {
    execFileSync('cc', ['--version'], { env: foreignEnvironment(), stdio: 'ignore' });
    return false;
  } catch {
    return 'there is no C compiler';
  }
}

/** Compiles the addon that maps it; `exit` removes it. Returns its path. */
export function buildTruncatedMemory(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'flatview-truncated-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'truncated.node');
  const options = ['-shared', '-fPIC', '-O1', '-o', file];
  execFileSync('cc', [...options, source], { env: foreignEnvironment() });
  return file;
}

/** Two pages of 0x5a, of which the second is gone. */
export function truncatedMemory(addonPath: string): HostMemory {
  const module: { exports: unknown } = { exports: {} };
  process.dlopen(module, addonPath);
  if (typeof module.exports !== 'bigint') throw new Error('no file could be mapped');
  return HostMemory.at(module.exports, 2n * hostPageSize);
}
