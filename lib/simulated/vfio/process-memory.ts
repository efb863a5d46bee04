import { smaller } from '../../address.js';
import { type AddressRange, endOf } from '../../mapping/page-mapping.js';
import { HostMemory } from '../../memory/host-memory.js';
import { refuseIf } from '../errno.js';
import type { BarPiece, MappedBars } from './mapped-bars.js';

/** What a process can do with all of a range of its memory. */
export type HostMemoryAccess = 'write' | 'read' | 'none';

/** Says what the process can do with a range of its memory: a simulated kernel has no page tables to look it up in. */
export type HostMemoryProbe = (range: AddressRange) => HostMemoryAccess;

/** The upper half of the addresses is the kernel's. */
const userSpaceEnd = 1n << 63n;

/**
 * A {@link HostMemoryProbe} for a process whose memory is all there.
 *
 * @example
 * ```ts
 * import { allHostMemory, type HostMemoryProbe, SimulatedVfio } from 'flatview/simulated';
 *
 * // All memory can be written, but for a page that a file shows read-only.
 * const probe: HostMemoryProbe = ({ address }) =>
 *   address === 0x7f00_0000_0000n ? 'read' : allHostMemory();
 * const nvme = { name: '0000:05:00.0', group: 12, cdev: 'vfio0', vendorId: 0x144d, deviceId: 0xa808 };
 * const host = new SimulatedVfio({ devices: [{ ...nvme, bars: [] }], hostMemory: probe });
 * using iommufd = host.openIommufd();
 * using ioas = iommufd.allocateIoas();
 * using cdev = host.openCdev('vfio0');
 * using _device = cdev.bind(iommufd);
 * cdev.attach(ioas);
 * const page = { iova: 0x0n, size: 0x1000n, hostAddress: 0x7f00_0000_0000n, read: true };
 * ioas.mapDma({ ...page, write: true }); // throws ERR_SYSTEM_CALL
 * ioas.mapDma({ ...page, write: false });
 * ioas.mapDma({ ...page, iova: 0x1000n, hostAddress: 0x7f00_0000_1000n, write: true });
 * host.lockedMemory; // => 0x2000n
 * ```
 */
export function allHostMemory(): HostMemoryAccess {
  return 'write';
}

/**
 * A {@link HostMemoryProbe} that asks the real kernel what is mapped into this process; it can't tell what is read-only.
 *
 * @example
 * ```ts
 * import { HostMemory } from 'flatview';
 * import { type HostMemoryAccess, realHostMemory } from 'flatview/simulated';
 *
 * const ram = HostMemory.allocate(0x1000n);
 * const range = { address: ram.hostAddress, size: ram.size };
 * const before: HostMemoryAccess = realHostMemory(range);
 * before; // => 'write'
 * realHostMemory({ address: 0x0n, size: 0x1000n }); // => 'none'
 * ram.close();
 * ```
 */
export function realHostMemory({ address, size }: AddressRange): HostMemoryAccess {
  try {
    HostMemory.at(address, size).close();
    return 'write';
  } catch {
    return 'none';
  }
}

/** The memory of the process that uses the simulated kernel: what can be pinned, and how much of it is. */
export class ProcessMemory {
  readonly #probe: HostMemoryProbe;
  readonly #limit: bigint | undefined;
  readonly #bars: MappedBars;
  #locked = 0n;

  /** @param limit RLIMIT_MEMLOCK in bytes; `undefined` for a process that has CAP_IPC_LOCK. */
  constructor(probe: HostMemoryProbe, limit: bigint | undefined, bars: MappedBars) {
    this.#probe = probe;
    this.#limit = limit;
    this.#bars = bars;
  }

  /** Bytes that are pinned, those of devices not counted. */
  get locked(): bigint {
    return this.#locked;
  }

  /**
   * Pins a range, and counts it against RLIMIT_MEMLOCK. BARs aren't counted: they are not memory.
   *
   * @param write Whether a device is to write it.
   * @param takesBars Whether mapped BARs can be pinned: type1 looks up their addresses, iommufd doesn't.
   * @returns Bytes to {@link unpin} later.
   */
  pin(range: AddressRange, write: boolean, takesBars: boolean): bigint {
    refuseIf(endOf(range) > userSpaceEnd, 'EFAULT');
    const pieces = this.#bars.piecesOf(range);
    let memory = 0n;
    for (const piece of pieces) {
      if (piece.bar === undefined) {
        const access = this.#probe(piece);
        refuseIf(access === 'none' || (write && access === 'read'), 'EFAULT');
        memory += piece.size;
      } else {
        refuseIf(!takesBars || !canFault(piece.bar), 'EFAULT');
      }
    }
    refuseIf(this.#limit !== undefined && this.#locked + memory > this.#limit, 'ENOMEM');
    this.#locked += memory;
    return memory;
  }

  unpin(bytes: bigint): void {
    this.#locked -= smaller(bytes, this.#locked);
  }
}

/** Whether a page of a mapped BAR can be faulted in now (vfio_pci_core.c: vfio_pci_mmap_huge_fault). */
function canFault(bar: BarPiece): boolean {
  return bar.isMapped && bar.device.config.isMemoryEnabled;
}
