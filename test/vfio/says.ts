import assert from 'node:assert/strict';
import { FlatviewError } from '../../lib/index.js';

/** Checks what an error says: code, errno, and a pattern for its message. */
export function says(code: string, errno: string | undefined, pattern: RegExp) {
  return (error: unknown): boolean => {
    assert(error instanceof FlatviewError, String(error));
    assert.deepEqual([error.code, error.errno], [code, errno]);
    assert.match(error.message, pattern);
    return true;
  };
}
