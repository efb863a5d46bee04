import { hex } from '../address.js';
import type { FlatRange } from '../memory/views/flat-view.js';
import type { AddressRange } from './page-mapping.js';

/**
 * Every reason for which a part of a flat range is not mapped, with what it means. Codes are stable: programs match
 * `code`, people read `text`.
 *
 * @example
 * ```ts
 * import { type RefusalCode, refusalCodes } from 'flatview/mapping';
 *
 * const code: RefusalCode = 'sub-page';
 * refusalCodes[code];
 * // => 'It is a part of a page, and the rest of the page shows something else or nothing.'
 * ```
 */
export const refusalCodes = {
  'not-ram': 'It is not memory: accesses go to callbacks, or nowhere.',
  'romd-off': 'A rom device that answers commands: reads go to its callbacks for now.',
  'no-host-memory': 'The region was made without memory in this process, or its memory was closed.',
  'readonly-unsupported': 'It is read-only, and the consumer can only map for writing.',
  'not-congruent': 'Its place within a page is not the same for the guest and in this process.',
  'sub-page': 'It is a part of a page, and the rest of the page shows something else or nothing.',
  'iommu-page': "It fits pages of the host, but not the consumer's, which are larger.",
  'out-of-window': 'It lies where the consumer cannot map anything.',
  sizing: 'It lies at the transient address of a 64-bit BAR that is being sized.',
  untranslated: "The guest's IOMMU translates nothing there.",
  discarded: 'The memory is not there at present: its discard manager has not populated it.',
  'device-memory':
    'It is memory of a device, and the consumer can map memory of this process only.',
  budget: 'The consumer has no more mappings to give.',
  errno: 'The kernel refused it.',
  protected: 'The memory is private to the guest; this consumer must not see it.',
  'opt-out': 'The embedder asked that this consumer leaves it out.',
} as const;

/** The stable code of a {@link Refusal}. */
export type RefusalCode = keyof typeof refusalCodes;

/**
 * A part of a flat range that a consumer does not map, and why.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { mapPages, type Refusal } from 'flatview/mapping';
 *
 * const topology = new MemoryTopology();
 * const { flatView } = topology.addressSpace('memory', topology.ram('tpm-crb-cmd', 0xf80n));
 * const [refusal]: readonly Refusal[] = mapPages(flatView.ranges(), {
 *   pageSize: 0x1000n,
 *   largestMapping: 1n << 30n,
 *   kinds: new Set(['ram']),
 *   canMapReadonly: true,
 * }).refusals;
 * refusal?.code; // => 'sub-page'
 * refusal?.text; // => '0x0-0xf7f of "tpm-crb-cmd": it is a part of a page of 0x1000 bytes'
 * topology.close();
 * ```
 */
export class Refusal implements AddressRange {
  /** Stable code of the reason, one of {@link refusalCodes}. */
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

  /** First address. */
  get address(): bigint {
    return this.range.address;
  }

  /** Bytes. */
  get size(): bigint {
    return this.range.size;
  }

  /** Whether the same part of the same region is refused for the same reason. */
  isSameAs({ code, range }: Refusal): boolean {
    return (
      code === this.code &&
      range.region === this.range.region &&
      range.address === this.range.address &&
      range.last === this.range.last &&
      range.offset === this.range.offset
    );
  }

  /** What was refused and why, for people. */
  get text(): string {
    const { address, last, region } = this.range;
    return `${hex(address)}-${hex(last)} of "${region.name}": ${this.#detail()}`;
  }
}
