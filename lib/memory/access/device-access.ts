import { hex } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import type { AccessWidth } from '../host-memory.js';
import type { Access } from './access.js';
import { pieceShift, pieceSize } from './access-splitting.js';
import { isValidAccess } from './access-validity.js';
import type { DeviceRegion } from './answering-regions.js';
import { littleEndian, shiftLeft } from './byte-order.js';
import { faultResult, type MemTxFault } from './mem-tx.js';
import { guarded } from './reentrancy-guard.js';

/**
 * Has callbacks answer a read of `size` bytes (QEMU: memory_region_dispatch_read).
 *
 * @returns The bytes as a little-endian value; 0 when the access was rejected.
 */
export function readDevice(
  access: Access,
  region: DeviceRegion,
  offset: bigint,
  size: AccessWidth,
): bigint {
  const { ops } = region;
  const isTaken =
    ops.read !== undefined && isValidAccess(ops, offset, size, false, access.attributes);
  if (!isTaken) {
    access.reject('invalid', region, offset, size);
    return 0n;
  }
  const value = guarded(region, () => readPieces(access, region, offset, size));
  if (value === undefined) {
    access.reject('reentrant', region, offset, size);
    return 0n;
  }
  return littleEndian(value, size, ops.endianness ?? 'little');
}

/**
 * Has callbacks take a write of `size` bytes (QEMU: memory_region_dispatch_write).
 *
 * @param bytes The bytes as a little-endian value.
 */
export function writeDevice(
  access: Access,
  region: DeviceRegion,
  offset: bigint,
  size: AccessWidth,
  bytes: bigint,
): void {
  const { ops } = region;
  const isTaken =
    ops.write !== undefined && isValidAccess(ops, offset, size, true, access.attributes);
  if (!isTaken) {
    access.reject('invalid', region, offset, size);
    return;
  }
  const value = littleEndian(bytes, size, ops.endianness ?? 'little');
  const done = guarded(region, () => {
    writePieces(access, region, offset, size, value);
    return true;
  });
  if (!done) access.reject('reentrant', region, offset, size);
}

/** The value of `size` bytes as the device's registers have it, from as many calls as it takes. */
function readPieces(
  access: Access,
  region: DeviceRegion,
  offset: bigint,
  size: AccessWidth,
): bigint {
  const piece = pieceSize(region.ops, size);
  let value = 0n;
  for (let at = 0; at < size; at += piece) {
    const part = readPiece(access, region, advanced(offset, at), piece);
    value |= shiftLeft(part, pieceShift(region.ops, size, piece, at));
  }
  return BigInt.asUintN(size * 8, value);
}

function writePieces(
  access: Access,
  region: DeviceRegion,
  offset: bigint,
  size: AccessWidth,
  value: bigint,
): void {
  const piece = pieceSize(region.ops, size);
  for (let at = 0; at < size; at += piece) {
    const part = shiftLeft(value, -pieceShift(region.ops, size, piece, at));
    writePiece(access, region, advanced(offset, at), piece, BigInt.asUintN(piece * 8, part));
  }
}

function readPiece(
  access: Access,
  region: DeviceRegion,
  offset: bigint,
  size: AccessWidth,
): bigint {
  const answer = region.ops.read?.(offset, size, access.attributes);
  if (typeof answer === 'bigint') return BigInt.asUintN(size * 8, answer);
  if (Number.isInteger(answer)) return BigInt.asUintN(size * 8, BigInt(answer as number));
  if (!isFault(answer)) throw badAnswer(region, offset, answer);
  access.result |= faultResult[answer];
  return 0n;
}

function writePiece(
  access: Access,
  region: DeviceRegion,
  offset: bigint,
  size: AccessWidth,
  value: bigint,
): void {
  const answer: unknown = region.ops.write?.(offset, value, size, access.attributes);
  // An arrow function returns whatever its expression gives: only a string can be meant as a fault.
  if (typeof answer !== 'string') return;
  if (!isFault(answer)) throw badAnswer(region, offset, answer);
  access.result |= faultResult[answer];
}

function isFault(answer: unknown): answer is MemTxFault {
  return typeof answer === 'string' && Object.hasOwn(faultResult, answer);
}

function badAnswer(region: DeviceRegion, offset: bigint, answer: unknown): FlatviewError {
  const shown = typeof answer === 'string' ? `"${answer}"` : String(answer);
  return new FlatviewError(
    'ERR_INVALID_ARGUMENT',
    `a callback of ${region.label} answered ${shown} at offset ${hex(offset)}`,
  );
}

/** Offsets wrap around as addresses do. */
function advanced(offset: bigint, by: number): bigint {
  return by === 0 ? offset : BigInt.asUintN(64, offset + BigInt(by));
}
