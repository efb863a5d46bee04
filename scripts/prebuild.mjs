// Makes what the published package carries: prebuilds/linux-<arch>/flatview.node, one addon for each architecture, for any
// Linux with glibc 2.28 or newer or musl; and prebuilds/wasm32/flatview.wasm for all other systems (build-wasm.mjs).
//
//   node scripts/prebuild.mjs [--this-platform]
//
// C++'s runtime is linked into the addon, and the C library through a stand-in that has only what all of them have
// (portable-libc.mjs). All architectures are built, which takes a cross compiler, unless it is to be this platform only:
// then WebAssembly isn't built either.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { run } from './native-tools.mjs';
import { nodeDirectoryOption, runNodeGyp } from './node-gyp.mjs';
import { makePortableLibc } from './portable-libc.mjs';

const root = path.resolve(import.meta.dirname, '..');

const architectures = [
  { arch: 'x64', toolchain: 'x86_64-linux-gnu', debian: 'g++-x86-64-linux-gnu' },
  { arch: 'arm64', toolchain: 'aarch64-linux-gnu', debian: 'g++-aarch64-linux-gnu' },
];

const { values } = parseArgs({ options: { 'this-platform': { type: 'boolean', default: false } } });

function compilers({ arch, toolchain }) {
  const prefix = arch === process.arch ? '' : `${toolchain}-`;
  return { CC: `${prefix}gcc`, CXX: `${prefix}g++` };
}

/** node-gyp always builds in `build/` beside binding.gyp, so each architecture gets a folder where all else is a link. */
function makeWorkFolder(folder) {
  mkdirSync(folder, { recursive: true });
  for (const name of ['addon.gyp', 'binding.gyp', 'native', 'package.json']) {
    const link = path.join(folder, name);
    if (!existsSync(link)) symlinkSync(path.join(root, name), link);
  }
}

function build(architecture) {
  const { arch } = architecture;
  const target = `linux-${arch}`;
  const folder = path.join(root, 'build-prebuild', target);
  const portableLibc = path.join(folder, 'libc');
  const environment = { ...process.env, ...compilers(architecture) };
  makeWorkFolder(folder);
  makePortableLibc(arch, environment.CXX, portableLibc);
  const choice = [`--arch=${arch}`, ...nodeDirectoryOption()];
  runNodeGyp(folder, environment, 'configure', ...choice, '--', `-Dportable_libc=${portableLibc}`);
  runNodeGyp(folder, environment, 'build', '--release', '--jobs=max');

  const file = `prebuilds/${target}/flatview.node`;
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
  copyFileSync(path.join(folder, 'build/Release/flatview.node'), path.join(root, file));
  return file;
}

function assertCompilers(wanted) {
  const missing = wanted.filter(
    (architecture) => spawnSync(compilers(architecture).CXX, ['--version']).status !== 0,
  );
  if (missing.length === 0) return;
  const packages = missing.map(({ debian }) => debian).join(' ');
  console.error(`No compiler for ${missing.map(({ arch }) => arch).join(', ')}.`);
  console.error(`On Debian: apt-get install ${packages}; or build with --this-platform.`);
  process.exit(1);
}

if (process.platform !== 'linux') {
  console.error('Prebuilt addons are made on Linux.');
  process.exit(1);
}
const wanted = architectures.filter(
  ({ arch }) => !values['this-platform'] || arch === process.arch,
);
assertCompilers(wanted);
if (!values['this-platform']) run(process.execPath, ['scripts/build-wasm.mjs']);
const files = wanted.map(build);
run(process.execPath, ['scripts/check-portable.mjs', ...files]);
