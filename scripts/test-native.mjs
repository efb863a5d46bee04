// Builds the native unit tests with sanitizers and runs them.
//
//   node scripts/test-native.mjs [--sanitize=address,undefined] [--build=build-cmake] [NAME...]
//
// A NAME is a regular expression; only the tests that match one of them run. What is built with other sanitizers had
// better go into another folder.
import { parseArgs } from 'node:util';
import { buildWithSanitizers, run } from './native-tools.mjs';

const { values, positionals } = parseArgs({
  options: {
    sanitize: { type: 'string', default: 'address,undefined' },
    build: { type: 'string', default: 'build-cmake' },
  },
  allowPositionals: true,
});
const chosen = positionals.length > 0 ? ['--tests-regex', positionals.join('|')] : [];

buildWithSanitizers(values.sanitize, values.build);
run('ctest', [
  '--test-dir',
  values.build,
  '--no-tests=error',
  '--output-on-failure',
  '--parallel=2',
  ...chosen,
]);
