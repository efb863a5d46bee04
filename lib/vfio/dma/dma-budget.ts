import { FlatviewError } from '../../errors.js';
import type { MappingPlan } from '../../mapping/mapping-plan.js';
import type { PageMapping } from '../../mapping/page-mapping.js';
import { takenBy } from '../../mapping/taken-by.js';
import type { DmaSpace } from './dma-space.js';

/** How many mappings there can be: a forecast, so that nothing is begun that can't be ended. */
export class DmaBudget {
  readonly #space: DmaSpace;
  #limit = Number.POSITIVE_INFINITY;

  /** @param installed How many there are now. */
  constructor(space: DmaSpace, installed: number) {
    this.#space = space;
    this.refresh(installed);
  }

  /** How many there can be, those included that there are; `Infinity` where there is no limit or the kernel doesn't say. */
  get limit(): number {
    return this.#limit;
  }

  /** Asks the kernel, as others may map in the same space. */
  refresh(installed: number): void {
    const { mappingsLeft } = this.#space.limits();
    this.#limit = mappingsLeft === undefined ? Number.POSITIVE_INFINITY : installed + mappingsLeft;
  }

  /** Whether `count` mappings fit, when `installed` are there now. */
  fits(count: number, installed: number): boolean {
    if (count <= this.#limit) return true;
    this.refresh(installed);
    return count <= this.#limit;
  }

  /** The error for `plan`, for which there are too few. */
  error(installed: readonly PageMapping[], plan: MappingPlan<PageMapping>): FlatviewError {
    const wanted = installed.length - plan.deletes.length + plan.adds.length;
    const who = takenBy([...installed, ...plan.adds]);
    return new FlatviewError(
      'ERR_OUT_OF_DMA_MAPPINGS',
      `${wanted} DMA mappings are needed, and ${this.#space.label} has ${this.#limit} (dma_entry_limit of the module vfio_iommu_type1); taken or wanted by ${who}`,
    );
  }
}
