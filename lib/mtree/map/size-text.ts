const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** A size as people say it: `4 KiB`, `3.9 GiB`; exact where it is a whole number of units. */
export function sizeText(size: bigint): string {
  let unit = 0;
  let value = size;
  while (value >= 1024n && unit < units.length - 1) {
    value /= 1024n;
    unit++;
  }
  const whole = 1n << BigInt(unit * 10);
  const tenths = ((size % whole) * 10n) / whole;
  const about = size % whole === 0n || value >= 100n ? `${value}` : `${value}.${tenths}`;
  return `${about} ${units[unit]}`;
}
