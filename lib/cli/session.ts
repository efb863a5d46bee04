import { readFile } from 'node:fs/promises';
import { addAbortSignal, type Readable, type Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { FlatviewError } from '../errors.js';
import { inSlices, type Steps, type WorkProgress } from '../long-work.js';
import type { BuiltTopology } from '../mtree/build-topology.js';
import type { Note } from '../mtree/monitor-text/notes.js';
import type { ReadTopology } from '../mtree/read-topology.js';
import { Progress } from './progress.js';
import { TextOutput } from './text-output.js';

/** What a command answers as the process does: it worked; the answer is no; the input or the command line is bad. */
export const exitCode = { ok: 0, no: 1, bad: 2 } as const;

/** Where a command reads and writes: the process, or a test's stand-in for it. */
export interface Streams {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** One run of the command. It loads what a command needs when it needs it, so that help is there at once. */
export class Session {
  readonly out: TextOutput;
  readonly err: TextOutput;
  /** Aborted when the run is to end. */
  readonly signal: AbortSignal;
  /** Whether neither progress is shown nor what an input doesn't tell. */
  isQuiet = false;
  readonly #stdin: Readable;

  constructor({ stdin, stdout, stderr }: Streams, signal: AbortSignal) {
    this.#stdin = stdin;
    this.signal = signal;
    this.out = new TextOutput(stdout, signal);
    this.err = new TextOutput(stderr);
  }

  /**
   * Does long work with an input, shows how far it is, and stops when the run is to end.
   *
   * @throws What the work throws, with the name of the input; the signal's reason.
   */
  async working<T>(input: string, steps: Steps<T>): Promise<T> {
    const { signal } = this;
    const progress = new Progress(this.err);
    const onProgress = this.isQuiet ? undefined : (now: WorkProgress) => progress.show(now);
    try {
      return await inSlices(steps, { signal, onProgress });
    } catch (error) {
      throw named(input, error);
    } finally {
      progress.end();
    }
  }

  /**
   * Reads a topology from a file, or from the standard input where `input` is `-`, and says what it doesn't tell.
   *
   * @throws `ERR_MALFORMED_INPUT` with the name of the input
   */
  async read(input: string): Promise<ReadTopology> {
    return this.#readFrom(input, await this.readBytes(input));
  }

  async #readFrom(input: string, bytes: Uint8Array): Promise<ReadTopology> {
    const { readTopologySteps } = await import('../mtree/read-topology.js');
    const topology = await this.working(input, readTopologySteps(bytes));
    if (!this.isQuiet) await this.err.print(noteLines(topology.notes));
    return topology;
  }

  /**
   * Reads a file, or the standard input where `input` is `-`.
   *
   * @throws `ERR_MALFORMED_INPUT` with the name of the input
   */
  async readBytes(input: string): Promise<Uint8Array> {
    return input === '-' ? await this.#readAll() : await readInput(input, this.signal);
  }

  async #readAll(): Promise<Uint8Array> {
    const { signal } = this;
    addAbortSignal(signal, this.#stdin);
    try {
      return await buffer(this.#stdin);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  }

  /** Reads a topology and does something with its live tree. */
  async withTopology<T>(input: string, use: (built: BuiltTopology) => Promise<T>): Promise<T> {
    return this.withTopologyOf(input, await this.readBytes(input), use);
  }

  /** The same as {@link withTopology}, of bytes that were read already. */
  async withTopologyOf<T>(
    input: string,
    bytes: Uint8Array,
    use: (built: BuiltTopology) => Promise<T>,
  ): Promise<T> {
    const { document } = await this.#readFrom(input, bytes);
    const { buildSteps } = await import('../mtree/build-topology.js');
    const built = await this.working(input, buildSteps(document));
    try {
      return await use(built);
    } finally {
      built.topology.close();
    }
  }

  /** Writes a value as JSON, for people and programs. */
  async printJson(value: object): Promise<void> {
    await this.out.print([JSON.stringify(value, undefined, 2)]);
  }
}

/** Puts the name of the input in front of what goes wrong with it. */
export function naming<T>(input: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw named(input, error);
  }
}

function named(input: string, error: unknown): unknown {
  if (!(error instanceof FlatviewError)) return error;
  const { line } = error;
  const details = { cause: error, ...(line !== undefined && { line }) };
  return new FlatviewError(error.code, `${input}: ${error.message}`, details);
}

async function readInput(path: string, signal: AbortSignal): Promise<Uint8Array> {
  try {
    return await readFile(path, { signal });
  } catch (error) {
    signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    throw new FlatviewError('ERR_MALFORMED_INPUT', `${path}: cannot be read: ${reason}`, {
      cause: error,
    });
  }
}

/** Guesses that the text's own flat views bear out are only counted. */
function noteLines(notes: readonly Note[]): string[] {
  const open = notes.filter(({ confirmed }) => !confirmed);
  const confirmed = notes.length - open.length;
  const lines = open.map(({ line, message }) => `note: line ${line}: ${message}`);
  if (confirmed === 0) return lines;
  const first = notes.find((note) => note.confirmed)?.line;
  return [
    ...lines,
    `note: the tree leaves ${confirmed} questions open (first: line ${first}); the flat views in the text agree with the answers taken`,
  ];
}
