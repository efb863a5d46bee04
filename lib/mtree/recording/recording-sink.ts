import { closeSync, openSync, writeSync } from 'node:fs';
import type { Writable } from 'node:stream';

/**
 * Where a recording goes.
 *
 * @example
 * ```ts
 * import { setImmediate as nextTurn } from 'node:timers/promises';
 * import { MemoryTopology } from 'flatview';
 * import { CommitRecorder, type RecorderOptions, type RecordingSink } from 'flatview/recording';
 *
 * let room = 1;
 * const disk: RecordingSink = {
 *   write: () => {
 *     if (room-- === 0) throw new Error('no space left');
 *   },
 * };
 * const messages: string[] = [];
 * const options: RecorderOptions = { onStopped: ({ message }) => messages.push(message) };
 * const topology = new MemoryTopology();
 * const ram = topology.ram('pc.ram', 0x1000n, { backing: 'none' });
 * topology.addressSpace('memory', ram);
 * const recorder = new CommitRecorder(topology, disk, options);
 * ram.readonly = true;
 * recorder.flush();
 * ram.readonly; // => true
 * await nextTurn();
 * messages; // => ['the recording stopped at step 1: no space left']
 * topology.close();
 * ```
 */
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
 *
 * @example
 * ```ts
 * import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 * import path from 'node:path';
 * import { MemoryTopology } from 'flatview';
 * import { CommitRecorder, fileSink, readRecording } from 'flatview/recording';
 *
 * const folder = mkdtempSync(path.join(tmpdir(), 'recording-'));
 * const file = path.join(folder, 'boot.fvr.gz');
 * const topology = new MemoryTopology();
 * const bar = topology.io('bar0', 0x4000n, {}, { enabled: false });
 * topology.addressSpace('memory', bar);
 * const recorder = new CommitRecorder(topology, fileSink(file));
 * bar.enabled = true;
 * recorder.close();
 * [...readRecording(readFileSync(file)).steps()].length; // => 1
 * rmSync(folder, { recursive: true });
 * topology.close();
 * ```
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
 *
 * @example
 * ```ts
 * import { PassThrough } from 'node:stream';
 * import { buffer } from 'node:stream/consumers';
 * import { MemoryTopology } from 'flatview';
 * import { CommitRecorder, readRecording, streamSink } from 'flatview/recording';
 *
 * const stream = new PassThrough();
 * const topology = new MemoryTopology();
 * const bar = topology.io('bar0', 0x4000n, {}, { enabled: false });
 * topology.addressSpace('memory', bar);
 * const recorder = new CommitRecorder(topology, streamSink(stream, 0x10_0000));
 * bar.enabled = true;
 * recorder.close();
 * const recording = readRecording(await buffer(stream));
 * [...recording.steps()].length; // => 1
 * topology.close();
 * ```
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
