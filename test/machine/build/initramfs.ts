// The first and only file system of the machine: busybox, the kernel's modules, Node.js, the package as npm installs it, and the
// compiled tests.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CpioEntry, cpioArchive } from './cpio.js';
import { debianPackage, packageFiles } from './debian-packages.js';
import { dependencies, insertionOrder, type KernelModule, readModule } from './kernel-modules.js';

/** Where the sources are, seen from the compiled file. */
const repository = fileURLToPath(new URL('../../../..', import.meta.url));

/** What the machine needs besides what is built into its kernel. */
const wantedModules = [
  ...['virtio_pci', '9pnet_virtio', '9p'],
  ...['vfio', 'vfio_iommu_type1', 'vfio-pci', 'iommufd'],
  ...['kvm-amd', 'virtio-rng'],
];

/** Everything for a kernel with these modules, and the package installed in `installed`. */
export function initramfs(modules: ReadonlyMap<string, KernelModule>, installed: string): Buffer {
  const busybox = path.join(packageFiles(debianPackage('busybox-static')), 'bin/busybox');
  return cpioArchive([
    { kind: 'device', path: 'dev/console', major: 5, minor: 1 },
    ...['proc', 'sys', 'share', 'tmp'].map((folder) => ({ kind: 'folder', path: folder }) as const),
    program('init', path.join(repository, 'test/machine/guest/init')),
    program('bin/busybox', busybox),
    ...packedModules(modules, busybox),
    program('bin/node', process.execPath),
    // Where commands that npm installs look for env.
    { kind: 'link', path: 'usr/bin', target: '/bin' },
    ...sharedLibraries([process.execPath, addonOf(installed)]),
    ...packageAndTests(installed),
  ]);
}

function program(target: string, source: string): CpioEntry {
  return { kind: 'file', path: target, content: readFileSync(source), executable: true };
}

/** The modules, named so that their alphabetical order is the one in which they can be inserted. */
function packedModules(modules: ReadonlyMap<string, KernelModule>, busybox: string): CpioEntry[] {
  const read = (name: string) => {
    const module = modules.get(name);
    return module && { name, content: readModule(module, busybox) };
  };
  const ordered = insertionOrder(wantedModules, read, ({ content }) => dependencies(content));
  return ordered.map(({ name, content }, i) => {
    const number = String(i).padStart(2, '0');
    return { kind: 'file', path: `modules/${number}-${name}.ko`, content };
  });
}

/** What the dynamic linker would load for these programs, and the linker, where they expect them. */
function sharedLibraries(programs: readonly string[]): CpioEntry[] {
  const files = programs.flatMap((file) =>
    [...execFileSync('ldd', [file], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g)].map(
      ([, it = '']) => it,
    ),
  );
  return [...new Set(files)].map((file) => program(file.slice(1), realpathSync(file)));
}

function addonOf(installed: string): string {
  const folder = `node_modules/flatview/prebuilds/${process.platform}-${process.arch}`;
  return path.join(installed, folder, 'flatview.node');
}

/**
 * The folder with the installed package, and beside it the tests with the modules that they test. What else they use from where it
 * is in a clone is the installed one: links lead to it.
 */
function packageAndTests(installed: string): CpioEntry[] {
  const toPackage = '/app/node_modules/flatview';
  const links = [
    'dist/bundle',
    'dist/examples',
    'examples',
    'prebuilds',
    'README.md',
    'package.json',
  ];
  return [
    ...folder('app', installed),
    ...folder('suite/dist/lib', path.join(repository, 'dist/lib')),
    ...folder('suite/dist/test', path.join(repository, 'dist/test')),
    { kind: 'link', path: 'suite/node_modules', target: '/app/node_modules' },
    ...links.map(
      (it) => ({ kind: 'link', path: `suite/${it}`, target: `${toPackage}/${it}` }) as const,
    ),
  ];
}

function folder(target: string, source: string): CpioEntry[] {
  return readdirSync(source, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const file = path.join(entry.parentPath, entry.name);
    const place = path.join(target, path.relative(source, file));
    if (entry.isFile()) return [program(place, file)];
    if (entry.isSymbolicLink()) return [{ kind: 'link', path: place, target: readlinkSync(file) }];
    return [];
  });
}
