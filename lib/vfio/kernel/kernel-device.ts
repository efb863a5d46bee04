import { hex } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import { type AccessWidth, HostMemory } from '../../memory/host-memory.js';
import { addon } from '../../native/addon.js';
import { bytesOf } from '../../native/bytes-of.js';
import {
  deviceInfoFlag,
  deviceInfoLayout,
  irqAction,
  irqInfoFlag,
  irqInfoLayout,
  regionInfoFlag,
  regionInfoLayout,
} from '../../native/vfio-addon.js';
import type { VfioDevice, VfioDeviceInfo, VfioIrqInfo, VfioRegionInfo } from '../vfio-interface.js';
import type { KernelHandle } from './kernel-handle.js';
import { vfioCall, vfioWords } from './vfio-call.js';

/** Stands for no descriptor. */
const noFd = -1;

/** A device of the real kernel. */
export class KernelDevice implements VfioDevice {
  readonly name: string;
  readonly #handle: KernelHandle;

  /** @param handle Closed with this object; of a cdev it is the cdev's, too. */
  constructor(name: string, handle: KernelHandle) {
    this.name = name;
    this.#handle = handle;
  }

  info(): VfioDeviceInfo {
    const words = vfioWords('VFIO_DEVICE_GET_INFO', () => addon.vfioDeviceInfo(this.#handle.get()));
    const flags = words[deviceInfoLayout.flags] ?? 0n;
    return {
      isPci: (flags & deviceInfoFlag.pci) !== 0n,
      canReset: (flags & deviceInfoFlag.reset) !== 0n,
      regionCount: Number(words[deviceInfoLayout.regionCount]),
      irqCount: Number(words[deviceInfoLayout.irqCount]),
    };
  }

  regionInfo(index: number): VfioRegionInfo {
    const words = vfioWords('VFIO_DEVICE_GET_REGION_INFO', () =>
      addon.vfioDeviceRegionInfo(this.#handle.get(), index),
    );
    const flags = words[regionInfoLayout.flags] ?? 0n;
    const has = (flag: bigint) => (flags & flag) !== 0n;
    return {
      index,
      size: words[regionInfoLayout.size] ?? 0n,
      canRead: has(regionInfoFlag.read),
      canWrite: has(regionInfoFlag.write),
      canMap: has(regionInfoFlag.map),
      sparseAreas: has(regionInfoFlag.sparse) ? sparseAreas(words) : undefined,
      isMsixMappable: has(regionInfoFlag.msixMappable),
      type: has(regionInfoFlag.type)
        ? {
            type: Number(words[regionInfoLayout.type]),
            subtype: Number(words[regionInfoLayout.subtype]),
          }
        : undefined,
    };
  }

  irqInfo(index: number): VfioIrqInfo {
    const words = vfioWords('VFIO_DEVICE_GET_IRQ_INFO', () =>
      addon.vfioDeviceIrqInfo(this.#handle.get(), index),
    );
    const flags = words[irqInfoLayout.flags] ?? 0n;
    const has = (flag: bigint) => (flags & flag) !== 0n;
    return {
      index,
      count: Number(words[irqInfoLayout.count]),
      canSignal: has(irqInfoFlag.eventFd),
      isMaskable: has(irqInfoFlag.maskable),
      isAutomasked: has(irqInfoFlag.automasked),
      isFixedCount: has(irqInfoFlag.noResize),
    };
  }

  read(region: number, offset: bigint, width: AccessWidth): bigint {
    return vfioCall('pread', () => addon.vfioDeviceRead(this.#handle.get(), region, offset, width));
  }

  write(region: number, offset: bigint, value: bigint, width: AccessWidth): void {
    vfioCall('pwrite', () =>
      addon.vfioDeviceWrite(this.#handle.get(), region, offset, BigInt.asUintN(64, value), width),
    );
  }

  map(region: number, offset: bigint, size: bigint): HostMemory {
    const memory = vfioCall('mmap', () =>
      addon.vfioDeviceMap(this.#handle.get(), region, offset, size),
    );
    const name = `region ${region} of ${this.name} from ${hex(offset)} on`;
    return HostMemory.ofDevice(memory, size, name);
  }

  setIrqEventFds(index: number, start: number, fds: readonly (number | undefined)[]): void {
    vfioCall('VFIO_DEVICE_SET_IRQS', () =>
      fds.length === 0
        ? addon.vfioDeviceSetIrqs(this.#handle.get(), irqAction.trigger, index, 0, 0)
        : addon.vfioDeviceSetIrqEventFds(this.#handle.get(), index, start, descriptors(fds)),
    );
  }

  maskIrqs(index: number, start: number, count: number, masked: boolean): void {
    this.#setIrqs(masked ? irqAction.mask : irqAction.unmask, index, start, count);
  }

  triggerIrqs(index: number, start: number, count: number): void {
    this.#setIrqs(irqAction.trigger, index, start, count);
  }

  reset(): void {
    vfioCall('VFIO_DEVICE_RESET', () => addon.vfioDeviceReset(this.#handle.get()));
  }

  close(): void {
    this.#handle.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** To the kernel a count of 0 means something else: it takes all interrupts of `index` away. */
  #setIrqs(action: number, index: number, start: number, count: number): void {
    if (count === 0) {
      const message = `no interrupt of ${this.name} is named: the count is 0`;
      throw new FlatviewError('ERR_INVALID_ARGUMENT', message);
    }
    vfioCall('VFIO_DEVICE_SET_IRQS', () =>
      addon.vfioDeviceSetIrqs(this.#handle.get(), action, index, start, count),
    );
  }
}

function descriptors(fds: readonly (number | undefined)[]): Uint8Array {
  for (const fd of fds) {
    const isDescriptor = fd === undefined || (Number.isInteger(fd) && fd >= 0 && fd < 2 ** 31);
    if (!isDescriptor) {
      throw new FlatviewError('ERR_INVALID_ARGUMENT', `${String(fd)} is no file descriptor`);
    }
  }
  return bytesOf(Int32Array.from(fds, (fd) => fd ?? noFd));
}

function sparseAreas(words: BigUint64Array): NonNullable<VfioRegionInfo['sparseAreas']> {
  const areas = words.subarray(regionInfoLayout.areas);
  return Array.from({ length: areas.length / 2 }, (_, index) => ({
    offset: areas[2 * index] ?? 0n,
    size: areas[2 * index + 1] ?? 0n,
  }));
}
