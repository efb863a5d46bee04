// Fuzzes the native engine with batches (libFuzzer, with ASan and UBSan), and the reader of dumps (our own fuzzer, guided
// by V8's coverage), each for a while.
//
//   node scripts/fuzz.mjs [batches] [dumps] [--seconds=60] [--runs=N] [--seed=N] [--repeatable | --merge]
//
// Begins with the corpora in test/fuzz/corpus and with what was found before. New inputs stay in build-fuzz/, and --merge
// makes the smallest corpora of them all that reach as much, in the repository. --repeatable begins with the corpora alone
// and makes the same inputs of the same seed, as far as there is time: for a check that must not fail by chance. What
// fails is a file whose path is printed; put it into the corpus under a name that says what it was.
import { spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { brotliCompressSync, constants } from 'node:zlib';
import { configure, requireTools, root, run } from './native-tools.mjs';

const { values, positionals } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(1 + Math.floor(Math.random() * 2 ** 31)) },
    runs: { type: 'string', default: 'Infinity' },
    repeatable: { type: 'boolean', default: false },
    merge: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const corpora = 'test/fuzz/corpus';
const maxSecondsOfOneInput = 20;

process.chdir(root);
const targets = positionals.length > 0 ? positionals : ['batches', 'dumps'];
for (const target of targets) {
  if (target === 'batches') fuzzBatches();
  else if (target === 'dumps') await fuzzDumps();
  else throw new Error(`No fuzz target "${target}": there are batches and dumps`);
}

function fuzzBatches() {
  requireTools({
    cmake: 'cmake',
    ninja: 'ninja-build',
    'clang++-19': 'clang-19 libclang-rt-19-dev',
  });
  configure('build-fuzz', {
    CMAKE_CXX_COMPILER: 'clang++-19',
    FLATVIEW_FUZZERS: 'ON',
    FLATVIEW_SANITIZE: 'address,undefined',
    FLATVIEW_TESTS: 'OFF',
    FLATVIEW_WARNINGS_ARE_ERRORS: 'OFF',
  });
  const programs = ['batch_fuzzer', 'batch_printer'];
  run('cmake', ['--build', 'build-fuzz', '--target', ...programs, '--parallel', '2']);

  const kept = `${corpora}/batches`;
  const found = values.repeatable ? 'build-fuzz/batches/repeatable' : 'build-fuzz/batches/corpus';
  if (values.repeatable) rmSync(found, { recursive: true, force: true });
  mkdirSync(found, { recursive: true });
  // libFuzzer goes by the clock.
  const limits = ['-max_len=600', `-timeout=${maxSecondsOfOneInput * 6}`];
  const options = [...limits, '-artifact_prefix=build-fuzz/batches/finding-'];
  if (values.merge) mergeBatches(kept, found, options);
  else {
    console.log(`batches: --seed=${values.seed}`);
    const time = [`-max_total_time=${values.seconds}`, `-seed=${values.seed}`, '-len_control=10'];
    const runs = Number.isFinite(Number(values.runs)) ? [`-runs=${values.runs}`] : [];
    // What is compared may be addresses, and what was found is read again every second.
    const repeatable = values.repeatable ? ['-use_cmp=0', '-reload=0'] : [];
    const output = ['-verbosity=0', '-print_final_stats=1'];
    const all = [...options, ...time, ...runs, ...repeatable, ...output];
    run('build-fuzz/batch_fuzzer', [...all, found, kept]);
  }
}

/** What was a finding keeps its place, and is in no one's stead. */
function mergeBatches(kept, found, options) {
  const merged = 'build-fuzz/batches/merged';
  rmSync(merged, { recursive: true, force: true });
  mkdirSync(merged);
  run('build-fuzz/batch_fuzzer', [
    ...options,
    '-set_cover_merge=1',
    '-use_counters=0',
    '-verbosity=0',
    merged,
    kept,
    found,
  ]);
  for (const name of readdirSync(kept)) {
    if (/^[0-9a-f]{40}$/.test(name)) rmSync(path.join(kept, name));
  }
  for (const name of readdirSync(merged)) {
    renameSync(path.join(merged, name), path.join(kept, name));
  }
  const files = readdirSync(kept).sort();
  const printed = spawnSync(
    'build-fuzz/batch_printer',
    files.map((name) => path.join(kept, name)),
    { maxBuffer: 2 ** 30 },
  );
  if (printed.status !== 0) throw new Error(`batch_printer failed: ${printed.stderr}`);
  // Records are mostly zeros, and those of one input like those of the next.
  const params = { [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS };
  writeFileSync(`${corpora}/batches.jsonl.br`, brotliCompressSync(printed.stdout, { params }));
  console.log(`batches: ${files.length} inputs are left`);
}

async function fuzzDumps() {
  run('npm', ['run', '--silent', 'build:ts']);
  const folder = 'build-fuzz/dumps';
  const running = `${folder}/running`;
  mkdirSync(folder, { recursive: true });
  const program = [
    '--enable-source-maps',
    '--max-old-space-size=512',
    'dist/test/fuzz/fuzz-dumps.js',
  ];
  const { seconds, runs, seed } = values;
  const options = [`--seconds=${seconds}`, `--runs=${runs}`, `--seed=${seed}`];
  if (values.repeatable) options.push('--repeatable');
  const args = [...program, folder, ...(values.merge ? ['--merge'] : options)];
  rmSync(running, { force: true });
  // Every commit is also rendered from scratch and compared.
  const env = { ...process.env, FLATVIEW_SELF_CHECK: '1' };
  const child = spawn(process.execPath, args, { stdio: 'inherit', env });
  let last = { begun: 0, cpu: 0 };
  const watch = setInterval(() => {
    const now = { begun: modified(running), cpu: cpuSeconds(child.pid) };
    if (now.begun !== last.begun) last = now;
    else if (now.cpu - last.cpu > maxSecondsOfOneInput) child.kill('SIGKILL');
  }, 1000);
  const [status, signal] = await new Promise((resolve) => {
    child.on('exit', (...how) => resolve(how));
  });
  clearInterval(watch);
  // Of an error, the fuzzer itself says so. Without memory or time it can't, and Node aborts or it is killed.
  if (signal !== null) {
    const finding = `${folder}/finding-${signal}-${Date.now()}`;
    copyFileSync(running, finding);
    console.error(`FINDING: ${finding} takes too much time or memory, or crashes (${signal})`);
  }
  if (status !== 0) process.exit(1);
}

function modified(file) {
  return existsSync(file) ? statSync(file).mtimeMs : 0;
}

/** What a process took of a processor so far: on a busy machine the clock says nothing. */
function cpuSeconds(pid) {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return 0;
  // Behind the name, which may hold anything: proc(5).
  const fields = readFileSync(file, 'utf8').split(') ').at(-1).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
