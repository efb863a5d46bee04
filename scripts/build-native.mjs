// Builds the addon with node-gyp: build/Release/flatview.node, which the package loads in a clone, or
// build/Debug/flatview.node, which it loads where FLATVIEW_ADDON says so.
//
//   node scripts/build-native.mjs [--debug] [--sanitize=address,undefined]
import path from 'node:path';
import { parseArgs } from 'node:util';
import { nodeDirectoryOption, runNodeGyp } from './node-gyp.mjs';

const root = path.resolve(import.meta.dirname, '..');

const { values } = parseArgs({
  options: {
    debug: { type: 'boolean', default: false },
    sanitize: { type: 'string', default: '' },
  },
});

const configuration = [...nodeDirectoryOption(), '--', `-Dsanitize=${values.sanitize}`];
runNodeGyp(root, process.env, 'configure', ...configuration);
runNodeGyp(root, process.env, 'build', values.debug ? '--debug' : '--release', '--jobs=max');
