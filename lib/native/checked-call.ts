import { FlatviewError } from '../errors.js';

/**
 * What a call of the addon gives.
 *
 * @param what Names it in messages: the ioctl.
 * @throws `ERR_INVALID_ARGUMENT`: an argument has the wrong type, or doesn't fit the field that it goes to.
 */
export function checkedCall<Result>(what: string, call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    const isArgument = error instanceof TypeError || error instanceof RangeError;
    if (!isArgument) throw error;
    throw new FlatviewError('ERR_INVALID_ARGUMENT', `${what}: ${error.message}`, { cause: error });
  }
}
