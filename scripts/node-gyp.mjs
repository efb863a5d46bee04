// Runs node-gyp, and ends this process where it fails.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');

export function runNodeGyp(folder, environment, ...args) {
  const { status } = spawnSync(process.execPath, [nodeGyp, '--loglevel=warn', ...args], {
    cwd: folder,
    env: environment,
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}

/**
 * Node's own headers, where they lie beside the executable, as they do in every official archive, image and distribution
 * package: then nothing is downloaded, whatever the environment.
 */
export function nodeDirectoryOption() {
  const directory = path.resolve(process.execPath, '../..');
  return existsSync(path.join(directory, 'include/node/node_api.h'))
    ? [`--nodedir=${directory}`]
    : [];
}
