import { hex } from '../address.js';
import type { FlatRange } from '../memory/flat-view.js';

/**
 * Every reason for which a part of a flat range is not mapped, with what it means. Codes are stable: programs match
 * `code`, people read `text`.
 */
export const refusalCodes = {
  'not-ram': 'It is not memory: accesses go to callbacks, or nowhere.',
  'romd-off': 'A rom device that answers commands: reads go to its callbacks for now.',
  'no-host-memory': 'The region was made without memory in this process, or its memory was closed.',
  'readonly-unsupported': 'It is read-only, and the consumer can only map for writing.',
  'not-congruent': 'Its place within a page is not the same for the guest and in this process.',
  'sub-page': 'It is a part of a page, and the rest of the page shows something else or nothing.',
  'out-of-window': 'It lies where the consumer cannot map anything.',
  errno: 'The kernel refused it.',
  protected: 'The memory is private to the guest; this consumer must not see it.',
  'opt-out': 'The embedder asked that this consumer leaves it out.',
} as const;

/** The stable code of a {@link Refusal}. */
export type RefusalCode = keyof typeof refusalCodes;

/** A part of a flat range that a consumer does not map, and why. */
export class Refusal {
  readonly code: RefusalCode;
  /** The part. */
  readonly range: FlatRange;
  readonly #detail: () => string;

  /** @param detail What is wrong with this range, with its numbers; asked for when somebody reads it. */
  constructor(code: RefusalCode, range: FlatRange, detail: () => string) {
    this.code = code;
    this.range = range;
    this.#detail = detail;
  }

  /** What was refused and why, for people. */
  get text(): string {
    const { address, last, region } = this.range;
    return `${hex(address)}-${hex(last)} of "${region.name}": ${this.#detail()}`;
  }
}
