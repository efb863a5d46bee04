import { hex } from '../../address.js';
import { FlatviewError } from '../../errors.js';

/**
 * Checks that a field of a register holds `value`, so that no bit of it is lost.
 *
 * @param what Names the field in the message.
 * @throws `ERR_INVALID_ARGUMENT`: it isn't an integer of 0 to `largest`.
 */
export function checkField(value: number, largest: number, what: string): void {
  if (Number.isInteger(value) && value >= 0 && value <= largest) return;
  const shown = Number.isInteger(value) ? hex(value) : String(value);
  throw new FlatviewError('ERR_INVALID_ARGUMENT', `${what} is ${shown}: not 0 to ${hex(largest)}`);
}
