// A listener that knows nothing but what it is told: what it believes must be the flat view.

import assert from 'node:assert/strict';
import type {
  AddressSpace,
  FlatRange,
  IoEventFd,
  MemoryListener,
  MemoryRegionSection,
} from '../../lib/index.js';

/** One line that says everything of a range but its dirty-log mask. */
export function rangeLine(range: FlatRange): string {
  const flags = (['readonly', 'nonvolatile', 'unmergeable', 'romd'] as const).filter(
    (flag) => range[flag],
  );
  const last = range.address + range.size - 1n;
  const place = `${hex(range.address)}-${hex(last)} ${range.region.name} @${hex(range.offset)}`;
  return [place, ...flags].join(' ');
}

/** The same, with the mask. */
export function rangeLineWithMask(range: FlatRange): string {
  return withMask(rangeLine(range), range.dirtyLogMask);
}

interface Believed {
  readonly first: bigint;
  readonly line: string;
  mask: number;
}

/**
 * Rebuilds flat views from what it hears, and fails as soon as it hears something impossible: the end of a range that
 * it doesn't know, a range that it knows already, a call outside of begin and commit.
 */
export class ViewFollower implements MemoryListener {
  readonly name = 'follower';
  readonly #views = new Map<AddressSpace, Map<string, Believed>>();
  readonly #extras = new Map<AddressSpace, readonly string[]>();
  #open = false;
  /** What was impossible; kept, as what a listener throws is an answer of its own. */
  readonly #impossible: string[] = [];
  /** What was deleted since the last begin, and what was deleted and then added although it is the same. */
  readonly #deleted = new Set<string>();
  #needless: string[] = [];

  /** Called for every range that stays; only where `hearsNops` asked for it. */
  readonly regionNop?: (section: MemoryRegionSection) => void;

  constructor(hearsNops = false) {
    if (hearsNops)
      this.regionNop = (section) => {
        this.#find(section, 'nop');
      };
  }

  /** What it believes to be the view of an address space: lines, ascending. */
  view(space: AddressSpace): string[] {
    assert.deepEqual(this.#impossible, []);
    const believed = [...(this.#views.get(space)?.values() ?? [])];
    return believed
      .sort((a, b) => (a.first < b.first ? -1 : 1))
      .map(({ line, mask }) => withMask(line, mask));
  }

  /** The ioeventfds and coalesced ranges that it knows of in an address space, sorted. */
  extras(space: AddressSpace): string[] {
    return [...(this.#extras.get(space) ?? [])].sort();
  }

  /**
   * Ranges that a commit took away and gave back, since this was asked last. A commit that went well has none; undoing
   * one is just that.
   */
  takeNeedless(): string[] {
    const needless = this.#needless;
    this.#needless = [];
    return needless;
  }

  begin(): void {
    this.#deleted.clear();
    if (this.#open) this.#impossible.push('begin after begin');
    this.#open = true;
  }

  commit(): void {
    if (!this.#open) this.#impossible.push('commit without begin');
    this.#open = false;
  }

  eventfdAdd({ addressSpace }: MemoryRegionSection, { address, size, fd }: IoEventFd): void {
    this.#gain(addressSpace, `ioeventfd ${address}/${size} fd${fd}`);
  }

  eventfdDel({ addressSpace }: MemoryRegionSection, { address, size, fd }: IoEventFd): void {
    this.#lose(addressSpace, `ioeventfd ${address}/${size} fd${fd}`);
  }

  coalescedIoAdd(section: MemoryRegionSection, address: bigint, size: bigint): void {
    this.#find(section, 'coalesced range');
    this.#gain(section.addressSpace, `coalesced ${address}+${size}`);
  }

  coalescedIoDel(section: MemoryRegionSection, address: bigint, size: bigint): void {
    this.#find(section, 'coalesced range');
    this.#lose(section.addressSpace, `coalesced ${address}+${size}`);
  }

  regionAdd(section: MemoryRegionSection): void {
    this.#check(section, 'add');
    const ranges = this.#ranges(section);
    const line = rangeLine(section);
    if (ranges.has(line)) this.#impossible.push(`add of known ${line}`);
    if (this.#deleted.has(`${section.addressSpace.id} ${line}`)) this.#needless.push(line);
    ranges.set(line, { first: section.address, line, mask: section.dirtyLogMask });
  }

  regionDel(section: MemoryRegionSection): void {
    this.#find(section, 'del');
    const line = rangeLine(section);
    this.#ranges(section).delete(line);
    this.#deleted.add(`${section.addressSpace.id} ${line}`);
  }

  logStart(section: MemoryRegionSection, oldMask: number, newMask: number): void {
    if ((newMask & ~oldMask) === 0) this.#impossible.push(`logStart ${oldMask} to ${newMask}`);
    this.#setMask(section, newMask);
  }

  logStop(section: MemoryRegionSection, oldMask: number, newMask: number): void {
    if ((oldMask & ~newMask) === 0) this.#impossible.push(`logStop ${oldMask} to ${newMask}`);
    this.#setMask(section, newMask);
  }

  #setMask(section: MemoryRegionSection, mask: number): void {
    const believed = this.#find(section, 'log');
    if (believed !== undefined) believed.mask = mask;
  }

  #gain(space: AddressSpace, extra: string): void {
    this.#extras.set(space, [...(this.#extras.get(space) ?? []), extra]);
  }

  #lose(space: AddressSpace, extra: string): void {
    const extras = this.#extras.get(space) ?? [];
    const at = extras.indexOf(extra);
    if (at < 0) this.#impossible.push(`end of unknown ${extra}`);
    else this.#extras.set(space, extras.toSpliced(at, 1));
  }

  #find(section: MemoryRegionSection, what: string): Believed | undefined {
    this.#check(section, what);
    const line = rangeLine(section);
    const believed = this.#ranges(section).get(line);
    if (believed === undefined) this.#impossible.push(`${what} of unknown ${line}`);
    return believed;
  }

  #check({ region }: MemoryRegionSection, what: string): void {
    if (!this.#open) this.#impossible.push(`${what} of ${region.name} outside begin and commit`);
  }

  #ranges({ addressSpace }: MemoryRegionSection): Map<string, Believed> {
    const ranges = this.#views.get(addressSpace) ?? new Map<string, Believed>();
    this.#views.set(addressSpace, ranges);
    return ranges;
  }
}

function withMask(line: string, mask: number): string {
  return mask === 0 ? line : `${line} log ${mask}`;
}

function hex(value: bigint): string {
  return value.toString(16).padStart(16, '0');
}
