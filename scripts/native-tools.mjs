// The tools of the native development build: where they are, and what to install when they are not.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js');

export const root = path.resolve(import.meta.dirname, '..');

/** Runs a command in the repository's root, and ends this process if it fails. */
export function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

/** Ends this process with what to install, unless every tool can be run; `tools` maps one to its Debian package. */
export function requireTools(tools) {
  const missing = Object.entries(tools).filter(([tool]) => spawnSync(tool, ['--version']).error);
  if (missing.length === 0) return;
  console.error(`Not found: ${missing.map(([tool]) => tool).join(', ')}.`);
  console.error(`On Debian: apt-get install ${missing.map(([, name]) => name).join(' ')}`);
  process.exit(1);
}

/** Clang for WebAssembly, as `scripts/build-wasm.mjs` and clang-tidy take it. */
export const wasmCompiler = 'clang++-19';
export const wasmTarget = '--target=wasm32-wasi';

/** Debian's packages of the libraries for WebAssembly, by a file that only they bring. */
const wasmLibraries = {
  'crt1-reactor.o': 'wasi-libc',
  'libc++.a': 'libc++-19-dev-wasm32',
  'libclang_rt.builtins-wasm32.a': 'libclang-rt-19-dev-wasm32',
};

/** Ends this process with what to install, unless C++ can be compiled and linked for WebAssembly. */
export function requireWasmTools() {
  requireTools({ [wasmCompiler]: 'clang-19', 'wasm-ld-19': 'lld-19' });
  const missing = Object.entries(wasmLibraries).filter(([file]) => !existsSync(whereIs(file)));
  if (missing.length === 0) return;
  console.error(`Not found for WebAssembly: ${missing.map(([file]) => file).join(', ')}.`);
  console.error(`On Debian: apt-get install ${missing.map(([, name]) => name).join(' ')}`);
  process.exit(1);
}

/** The path of a library that the compiler knows; `file` as it is where it knows none. */
function whereIs(file) {
  const args = [wasmTarget, `--print-file-name=${file}`];
  return spawnSync(wasmCompiler, args, { encoding: 'utf8' }).stdout.trim();
}

/** Configures one of our build folders; `definitions` are CMake's -D. */
export function configure(folder, definitions) {
  const options = Object.entries(definitions).map(([name, value]) => `--CD${name}=${value}`);
  runCmakeJs('configure', folder, options);
}

/** Builds the native tests and the addon into `folder`, with the sanitizers of -fsanitize=. */
export function buildWithSanitizers(sanitizers, folder = 'build-cmake') {
  requireTools({ cmake: 'cmake', ninja: 'ninja-build', 'g++': 'g++' });
  configure(folder, { FLATVIEW_SANITIZE: sanitizers });
  runCmakeJs('build', folder, []);
}

function runCmakeJs(command, folder, options) {
  const common = [`--out=${folder}`, '--config=RelWithDebInfo', '--log-level=warn', '--parallel=2'];
  run(process.execPath, [cmakeJs, command, ...common, ...options]);
}
