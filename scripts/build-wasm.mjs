// Builds prebuilds/wasm32/flatview.wasm: the engine for systems that no native addon is for, which the published package
// carries. The module imports nothing, so that any JavaScript engine can have it.
//
//   node scripts/build-wasm.mjs
//
// A source is compiled again when it, a header of ours that it includes, or this file is newer than what came of it.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { withIncludes } from './native-includes.mjs';
import { requireWasmTools, root, run, wasmCompiler, wasmTarget } from './native-tools.mjs';

const folder = 'build-wasm';
const output = 'prebuilds/wasm32/flatview.wasm';

const sources = JSON.parse(readFileSync(path.join(root, 'native/sources.gypi'), 'utf8')).variables;
const flags = [
  ...[wasmTarget, '-std=c++20', '-O2', '-DNDEBUG', '-Inative'],
  ...['-fno-exceptions', '-fno-rtti', '-fvisibility=hidden', ...sources.warnings, '-Werror'],
];
// The stack lies first: what overflows it is out of the memory, and traps.
const linking = ['--strip-all', '--stack-first', '-z,stack-size=1048576'];

process.chdir(root);
requireWasmTools();
mkdirSync(folder, { recursive: true });
mkdirSync(path.dirname(output), { recursive: true });

const units = [...sources.engine, ...sources.wasm].map((source) => ({
  source,
  object: path.join(folder, `${source.replaceAll('/', '-')}.o`),
}));
const waiting = units.filter(isOutdated);
await Promise.all(Array.from({ length: os.availableParallelism() }, compileWaiting));
const objects = units.map(({ object }) => object);
run(wasmCompiler, [
  ...[wasmTarget, '-mexec-model=reactor', '-o', output, ...objects],
  ...linking.map((option) => `-Wl,${option}`),
]);
console.log(`${output}: ${Math.round(statSync(output).size / 1024)} KiB`);

function isOutdated({ source, object }) {
  if (!existsSync(object)) return true;
  const made = statSync(object).mtimeMs;
  const origins = [...withIncludes(source), 'native/sources.gypi', 'scripts/build-wasm.mjs'];
  return origins.some((file) => statSync(file).mtimeMs > made);
}

async function compileWaiting() {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const args = [...flags, '-c', next.source, '-o', next.object];
    const child = spawn(wasmCompiler, args, { stdio: 'inherit' });
    const status = await new Promise((resolve) => {
      child.on('close', resolve);
    });
    if (status !== 0) process.exit(1);
  }
}
