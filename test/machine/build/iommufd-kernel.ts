// No kernel that Debian packages has iommufd. Its module and those of VFIO, which are others with it, are built from Debian's source
// package of the same version, against the headers of the very kernel that is booted.

import { spawnSync } from 'node:child_process';
import { appendFileSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { cachedFolder } from './cache.js';
import { debianPackage, extractPackage, needCommand, Unavailable } from './debian-packages.js';
import { debianKernel, type Kernel, type KernelSeries } from './kernel.js';
import { findModules } from './kernel-modules.js';

/** What of the source is built. */
const sources = ['drivers/iommu', 'drivers/vfio', 'lib/interval_tree.c'];

/** A part of lib/ that only iommufd uses, so the kernel was built without. What it exports the kernel has already. */
const intervalTreeSpans = `#define __DISABLE_EXPORTS
#define CONFIG_INTERVAL_TREE_SPAN_ITER 1
#include "../../../lib/interval_tree.c"
`;

/** What is set beside the configuration of the kernel, and what of it is left out: drivers for devices that nobody has here. */
const configuration = {
  CONFIG_IOMMUFD: 'm',
  CONFIG_VFIO_DEVICE_CDEV: 'y',
  ...{ CONFIG_VFIO_MDEV: '', CONFIG_VFIO_CDX: '', CONFIG_VFIO_FSL_MC: '' },
  ...{ CONFIG_VFIO_PLATFORM_BASE: '', CONFIG_MLX5_VFIO_PCI: '', CONFIG_PDS_VFIO_PCI: '' },
  ...{ CONFIG_VIRTIO_VFIO_PCI: '', CONFIG_QAT_VFIO_PCI: '' },
};

/** The same for the preprocessor, as include/generated/autoconf.h would have it. */
const defines = '-DCONFIG_IOMMUFD_MODULE=1 -DCONFIG_VFIO_DEVICE_CDEV=1';

/** Debian's kernel of that series with iommufd. */
export function iommufdKernel(series: KernelSeries): Kernel {
  const kernel = debianKernel(series);
  const name = path.join('iommufd', `${kernel.release}_${kernel.version}`);
  const built = cachedFolder(name, (folder) => buildModules(series, kernel, folder));
  return { ...kernel, modules: new Map([...kernel.modules, ...findModules([built])]) };
}

function buildModules(series: KernelSeries, { release, version }: Kernel, target: string): void {
  needCommand('gcc-12', 'gcc-12');
  needCommand('make', 'make');
  needCommand('xz', 'xz-utils');
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'flatview-iommufd-'));
  try {
    const headers = extractTools(release, version, scratch);
    const source = extractSources(series, version, scratch);
    console.log(`make M=drivers/iommu/iommufd, drivers/vfio (Linux ${release})`);
    const options = Object.entries(configuration).map(([key, value]) => `${key}=${value}`);
    run('make', '-s', '-C', headers, `M=${source}`, ...options, `KCFLAGS=${defines}`, 'modules');
    for (const { file } of findModules([source]).values()) {
      copyFileSync(file, path.join(target, path.basename(file)));
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The headers of the kernel and the tools that build modules, in one folder, as their links to each other need it. */
function extractTools(release: string, version: string, scratch: string): string {
  const common = release.replace(/-[^-]*$/, '');
  const headers = `linux-headers-${release}`;
  for (const name of [headers, `linux-headers-${common}-common`, `linux-kbuild-${common}`]) {
    extractPackage(sameVersion(name, version), scratch);
  }
  const folder = path.join(scratch, 'usr/src', headers);
  writeFileSync(
    path.join(folder, 'Makefile'),
    `include ${scratch}/usr/src/linux-headers-${common}-common/Makefile\n`,
  );
  // With it the modules would have to get types for BPF, which takes another tool.
  rmSync(path.join(folder, 'vmlinux'), { force: true });
  return folder;
}

function extractSources(series: KernelSeries, version: string, scratch: string): string {
  const name = `linux-source-${series}`;
  extractPackage(sameVersion(name, version), scratch);
  const wanted = sources.map((folder) => `${name}/${folder}`);
  run('tar', '-C', scratch, '-xJf', `${scratch}/usr/src/${name}.tar.xz`, ...wanted);
  const source = path.join(scratch, name);
  const iommufd = path.join(source, 'drivers/iommu/iommufd');
  writeFileSync(path.join(iommufd, 'interval_tree_spans.c'), intervalTreeSpans);
  appendFileSync(path.join(iommufd, 'Makefile'), 'iommufd-y += interval_tree_spans.o\n');
  writeFileSync(path.join(source, 'Kbuild'), 'obj-m += drivers/iommu/iommufd/ drivers/vfio/\n');
  return source;
}

/** The package, if it is of the version that the kernel has: another one's modules would not fit. */
function sameVersion(name: string, version: string): ReturnType<typeof debianPackage> {
  const offered = debianPackage(name);
  if (offered.version === version) return offered;
  throw new Unavailable(`${name} is ${offered.version}, and the kernel ${version}`);
}

function run(command: string, ...args: string[]): void {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`);
}
