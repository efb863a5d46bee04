// Figures as a reader takes them in: three digits and a unit.

import type { Statistics } from '../statistics.js';

/** A unit, and what one of it is. */
interface Unit {
  readonly name: string;
  readonly size: number;
}

const seconds: readonly Unit[] = [
  { name: 's', size: 1e9 },
  { name: 'ms', size: 1e6 },
  { name: 'µs', size: 1e3 },
  { name: 'ns', size: 1 },
];
const bytes: readonly Unit[] = [{ name: 'B', size: 1 }];

/** What is counted: nanoseconds or bytes. */
export type Quantity = 'time' | 'memory';

/** Nanoseconds, such as `2.44 ms`. */
export function formatTime(ns: number): string {
  const { name, size } = unitFor(ns, 'time');
  return `${threeDigits(ns / size)} ${name}`;
}

/** Median and spread, such as `2.44 ms (2.31 to 2.60)`. */
export function formatStatistics(
  { median, min, max, samples }: Statistics,
  quantity: Quantity,
): string {
  const { name, size } = unitFor(median, quantity);
  const [middle, low, high] = [median, min, max].map((value) => threeDigits(value / size));
  return samples.length === 1 ? `${middle} ${name}` : `${middle} ${name} (${low} to ${high})`;
}

/** How many times more, such as `1,340 ×`. */
export function formatRatio(ratio: number): string {
  return `${threeDigits(ratio)} ×`;
}

/** A count, such as `546 k`. */
export function formatCount(count: number): string {
  if (count >= 1e6) return `${threeDigits(count / 1e6)} M`;
  return count >= 1e3 ? `${threeDigits(count / 1e3)} k` : threeDigits(count);
}

/** At least three digits that count: `1.23`, `12.3`, `1,234`. */
function threeDigits(value: number): string {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.max(value, 0.01))));
  return value.toLocaleString('en', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

function unitFor(value: number, quantity: Quantity): Unit {
  const units = quantity === 'time' ? seconds : bytes;
  return units.find(({ size }) => value >= size) ?? (units.at(-1) as Unit);
}
