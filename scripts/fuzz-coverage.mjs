// Says what the corpora of the fuzz targets reach: of native/engine by clang's source-based coverage, of lib/mtree by V8's.
//
//   node scripts/fuzz-coverage.mjs [--lines]      --lines writes which lines, to build-coverage/batches.txt
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { configure, requireTools, root, run } from './native-tools.mjs';

const { values } = parseArgs({ options: { lines: { type: 'boolean', default: false } } });
const fuzzer = 'build-coverage/batch_fuzzer';
const counts = 'build-coverage/batches.profdata';

process.chdir(root);
batches();
dumps();

function batches() {
  requireTools({
    cmake: 'cmake',
    ninja: 'ninja-build',
    'clang++-19': 'clang-19 libclang-rt-19-dev',
    'llvm-cov-19': 'llvm-19',
  });
  configure('build-coverage', {
    CMAKE_CXX_COMPILER: 'clang++-19',
    FLATVIEW_FUZZERS: 'ON',
    FLATVIEW_COVERAGE: 'ON',
    FLATVIEW_TESTS: 'OFF',
    FLATVIEW_WARNINGS_ARE_ERRORS: 'OFF',
  });
  run('cmake', ['--build', 'build-coverage', '--target', 'batch_fuzzer', '--parallel', '2']);
  process.env.LLVM_PROFILE_FILE = 'build-coverage/batches.profraw';
  run(fuzzer, ['-runs=0', '-verbosity=0', 'test/fuzz/corpus/batches']);
  run('llvm-profdata-19', ['merge', '-o', counts, process.env.LLVM_PROFILE_FILE]);
  const { files, totals } = JSON.parse(llvmCov('export', '-summary-only')).data[0];
  console.log('native/engine, of lines and of branches, reached by test/fuzz/corpus/batches:');
  for (const { filename, summary } of files) print(filename.replace(/.*\/native\//, ''), summary);
  print('all', totals);
  if (values.lines) {
    writeFileSync('build-coverage/batches.txt', llvmCov('show', '-show-branches=count'));
  }
}

function llvmCov(command, ...options) {
  const args = [command, fuzzer, `-instr-profile=${counts}`, ...options, 'native/engine'];
  const { status, stdout, stderr } = spawnSync('llvm-cov-19', args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  });
  if (status !== 0) throw new Error(`llvm-cov-19 failed: ${stderr}`);
  return stdout;
}

function print(name, { lines, branches }) {
  const share = (part) => (part ? `${part.covered}/${part.count}`.padStart(12) : '');
  console.log(`  ${name.padEnd(40)}${share(lines)}${share(branches)}`);
}

function dumps() {
  run('npm', ['run', '--silent', 'build:ts']);
  const folder = 'build-coverage/dumps';
  rmSync(folder, { recursive: true, force: true });
  const env = { ...process.env, NODE_V8_COVERAGE: folder, FLATVIEW_SELF_CHECK: '1' };
  const { status, stdout } = spawnSync('node', ['dist/test/fuzz/dump-corpus.test.js'], { env });
  if (status !== 0) throw new Error(`The corpus has findings:\n${stdout}`);
  const [report] = readdirSync(folder);
  const { result } = JSON.parse(readFileSync(path.join(folder, report), 'utf8'));
  console.log('lib/mtree, of compiled lines, reached by test/fuzz/corpus/dumps:');
  const all = { covered: 0, count: 0 };
  for (const { url, functions } of result.filter((script) => script.url.includes('/lib/mtree/'))) {
    const lines = linesOf(readFileSync(fileURLToPath(url), 'utf8'), functions);
    all.covered += lines.covered;
    all.count += lines.count;
    print(url.replace(/.*\/lib\//, ''), { lines });
  }
  print('all', { lines: all });
}

/** How many lines with something in them there are, and how many begin in a block that ran. */
function linesOf(source, functions) {
  // Inner blocks come after those around them, and say it more exactly.
  const ran = new Uint8Array(source.length).fill(1);
  for (const { startOffset, endOffset, count } of functions.flatMap(({ ranges }) => ranges)) {
    ran.fill(Math.min(count, 1), startOffset, endOffset);
  }
  const starts = [...source.matchAll(/(?<=^\s*)[^\s/*}\])].*$/gm)].map(({ index }) => index);
  return { covered: starts.filter((at) => ran[at] === 1).length, count: starts.length };
}
