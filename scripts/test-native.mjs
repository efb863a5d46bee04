// Builds the native unit tests with sanitizers and runs them.
//
//   node scripts/test-native.mjs [--sanitize=address,undefined] [NAME...]
//
// A NAME is a regular expression; only the tests that match one of them run.
import { parseArgs } from 'node:util';
import { buildWithSanitizers, run } from './native-tools.mjs';

const { values, positionals } = parseArgs({
  options: { sanitize: { type: 'string', default: 'address,undefined' } },
  allowPositionals: true,
});
const chosen = positionals.length > 0 ? ['--tests-regex', positionals.join('|')] : [];

buildWithSanitizers(values.sanitize);
run('ctest', [
  '--test-dir',
  'build-cmake',
  '--no-tests=error',
  '--output-on-failure',
  '--parallel=2',
  ...chosen,
]);
