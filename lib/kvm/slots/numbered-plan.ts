import { FlatviewError } from '../../errors.js';
import type { MappingPlan } from '../../mapping/mapping-plan.js';
import type { PageMapping } from '../../mapping/page-mapping.js';
import { takenBy } from '../../mapping/taken-by.js';
import type { SlotNumbers } from './slot-numbers.js';
import type { GuestMemfd, MemorySlot, SlotStep } from './slot-step.js';

/** A plan with a number for each new slot. */
export interface NumberedPlan {
  readonly plan: MappingPlan<MemorySlot>;
  readonly steps: readonly SlotStep[];
}

/**
 * The steps of `plan`, with numbers for what is new; `undefined` when there are too few.
 *
 * @param guestMemfd Where the private pages of a new slot come from.
 */
export function numbered(
  plan: MappingPlan<MemorySlot>,
  numbers: SlotNumbers,
  guestMemfd: (mapping: PageMapping) => GuestMemfd | undefined,
): NumberedPlan | undefined {
  const leaving = plan.deletes.map(({ slot }) => slot);
  const free = numbers.lowest(plan.adds.length, leaving);
  if (free === undefined) return undefined;
  const steps: SlotStep[] = plan.deletes.map((from) => ({ from }));
  for (const { from, to } of plan.moves) steps.push({ from, to: slotOf(to, from.slot) });
  for (const [i, mapping] of plan.adds.entries()) {
    steps.push({ to: slotOf(mapping, free[i] as number, guestMemfd(mapping)) });
  }
  for (const { from, to } of plan.relogs) steps.push({ from, to: slotOf(to, from.slot) });
  return { plan, steps };
}

/** `mapping` as a slot. */
function slotOf(mapping: PageMapping, slot: number, guestMemfd?: GuestMemfd): MemorySlot {
  const { address, size, hostAddress, readonly, dirtyLog, region, offset } = mapping;
  const plain = { address, size, hostAddress, readonly, dirtyLog, region, offset, slot };
  return guestMemfd === undefined ? plain : { ...plain, guestMemfd };
}

/** The error for `plan`, for which there are too few numbers. */
export function outOfSlots(
  limit: number,
  slots: readonly MemorySlot[],
  plan: MappingPlan<MemorySlot>,
): FlatviewError {
  const wanted = slots.length - plan.deletes.length + plan.adds.length;
  return new FlatviewError(
    'ERR_OUT_OF_SLOTS',
    `${wanted} memory slots are needed, and the VM has ${limit} (KVM_CAP_NR_MEMSLOTS); taken or wanted by ${takenBy([...slots, ...plan.adds])}`,
  );
}
