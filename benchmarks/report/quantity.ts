// Figures as a reader takes them in: three digits and a unit.

const timeUnits = [
  { name: 's', size: 1e9 },
  { name: 'ms', size: 1e6 },
  { name: 'µs', size: 1e3 },
  { name: 'ns', size: 1 },
] as const;

/** Nanoseconds, such as `2.44 ms`. */
export function formatTime(ns: number): string {
  const unit = timeUnits.find(({ size }) => ns >= size) ?? timeUnits[timeUnits.length - 1];
  return `${threeDigits(ns / (unit?.size ?? 1))} ${unit?.name}`;
}

/** Bytes, such as `1,234 B`. */
export function formatBytes(bytes: number): string {
  return `${Math.round(bytes).toLocaleString('en')} B`;
}

/** How many times more, such as `1,340 ×`. */
export function formatRatio(ratio: number): string {
  return `${threeDigits(ratio)} ×`;
}

/** At least three digits that count: `1.23`, `12.3`, `1,234`. */
export function threeDigits(value: number): string {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.max(value, 0.01))));
  const fixed = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value.toLocaleString('en', fixed);
}
