import { constants } from 'node:buffer';
import { FlatviewError } from '../errors.js';
import { atOnce, inSlices, type LongWorkOptions, type Steps } from '../long-work.js';
import type { Note } from './monitor-text/notes.js';
import { readMonitorSteps } from './monitor-text/read-monitor-text.js';
import { readJsonSteps } from './read-topology-json.js';
import type { TopologyDocument } from './topology-document.js';

/** Bytes of memory that a region takes while it is read, at the most (measured: 1,700 to 2,000). */
const heapPerRegion = 2000;

/** A topology as it was read, and what its source doesn't tell well enough. */
export interface ReadTopology {
  /** What was read. */
  readonly document: TopologyDocument;
  /** Empty for JSON, which tells everything. */
  readonly notes: readonly Note[];
}

/**
 * Reads a topology: JSON as `docs/topology-json.md` describes it; the text of the monitor's `info mtree`, alone or with
 * that of `info mtree -f`; or that text inside the answer of QMP's `human-monitor-command`. Each may be gzipped, have the
 * line ends of Windows, and be UTF-16 with a byte order mark. What it is shows in the content.
 *
 * @throws `ERR_MALFORMED_INPUT` with the place or line that can't be understood; `ERR_INPUT_TOO_LARGE`
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { type ReadTopology, readTopology } from 'flatview';
 *
 * const read: ReadTopology = readTopology(readFileSync('examples/dumps/pc-i440fx.txt.gz'));
 * read.document.regions.length; // => 148
 * read.notes.every(({ confirmed }) => confirmed); // => true
 * readTopology(Buffer.from('(qemu) quit')); // throws ERR_MALFORMED_INPUT
 * ```
 */
export function readTopology(bytes: Uint8Array): ReadTopology {
  return atOnce(readTopologySteps(bytes));
}

/**
 * The same as {@link readTopology}, while the event loop turns. It does not while `JSON.parse` is at work, and while a
 * tree is rendered.
 *
 * @throws As {@link readTopology}; the signal's reason.
 *
 * @example
 * ```ts
 * import { readTopologyAsync } from 'flatview';
 *
 * await readTopologyAsync(Buffer.from('(qemu) quit')); // throws ERR_MALFORMED_INPUT
 * ```
 */
export function readTopologyAsync(
  bytes: Uint8Array,
  options: LongWorkOptions = {},
): Promise<ReadTopology> {
  return inSlices(readTopologySteps(bytes), options);
}

/** Reads a topology step by step. */
export function* readTopologySteps(bytes: Uint8Array): Steps<ReadTopology> {
  const text = decode(isGzip(bytes) ? gunzip(bytes) : bytes);
  const isJson = /^\s*[{[]/.test(text);
  const answer = isJson ? monitorAnswer(text) : text;
  assertFits(answer ?? text, answer === undefined ? '{' : '\n');
  if (answer !== undefined) return yield* readMonitorSteps(answer);
  return { document: yield* readJsonSteps(text), notes: [] };
}

/**
 * Better an error than a process that ends for want of memory.
 *
 * @param mark What there is one of in each region's part of the text.
 */
function assertFits(text: string, mark: string): void {
  let parts = 0;
  for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at + 1)) parts++;
  const { heap_size_limit: limit, used_heap_size: used } = process
    .getBuiltinModule('node:v8')
    .getHeapStatistics();
  if (parts * heapPerRegion < limit - used) return;
  throw new FlatviewError(
    'ERR_INPUT_TOO_LARGE',
    `${parts} regions need more memory than this process has (node --max-old-space-size=MEGABYTES gives more)`,
  );
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function gunzip(bytes: Uint8Array): Uint8Array {
  try {
    const { gunzipSync } = process.getBuiltinModule('node:zlib');
    return gunzipSync(bytes, { maxOutputLength: constants.MAX_STRING_LENGTH });
  } catch (error) {
    if (error instanceof RangeError) throw new FlatviewError('ERR_INPUT_TOO_LARGE', error.message);
    const reason = error instanceof Error ? error.message : String(error);
    throw new FlatviewError('ERR_MALFORMED_INPUT', `not a whole gzip file: ${reason}`);
  }
}

/** UTF-8; or UTF-16 with a byte order mark, as Windows PowerShell writes what it redirects to a file. */
function decode(bytes: Uint8Array): string {
  const isUtf16 = bytes[0] === 0xff && bytes[1] === 0xfe;
  if (bytes.length <= constants.MAX_STRING_LENGTH) {
    return new TextDecoder(isUtf16 ? 'utf-16le' : 'utf-8').decode(bytes);
  }
  throw new FlatviewError('ERR_INPUT_TOO_LARGE', `${bytes.length} bytes are too many`);
}

/** The text within `{"return": "..."}`, as `virsh qemu-monitor-command` and QMP clients hand it out. */
function monitorAnswer(text: string): string | undefined {
  if (!/^\s*\{\s*"return"\s*:\s*"/.test(text)) return undefined;
  try {
    const { return: answer } = JSON.parse(text) as { return: unknown };
    return typeof answer === 'string' ? answer : undefined;
  } catch {
    return undefined;
  }
}
