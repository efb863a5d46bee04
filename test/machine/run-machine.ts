// One run of one machine, from its parts to what became of its tests.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { boot } from './boot.js';
import { initramfs } from './build/initramfs.js';
import { iommufdKernel } from './build/iommufd-kernel.js';
import { debianKernel, type Kernel } from './build/kernel.js';
import { devices } from './devices.js';
import type { Machine } from './machine.js';
import type { BootOptions } from './qemu.js';
import { type Report, readReport } from './report.js';
import { type Job, runFile } from './run-folder.js';

/** A machine that can be booted. */
export interface BuiltMachine {
  readonly machine: Machine;
  readonly kernel: Kernel;
  readonly files: readonly string[];
  readonly boot: BootOptions;
}

/** A run of a machine, and what came of it. */
export interface MachineRun extends Report {
  readonly machine: Machine;
  readonly kernel: Kernel;
  /** Wall time. */
  readonly seconds: number;
}

/** Builds a machine in `folder`, with the package that is installed in `installed`, to run `files`. */
export function buildMachine(
  machine: Machine,
  files: readonly string[],
  folder: string,
  installed: string,
): BuiltMachine {
  const share = path.join(folder, 'share');
  mkdirSync(share, { recursive: true });
  const kernel =
    machine.iommu === 'iommufd' ? iommufdKernel(machine.kernel) : debianKernel(machine.kernel);
  const file = path.join(folder, 'initramfs');
  writeFileSync(file, initramfs(kernel.modules, installed));
  const job: Job = { ...machine, release: kernel.release, files };
  writeFileSync(path.join(share, runFile.job), JSON.stringify(job));
  return {
    machine,
    kernel,
    files,
    boot: {
      iommu: machine.iommu,
      devices,
      image: kernel.image,
      initramfs: file,
      share,
      trace: path.join(share, runFile.trace),
      processors: 1,
    },
  };
}

/** Boots a machine, and reads what its tests have written. */
export async function runMachine(built: BuiltMachine): Promise<MachineRun> {
  const { machine, kernel, files } = built;
  const start = performance.now();
  const failure = await boot(built.boot);
  const seconds = (performance.now() - start) / 1000;
  return { machine, kernel, seconds, ...readReport(built.boot.share, files, failure) };
}
