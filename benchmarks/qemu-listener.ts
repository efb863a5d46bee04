import type { MemoryListener, MemoryRegionSection } from '../lib/index.js';
import {
  type MappingRules,
  mapPages,
  type PageMapping,
  type PlanCost,
  planCost,
} from '../lib/mapping/index.js';

/** What QEMU makes a slot of KVM of (accel/kvm: kvm_set_phys_mem). */
export const qemuSlotRules: MappingRules = {
  pageSize: 0x1000n,
  largestMapping: 1n << 42n,
  kinds: new Set(['ram', 'rom', 'ram-device', 'rom-device']),
  canMapReadonly: true,
};

/** What QEMU maps for DMA (hw/vfio: vfio_listener_region_add). */
export const qemuDmaRules: MappingRules = {
  pageSize: 0x1000n,
  largestMapping: 1n << 62n,
  kinds: new Set(['ram', 'rom', 'ram-device']),
  canMapReadonly: true,
};

/**
 * What QEMU's listeners for KVM and VFIO do: a section of memory that is gone is one delete, a new one is one add, of the whole
 * pages within it. They compare nothing.
 */
export class QemuListener implements MemoryListener {
  readonly name = 'as QEMU';
  readonly #rules: MappingRules;
  #deletes: PageMapping[] = [];
  #adds: PageMapping[] = [];

  constructor(rules: MappingRules) {
    this.#rules = rules;
  }

  regionDel(section: MemoryRegionSection): void {
    this.#deletes.push(...mapPages([section], this.#rules).mappings);
  }

  regionAdd(section: MemoryRegionSection): void {
    this.#adds.push(...mapPages([section], this.#rules).mappings);
  }

  /** The cost of what was heard since the last time. */
  take(): PlanCost {
    const plan = { deletes: this.#deletes, moves: [], adds: this.#adds, relogs: [] };
    this.#deletes = [];
    this.#adds = [];
    return planCost(plan);
  }
}
