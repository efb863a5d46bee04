import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { foreignEnvironment } from '../foreign-environment.js';

/** What a process can be made to take itself for. Files, paths and line ends remain this machine's. */
export interface Disguise {
  readonly platform: string;
  readonly arch: string;
  /** What is said of an attempt at KVM, VFIO or iommufd. */
  readonly kernelRefusal: RegExp;
  /** What is said of a search for a PCI device in sysfs. */
  readonly deviceRefusal: RegExp;
}

/** Systems for which no native addon is shipped. */
export const disguises: readonly Disguise[] = [
  withoutLinux('darwin', 'arm64'),
  withoutLinux('win32', 'x64'),
  {
    platform: 'linux',
    arch: 'riscv64',
    kernelRefusal: /^ERR_NEEDS_NATIVE_ADDON .* native addon.*: none is shipped for linux-riscv64/,
    deviceRefusal: /^ERR_PASSTHROUGH /,
  },
];

function withoutLinux(platform: string, arch: string): Disguise {
  const refusal = new RegExp(`^ERR_NEEDS_LINUX .* needs Linux, and this is ${platform}\\.`);
  return { platform, arch, kernelRefusal: refusal, deviceRefusal: refusal };
}

/** Why there is no engine as WebAssembly to be packed; `undefined` where it can be built. */
export function whyNoWasm(): string | undefined {
  for (const tool of ['clang++-19', 'wasm-ld-19']) {
    if (spawnSync(tool, ['--version']).error !== undefined) {
      return `there is no ${tool}; scripts/build-wasm.mjs says what to install`;
    }
  }
  return undefined;
}

/** What a command left. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program of Node's in a disguise, or without one. No native addon is loaded in a disguise, wherever it lies. */
export function runDisguised(
  disguise: Disguise | undefined,
  folder: string,
  program: string,
  ...args: string[]
): Outcome {
  const preload = path.join(folder, 'disguise.mjs');
  writeFileSync(preload, disguise === undefined ? '' : disguiseProgram(disguise));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', pathToFileURL(preload).href, program, ...args],
    {
      cwd: folder,
      env: { ...foreignEnvironment(), FLATVIEW_ADDON: undefined },
      encoding: 'utf8',
    },
  );
  return { status, stdout, stderr };
}

function disguiseProgram({ platform, arch }: Disguise): string {
  return `
for (const [name, value] of Object.entries(${JSON.stringify({ platform, arch })})) {
  Object.defineProperty(process, name, { value });
}
process.dlopen = () => { throw new Error('no addon of this machine'); };
`;
}
