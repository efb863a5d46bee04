import { setImmediate } from 'node:timers/promises';
import type { Random } from '../../benchmarks/trace/random.js';
import { BlockCoverage } from './block-coverage.js';
import { checkDump, type Outcome } from './check-dump.js';

/** Inputs are cut to this many bytes: small ones run often. */
const maxBytes = 8 * 1024;

/** The inputs that each ran something of the parser that none before it did. */
export class DumpCorpus {
  readonly inputs: Uint8Array[] = [];
  /** How often each came out. */
  readonly outcomes = new Map<Outcome, number>();
  executions = 0;
  /** The longest that an input took, in milliseconds. */
  slowest = 0;
  readonly #coverage = new BlockCoverage('/lib/mtree/');
  readonly #seen = new Set<string>();
  readonly #magnitudes: boolean;
  readonly #beforeRun: (input: Uint8Array) => void;

  /**
   * @param magnitudes Whether how often a block ran counts, too.
   * @param beforeRun Called with each input: should it end the process, this is the last that is known of it.
   */
  constructor(magnitudes: boolean, beforeRun: (input: Uint8Array) => void) {
    this.#magnitudes = magnitudes;
    this.#beforeRun = beforeRun;
  }

  get blocks(): number {
    return this.#seen.size;
  }

  /** One of the inputs: rather a new one, because what is new leads on, and rather a small one, which is soon checked. */
  pick(random: Random): Uint8Array {
    const [one, other] = [this.#any(random), this.#any(random)];
    return one.length < other.length ? one : other;
  }

  #any(random: Random): Uint8Array {
    const count = this.inputs.length;
    const among = random.below(2) === 0 ? count : Math.min(count, 32);
    return this.inputs[count - 1 - random.below(Math.max(among, 1))] ?? new Uint8Array();
  }

  /**
   * Checks an input.
   *
   * @returns Whether it ran something new, and was added.
   * @throws As {@link checkDump}.
   */
  async add(bytes: Uint8Array): Promise<boolean> {
    const input = bytes.subarray(0, maxBytes);
    this.#beforeRun(input);
    const begin = performance.now();
    const outcome = checkDump(input);
    this.slowest = Math.max(this.slowest, performance.now() - begin);
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    this.executions++;
    // Native memory is given back by finalizers, which run between turns.
    if (this.executions % 64 === 0) await setImmediate();
    const before = this.#seen.size;
    for (const name of this.#coverage.take()) {
      this.#seen.add(this.#magnitudes ? name : name.slice(0, name.lastIndexOf(':')));
    }
    if (this.#seen.size === before) return false;
    this.inputs.push(input);
    return true;
  }
}
