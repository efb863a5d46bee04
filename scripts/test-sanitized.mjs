// Runs the TypeScript tests on an addon built with ASan and UBSan (the CMake build's), so that the
// binding and what lies under it are checked with every argument that the tests pass.
//
//   node scripts/test-sanitized.mjs [PART...]      as test/run.mjs
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { buildWithSanitizers, root, run } from './native-tools.mjs';

buildWithSanitizers('address,undefined');

// Node is not built with ASan, so its runtime has to be there before Node is.
const runtime = execFileSync('g++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim();
process.env.LD_PRELOAD = runtime;
process.env.FLATVIEW_ADDON = path.join(root, 'build-cmake/RelWithDebInfo/flatview.node');
run(process.execPath, ['--enable-source-maps', 'test/run.mjs', ...process.argv.slice(2)]);
