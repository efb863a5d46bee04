import { clip } from '../../mapping/map-pages.js';
import type { MappedSpace } from '../../mapping/mapped-space.js';
import type { MappingPlan } from '../../mapping/mapping-plan.js';
import type { AddressRange, PageMapping } from '../../mapping/page-mapping.js';
import { common } from '../../mapping/range-sweep.js';
import { Refusal, type RefusalCode } from '../../mapping/refusal.js';
import type { FlatRange } from '../../memory/views/flat-view.js';
import type { DmaBudget } from './dma-budget.js';
import { pieceSizeFor } from './dma-pieces.js';
import type { DmaRules } from './dma-rules.js';
import { TranslatedRange } from './translated-range.js';

/** A plan for which there are enough mappings. */
export interface AffordablePlan {
  readonly plan: MappingPlan<PageMapping>;
  /** What is left out for that: the devices can do without. */
  readonly unmade: readonly Refusal[];
}

/** How many mappings for which there was no room are tried again at once, when there is room. */
const retriedAtOnce = 64;

/** Plans for what changed, within the mappings that there can be. */
export class DmaPlanner {
  readonly #mapped: MappedSpace<PageMapping>;
  readonly #rules: DmaRules;
  readonly #budget: DmaBudget;

  constructor(mapped: MappedSpace<PageMapping>, rules: DmaRules, budget: DmaBudget) {
    this.#mapped = mapped;
    this.#rules = rules;
    this.#budget = budget;
  }

  /**
   * The plan for what was gathered.
   *
   * @param again Addresses to be planned anew.
   * @param ramBytes Of all RAM that is to be mapped.
   * @throws `ERR_OUT_OF_DMA_MAPPINGS`
   */
  plan(again: readonly AddressRange[], ramBytes: bigint): AffordablePlan {
    this.#rules.pieceSize = pieceSizeFor(ramBytes, this.#budget.limit);
    const plan = this.#mapped.plan(again);
    return this.#within(plan) ?? this.#coarser();
  }

  /** `mapping` as refusals of the ranges that it would show. */
  refusalsOf(mapping: PageMapping, code: RefusalCode, detail: () => string): Refusal[] {
    return this.#mapped.rangesToBe(mapping).map((range) => {
      const { address, size } = common(range, mapping);
      return new Refusal(code, clip(range, address, address + size), detail);
    });
  }

  /** Whether a commit goes on when `mapping`, which is wanted, can't be made. */
  isOptional(mapping: PageMapping): boolean {
    return isOptional(mapping, this.#mapped.rangesToBe(mapping));
  }

  /** The same of one that is installed. */
  wasOptional(mapping: PageMapping): boolean {
    return isOptional(mapping, this.#mapped.rangesTouching(mapping));
  }

  /** What was refused for want of mappings, as far as there is room by now. */
  waiting(): readonly AddressRange[] {
    const room = this.#budget.limit - this.#mapped.mappingCount;
    return room > 0 ? this.#mapped.refused.oldest('budget', Math.min(room, retriedAtOnce)) : [];
  }

  /** `plan`, without what there is no room for and can be done without; `undefined` when that isn't enough. */
  #within(plan: MappingPlan<PageMapping>): AffordablePlan | undefined {
    const installed = this.#mapped.mappingCount;
    const kept = installed - plan.deletes.length;
    if (this.#budget.fits(kept + plan.adds.length, installed)) return { plan, unmade: [] };
    const optional = plan.adds.filter((mapping) => this.isOptional(mapping));
    const room = this.#budget.limit - kept - (plan.adds.length - optional.length);
    if (room < 0) return undefined;
    const left = new Set(optional.slice(room));
    const adds = plan.adds.filter((mapping) => !left.has(mapping));
    const unmade = [...left].flatMap((mapping) => this.#overBudget(mapping));
    return { plan: { ...plan, adds }, unmade };
  }

  /** The plan with pieces as small as there is room for; what was cut is joined, and pinned again for it. */
  #coarser(): AffordablePlan {
    const rules = this.#rules;
    const before = rules.scale;
    for (; ; rules.scale *= 2n) {
      const plan = this.#mapped.plan([], { exact: true });
      const affordable = this.#within(plan);
      if (affordable !== undefined) return affordable;
      if (rules.pieceSize * rules.scale >= rules.largestMapping) {
        const evicting = this.#evicting(plan);
        if (evicting !== undefined) return evicting;
        rules.scale = before;
        throw this.#budget.error(this.#mapped.mappings, plan);
      }
    }
  }

  /** `plan`, with what the devices can do without unmapped for its sake; `undefined` when that isn't enough. */
  #evicting(plan: MappingPlan<PageMapping>): AffordablePlan | undefined {
    const leaving = new Set(plan.deletes);
    const kept = this.#mapped.mappings.filter((mapping) => !leaving.has(mapping));
    const adds = plan.adds.filter((mapping) => !this.isOptional(mapping));
    const left = plan.adds.filter((mapping) => this.isOptional(mapping));
    const missing = kept.length + adds.length - this.#budget.limit;
    const evicted = kept.filter((mapping) => this.isOptional(mapping)).slice(0, missing);
    if (evicted.length < missing) return undefined;
    const unmade = [...left, ...evicted].flatMap((mapping) => this.#overBudget(mapping));
    return { plan: { ...plan, adds, deletes: [...plan.deletes, ...evicted] }, unmade };
  }

  #overBudget(mapping: PageMapping): Refusal[] {
    return this.refusalsOf(
      mapping,
      'budget',
      () => `there are ${this.#budget.limit} mappings, all taken`,
    );
  }
}

function isOptional(mapping: PageMapping, ranges: readonly FlatRange[]): boolean {
  return mapping.region.kind === 'ram-device' || ranges.some((it) => it instanceof TranslatedRange);
}
