import type { AddressRange } from '../../mapping/page-mapping.js';
import { SortedRanges } from '../../mapping/sorted-ranges.js';
import type { WatchedSection } from './watched-section.js';

/**
 * The watched sections of an address space. Changes are gathered until {@link start}; then either {@link settle} says that
 * they are in effect, or {@link forget} that they are not.
 */
export class WatchedSections {
  readonly #present = new SortedRanges<WatchedSection>();
  #fresh: WatchedSection[] = [];
  #gone: WatchedSection[] = [];
  /** Those of {@link #fresh} that show what they show. */
  #started: WatchedSection[] = [];

  get isEmpty(): boolean {
    return this.#present.isEmpty;
  }

  /** Those that are in effect, ascending. */
  get all(): readonly WatchedSection[] {
    return this.#present.all;
  }

  /** The one that holds `address`. */
  at(address: bigint): WatchedSection | undefined {
    return this.#present.at(address);
  }

  /** A section is new. */
  add(section: WatchedSection): void {
    this.#fresh.push(section);
  }

  /**
   * The section at `address` is gone.
   *
   * @returns The one that was in effect, if it is that: where it lies shows nothing any more.
   */
  remove(address: bigint): AddressRange | undefined {
    const fresh = this.#fresh.findIndex((it) => it.address === address);
    if (fresh >= 0) {
      this.#fresh.splice(fresh, 1);
      return undefined;
    }
    const known = this.#present.at(address);
    if (known !== undefined) this.#gone.push(known);
    return known;
  }

  /** Other clients watch which pages of the section at `address` are written. */
  relog(address: bigint, dirtyLogMask: number): void {
    const fresh = this.#fresh.find((it) => it.address === address);
    (fresh ?? this.#present.at(address))?.relog(dirtyLogMask);
  }

  /** Has those that are new show what they show. */
  start(): void {
    for (const section of this.#fresh) {
      section.start();
      this.#started.push(section);
    }
  }

  /** What was gathered is in effect. */
  settle(): void {
    for (const section of this.#gone) section.stop();
    this.#present.replace(this.#gone, this.#fresh);
    this.#started = [];
    this.forget();
  }

  /** What was gathered, and is not in effect, never was. */
  forget(): void {
    for (const section of this.#started) section.stop();
    this.#started = [];
    this.#fresh = [];
    this.#gone = [];
  }
}
