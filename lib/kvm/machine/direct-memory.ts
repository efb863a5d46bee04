import type { AddressSpace } from '../../memory/address-space.js';
import type { MemoryListener } from '../../memory/listeners/memory-listener.js';
import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import { RamRegion } from '../../memory/regions/ram-region.js';
import type { MemoryRegionSection } from '../../memory/views/section.js';
import { addon } from '../../native/addon.js';
import { type DirectMemoryHandle, directKind, type KvmVcpuHandle } from '../../native/kvm-addon.js';

/**
 * Tells the addon whose bytes an address space shows, so that a vCPU's exits to memory without a slot are answered on
 * its own thread: the engine publishes each view to that thread, this listener what the view's regions consist of.
 */
export class DirectMemory implements MemoryListener {
  readonly name = 'memory of vCPUs';
  readonly #space: AddressSpace;
  readonly #handle: DirectMemoryHandle;
  /** How many ranges show each region that the addon knows. */
  readonly #ranges = new Map<MemoryRegion, number>();

  constructor(space: AddressSpace) {
    this.#space = space;
    this.#handle = addon.kvmCreateDirectMemory(space.topology.engineHandle, space.id);
    try {
      space.addListener(this);
    } catch (error) {
      addon.kvmDirectMemoryClose(this.#handle);
      throw error;
    }
  }

  /** Has the vCPU answer what it can. */
  serve(vcpu: KvmVcpuHandle): void {
    addon.kvmVcpuUseDirectMemory(vcpu, this.#handle);
  }

  regionAdd({ region }: MemoryRegionSection): void {
    const memory = region instanceof RamRegion ? region.memory?.handle : undefined;
    if (memory === undefined) return;
    const ranges = this.#ranges.get(region) ?? 0;
    if (ranges === 0) {
      addon.kvmDirectMemoryAdd(this.#handle, region.id, kindOf(region), memory);
    }
    this.#ranges.set(region, ranges + 1);
  }

  regionDel({ region }: MemoryRegionSection): void {
    const ranges = this.#ranges.get(region);
    if (ranges === undefined) return;
    if (ranges > 1) {
      this.#ranges.set(region, ranges - 1);
      return;
    }
    this.#ranges.delete(region);
    addon.kvmDirectMemoryRemove(this.#handle, region.id);
  }

  close(): void {
    const { topology, isDestroyed } = this.#space;
    if (!topology.isClosed && !isDestroyed) this.#space.removeListener(this);
    addon.kvmDirectMemoryClose(this.#handle);
  }
}

function kindOf({ kind }: MemoryRegion): number {
  if (kind === 'ram-device') return directKind.device;
  return kind === 'rom-device' ? directKind.romDevice : directKind.memory;
}
