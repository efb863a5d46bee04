import { type AddressLike, lastAddress, toAddress } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import type { AddressSpace } from '../address-space.js';
import { Access } from './access.js';
import { getLittleEndian, littleEndian, putLittleEndian, shiftLeft } from './byte-order.js';
import type { Endianness, MemTxAttributes, MemTxResult } from './mem-tx.js';
import { copyIn, copyOut, nextPart, readValue, valueSize, writeValue } from './part.js';

/** What a read came to. */
export interface ReadOutcome {
  /** The value, as wide as was asked for. Bytes that could not be read are 0; 0xff where memory doesn't answer (SIGBUS). */
  readonly value: bigint;
  /** How it went: {@link MemTxResult.ok}, or what was wrong with some of it. */
  readonly result: MemTxResult;
}

/** @internal */
export const noAttributes: MemTxAttributes = Object.freeze({});

/** @internal {@link AddressSpace.read} */
export function read(
  space: AddressSpace,
  address: AddressLike,
  size: number,
  attributes: MemTxAttributes = noAttributes,
  endianness: Endianness = 'little',
): ReadOutcome {
  const first = addressIn(space, address);
  checkSize(size);
  const access = new Access(false, attributes);
  const lent = space.borrowView();
  let value = 0n;
  try {
    for (let done = 0; done < size; ) {
      const part = nextPart(lent.view, wrapped(first, done), size - done, access);
      value |= shiftLeft(readValue(part, access), done * 8);
      done += valueSize(part);
    }
  } finally {
    space.idleViews.push(lent);
  }
  return { value: littleEndian(value, size, endianness), result: access.result };
}

/** @internal {@link AddressSpace.write} */
export function write(
  space: AddressSpace,
  address: AddressLike,
  size: number,
  value: bigint | number,
  attributes: MemTxAttributes = noAttributes,
  endianness: Endianness = 'little',
): MemTxResult {
  const first = addressIn(space, address);
  checkSize(size);
  const bytes = littleEndian(toValue(value, size), size, endianness);
  const access = new Access(true, attributes);
  const lent = space.borrowView();
  try {
    for (let done = 0; done < size; ) {
      const part = nextPart(lent.view, wrapped(first, done), size - done, access);
      const length = valueSize(part);
      writeValue(part, BigInt.asUintN(length * 8, shiftLeft(bytes, -done * 8)), access);
      done += length;
    }
  } finally {
    space.idleViews.push(lent);
  }
  return access.result;
}

/** @internal {@link AddressSpace.readBytes} */
export function readBytes(
  space: AddressSpace,
  address: AddressLike,
  into: Uint8Array,
  attributes: MemTxAttributes = noAttributes,
): MemTxResult {
  const first = addressIn(space, address);
  checkBytes(into);
  const access = new Access(false, attributes);
  const lent = space.borrowView();
  try {
    for (let done = 0; done < into.length; ) {
      const part = nextPart(lent.view, wrapped(first, done), into.length - done, access);
      const bytes = into.subarray(done, done + part.length);
      if (part.answerer === 'memory') copyOut(part, bytes, access);
      else if (part.answerer === 'nobody') bytes.fill(0);
      else putLittleEndian(bytes, readValue(part, access));
      done += part.length;
    }
  } finally {
    space.idleViews.push(lent);
  }
  return access.result;
}

/** @internal {@link AddressSpace.writeBytes} */
export function writeBytes(
  space: AddressSpace,
  address: AddressLike,
  from: Uint8Array,
  attributes: MemTxAttributes = noAttributes,
): MemTxResult {
  const first = addressIn(space, address);
  checkBytes(from);
  const access = new Access(true, attributes);
  const lent = space.borrowView();
  try {
    for (let done = 0; done < from.length; ) {
      const part = nextPart(lent.view, wrapped(first, done), from.length - done, access);
      const bytes = from.subarray(done, done + part.length);
      if (part.answerer === 'memory') copyIn(part, bytes, access);
      else if (part.answerer !== 'nobody') writeValue(part, getLittleEndian(bytes), access);
      done += part.length;
    }
  } finally {
    space.idleViews.push(lent);
  }
  return access.result;
}

/** @internal `address`, checked; its name is made only for who needs it. */
export function addressIn(space: AddressSpace, address: AddressLike): bigint {
  const isAddress = typeof address === 'bigint' && address >= 0n && address <= lastAddress;
  return isAddress ? address : toAddress(address, `address in ${space.label}`);
}

function wrapped(address: bigint, by: number): bigint {
  return by === 0 ? address : BigInt.asUintN(64, address + BigInt(by));
}

function checkSize(size: number): void {
  if (Number.isInteger(size) && size >= 1 && size <= 8) return;
  const message = `size of an access is ${String(size)}: not 1 to 8 bytes`;
  throw new FlatviewError('ERR_INVALID_ARGUMENT', message);
}

function checkBytes(bytes: Uint8Array): void {
  if (bytes instanceof Uint8Array) return;
  throw new FlatviewError('ERR_INVALID_ARGUMENT', 'the bytes of an access are not a Uint8Array');
}

function toValue(value: bigint | number, size: number): bigint {
  if (typeof value === 'bigint') return BigInt.asUintN(size * 8, value);
  if (Number.isSafeInteger(value)) return BigInt.asUintN(size * 8, BigInt(value));
  const message = `value of a write is ${String(value)}: not a bigint and not a safe integer`;
  throw new FlatviewError('ERR_INVALID_ARGUMENT', message);
}
