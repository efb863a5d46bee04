// What the machine is made of comes from Debian: one package that has to be installed, and others of which only the files are
// wanted, which takes no root.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cachedFolder, cacheFolder } from './cache.js';

/** Something can't be had here, and why: what a skipped run says. */
export class Unavailable extends Error {}

/** A version of a package, and the packages that it depends on (the first of alternatives). */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly dependencies: readonly string[];
}

let listsAreFresh = false;

/** Makes a command available, by installing its package where we may. */
export function needCommand(command: string, packageName: string): void {
  if (isOnPath(command)) return;
  const install = `apt-get install --no-install-recommends ${packageName}`;
  if (process.getuid?.() !== 0) throw new Unavailable(`${command} is missing: ${install}`);
  console.log(`${install} (for ${command})`);
  refreshLists();
  const options = ['-y', '-qq', '--no-install-recommends'];
  succeeds('apt-get', ['install', ...options, packageName]);
  if (!isOnPath(command)) throw new Unavailable(`${install} brought no ${command}`);
}

/** The package of that name, as Debian offers it now or did when it was last asked. */
export function debianPackage(name: string): DebianPackage {
  const offer = show(name) ?? (refreshLists() ? show(name) : undefined);
  if (offer !== undefined) return remembered(offer);
  const before = offeredBefore(name);
  if (before === undefined) throw new Unavailable(`apt knows no package ${name}`);
  return before;
}

/** The files of a package, in a folder of the cache. */
export function packageFiles(wanted: DebianPackage): string {
  const name = path.join('packages', `${wanted.name}_${wanted.version}`);
  return cachedFolder(name, (folder) => extractPackage(wanted, folder));
}

/** Fetches a package, and puts its files into a folder. */
export function extractPackage({ name, version }: DebianPackage, folder: string): void {
  console.log(`apt-get download ${name}=${version}`);
  const download = () => succeeds('apt-get', ['download', '-qq', `${name}=${version}`], folder);
  if (!download() && !(refreshLists() && download())) {
    throw new Unavailable(`apt-get download ${name}=${version} failed`);
  }
  const archive = readdirSync(folder).find((file) => file.endsWith('.deb')) ?? '';
  if (!succeeds('dpkg-deb', ['--extract', archive, '.'], folder)) {
    throw new Unavailable(`dpkg-deb can't extract ${archive}`);
  }
  rmSync(path.join(folder, archive));
}

function show(name: string): DebianPackage | undefined {
  const { status, stdout } = spawnSync('apt-cache', ['show', '--no-all-versions', name], {
    encoding: 'utf8',
  });
  if (status !== 0) return undefined;
  const field = (key: string) => stdout.match(new RegExp(`^${key}: (.*)$`, 'm'))?.[1] ?? '';
  const dependencies = field('Depends')
    .split(', ')
    .filter((it) => it !== '');
  return {
    name,
    version: field('Version'),
    dependencies: dependencies.map((it) => it.replace(/[ |(:].*/, '')),
  };
}

/** What was offered when it was asked for last: apt may have no lists, and the package be here all the same. */
function offeredBefore(name: string): DebianPackage | undefined {
  const file = offerFile(name);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

function remembered(offer: DebianPackage): DebianPackage {
  const file = offerFile(offer.name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(offer));
  return offer;
}

function offerFile(name: string): string {
  return path.join(cacheFolder, 'offers', `${name}.json`);
}

/** Fetches the lists of packages, once; whether that helped. */
function refreshLists(): boolean {
  if (listsAreFresh || process.getuid?.() !== 0) return false;
  listsAreFresh = true;
  console.log('apt-get update');
  return succeeds('apt-get', ['update', '-qq']);
}

function isOnPath(command: string): boolean {
  return (process.env['PATH'] ?? '')
    .split(':')
    .some((folder) => existsSync(path.join(folder, command)));
}

function succeeds(command: string, args: readonly string[], cwd?: string): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status, stderr } = spawnSync(command, args, { cwd, env, encoding: 'utf8' });
  if (status !== 0) console.log(stderr);
  return status === 0;
}
