#!/usr/bin/env node
// Builds the addon with node-gyp into build/Release (or build/Debug).
//
//   node scripts/build-native.mjs [--debug] [--sanitize=address,undefined]
//
// Node's own headers are used where they lie beside the executable, as they do in every official
// archive, image and distribution package: then nothing is downloaded, whatever the environment.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');

const { values } = parseArgs({
  options: { debug: { type: 'boolean', default: false }, sanitize: { type: 'string', default: '' } },
});

const nodeDirectory = path.resolve(process.execPath, '../..');
const hasHeaders = existsSync(path.join(nodeDirectory, 'include/node/node_api.h'));
const nodedir = hasHeaders ? [`--nodedir=${nodeDirectory}`] : [];

function nodeGypStep(...args) {
  const { status } = spawnSync(process.execPath, [nodeGyp, ...args], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

nodeGypStep('configure', '--loglevel=warn', ...nodedir, '--', `-Dsanitize=${values.sanitize}`);
nodeGypStep('build', '--loglevel=warn', values.debug ? '--debug' : '--release', '--jobs=max');
