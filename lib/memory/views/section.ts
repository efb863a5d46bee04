import type { AddressSpace } from '../address-space.js';
import { FlatRange } from './flat-view.js';

/**
 * A flat range, or a part of one, as a listener hears of it: together with the address space that it lies in.
 *
 * @example
 * ```ts
 * import { type MemoryRegionSection, MemoryTopology } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const memory = topology.addressSpace('memory', topology.ram('pc.ram', 0x1000n));
 * const section: MemoryRegionSection | undefined = memory.lookup(0x10n);
 * section?.addressSpace === memory; // => true
 * topology.close();
 * ```
 */
export class MemoryRegionSection extends FlatRange {
  /** The address space in which `address` is an address. */
  // Only declared: a field that a derived class defines makes its objects three times slower to make.
  declare readonly addressSpace: AddressSpace;

  /** @internal */
  constructor(addressSpace: AddressSpace, range: FlatRange) {
    super(range.address, range.last, range.region, range.offset, range.attributes);
    this.addressSpace = addressSpace;
  }

  /** @internal The part of this section that lies in `size` bytes at `address`, which it must touch. */
  within(address: bigint, size: bigint): MemoryRegionSection {
    const start = address > this.address ? address : this.address;
    const wantedLast = address + size - 1n;
    const last = wantedLast < this.last ? wantedLast : this.last;
    return new MemoryRegionSection(this.addressSpace, this.part(start, last));
  }
}
