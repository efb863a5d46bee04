// Debian's own kernels, as they come in its packages.

import { readdirSync } from 'node:fs';
import path from 'node:path';
import { type DebianPackage, debianPackage, packageFiles, Unavailable } from './debian-packages.js';
import { findModules, type KernelModule } from './kernel-modules.js';

/** The series of kernels that Debian 12 offers, oldest first, and the package that depends on the newest image of each. */
export const kernelSeries = {
  '6.1': 'linux-image-amd64',
  '6.12': 'linux-image-6.12-amd64',
} as const;

export type KernelSeries = keyof typeof kernelSeries;

/** A kernel, unpacked. */
export interface Kernel {
  /** As `uname -r` says it. */
  readonly release: string;
  /** Debian's version of the package, of which a release can have several. */
  readonly version: string;
  /** The compressed kernel. */
  readonly image: string;
  readonly modules: ReadonlyMap<string, KernelModule>;
}

export function debianKernel(series: KernelSeries): Kernel {
  const offered = imagePackage(series);
  const files = packageFiles(offered);
  const modules = path.join(files, 'lib/modules');
  const [release = ''] = readdirSync(modules);
  return {
    release,
    version: offered.version,
    image: path.join(files, `boot/vmlinuz-${release}`),
    modules: findModules([path.join(modules, release)]),
  };
}

function imagePackage(series: KernelSeries): DebianPackage {
  const meta = debianPackage(kernelSeries[series]);
  const name = meta.dependencies.find((it) => it.startsWith(`linux-image-${series}.`));
  if (name === undefined) {
    throw new Unavailable(`${meta.name} ${meta.version} is no Linux ${series}`);
  }
  return debianPackage(name);
}
