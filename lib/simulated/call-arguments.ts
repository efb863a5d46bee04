import { hex } from '../address.js';
import { FlatviewError } from '../errors.js';

/** Values of fields by the kernel's names: numbers go to fields of 32 bits, bigints to those of 64. */
type Fields = Readonly<Record<string, number | bigint>>;

/**
 * Checks that arguments fit the fields that they go to, as the way to the real kernel does before it is asked.
 *
 * @param call The system call or ioctl.
 * @throws `ERR_INVALID_ARGUMENT`
 */
export function checkFields(call: string, fields: Fields): void {
  for (const [name, value] of Object.entries(fields)) {
    const isUnsigned =
      typeof value === 'bigint'
        ? BigInt.asUintN(64, value) === value
        : Number.isInteger(value) && value >= 0 && value < 2 ** 32;
    if (isUnsigned) continue;
    const bits = typeof value === 'bigint' ? 64 : 32;
    const isWhole = typeof value === 'bigint' || Number.isInteger(value);
    const shown = isWhole ? hex(value) : String(value);
    throw refused(call, `${name} is ${shown}: not an unsigned integer of ${bits} bits`);
  }
}

/** @throws `ERR_INVALID_ARGUMENT`: no access has this many bytes. */
export function checkWidth(call: string, width: number): void {
  if ([1, 2, 4, 8].includes(width)) return;
  throw refused(call, `an access of ${width} bytes: not 1, 2, 4 or 8`);
}

/** @throws `ERR_INVALID_ARGUMENT`: `bitmap` has less than a bit for each page. */
export function checkBitmap(call: string, bitmap: BigUint64Array, pages: bigint): void {
  if (BigInt(bitmap.length) * 64n >= pages) return;
  throw refused(call, `a bitmap of ${bitmap.length} words for ${hex(pages)} pages`);
}

function refused(call: string, why: string): FlatviewError {
  return new FlatviewError('ERR_INVALID_ARGUMENT', `${call}: ${why}`);
}
