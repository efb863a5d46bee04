// Runs clang-tidy (.clang-tidy) over native/ and benchmarks/native/, with the flags of the CMake build.
//
//   node scripts/lint-native.mjs [PART...]      only files whose path begins with one of the parts, such as native/kernel
//
// A file that was clean is not looked at again until it, a header of ours that it includes, its flags or the checks change.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { withIncludes } from './native-includes.mjs';
import { configure, requireTools, requireWasmTools, root } from './native-tools.mjs';

const folder = 'build-lint';
const tidy = 'clang-tidy-19';
const ours = ['native', 'benchmarks/native'];
const parts = process.argv.slice(2);

process.chdir(root);
requireTools({ cmake: 'cmake', ninja: 'ninja-build', [tidy]: tidy });
requireWasmTools();
configure(folder, { FLATVIEW_BENCHMARKS: 'ON', FLATVIEW_FUZZERS: 'ON' });
mkdirSync(`${folder}/clean`, { recursive: true });

const configurations = ['.clang-tidy', 'native/test/.clang-tidy'];
const rules = [execFileSync(tidy, ['--version']), ...configurations.map(read)];
const commands = JSON.parse(read(`${folder}/compile_commands.json`));
const files = commands
  .map(({ file, command }) => ({ file: path.relative(root, file), command }))
  .filter(({ file }) => isWithin(file, ours) && (parts.length === 0 || isWithin(file, parts)))
  .map(({ file, command }) => ({ file, mark: `${folder}/clean/${hashOf(file, command)}` }));
if (files.length === 0) throw new Error(`No file of ${ours.join(' or ')} begins with ${parts}`);

const waiting = files.filter(({ mark }) => !existsSync(mark));
let findings = 0;
console.log(
  `${tidy}: ${waiting.length} files, ${files.length - waiting.length} are known to be clean`,
);
await Promise.all(Array.from({ length: os.availableParallelism() }, lintWaiting));
console.log(`${tidy}: ${findings} files with findings`);
process.exitCode = findings === 0 ? 0 : 1;

function read(file) {
  return readFileSync(file, 'utf8');
}

function isWithin(file, folders) {
  return folders.some((one) => file === one || file.startsWith(one.replace(/\/*$/, '/')));
}

/** Of all that decides what clang-tidy says of a file, but for the system's headers. */
function hashOf(file, command) {
  const hash = createHash('sha256');
  for (const part of [...rules, command, ...withIncludes(file).map(read)]) hash.update(part);
  return hash.digest('hex');
}

async function lintWaiting() {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const { clean, said } = await lint(next.file);
    if (clean) writeFileSync(next.mark, next.file);
    else {
      findings++;
      console.log(`${next.file}:\n${said}`);
    }
  }
}

function lint(file) {
  // A header is judged with the sources of its own folder, and once is enough.
  const [headers] = /^(benchmarks\/native|native\/[^/]+)\//.exec(file) ?? [''];
  const child = spawn(tidy, ['--quiet', `-p=${folder}`, `--header-filter=/${headers}`, file], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  return new Promise((resolve) => {
    child.on('close', (status) => resolve({ clean: status === 0, said }));
  });
}
