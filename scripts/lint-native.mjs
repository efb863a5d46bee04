// Runs clang-tidy (.clang-tidy) over native/ and benchmarks/native/, with the flags of the CMake build.
import { configure, requireTools, root, run } from './native-tools.mjs';

requireTools({
  cmake: 'cmake',
  ninja: 'ninja-build',
  'clang-tidy-19': 'clang-tidy-19',
  'run-clang-tidy-19': 'clang-tidy-19',
});
configure('build-lint', { FLATVIEW_BENCHMARKS: 'ON' });
run('run-clang-tidy-19', ['-quiet', '-j2', '-p=build-lint', `${root}/(benchmarks/)?native/`]);
