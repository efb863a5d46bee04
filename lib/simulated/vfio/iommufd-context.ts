import { lastAddress, wholeRange } from '../../address.js';
import { type AddressRange, endOf } from '../../mapping/page-mapping.js';
import type { DmaMapping } from '../../vfio/vfio-interface.js';
import type { SimulatedDevice } from '../device/simulated-device.js';
import { KernelRefusal, refuseIf } from '../errno.js';
import type { DeviceUse } from './device-use.js';
import { DmaMappings, holdsWhole, type IommuRules, smallestPage } from './dma-mappings.js';
import type { ProcessMemory } from './process-memory.js';

/** All of the 64-bit space: where can be mapped as long as no device narrows it. */
const everywhere: readonly AddressRange[] = [{ address: 0n, size: wholeRange }];

/** An IO address space, by the kernel's rules (drivers/iommu/iommufd/io_pagetable.c). */
export class IoAddressSpace {
  readonly id: number;
  readonly mappings = new DmaMappings();
  readonly #rules: IommuRules;
  readonly #memory: ProcessMemory;
  readonly #attached = new Set<SimulatedDevice>();

  constructor(id: number, rules: IommuRules, memory: ProcessMemory) {
    this.id = id;
    this.#rules = rules;
    this.#memory = memory;
  }

  get isAttached(): boolean {
    return this.#attached.size > 0;
  }

  /** What addresses and lengths are multiples of: without a device there is no IOMMU that has pages. */
  get alignment(): bigint {
    return this.isAttached ? smallestPage(this.#rules) : 1n;
  }

  get ranges(): readonly AddressRange[] {
    return this.isAttached ? this.#rules.iovaRanges : everywhere;
  }

  /** IOMMU_IOAS_MAP at a fixed IOVA. Pages are pinned as soon as a device is attached. */
  map(mapping: DmaMapping): void {
    const { iova, size, hostAddress, read, write } = mapping;
    refuseIf(iova >= lastAddress || size >= lastAddress, 'EOVERFLOW');
    refuseIf(!read && !write, 'EINVAL');
    refuseIf(size === 0n, 'EINVAL');
    refuseIf(hostAddress + size > lastAddress, 'EOVERFLOW');
    const range = { address: iova, size };
    refuseIf(size % this.alignment !== 0n || iova % this.alignment !== 0n, 'EINVAL');
    refuseIf(endOf(range) > wholeRange, 'EOVERFLOW');
    refuseIf(!holdsWhole(this.ranges, range), 'EINVAL');
    refuseIf(this.mappings.touching(range).length > 0, 'EEXIST');
    refuseIf(hostAddress % this.alignment !== 0n, 'EINVAL');
    this.mappings.add(mapping, this.isAttached ? this.#pin(hostAddress, size, write) : 0n);
  }

  /** IOMMU_IOAS_UNMAP: mappings go one by one, until one would be cut. */
  unmap(range: AddressRange): bigint {
    refuseIf(range.address >= lastAddress || range.size >= lastAddress, 'EOVERFLOW');
    refuseIf(range.size === 0n, 'EINVAL');
    refuseIf(endOf(range) > wholeRange, 'EOVERFLOW');
    let unmapped = 0n;
    for (const mapping of this.mappings.touching(range)) {
      const isCut = mapping.address < range.address || endOf(mapping) > endOf(range);
      refuseIf(isCut, 'ENOENT');
      this.mappings.delete(mapping);
      this.#memory.unpin(mapping.pinned);
      unmapped += mapping.size;
    }
    refuseIf(unmapped === 0n, 'ENOENT');
    return unmapped;
  }

  unmapAll(): bigint {
    let unmapped = 0n;
    for (const mapping of this.mappings.all) {
      this.mappings.delete(mapping);
      this.#memory.unpin(mapping.pinned);
      unmapped += mapping.size;
    }
    return unmapped;
  }

  /** A device comes: what is mapped must suit its IOMMU, and is pinned. */
  attach(device: SimulatedDevice): void {
    if (!this.isAttached) this.#suit();
    this.#attached.add(device);
  }

  detach(device: SimulatedDevice): void {
    if (!this.#attached.delete(device) || this.isAttached) return;
    for (const mapping of this.mappings.all) {
      this.#memory.unpin(mapping.pinned);
      this.mappings.replace({ ...mapping, pinned: 0n });
    }
  }

  #suit(): void {
    const page = smallestPage(this.#rules);
    const all = this.mappings.all;
    for (const mapping of all) {
      const { address, size, hostAddress } = mapping;
      refuseIf((address | size | hostAddress) % page !== 0n, 'EADDRINUSE');
      refuseIf(!holdsWhole(this.#rules.iovaRanges, mapping), 'EADDRINUSE');
    }
    const pinned: bigint[] = [];
    try {
      for (const it of all) pinned.push(this.#pin(it.hostAddress, it.size, it.write));
    } catch (error) {
      for (const bytes of pinned) this.#memory.unpin(bytes);
      throw error;
    }
    for (const [i, mapping] of all.entries()) {
      this.mappings.replace({ ...mapping, pinned: pinned[i] ?? 0n });
    }
  }

  #pin(address: bigint, size: bigint, write: boolean): bigint {
    return this.#memory.pin({ address, size }, write, false);
  }
}

/** What a file of /dev/iommu stands for. It stays open while there are IO address spaces or devices that are bound to it. */
export class IommufdContext {
  isFileOpen = true;
  readonly #spaces = new Map<number, IoAddressSpace>();
  readonly #doomed = new Set<number>();
  readonly #attached = new Map<SimulatedDevice, IoAddressSpace>();
  #bound: DeviceUse[] = [];
  #lastId = 0;

  /** Whether nothing is left of it. */
  get isGone(): boolean {
    return !this.isFileOpen && this.#bound.length === 0 && this.#spaces.size === this.#doomed.size;
  }

  allocate(rules: IommuRules, memory: ProcessMemory): IoAddressSpace {
    const space = new IoAddressSpace(++this.#lastId, rules, memory);
    this.#spaces.set(space.id, space);
    return space;
  }

  /** IOMMU_DESTROY. */
  destroy(id: number): void {
    const space = this.#spaces.get(id);
    if (space === undefined) throw new KernelRefusal('ENOENT');
    this.#doomed.add(id);
    refuseIf(space.isAttached, 'EBUSY');
    this.#remove(space);
  }

  bind(use: DeviceUse): void {
    // Numbers go to devices, too.
    this.#lastId++;
    this.#bound.push(use);
  }

  /** VFIO_DEVICE_ATTACH_IOMMUFD_PT: in place of what the device was attached to. The devices of a group share one. */
  attach(device: SimulatedDevice, id: number): void {
    const space = this.#spaces.get(id);
    if (space === undefined) throw new KernelRefusal('ENOENT');
    const siblings = [...this.#attached].filter(
      ([other]) => other !== device && other.description.group === device.description.group,
    );
    refuseIf(
      siblings.some(([, other]) => other !== space),
      'EINVAL',
    );
    if (this.#attached.get(device) === space) return;
    space.attach(device);
    this.detach(device);
    this.#attached.set(device, space);
  }

  detach(device: SimulatedDevice): void {
    const space = this.#attached.get(device);
    if (space === undefined) return;
    this.#attached.delete(device);
    space.detach(device);
    if (this.#doomed.has(space.id) && !space.isAttached) this.#remove(space);
  }

  spaceOf(device: SimulatedDevice): IoAddressSpace | undefined {
    return this.#attached.get(device);
  }

  /** Lets go of the devices that were closed, and of everything when the file is closed, too. */
  settle(): void {
    for (const { device, isAlive } of this.#bound) if (!isAlive) this.detach(device);
    this.#bound = this.#bound.filter((use) => use.isAlive);
    if (this.isGone) for (const space of this.#spaces.values()) this.#remove(space);
  }

  #remove(space: IoAddressSpace): void {
    space.unmapAll();
    this.#spaces.delete(space.id);
    this.#doomed.delete(space.id);
  }
}
