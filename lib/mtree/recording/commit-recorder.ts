import { FlatviewError } from '../../errors.js';
import type { CommitEdit } from '../../memory/commit/commit-observer.js';
import type { MemoryTopology } from '../../memory/topology.js';
import { describeRegions } from '../describe-topology.js';
import { gatherEdits } from './gather-edits.js';
import { KnownRegions } from './known-regions.js';
import { KnownSpaces } from './known-spaces.js';
import type { RecordingSink } from './recording-sink.js';
import { WaitingLines } from './waiting-lines.js';
import { markLine, startLine } from './write-recording.js';

/** What a {@link CommitRecorder} can be given. */
export interface RecorderOptions {
  /**
   * Told when the recording ended early: on a later turn of the event loop, never within a commit. Without it,
   * {@link CommitRecorder.flush} and {@link CommitRecorder.close} throw the error.
   */
  readonly onStopped?: (error: FlatviewError) => void;
}

/** So long, in milliseconds, they wait at the most while the event loop turns. */
const longestWait = 250;

/**
 * Records the commits of a topology: first the whole of it, then what each commit changes (`docs/recording.md` has the
 * form). Transactions that are taken back leave nothing. A commit never fails because of its recording: when the sink
 * does, the recording ends there, and says so.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { CommitRecorder, readRecording } from 'flatview/recording';
 *
 * const topology = new MemoryTopology();
 * const bar = topology.reservation('bar0', 0x1000n);
 * const pci = topology.container('pci', 1n << 32n);
 * pci.addSubregion(0xfebf_0000n, bar);
 * topology.addressSpace('memory', pci);
 *
 * const written: Uint8Array[] = [];
 * const recorder = new CommitRecorder(topology, { write: (bytes) => written.push(bytes) });
 * recorder.mark('guest wrote 0xfebf1000 to BAR 0');
 * bar.address = 0xfebf_1000n;
 * recorder.close();
 *
 * const steps = [...readRecording(Buffer.concat(written)).steps()];
 * steps.map((step) => step.label); // => ['guest wrote 0xfebf1000 to BAR 0']
 * topology.close();
 * ```
 */
export class CommitRecorder {
  readonly #topology: MemoryTopology;
  readonly #sink: RecordingSink;
  readonly #onStopped: RecorderOptions['onStopped'];
  readonly #regions: KnownRegions = new KnownRegions();
  readonly #spaces: KnownSpaces = new KnownSpaces();
  readonly #start: number = performance.now();
  readonly #observer = { committed: (edits: readonly CommitEdit[]) => this.#record(edits) };
  #steps = 0;
  readonly #waiting: WaitingLines = new WaitingLines();
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;
  #error: FlatviewError | undefined;

  /**
   * Begins to record, until {@link close}. The beginning is with the sink when this returns.
   *
   * @throws `ERR_TRANSACTION_OPEN`, `ERR_TOPOLOGY_CLOSED`, `ERR_CHANGE_IN_LISTENER`; what the sink throws.
   */
  constructor(topology: MemoryTopology, sink: RecordingSink, options: RecorderOptions = {}) {
    this.#topology = topology;
    this.#sink = sink;
    this.#onStopped = options.onStopped;
    topology.addCommitObserver(this.#observer);
    try {
      this.#waiting.addText(startLine({ started: new Date(), document: this.#describe() }));
      this.#handOver();
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  /** How many commits were recorded so far; those that changed nothing of the tree aren't counted. */
  get steps(): number {
    return this.#steps;
  }

  /** Why the recording ended before {@link close}. */
  get error(): FlatviewError | undefined {
    return this.#error;
  }

  /** Labels the next commit that is recorded. Without effect when the recording is over. */
  mark(label: string): void {
    if (this.#isOver) return;
    this.#guarded(() => {
      this.#waiting.addText(markLine(this.#now, label));
      this.#handOverInTime();
    });
  }

  /**
   * Hands to the sink what was gathered. Without that it goes there when there is enough of it, and a quarter of a
   * second later at the latest if the event loop turns.
   *
   * @throws `ERR_RECORDING_STOPPED`, as {@link RecorderOptions.onStopped} says.
   */
  flush(): void {
    this.#handOverSafely();
    if (this.#error !== undefined && this.#onStopped === undefined) throw this.#error;
  }

  /**
   * Ends the recording; the topology may be closed already. Closing twice does nothing.
   *
   * @throws As {@link flush}.
   */
  close(): void {
    if (this.#isOver && this.#error === undefined) return;
    this.#handOverSafely();
    if (!this.#isOver) this.#guarded(() => this.#end());
    if (this.#error !== undefined && this.#onStopped === undefined) throw this.#error;
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  get #now(): number {
    return performance.now() - this.#start;
  }

  #describe() {
    const { addressSpaces } = this.#topology;
    for (const { root } of addressSpaces) this.#regions.learn(root);
    const spaces = addressSpaces.flatMap((space) => this.#spaces.learn(space, this.#regions));
    return {
      regions: describeRegions(this.#regions.ids),
      addressSpaces: spaces.map(({ name, root }) => ({ name, root })),
    };
  }

  /** On the way of each commit. What it did is put into words when it is handed over. */
  #record(edits: readonly CommitEdit[]): void {
    // Another observer may have ended it, on the same commit.
    if (this.#isOver) return;
    this.#guarded(() => {
      const gathered = gatherEdits(edits, this.#regions, this.#spaces);
      if (gathered === undefined) return;
      this.#steps++;
      this.#waiting.addStep(this.#now, gathered);
      this.#handOverInTime();
    });
  }

  #handOverInTime(): void {
    if (this.#waiting.isEnough) this.#handOver();
    else this.#timer ??= this.#startTimer();
  }

  /** Doesn't keep the process alive. */
  #startTimer(): NodeJS.Timeout {
    return setTimeout(() => this.#handOverSafely(), longestWait).unref();
  }

  #handOverSafely(): void {
    if (!this.#isOver) this.#guarded(() => this.#handOver());
  }

  /** Each part is a gzip member of its own, and members one after the other are one gzip file. */
  #handOver(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = this.#waiting.take();
    if (text === '') return;
    const { constants, gzipSync } = process.getBuiltinModule('node:zlib');
    this.#sink.write(gzipSync(text, { level: constants.Z_BEST_SPEED }));
  }

  /** Whatever goes wrong in `action` ends the recording, and nothing else. */
  #guarded(action: () => void): void {
    try {
      action();
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const message = `the recording stopped at step ${this.#steps}: ${reason}`;
      this.#stop(new FlatviewError('ERR_RECORDING_STOPPED', message, { cause }));
    }
  }

  #stop(error: FlatviewError): void {
    this.#error = error;
    if (!this.#isOver) {
      try {
        this.#end();
      } catch {
        // It has failed before, and that is told.
      }
    }
    const tell = this.#onStopped;
    if (tell !== undefined) setImmediate(() => tell(error));
  }

  #end(): void {
    this.#isOver = true;
    this.#waiting.clear();
    clearTimeout(this.#timer);
    this.#topology.removeCommitObserver(this.#observer);
    this.#sink.close?.();
  }
}
