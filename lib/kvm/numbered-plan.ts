import { FlatviewError } from '../errors.js';
import type { MappingPlan } from '../mapping/mapping-plan.js';
import type { PageMapping } from '../mapping/page-mapping.js';
import type { SlotNumbers } from './slot-numbers.js';
import type { GuestMemfd, MemorySlot, SlotStep } from './slot-step.js';

/** A plan with a number for each new slot. */
export interface NumberedPlan {
  readonly plan: MappingPlan<MemorySlot>;
  readonly steps: readonly SlotStep[];
  /** The slots' numbers when all is done. */
  readonly numbers: SlotNumbers;
}

/**
 * The steps of `plan`, with numbers for what is new; `undefined` when there are too few.
 *
 * @param guestMemfd Where the private pages of a new slot come from.
 */
export function numbered(
  plan: MappingPlan<MemorySlot>,
  before: SlotNumbers,
  guestMemfd: (mapping: PageMapping) => GuestMemfd | undefined,
): NumberedPlan | undefined {
  const numbers = before.copy();
  numbers.release(plan.deletes.map(({ slot }) => slot));
  const adds: SlotStep[] = [];
  for (const mapping of plan.adds) {
    const slot = numbers.take();
    if (slot === undefined) return undefined;
    const memfd = guestMemfd(mapping);
    const more = memfd === undefined ? {} : { guestMemfd: memfd };
    adds.push({ to: { ...mapping, slot, ...more } });
  }
  const changes = (some: MappingPlan<MemorySlot>['moves']): SlotStep[] =>
    some.map(({ from, to }) => ({ from, to: { ...to, slot: from.slot } }));
  const deletes = plan.deletes.map((from) => ({ from }));
  const steps = [...deletes, ...changes(plan.moves), ...adds, ...changes(plan.relogs)];
  return { plan, steps, numbers };
}

/** How many regions a message names. */
const namedRegions = 8;

/** The error for `plan`, for which there are too few numbers. */
export function outOfSlots(
  limit: number,
  slots: readonly MemorySlot[],
  plan: MappingPlan<MemorySlot>,
): FlatviewError {
  const wanted = slots.length - plan.deletes.length + plan.adds.length;
  const counts = new Map<string, number>();
  for (const { region } of [...slots, ...plan.adds]) {
    counts.set(region.name, (counts.get(region.name) ?? 0) + 1);
  }
  const most = [...counts].sort(([, a], [, b]) => b - a).slice(0, namedRegions);
  const who = most.map(([name, count]) => `${name} ${count}`).join(', ');
  const rest = counts.size > most.length ? `, and ${counts.size - most.length} more regions` : '';
  return new FlatviewError(
    'ERR_OUT_OF_SLOTS',
    `${wanted} memory slots are needed, and the VM has ${limit} (KVM_CAP_NR_MEMSLOTS); taken or wanted by ${who}${rest}`,
  );
}
