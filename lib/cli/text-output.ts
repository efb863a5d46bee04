import type { Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Whoever read the output has closed it, as `head` does: there is nobody left to write for. */
export class ReaderGone extends Error {}

/** So many characters are handed to the stream at a time. */
const chunkLength = 1 << 16;

/** Writes lines to a stream, as fast as its reader takes them. */
export class TextOutput {
  readonly #stream: Writable;
  readonly #signal: AbortSignal | undefined;

  /** @param signal Ends waiting for a reader that doesn't read. */
  constructor(stream: Writable, signal?: AbortSignal) {
    this.#stream = stream;
    this.#signal = signal;
    stream.on('error', toldToTheWrite);
  }

  /** Whether a person reads this who can see colours, and wants them. */
  get hasColour(): boolean {
    const { NO_COLOR: noColour } = process.env;
    return this.canOverwrite && !noColour;
  }

  /** Whether this is a terminal on which a line can be written over. */
  get canOverwrite(): boolean {
    const { TERM: terminal } = process.env;
    return 'isTTY' in this.#stream && this.#stream.isTTY === true && terminal !== 'dumb';
  }

  /** Characters in a line of the terminal; `undefined` where there is none. */
  get columns(): number | undefined {
    return 'columns' in this.#stream && typeof this.#stream.columns === 'number'
      ? this.#stream.columns
      : undefined;
  }

  /** Writes over the line that was written so last, on a terminal. Doesn't wait for it. */
  overwrite(text: string): void {
    this.#stream.write(`\r\u001b[2K${text}`);
  }

  /**
   * Writes lines, each with its end, and returns when the last one was taken over. Between chunks the event loop turns.
   *
   * @throws {@link ReaderGone}; the signal's reason.
   */
  async print(lines: Iterable<string>): Promise<void> {
    let chunk = '';
    for (const line of lines) {
      chunk += `${line}\n`;
      if (chunk.length < chunkLength) continue;
      await this.#write(chunk);
      // A write into a file is done at once, without a turn.
      await nextTurn();
      chunk = '';
    }
    if (chunk !== '') await this.#write(chunk);
  }

  #write(chunk: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const signal = this.#signal;
      signal?.throwIfAborted();
      const stop = () => reject(signal?.reason);
      signal?.addEventListener('abort', stop);
      this.#stream.write(chunk, (error) => {
        signal?.removeEventListener('abort', stop);
        if (!error) resolve();
        else reject(isGone(error) ? new ReaderGone() : error);
      });
    });
  }
}

function toldToTheWrite(): void {
  // The write that it concerns is told what went wrong. Unheard, the event would end the process.
}

function isGone(error: NodeJS.ErrnoException): boolean {
  return error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED';
}
