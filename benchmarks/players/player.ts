// The programs that play traces: ours through the public API, our engine alone, and QEMU's memory core.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Whose memory core plays. `flatview` is ours as users get it; `engine` is ours without TypeScript. */
export type PlayerName = 'flatview' | 'engine' | 'qemu';

/** What a program is asked to do; players/typescript.ts describes each. */
export type Mode = 'check' | 'time' | 'once' | 'lookup' | 'memory' | 'count';

/** A program that plays traces. */
export interface Player {
  readonly name: PlayerName;
  readonly program: string;
  readonly arguments: readonly string[];
}

const root = fileURLToPath(new URL('../../..', import.meta.url));
const cache = process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache');
const qemuFolder = path.join(cache, 'flatview', 'qemu');
const enginePlayer = path.join(root, 'build-benchmark/benchmarks/native/flatview_player');
const maxOutputBytes = 1 << 30;

/** Our memory core through the public TypeScript API. */
export const flatviewPlayer: Player = {
  name: 'flatview',
  program: process.execPath,
  arguments: ['--expose-gc', fileURLToPath(new URL('typescript.js', import.meta.url))],
};

/** Our engine in C++; built here if there are tools for it. `undefined`: there are none. */
export function buildEnginePlayer(): Player | undefined {
  const configured = succeeds('cmake', [
    ...['-S', root, '-B', path.join(root, 'build-benchmark'), '-Wno-dev'],
    ...['-DCMAKE_BUILD_TYPE=Release', '-DFLATVIEW_BENCHMARKS=ON', '-DFLATVIEW_TESTS=OFF'],
  ]);
  const target = ['--target', 'flatview_player', '--parallel', '2'];
  if (!configured || !succeeds('cmake', ['--build', path.join(root, 'build-benchmark'), ...target]))
    return undefined;
  return { name: 'engine', program: enginePlayer, arguments: [] };
}

/**
 * QEMU's memory core, as benchmarks/qemu/build.sh built it; `undefined`: it wasn't.
 *
 * @param relaxed Without QEMU's limit of 4,096 sections an address space.
 */
export function qemuPlayer(relaxed: boolean): Player | undefined {
  const program = path.join(qemuFolder, relaxed ? 'driver-relaxed' : 'driver');
  return existsSync(program) ? { name: 'qemu', program, arguments: [] } : undefined;
}

/** Which QEMU {@link qemuPlayer} is. */
export function qemuVersion(): string | undefined {
  const player = qemuPlayer(false);
  return player && spawnSync(player.program, ['version'], { encoding: 'utf8' }).stdout.trim();
}

/** Has `player` play a trace in a process of its own, and returns what it prints. */
export function play(
  player: Player,
  mode: Mode,
  trace: string,
  numbers: readonly number[] = [],
): Buffer {
  const given = [...player.arguments, mode, trace, ...numbers.map(String)];
  const { status, signal, stdout, stderr } = spawnSync(player.program, given, {
    maxBuffer: maxOutputBytes,
  });
  if (status === 0) return stdout;
  const end = signal ?? `status ${status}`;
  throw new Error(`${player.name} ${mode} ended with ${end}:\n${stderr?.toString() ?? ''}`);
}

function succeeds(program: string, given: readonly string[]): boolean {
  return spawnSync(program, given, { stdio: 'ignore' }).status === 0;
}
