import { FlatviewError } from './errors.js';

/**
 * An address, offset or size in bytes as a caller may write it: a bigint, or a number where that is exact
 * (a safe integer). Results are always bigint.
 *
 * @example
 * ```ts
 * import { type AddressLike, MemoryTopology } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const sizeOf = (size: AddressLike) => topology.container('system', size).size;
 * sizeOf(0x1000); // => 0x1000n
 * sizeOf(1n << 64n); // => 0x1_0000_0000_0000_0000n
 * sizeOf(0.5); // throws ERR_ADDRESS_RANGE
 * ```
 */
export type AddressLike = bigint | number;

/** What a message calls a value; a function where it takes work to say, as it is needed only when something is wrong. */
export type What = string | (() => string);

/** The size of the whole 64-bit address range, and the largest size of a region: 2^64 bytes. */
export const wholeRange: bigint = 1n << 64n;

/** The last 64-bit address. */
export const lastAddress: bigint = wholeRange - 1n;

/**
 * The 64-bit address or offset that `value` is.
 *
 * @throws `ERR_ADDRESS_RANGE` unless it is an integer of 0 to 2^64 - 1; `what` names it in the message.
 */
export function toAddress(value: AddressLike, what: What): bigint {
  const address = toBigInt(value, what);
  // A comparison with one bound takes longer.
  if (BigInt.asUintN(64, address) !== address) {
    throw new FlatviewError(
      'ERR_ADDRESS_RANGE',
      `${say(what)} is ${hex(address)}: outside 0 to ${hex(lastAddress)}`,
    );
  }
  return address;
}

/**
 * The 65-bit size that `value` is.
 *
 * @throws `ERR_ADDRESS_RANGE` unless it is an integer of 0 to 2^64; `what` names it in the message.
 */
export function toSize(value: AddressLike, what: What): bigint {
  const size = toBigInt(value, what);
  if (size < 0n || size > wholeRange) {
    throw new FlatviewError(
      'ERR_ADDRESS_RANGE',
      `${say(what)} is ${hex(size)}: outside 0 to ${hex(wholeRange)}`,
    );
  }
  return size;
}

/** `value` as `0x` and hexadecimal digits; negative values have their sign in front. */
export function hex(value: AddressLike): string {
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

/** The last multiple of `unit` up to `value`. Neither is negative. */
export function roundDown(value: bigint, unit: bigint): bigint {
  const rest = value % unit;
  return rest === 0n ? value : value - rest;
}

/** The first multiple of `unit` from `value` on. Neither is negative. */
export function roundUp(value: bigint, unit: bigint): bigint {
  const rest = value % unit;
  return rest === 0n ? value : value - rest + unit;
}

/** The smaller of two addresses or sizes. */
export function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

/** The larger of two addresses or sizes. */
export function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function toBigInt(value: AddressLike, what: What): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  const shown = typeof value === 'number' ? String(value) : typeof value;
  throw new FlatviewError(
    'ERR_ADDRESS_RANGE',
    `${say(what)} is ${shown}: not a bigint and not a safe integer`,
  );
}

function say(what: What): string {
  return typeof what === 'string' ? what : what();
}
