import { setImmediate } from 'node:timers/promises';
import type { Random } from '../../benchmarks/trace/random.js';
import { BlockCoverage } from './block-coverage.js';
import { checkDump, type Outcome } from './check-dump.js';

/** Inputs are cut to this many bytes: small ones run often. */
const maxBytes = 8 * 1024;

/**
 * What makes an input worth to be kept: that it ran blocks of the parser that none before it did, or ran them another
 * magnitude of times; or nothing, and all are kept. Then V8's counts, which differ from run to run, decide nothing.
 */
export type Novelty = 'blocks' | 'magnitudes' | 'none';

/** How many inputs count as new ones. */
const recentInputs = 32;

/** The inputs that are worth to go on from. */
export class DumpCorpus {
  readonly inputs: Uint8Array[] = [];
  /** How often each came out. */
  readonly outcomes = new Map<Outcome, number>();
  executions = 0;
  /** The longest that an input took, in milliseconds. */
  slowest = 0;
  readonly #coverage: BlockCoverage | undefined;
  readonly #seen = new Set<string>();
  readonly #novelty: Novelty;
  readonly #beforeRun: (input: Uint8Array) => void;

  /**
   * @param beforeRun Called with each input: should it end the process, this is the last that is known of it.
   */
  constructor(novelty: Novelty, beforeRun: (input: Uint8Array) => void) {
    this.#novelty = novelty;
    this.#coverage = novelty === 'none' ? undefined : new BlockCoverage('/lib/mtree/');
    this.#beforeRun = beforeRun;
  }

  get blocks(): number {
    return this.#seen.size;
  }

  /** One of the inputs: rather a small one, which is soon checked, and rather a new one, because what is new leads on. */
  pick(random: Random): Uint8Array {
    const [one, other] = [this.#any(random), this.#any(random)];
    return one.length < other.length ? one : other;
  }

  #any(random: Random): Uint8Array {
    const count = this.inputs.length;
    const rather = this.#coverage && random.below(2) !== 0 ? recentInputs : count;
    const among = Math.min(count, rather);
    return this.inputs[count - 1 - random.below(Math.max(among, 1))] ?? new Uint8Array();
  }

  /**
   * Checks an input, and keeps it if it is worth that.
   *
   * @returns Whether it was kept.
   * @throws As {@link checkDump}.
   */
  async add(bytes: Uint8Array): Promise<boolean> {
    const input = await this.check(bytes);
    if (!this.#ranSomethingNew()) return false;
    this.inputs.push(input);
    return true;
  }

  /**
   * Checks an input.
   *
   * @returns What was checked of it.
   * @throws As {@link checkDump}.
   */
  async check(bytes: Uint8Array): Promise<Uint8Array> {
    const input = bytes.subarray(0, maxBytes);
    this.#beforeRun(input);
    const begin = performance.now();
    const outcome = checkDump(input);
    this.slowest = Math.max(this.slowest, performance.now() - begin);
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    this.executions++;
    // Native memory is given back by finalizers, which run between turns.
    if (this.executions % 64 === 0) await setImmediate();
    return input;
  }

  /** Whether something ran since the last input that had not run before. */
  #ranSomethingNew(): boolean {
    if (!this.#coverage) return true;
    const before = this.#seen.size;
    for (const name of this.#coverage.take()) {
      this.#seen.add(this.#novelty === 'magnitudes' ? name : name.slice(0, name.lastIndexOf(':')));
    }
    return this.#seen.size > before;
  }
}
