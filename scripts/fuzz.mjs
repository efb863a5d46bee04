// Builds the fuzz target with clang, replays its corpus, and fuzzes for a while.
//
//   node scripts/fuzz.mjs [SECONDS]      60 by default; 0 only replays
//
// New inputs stay in build-fuzz/corpus. An input that fails is written to build-fuzz/, and its path printed.
import { mkdirSync } from 'node:fs';
import { configure, requireTools, run } from './native-tools.mjs';

const seconds = Number(process.argv[2] ?? 60);
const seeds = 'native/fuzz/corpus';
const found = 'build-fuzz/corpus';

requireTools({ cmake: 'cmake', ninja: 'ninja-build', 'clang++-19': 'clang-19 libclang-rt-19-dev' });
configure('build-fuzz', {
  CMAKE_CXX_COMPILER: 'clang++-19',
  FLATVIEW_FUZZERS: 'ON',
  FLATVIEW_SANITIZE: 'address,undefined',
  FLATVIEW_TESTS: 'OFF',
  FLATVIEW_WARNINGS_ARE_ERRORS: 'OFF',
});
run('cmake', ['--build', 'build-fuzz', '--target', 'batch_fuzzer', '--parallel', '2']);

const fuzzer = 'build-fuzz/batch_fuzzer';
run(fuzzer, ['-runs=0', seeds]);
if (seconds > 0) {
  mkdirSync(found, { recursive: true });
  const limits = [`-max_total_time=${seconds}`, '-max_len=1200', '-timeout=10'];
  run(fuzzer, [
    ...limits,
    '-artifact_prefix=build-fuzz/',
    '-verbosity=0',
    '-print_final_stats=1',
    found,
    seeds,
  ]);
}
