import { FlatviewError } from '../errors.js';

const units = ['', 'K', 'M', 'G', 'T', 'P', 'E'];

/**
 * Reads a size such as `4096`, `64K`, `8G` or `8GiB`: bytes, or a number of 2^10, 2^20 ... bytes.
 *
 * @throws `ERR_INVALID_ARGUMENT`
 */
export function parseByteSize(text: string): bigint {
  const [, number, unit = ''] = /^(\d{1,20})(?:([KMGTPE])(?:i?B)?)?$/i.exec(text) ?? [];
  if (number !== undefined) return BigInt(number) << BigInt(units.indexOf(unit.toUpperCase()) * 10);
  const message = `"${text}" is not a size: a number is expected, and perhaps K, M, G or T`;
  throw new FlatviewError('ERR_INVALID_ARGUMENT', message);
}

/** A size in the largest unit in which it is a whole number: `256 B`, `16 KiB`. */
export function formatByteSize(size: bigint): string {
  let exponent = 0;
  let rest = size;
  while (rest !== 0n && rest % 1024n === 0n && exponent < units.length - 1) {
    rest /= 1024n;
    exponent++;
  }
  return `${rest} ${exponent === 0 ? 'B' : `${units[exponent]}iB`}`;
}
