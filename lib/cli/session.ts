import { readFile } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { FlatviewError } from '../errors.js';
import type { BuiltTopology } from '../mtree/build-topology.js';
import type { Note } from '../mtree/monitor-text/notes.js';
import type { ReadTopology } from '../mtree/read-topology.js';
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
  readonly #stdin: Readable;

  constructor({ stdin, stdout, stderr }: Streams) {
    this.#stdin = stdin;
    this.out = new TextOutput(stdout);
    this.err = new TextOutput(stderr);
  }

  /**
   * Reads a topology from a file, or from the standard input where `input` is `-`, and says what it doesn't tell.
   *
   * @throws `ERR_MALFORMED_INPUT` with the name of the input
   */
  async read(input: string): Promise<ReadTopology> {
    const bytes = await this.readBytes(input);
    const { readTopology } = await import('../mtree/read-topology.js');
    const topology = naming(input, () => readTopology(bytes));
    await this.err.print(noteLines(topology.notes));
    return topology;
  }

  /**
   * Reads a file, or the standard input where `input` is `-`.
   *
   * @throws `ERR_MALFORMED_INPUT` with the name of the input
   */
  async readBytes(input: string): Promise<Uint8Array> {
    return input === '-' ? await buffer(this.#stdin) : await readInput(input);
  }

  /** Reads a topology and does something with its live tree. */
  async withTopology<T>(input: string, use: (built: BuiltTopology) => Promise<T>): Promise<T> {
    const { document } = await this.read(input);
    const { buildTopology } = await import('../mtree/build-topology.js');
    const built = naming(input, () => buildTopology(document));
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
    if (!(error instanceof FlatviewError)) throw error;
    const { line } = error;
    const details = { cause: error, ...(line !== undefined && { line }) };
    throw new FlatviewError(error.code, `${input}: ${error.message}`, details);
  }
}

async function readInput(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
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
