import { FlatviewError } from '../../errors.js';

/** Smallest and largest priority: a 32-bit signed integer, as in QEMU. */
const priorityRange = { min: -(2 ** 31), max: 2 ** 31 - 1 } as const;

/** What decides between siblings that overlap. */
export interface StackingKey {
  readonly priority: number;
  /** Grows with each add and move. */
  readonly sequence: number;
}

/**
 * For sorting: the sibling that wins comes first. The higher priority wins; among equals the one that was added or
 * moved last (QEMU: memory_region_update_container_subregions).
 */
export function compareStacking(a: StackingKey, b: StackingKey): number {
  return b.priority - a.priority || b.sequence - a.sequence;
}

/**
 * The priority that `value` is.
 *
 * @throws `ERR_PRIORITY_RANGE` unless it is a 32-bit signed integer; the message names `region`.
 */
export function toPriority(value: number, region: { readonly label: string }): number {
  const { min, max } = priorityRange;
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new FlatviewError(
    'ERR_PRIORITY_RANGE',
    `priority of ${region.label} is ${String(value)}: not an integer of ${min} to ${max}`,
  );
}
