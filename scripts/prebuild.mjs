// Makes prebuilds/<platform>-<arch>/flatview.node, which the published package carries.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const folder = path.join('prebuilds', `${process.platform}-${process.arch}`);

const { status } = spawnSync(process.execPath, ['scripts/build-native.mjs'], {
  cwd: root,
  stdio: 'inherit',
});
if (status !== 0) process.exit(status ?? 1);

mkdirSync(path.join(root, folder), { recursive: true });
copyFileSync(
  path.join(root, 'build/Release/flatview.node'),
  path.join(root, folder, 'flatview.node'),
);
console.log(`Made ${folder}/flatview.node`);
