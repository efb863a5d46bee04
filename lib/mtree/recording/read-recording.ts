import { constants as bufferConstants } from 'node:buffer';
import { FlatviewError } from '../../errors.js';
import { JsonValue } from '../json-value.js';
import { readTopologyDocument } from '../read-topology-json.js';
import { readEdits } from './read-edits.js';
import { type RecordedStep, type RecordingStart, recordingVersion } from './recorded-step.js';

/**
 * A recording in memory. Its steps are read when they are asked for.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { type Recording, type RecordingStart, readRecording } from 'flatview/recording';
 *
 * const bytes = readFileSync('examples/recordings/pc-seabios.fvr.gz');
 * const boot: Recording = readRecording(bytes);
 * [...boot.steps()].length; // => 41
 * const { document }: RecordingStart = boot;
 * document.regions.length; // => 148
 * const cutOff = readRecording(bytes.subarray(0, bytes.length - 100));
 * cutOff.isTruncated; // => true
 * ```
 */
export class Recording implements RecordingStart {
  readonly started: Date;
  readonly document: RecordingStart['document'];
  /** Whether the file ends in the middle of a line, as after a crash. What is before that is whole. */
  readonly isTruncated: boolean;
  readonly #text: string;
  readonly #firstStep: number;
  #stepCount: number | undefined;

  /** @internal */
  constructor(text: string) {
    const end = text.indexOf('\n');
    if (end < 0) throw malformed(1, 'the file has no whole line');
    const { started, document } = readStart(text.slice(0, end));
    this.started = started;
    this.document = document;
    this.isTruncated = !text.endsWith('\n');
    this.#text = text;
    this.#firstStep = end + 1;
  }

  /** How many steps there are. They are counted, not read: whether they can be understood shows when they are. */
  get stepCount(): number {
    this.#stepCount ??= this.#countSteps();
    return this.#stepCount;
  }

  /**
   * The steps in their order.
   *
   * @throws `ERR_MALFORMED_INPUT` with the line, where one can't be understood.
   */
  *steps(): Generator<RecordedStep, void> {
    let number = 0;
    let marks: string[] = [];
    for (const { line, text } of this.#lines()) {
      const read = located(line, () => readLine(parse(text)));
      if ('mark' in read) {
        marks.push(read.mark);
        continue;
      }
      const label = marks.length === 0 ? undefined : marks.join('; ');
      marks = [];
      yield { ...read.edits, number: ++number, line, time: read.time, label };
    }
  }

  #countSteps(): number {
    let count = 0;
    for (const { text } of this.#lines()) if (!isMark(text)) count++;
    return count;
  }

  *#lines(): Generator<{ readonly line: number; readonly text: string }, void> {
    let line = 2;
    for (let at = this.#firstStep; ; line++) {
      const end = this.#text.indexOf('\n', at);
      if (end < 0) return;
      yield { line, text: this.#text.slice(at, end) };
      at = end + 1;
    }
  }
}

/**
 * Whether a file's bytes are a recording, gzipped or not, rather than a dump. Only the first ones are looked at.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { isRecording } from 'flatview/recording';
 *
 * isRecording(readFileSync('examples/recordings/pc-seabios.fvr.gz')); // => true
 * isRecording(readFileSync('examples/dumps/pc-i440fx.txt.gz')); // => false
 * ```
 */
export function isRecording(bytes: Uint8Array): boolean {
  try {
    return decode(bytes.subarray(0, 4096)).startsWith(signature);
  } catch {
    return false;
  }
}

/**
 * Reads what a {@link CommitRecorder} wrote. A file that was cut off is read up to its last whole line.
 *
 * @throws `ERR_MALFORMED_INPUT` with the line that can't be understood; `ERR_INPUT_TOO_LARGE`
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { readRecording } from 'flatview/recording';
 *
 * const boot = readRecording(readFileSync('examples/recordings/pc-seabios.fvr.gz'));
 * const [first] = boot.steps();
 * first?.label; // => 'the firmware has run for 0.306 s'
 * readRecording(Buffer.from('address-space: memory\n')); // throws ERR_MALFORMED_INPUT
 * ```
 */
export function readRecording(bytes: Uint8Array): Recording {
  return new Recording(decode(bytes));
}

/**
 * Does something with what stands in a line.
 *
 * @throws What `action` does, with the line.
 */
export function located<T>(line: number, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof FlatviewError) || error.line !== undefined) throw error;
    const code = limits.has(error.code) ? error.code : 'ERR_MALFORMED_INPUT';
    throw new FlatviewError(code, `line ${line}: ${error.message}`, { cause: error, line });
  }
}

const signature = '{"flatview_recording":';

/** What even a well-formed tree can't do. */
const limits: ReadonlySet<string> = new Set([
  'ERR_ALIAS_RECURSION',
  'ERR_TOO_DEEP',
  'ERR_VIEW_TOO_LARGE',
]);

function malformed(line: number, reason: string): FlatviewError {
  return new FlatviewError('ERR_MALFORMED_INPUT', `line ${line}: ${reason}`, { line });
}

function readStart(text: string): RecordingStart {
  if (!text.startsWith(signature))
    throw malformed(1, `no recording: it doesn't begin with ${signature}`);
  return located(1, () => {
    const start = parse(text);
    const version = start.member('flatview_recording').integer(0, Number.MAX_SAFE_INTEGER);
    if (version !== recordingVersion) {
      start
        .member('flatview_recording')
        .fail(`is ${version}: version ${recordingVersion} can be read`);
    }
    const started = new Date(start.member('started').string());
    if (Number.isNaN(started.getTime())) start.member('started').fail('is no date');
    return { started, document: readTopologyDocument(start.member('topology')) };
  });
}

function readLine(line: JsonValue) {
  const time = line.member('t').number();
  const mark = line.optional('mark')?.string();
  return mark === undefined ? { time, edits: readEdits(line) } : { time, mark };
}

/** Few lines have the word, and fewer are marks. */
function isMark(line: string): boolean {
  if (!line.includes('"mark"')) return false;
  try {
    return (JSON.parse(line) as { mark?: unknown } | null)?.mark !== undefined;
  } catch {
    return false;
  }
}

function parse(text: string): JsonValue {
  try {
    return new JsonValue(JSON.parse(text));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FlatviewError('ERR_MALFORMED_INPUT', `not JSON: ${reason}`);
  }
}

function decode(bytes: Uint8Array): string {
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const plain = isGzip ? gunzip(bytes) : bytes;
  if (plain.length > bufferConstants.MAX_STRING_LENGTH) {
    throw new FlatviewError('ERR_INPUT_TOO_LARGE', `${plain.length} bytes are too many`);
  }
  return new TextDecoder().decode(plain);
}

/** What a file that was cut off has of its last part is taken as it is. */
function gunzip(bytes: Uint8Array): Uint8Array {
  const { constants, gunzipSync } = process.getBuiltinModule('node:zlib');
  try {
    return gunzipSync(bytes, {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: bufferConstants.MAX_STRING_LENGTH,
    });
  } catch (error) {
    if (error instanceof RangeError) throw new FlatviewError('ERR_INPUT_TOO_LARGE', error.message);
    const reason = error instanceof Error ? error.message : String(error);
    throw new FlatviewError('ERR_MALFORMED_INPUT', `not a gzip file: ${reason}`);
  }
}
