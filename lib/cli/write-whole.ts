import { rename, rm, writeFile } from 'node:fs/promises';
import { FlatviewError } from '../errors.js';

/**
 * Writes a file as a whole or not at all, also where it is interrupted: what was there stays until all is written.
 *
 * @throws `ERR_INVALID_ARGUMENT` if it can't be written; the signal's reason
 */
export async function writeWhole(path: string, text: string, signal: AbortSignal): Promise<void> {
  const unfinished = `${path}.${process.pid}.unfinished`;
  try {
    await writeFile(unfinished, text, { signal });
    signal.throwIfAborted();
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    const message = `${path}: cannot be written: ${reason}`;
    throw new FlatviewError('ERR_INVALID_ARGUMENT', message, { cause: error });
  }
}
