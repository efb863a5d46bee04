import type { MemoryListener, MemoryRegionSection } from '../lib/index.js';
import { mapPages, type PageMapping, type PlanCost, planCost } from '../lib/mapping/index.js';

const rules = {
  pageSize: 0x1000n,
  largestMapping: 1n << 42n,
  kinds: new Set(['ram', 'rom', 'ram-device', 'rom-device'] as const),
  canMapReadonly: true,
};

/**
 * What QEMU's listener for KVM does (accel/kvm: kvm_region_add, kvm_region_del, kvm_set_phys_mem): a section of memory
 * that is gone is one delete, a new one is one add, of the whole pages within it. It compares nothing.
 */
export class QemuSlots implements MemoryListener {
  readonly name = 'as QEMU';
  #deletes: PageMapping[] = [];
  #adds: PageMapping[] = [];

  regionDel(section: MemoryRegionSection): void {
    this.#deletes.push(...mapPages([section], rules).mappings);
  }

  regionAdd(section: MemoryRegionSection): void {
    this.#adds.push(...mapPages([section], rules).mappings);
  }

  /** The cost of what was heard since the last time. */
  take(): PlanCost {
    const plan = { deletes: this.#deletes, moves: [], adds: this.#adds, relogs: [] };
    this.#deletes = [];
    this.#adds = [];
    return planCost(plan);
  }
}
