import { readlinkSync } from 'node:fs';
import path from 'node:path';
import { FlatviewError } from '../../errors.js';
import { hostPageSize } from '../../memory/host-memory.js';
import type { Iommufd, VfioCdev, VfioContainer, VfioGroup, VfioHost } from '../vfio-interface.js';
import { KernelCdev } from './kernel-cdev.js';
import { KernelContainer } from './kernel-container.js';
import { KernelGroup } from './kernel-group.js';
import { KernelIommufd } from './kernel-iommufd.js';

/** Where a {@link Vfio} finds the kernel's files. */
export interface VfioOptions {
  /** Default: `/dev`. */
  readonly devfs?: string;
  /** Default: `/sys`. */
  readonly sysfs?: string;
}

/**
 * VFIO and iommufd of the real kernel. Nothing is open until it is asked for.
 *
 * All that is opened closes by `close()` or `using`; or when it was collected; at the latest when its environment ends.
 *
 * @example
 * ```ts
 * import { Vfio, type VfioOptions } from 'flatview/vfio';
 *
 * const options: VfioOptions = { devfs: '/nonexistent' }; // a machine without VFIO
 * const host = new Vfio(options);
 * host.openContainer(); // throws ERR_SYSTEM_CALL
 * host.openCdev('../vfio0'); // throws ERR_INVALID_ARGUMENT
 * ```
 */
export class Vfio implements VfioHost {
  readonly pageSize: bigint = hostPageSize;
  readonly #devfs: string;
  readonly #sysfs: string;

  constructor({ devfs = '/dev', sysfs = '/sys' }: VfioOptions = {}) {
    this.#devfs = devfs;
    this.#sysfs = sysfs;
  }

  openContainer(): VfioContainer {
    return new KernelContainer(path.join(this.#devfs, 'vfio/vfio'));
  }

  openGroup(group: number, { noIommu = false }: { readonly noIommu?: boolean } = {}): VfioGroup {
    if (!Number.isSafeInteger(group) || group < 0) {
      throw new FlatviewError('ERR_INVALID_ARGUMENT', `${String(group)} is no IOMMU group`);
    }
    const file = noIommu ? `noiommu-${group}` : String(group);
    return new KernelGroup(path.join(this.#devfs, 'vfio', file), group);
  }

  openIommufd(): Iommufd {
    return new KernelIommufd(path.join(this.#devfs, 'iommu'));
  }

  openCdev(name: string): VfioCdev {
    if (typeof name !== 'string' || path.basename(name) !== name) {
      throw new FlatviewError('ERR_INVALID_ARGUMENT', `${String(name)} is no name such as vfio0`);
    }
    return new KernelCdev(path.join(this.#devfs, 'vfio/devices', name), this.#deviceOf(name));
  }

  /** What sysfs calls the device of a cdev; the cdev's own name where sysfs doesn't tell. */
  #deviceOf(cdev: string): string {
    try {
      return path.basename(readlinkSync(path.join(this.#sysfs, 'class/vfio-dev', cdev, 'device')));
    } catch {
      return cdev;
    }
  }
}
