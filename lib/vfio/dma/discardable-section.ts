import { larger, smaller } from '../../address.js';
import type { Reason } from '../../mapping/mapping-rules.js';
import type {
  RamDiscardListener,
  RamDiscardManager,
} from '../../memory/regions/ram-discard-manager.js';
import type { FlatRange } from '../../memory/views/flat-view.js';
import type { MemoryRegionSection } from '../../memory/views/section.js';
import type { Shown, WatchedSection } from './watched-section.js';

/** A section of memory of which only parts are there: what its discard manager says is there is shown. */
export class DiscardableSection implements WatchedSection {
  readonly section: MemoryRegionSection;
  readonly address: bigint;
  readonly size: bigint;
  readonly rest: Reason = notPopulated;
  readonly #manager: RamDiscardManager;
  readonly #shown: Shown;
  readonly #listener: RamDiscardListener;
  #dirtyLogMask: number;
  #isOn = false;

  constructor(section: MemoryRegionSection, manager: RamDiscardManager, shown: Shown) {
    this.section = section;
    this.address = section.address;
    this.size = section.size;
    this.#manager = manager;
    this.#shown = shown;
    this.#dirtyLogMask = section.dirtyLogMask;
    this.#listener = {
      populate: (part) => this.#show(part, true),
      discard: (part) => this.#show(part, false),
    };
  }

  start(): void {
    this.#isOn = true;
    this.#manager.addListener(this.#listener, this.section);
  }

  stop(): void {
    this.#isOn = false;
    this.#manager.removeListener(this.#listener);
  }

  relog(dirtyLogMask: number): void {
    this.#dirtyLogMask = dirtyLogMask;
    for (const range of this.#shown.in(this)) {
      this.#shown.show(range, [range.withDirtyLogMask(dirtyLogMask)]);
    }
  }

  /** A part is there now, or about to go. */
  #show(part: MemoryRegionSection, isThere: boolean): void {
    if (!this.#isOn) return;
    if (!isThere) {
      this.#shown.show(part, []);
      return;
    }
    const whole = this.#withNeighbours(part);
    this.#shown.show(whole, [whole.withDirtyLogMask(this.#dirtyLogMask)]);
  }

  /** `part` and what is there right beside it, as one range: what lies together can be mapped together. */
  #withNeighbours({ address, last }: MemoryRegionSection): FlatRange {
    const from = larger(address - 1n, this.address);
    const to = smaller(last + 1n, this.section.last);
    const shown = this.#shown.in({ address: from, size: to - from + 1n });
    const ranges = shown.filter((it) => this.section.contains(it.address));
    const first = smaller(ranges[0]?.address ?? address, address);
    return this.section.part(first, larger(ranges.at(-1)?.last ?? last, last));
  }
}

const notPopulated: Reason = {
  code: 'discarded',
  detail: () => 'its discard manager has not populated it',
};
