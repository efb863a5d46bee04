// Builds the addon with node-gyp: build/Release/flatview.node, which the package loads in a clone, or
// build/Debug/flatview.node, which it loads where FLATVIEW_ADDON says so.
//
//   node scripts/build-native.mjs [--debug] [--sanitize=address,undefined]
//
// Node's own headers are used where they lie beside the executable, as they do in every official
// archive, image and distribution package: then nothing is downloaded, whatever the environment.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { parseArgs } from 'node:util';

const root = path.resolve(import.meta.dirname, '..');
const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');

const { values } = parseArgs({
  options: {
    debug: { type: 'boolean', default: false },
    sanitize: { type: 'string', default: '' },
  },
});

function runNodeGyp(...args) {
  const { status } = spawnSync(process.execPath, [nodeGyp, '--loglevel=warn', ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}

const nodeDirectory = path.resolve(process.execPath, '../..');
const hasHeaders = existsSync(path.join(nodeDirectory, 'include/node/node_api.h'));
const nodedir = hasHeaders ? [`--nodedir=${nodeDirectory}`] : [];

runNodeGyp('configure', ...nodedir, '--', `-Dsanitize=${values.sanitize}`);
runNodeGyp('build', values.debug ? '--debug' : '--release', '--jobs=max');
