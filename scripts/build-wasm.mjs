// Builds prebuilds/wasm32/flatview.wasm: the engine for systems that no native addon is for, which the published package
// carries. The module imports nothing, so that any JavaScript engine can have it.
//
//   node scripts/build-wasm.mjs
//
// A source is compiled again when it, a header of ours that it includes, or this file is newer than what came of it.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { withIncludes } from './native-includes.mjs';
import { requireTools, root, run } from './native-tools.mjs';

const compiler = 'clang++-19';
const target = '--target=wasm32-wasi';
const folder = 'build-wasm';
const output = 'prebuilds/wasm32/flatview.wasm';

/** Debian's packages of what clang is asked for, by a file that only they bring. */
const libraries = {
  'crt1-reactor.o': 'wasi-libc',
  'libc++.a': 'libc++-19-dev-wasm32',
  'libclang_rt.builtins-wasm32.a': 'libclang-rt-19-dev-wasm32',
};

const sources = JSON.parse(readFileSync(path.join(root, 'native/sources.gypi'), 'utf8')).variables;
const flags = [
  ...[target, '-std=c++20', '-O2', '-DNDEBUG', '-Inative'],
  ...['-fno-exceptions', '-fno-rtti', '-fvisibility=hidden', ...sources.warnings, '-Werror'],
];
// The stack lies first: what overflows it is out of the memory, and traps.
const linking = ['--strip-all', '--stack-first', '-z,stack-size=1048576'];

process.chdir(root);
requireTools({ [compiler]: 'clang-19', 'wasm-ld-19': 'lld-19' });
requireLibraries();
mkdirSync(folder, { recursive: true });
mkdirSync(path.dirname(output), { recursive: true });

const units = [...sources.engine, ...sources.wasm].map((source) => ({
  source,
  object: path.join(folder, `${source.replaceAll('/', '-')}.o`),
}));
const waiting = units.filter(isOutdated);
await Promise.all(Array.from({ length: os.availableParallelism() }, compileWaiting));
const objects = units.map(({ object }) => object);
run(compiler, [
  ...[target, '-mexec-model=reactor', '-o', output, ...objects],
  ...linking.map((option) => `-Wl,${option}`),
]);
console.log(`${output}: ${Math.round(statSync(output).size / 1024)} KiB`);

function requireLibraries() {
  const missing = Object.entries(libraries).filter(([file]) => !existsSync(whereIs(file)));
  if (missing.length === 0) return;
  console.error(`${compiler} has no ${missing.map(([file]) => file).join(', ')} for ${target}.`);
  console.error(`On Debian: apt-get install ${missing.map(([, name]) => name).join(' ')}`);
  process.exit(1);
}

function whereIs(file) {
  const options = { encoding: 'utf8' };
  return spawnSync(compiler, [target, `--print-file-name=${file}`], options).stdout.trim();
}

function isOutdated({ source, object }) {
  if (!existsSync(object)) return true;
  const made = statSync(object).mtimeMs;
  const origins = [...withIncludes(source), 'native/sources.gypi', 'scripts/build-wasm.mjs'];
  return origins.some((file) => statSync(file).mtimeMs > made);
}

async function compileWaiting() {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const args = [...flags, '-c', next.source, '-o', next.object];
    const child = spawn(compiler, args, { stdio: 'inherit' });
    const status = await new Promise((resolve) => {
      child.on('close', resolve);
    });
    if (status !== 0) process.exit(1);
  }
}
