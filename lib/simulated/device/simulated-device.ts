import { FlatviewError } from '../../errors.js';
import type { AccessWidth, HostMemory } from '../../memory/host-memory.js';
import { vfioPciRegion } from '../../vfio/vfio-interface.js';
import { KernelRefusal, refuseIf } from '../errno.js';
import { allocateBarBytes, plainRegisters, splitAccess } from './bar-bytes.js';
import type {
  SimulatedDeviceDescription,
  SimulatedMsix,
  SimulatedRegisters,
} from './device-description.js';
import type { PlacedBar } from './placed-bar.js';
import { SimulatedConfigSpace } from './simulated-config-space.js';
import { SimulatedIrqs } from './simulated-irqs.js';

/** An access that reached a device through its file: mappings are not seen. */
export interface SimulatedDeviceAccess {
  /** What it did. */
  readonly kind: 'read' | 'write';
  /** Index of the region, a BAR. */
  readonly region: number;
  /** Offset within the region, in bytes. */
  readonly offset: bigint;
  /** In bytes. */
  readonly width: AccessWidth;
  /** What was read or written. */
  readonly value: bigint;
}

/** What of the kernel decides about a device's regions. */
export interface DeviceRules {
  readonly pageSize: bigint;
  /** Whether the kernel makes one access of eight bytes, as since Linux 6.10, or two of four. */
  readonly wideAccess: boolean;
}

/**
 * A PCI function of a simulated host, with what vfio-pci keeps of it. It is there whether anybody has opened it or not.
 *
 * @example
 * ```ts
 * import {
 *   type SimulatedDevice,
 *   type SimulatedDeviceAccess,
 *   SimulatedVfio,
 * } from 'flatview/simulated';
 * import { vfioPciRegion } from 'flatview/vfio';
 *
 * const host = new SimulatedVfio();
 * const identity = { name: '0000:05:00.0', group: 12, vendorId: 0x144d, deviceId: 0xa808 };
 * const nvme: SimulatedDevice = host.addDevice({
 *   ...identity,
 *   cdev: 'vfio0',
 *   bars: [{ index: 0, kind: 'memory', size: 0x4000n }],
 * });
 * using iommufd = host.openIommufd();
 * using cdev = host.openCdev('vfio0');
 * using device = cdev.bind(iommufd);
 * device.write(vfioPciRegion.bar0, 0x14n, 0x46_0001n, 4); // by the file
 * using memory = device.map(vfioPciRegion.bar0, 0x0n, 0x4000n);
 * memory.store(0x1000n, 4, 7n); // by a mapping: nobody sees that, the bytes are there
 *
 * const accesses: readonly SimulatedDeviceAccess[] = nvme.accesses;
 * accesses; // => [{ kind: 'write', region: 0, offset: 0x14n, width: 4, value: 0x46_0001n }]
 * nvme.bytesOf(0).load(0x1000n, 4); // => 7n
 * device.reset();
 * nvme.bytesOf(0).load(0x1000n, 4); // => 0n
 * ```
 */
export class SimulatedDevice {
  /** What it was made from. */
  readonly description: SimulatedDeviceDescription;
  /** Its BARs, each with a place in the host's physical space. */
  readonly bars: readonly PlacedBar[];
  /** Its configuration space, as vfio-pci shows it. */
  readonly config: SimulatedConfigSpace;
  /** Its interrupts, as vfio-pci signals them. */
  readonly irqs: SimulatedIrqs;
  /** Every access that reached it through its file, in order; config space not included. */
  readonly accesses: SimulatedDeviceAccess[] = [];
  /** How often it was reset. */
  resetCount = 0;
  readonly #rules: DeviceRules;
  readonly #bytes = new Map<number, HostMemory>();
  readonly #registers = new Map<number, SimulatedRegisters>();
  #mappable: ReadonlySet<number> = new Set();

  constructor(
    description: SimulatedDeviceDescription,
    bars: readonly PlacedBar[],
    rules: DeviceRules,
    signal: (fd: number) => void,
  ) {
    this.description = description;
    this.bars = bars;
    this.#rules = rules;
    this.config = new SimulatedConfigSpace(description, bars.map(registerOf));
    this.irqs = new SimulatedIrqs(description, signal);
  }

  /** As sysfs calls it. */
  get name(): string {
    return this.description.name;
  }

  /** The bytes of its BARs that are needed so far, by index. */
  get mappedBytes(): ReadonlyMap<number, HostMemory> {
    return this.#bytes;
  }

  /** The bytes of a BAR, those that a mapping shows: for a test to look at and to change. */
  bytesOf(region: number): HostMemory {
    const known = this.#bytes.get(region);
    if (known !== undefined) return known;
    const bar = this.barAt(region);
    const name = `BAR ${region} of ${this.name}`;
    if (bar === undefined) throw new FlatviewError('ERR_INVALID_ARGUMENT', `there is no ${name}`);
    const bytes = allocateBarBytes(bar, this.#rules.pageSize, name);
    this.#bytes.set(region, bytes);
    return bytes;
  }

  /** The BAR with the index `region`; `undefined` where it has none. */
  barAt(region: number): PlacedBar | undefined {
    return this.bars.find(({ index }) => index === region);
  }

  /** Whether vfio-pci lets the BAR with the index `region` be mapped. */
  isMappable(region: number): boolean {
    return this.#mappable.has(region);
  }

  /** The first user opens it. */
  open(mappable: ReadonlySet<number>): void {
    this.#mappable = mappable;
    this.config.open();
  }

  /** The last user has closed it. */
  release(): void {
    this.irqs.disable();
    this.#mappable = new Set();
  }

  /** VFIO_DEVICE_RESET. */
  reset(): void {
    this.resetCount++;
    this.config.reset();
    for (const [region, bytes] of this.#bytes) {
      bytes.copyIn(0n, new Uint8Array(Number(bytes.size)));
      const { contents } = this.barAt(region) ?? {};
      if (contents !== undefined) bytes.copyIn(0n, contents);
    }
  }

  /** pread of a BAR: as many bytes as there are. */
  readBar(region: number, offset: bigint, width: number): { value: bigint; width: number } {
    const length = this.#checkBar(region, offset, width);
    let value = 0n;
    for (const part of splitAccess(offset, length, this.#widest)) {
      const read = this.#isMsixTable(region, part.offset)
        ? BigInt.asUintN(8 * part.width, -1n)
        : this.#readPart(region, part.offset, part.width);
      value |= read << (8n * (part.offset - offset));
    }
    return { value, width: length };
  }

  /** pwrite of a BAR: as many bytes as there are. */
  writeBar(region: number, offset: bigint, value: bigint, width: number): number {
    refuseIf(region === vfioPciRegion.rom, 'EINVAL');
    const length = this.#checkBar(region, offset, width);
    for (const part of splitAccess(offset, length, this.#widest)) {
      const bits = BigInt.asUintN(8 * part.width, value >> (8n * (part.offset - offset)));
      if (this.#isMsixTable(region, part.offset)) continue;
      this.#registersOf(region).write(part.offset, bits, part.width);
      this.accesses.push({ kind: 'write', region, ...part, value: bits });
    }
    return length;
  }

  get #widest(): 4 | 8 {
    return this.#rules.wideAccess ? 8 : 4;
  }

  #readPart(region: number, offset: bigint, width: AccessWidth): bigint {
    const value = BigInt.asUintN(8 * width, this.#registersOf(region).read(offset, width));
    this.accesses.push({ kind: 'read', region, offset, width, value });
    return value;
  }

  #checkBar(region: number, offset: bigint, width: number): number {
    const bar = this.barAt(region);
    if (bar === undefined) throw new KernelRefusal('EINVAL');
    const { kind, size } = bar;
    refuseIf(kind !== 'io' && !this.config.isMemoryEnabled, 'EIO');
    return size - offset < BigInt(width) ? Number(size - offset) : width;
  }

  #registersOf(region: number): SimulatedRegisters {
    const known = this.#registers.get(region);
    if (known !== undefined) return known;
    const bytes = this.bytesOf(region);
    const made = this.barAt(region)?.registers?.({ bytes, config: this.config });
    const registers = made ?? plainRegisters(bytes);
    this.#registers.set(region, registers);
    return registers;
  }

  /** The kernel keeps the user's file from the MSI-X table, as it programs the vectors itself; a mapping it can't cut. */
  #isMsixTable(region: number, offset: bigint): boolean {
    const { msix } = this.description;
    return msix !== undefined && region === msix.tableBar && isWithinTable(msix, offset);
  }
}

function isWithinTable({ tableOffset, vectors }: SimulatedMsix, offset: bigint): boolean {
  return offset >= tableOffset && offset < tableOffset + 16n * BigInt(vectors);
}

function registerOf({ kind, index, size, hostAddress, ...more }: PlacedBar) {
  const { is64Bit = false, isPrefetchable = false } = more;
  const flags = kind === 'io' ? 1 : (is64Bit ? 4 : 0) | (isPrefetchable ? 8 : 0);
  return { index, size, hostAddress, is64Bit, flags: kind === 'rom' ? 0 : flags };
}
