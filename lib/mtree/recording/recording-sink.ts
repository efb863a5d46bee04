import { closeSync, openSync, writeSync } from 'node:fs';
import type { Writable } from 'node:stream';

/** Where a recording goes. */
export interface RecordingSink {
  /**
   * Takes bytes over, at once: a commit can't wait. What it throws ends the recording.
   *
   * @param bytes Whole lines, gzipped by themselves: what was written so far can always be read.
   */
  write(bytes: Uint8Array): void;
  /** The recording is over. */
  close?(): void;
}

/**
 * Writes into a file, which is made or emptied. Whatever {@link RecordingSink.write} was given is with the kernel when
 * it returns, so it outlives this process.
 *
 * @throws What `openSync` throws.
 */
export function fileSink(path: string): RecordingSink {
  const file = openSync(path, 'w');
  return {
    write: (bytes) => {
      let rest = bytes;
      while (rest.length > 0) rest = rest.subarray(writeSync(file, rest));
    },
    close: () => closeSync(file),
  };
}

/** As many bytes may wait in a stream, unless another limit is given. */
const defaultLimit = 16 << 20;

/**
 * Writes into a stream. Commits don't wait for it, so what it has not taken yet must be kept: when that is more than
 * `limit` bytes, the recording ends rather than fill the memory. So it does after an error of the stream.
 */
export function streamSink(stream: Writable, limit: number = defaultLimit): RecordingSink {
  let failure: Error | undefined;
  stream.on('error', (error) => {
    failure = error;
  });
  return {
    write: (bytes) => {
      if (failure) throw failure;
      const waiting = stream.writableLength + bytes.length;
      if (waiting > limit) {
        throw new Error(`the stream fell behind: ${waiting} bytes wait, the limit is ${limit}`);
      }
      stream.write(bytes);
    },
    close: () => {
      stream.end();
    },
  };
}
