import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../../..', import.meta.url));

/** Fills a folder as npm does that installs the package as it would be published now. The addon is built unless it is up to date. */
export function installPackage(folder: string): void {
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }');
  npm(repository, 'run', 'build:prebuild', '--', '--this-platform');
  const packed = npm(
    repository,
    'pack',
    '--ignore-scripts',
    '--json',
    `--pack-destination=${folder}`,
  );
  const tarball = path.join(folder, JSON.parse(packed)[0].filename);
  npm(
    folder,
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    tarball,
  );
}

function npm(cwd: string, ...args: string[]): string {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}
