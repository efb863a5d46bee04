import { FlatviewError } from '../errors.js';

/** What is thrown where options make no sense, together or with their values. */
export function invalidOption(message: string): FlatviewError {
  return new FlatviewError('ERR_INVALID_ARGUMENT', message);
}
