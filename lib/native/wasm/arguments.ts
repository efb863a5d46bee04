/**
 * Checks of arguments as native/binding/arguments.h makes them, with the same errors. Arguments are counted from 1 in
 * messages.
 */

/** What is thrown: a class of JavaScript's, with a code as Node.js gives them. */
type Coded = Error & { code?: string };

function coded(error: Coded, code: string): Error {
  error.code = code;
  return error;
}

export function wrongType(position: number, what: string): Error {
  return coded(new TypeError(`argument ${position} ${what}`), 'ERR_INVALID_ARG_TYPE');
}

export function outOfRange(position: number, what: string): Error {
  return coded(new RangeError(`argument ${position} ${what}`), 'ERR_OUT_OF_RANGE');
}

/** The call makes no sense now, whatever its arguments. */
export function wrongState(message: string): Error {
  return coded(new Error(message), 'ERR_INVALID_STATE');
}

/** An integer of 0 to 2^32 - 1. */
export function uint32(value: unknown, position: number): number {
  const number = integer(value, position);
  if (number === number >>> 0) return number;
  throw outOfRange(position, number < 0 ? 'is out of range' : 'must be an integer');
}

/** An integer of 0 to 2^64 - 1: a bigint, or a number up to 2^53 - 1. */
export function uint64(value: unknown, position: number): bigint {
  if (typeof value !== 'bigint') {
    const number = integer(value, position);
    if (Number.isSafeInteger(number) && number >= 0) return BigInt(number);
    throw outOfRange(position, 'is out of range');
  }
  if (BigInt.asUintN(64, value) === value) return value;
  throw outOfRange(position, 'must be from 0 to 2^64 - 1');
}

export function boolean(value: unknown, position: number): boolean {
  if (typeof value === 'boolean') return value;
  throw wrongType(position, 'must be a boolean');
}

export function arrayBuffer(value: unknown, position: number): ArrayBuffer {
  if (value instanceof ArrayBuffer) return value;
  throw wrongType(position, 'must be an ArrayBuffer');
}

export function uint8Array(value: unknown, position: number): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw wrongType(position, 'must be a Uint8Array');
}

function integer(value: unknown, position: number): number {
  if (typeof value === 'number') return value;
  throw wrongType(position, 'must be an integer');
}
