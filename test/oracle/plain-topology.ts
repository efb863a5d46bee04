// The oracle's model of a topology: what edits do to the tree, in the plainest way. What shows is the painter's business.

import type { ErrorCode } from '../../lib/index.js';
import type { Edit, Flag, Flags, Kind, Place, PlainIoEventFd } from './edits.js';
import type { PaintedRange } from './painter.js';
import { addPlain, movePlain, type PlainRegion, plainRegion, removePlain } from './plain-region.js';

/** The bits of the clients of the dirty log. */
const LOG_BITS = { vga: 1, code: 2, migration: 4 } as const;

/** What is watched while all memory is; an IOMMU because of the memory behind it. */
const WATCHED_KINDS: readonly string[] = ['ram', 'rom', 'ram-device', 'rom-device', 'iommu'];

interface PlainCoalescedRange {
  readonly offset: bigint;
  readonly size: bigint;
}

/** A region and what the painter need not know of it. */
export interface ModelRegion {
  readonly region: PlainRegion;
  readonly kind: Kind | 'alias';
  destroyed: boolean;
  ioeventfds: readonly PlainIoEventFd[];
  coalescedRanges: readonly PlainCoalescedRange[];
  /** The region as it was made: undoing the transaction that made it leaves it so. */
  readonly fresh: PlainRegion;
}

export interface ModelSpace {
  readonly root: PlainRegion;
  live: boolean;
}

/** An edit of one thing, outside or inside a transaction. */
export type SimpleEdit = Exclude<Edit, { do: 'transaction' }>;

/** What undoing goes back to. */
export interface Saved {
  readonly regions: readonly Omit<ModelRegion, 'fresh'>[];
  readonly spaces: readonly { readonly live: boolean }[];
  readonly isLoggingAll: boolean;
}

export class PlainTopology {
  /** Every region that was ever made, by the number in its name. */
  readonly regions: ModelRegion[] = [];
  /** Every address space that was ever made. */
  readonly spaces: ModelSpace[] = [];
  #isLoggingAll = false;

  /**
   * What a listener must know of beside ranges, as lines: ioeventfds that a range touches, and what ranges show of
   * coalesced ones.
   */
  extrasOf(range: PaintedRange): string[] {
    const entry = this.regions.find((it) => it.region === range.region);
    const end = range.offset + (range.last - range.first + 1n);
    const lines: string[] = [];
    for (const { address, size, fd } of entry?.ioeventfds ?? []) {
      const isTouched = address < end && address + BigInt(Math.max(size, 1)) > range.offset;
      const shown = range.first + (address - range.offset);
      // One that would begin below the first address of all is none.
      if (isTouched && shown >= 0n) lines.push(`ioeventfd ${shown}/${size} fd${fd}`);
    }
    for (const { offset, size } of entry?.coalescedRanges ?? []) {
      const from = offset > range.offset ? offset : range.offset;
      const to = offset + size < end ? offset + size : end;
      if (from < to) lines.push(`coalesced ${range.first + (from - range.offset)}+${to - from}`);
    }
    return lines;
  }

  /** The clients that watch a region, as bits. */
  maskOf(region: PlainRegion): number {
    const kind = this.regions.find((it) => it.region === region)?.kind ?? '';
    const isWatched = this.#isLoggingAll && WATCHED_KINDS.includes(kind);
    return region.dirtyLogMask | (isWatched ? LOG_BITS.migration : 0);
  }

  /** All codes with which an edit may be refused; empty if it must work. */
  refusals(edit: SimpleEdit): ErrorCode[] {
    switch (edit.do) {
      case 'create':
      case 'log all':
        return [];
      case 'alias':
        return this.#destroyed(this.#entry(edit.target));
      case 'address space':
        return this.#destroyed(this.#entry(edit.root));
      case 'destroy address space':
        return this.#space(edit.space).live ? [] : ['ERR_ADDRESS_SPACE_DESTROYED'];
      case 'add':
        return this.#placeRefusals(this.#entry(edit.region), edit.under);
      case 'remove':
        return this.#region(edit.region).parent ? [] : ['ERR_NOT_SUBREGION'];
      case 'destroy':
        return this.#destroyRefusals(this.#entry(edit.region));
      default:
        return this.#destroyed(this.#entry(edit.region));
    }
  }

  /** Whether there is something that the edit can be made of: a rom device for romd, an alias for its offset. */
  applies(edit: SimpleEdit): boolean {
    if (edit.do === 'create' || edit.do === 'log all') return true;
    if (edit.do === 'destroy address space') return this.spaces.length > 0;
    if (this.regions.length === 0) return false;
    if (edit.do === 'remove ioeventfd') return this.#entry(edit.region).ioeventfds.length > 0;
    if (edit.do === 'set alias offset') return this.#entry(edit.region).kind === 'alias';
    if (edit.do !== 'set flag' || edit.flag !== 'romd') return true;
    return this.#entry(edit.region).kind === 'rom-device';
  }

  /** Makes an edit that isn't refused. */
  apply(edit: SimpleEdit): void {
    switch (edit.do) {
      case 'create':
        this.#create(edit.kind, edit);
        break;
      case 'alias':
        this.#create('alias', edit, { target: this.#region(edit.target), offset: edit.offset });
        break;
      case 'address space':
        this.spaces.push({ root: this.#region(edit.root), live: true });
        break;
      case 'destroy address space':
        this.#space(edit.space).live = false;
        break;
      case 'log all':
        this.#isLoggingAll = edit.on;
        break;
      case 'add':
        this.#add(this.#region(edit.region), edit.under);
        break;
      case 'remove':
        removePlain(this.#region(edit.region));
        break;
      case 'destroy':
        this.#entry(edit.region).destroyed = true;
        break;
      case 'add ioeventfd':
      case 'remove ioeventfd':
      case 'add coalesced range':
      case 'clear coalesced ranges':
        list(this.#entry(edit.region), edit);
        break;
      default:
        set(this.#region(edit.region), edit);
    }
  }

  /** An edit as the calls that it takes: a region is made first, and then put in its place. */
  calls(edit: SimpleEdit): SimpleEdit[] {
    if (edit.do !== 'create' && edit.do !== 'alias') return [edit];
    const { under, ...made } = edit;
    const count = this.regions.length;
    if (under === undefined || count === 0) return [made];
    const place = { ...under, parent: under.parent % count };
    return [made, { do: 'add', region: count, under: place }];
  }

  save(): Saved {
    return {
      regions: this.regions.map((entry) => ({ ...entry, region: copy(entry.region) })),
      spaces: this.spaces.map(({ live }) => ({ live })),
      isLoggingAll: this.#isLoggingAll,
    };
  }

  /** Goes back. Regions made since stay, as they were when they were made; address spaces made since are gone. */
  restore(saved: Saved): void {
    for (const [i, entry] of this.regions.entries()) {
      const before = saved.regions[i];
      put(entry.region, before?.region ?? entry.fresh);
      entry.destroyed = before?.destroyed ?? false;
      entry.ioeventfds = before?.ioeventfds ?? [];
      entry.coalescedRanges = before?.coalescedRanges ?? [];
    }
    for (const [i, space] of this.spaces.entries()) space.live = saved.spaces[i]?.live ?? false;
    this.#isLoggingAll = saved.isLoggingAll;
  }

  /** Takes out what was made since, as if it had never been. */
  forget(saved: Saved): void {
    this.regions.length = saved.regions.length;
    this.spaces.length = saved.spaces.length;
  }

  #create(
    kind: ModelRegion['kind'],
    { size, flags }: { readonly size: bigint; readonly flags: Flags },
    alias?: { target: PlainRegion; offset: bigint },
  ): void {
    const region = plainRegion(`r${this.regions.length}`, size, {
      readonly: kind === 'rom',
      ...flags,
      terminates: kind !== 'container' && kind !== 'alias',
      alias,
    });
    this.regions.push({
      region,
      kind,
      destroyed: false,
      ioeventfds: [],
      coalescedRanges: [],
      fresh: copy(region),
    });
  }

  #add(child: PlainRegion, { parent, address, priority }: Place): void {
    addPlain(this.#region(parent), child, address, priority);
  }

  #destroyed(entry: ModelRegion): ErrorCode[] {
    return entry.destroyed ? ['ERR_REGION_DESTROYED'] : [];
  }

  #placeRefusals(child: ModelRegion, { parent: number }: Place): ErrorCode[] {
    const parent = this.#entry(number);
    const codes: ErrorCode[] = [...this.#destroyed(parent), ...this.#destroyed(child)];
    if (parent.kind === 'alias') codes.push('ERR_ALIAS_SUBREGION');
    if (child.region.parent !== undefined) codes.push('ERR_REGION_MAPPED');
    if (isUnder(parent.region, child.region)) codes.push('ERR_REGION_RECURSION');
    return codes;
  }

  #destroyRefusals(entry: ModelRegion): ErrorCode[] {
    const { region } = entry;
    const isUsed =
      region.parent !== undefined ||
      region.subregions.length > 0 ||
      this.regions.some((it) => !it.destroyed && it.region.alias?.target === region) ||
      this.spaces.some(({ live, root }) => live && root === region);
    return [...this.#destroyed(entry), ...(isUsed ? (['ERR_REGION_BUSY'] as const) : [])];
  }

  #entry(number: number): ModelRegion {
    const entry = this.regions[number % this.regions.length];
    if (entry === undefined) throw new Error('an edit of a region before there is any');
    return entry;
  }

  #region(number: number): PlainRegion {
    return this.#entry(number).region;
  }

  #space(number: number): ModelSpace {
    const space = this.spaces[number % this.spaces.length];
    if (space === undefined) throw new Error('an edit of an address space before there is any');
    return space;
  }
}

/** Edits of what a region has lists of. */
type ListEdit = Extract<
  SimpleEdit,
  { do: `${string}ioeventfd` | `${string}coalesced range${string}` }
>;

function list(entry: ModelRegion, edit: ListEdit): void {
  switch (edit.do) {
    case 'add ioeventfd':
      entry.ioeventfds = [...entry.ioeventfds, edit.ioeventfd].sort(compareIoEventFds);
      break;
    case 'remove ioeventfd':
      entry.ioeventfds = entry.ioeventfds.slice(1);
      break;
    case 'add coalesced range':
      entry.coalescedRanges = [...entry.coalescedRanges, { offset: edit.offset, size: edit.size }];
      break;
    case 'clear coalesced ranges':
      entry.coalescedRanges = [];
      break;
  }
}

function compareIoEventFds(a: PlainIoEventFd, b: PlainIoEventFd): number {
  return Number(a.address - b.address) || a.size - b.size || a.fd - b.fd;
}

/** Edits that set one property. */
export type SetEdit = Extract<SimpleEdit, { do: `set ${string}` }>;

function set(region: PlainRegion, edit: SetEdit): void {
  switch (edit.do) {
    case 'set address':
      if (edit.value !== region.address) movePlain(region, edit.value);
      break;
    case 'set priority':
      if (edit.value === region.priority) break;
      region.priority = edit.value;
      movePlain(region, region.address);
      break;
    case 'set size':
      region.size = edit.value;
      break;
    case 'set alias offset':
      if (region.alias !== undefined) region.alias.offset = edit.value;
      break;
    case 'set flag':
      region[edit.flag satisfies Flag] = edit.on;
      break;
    case 'set dirty log':
      if (edit.on) region.dirtyLogMask |= LOG_BITS[edit.client];
      else region.dirtyLogMask &= ~LOG_BITS[edit.client];
      break;
  }
}

/** Whether `region` is `ancestor` or lies somewhere under it. */
function isUnder(region: PlainRegion, ancestor: PlainRegion): boolean {
  for (let at: PlainRegion | undefined = region; at !== undefined; at = at.parent) {
    if (at === ancestor) return true;
  }
  return false;
}

function copy(region: PlainRegion): PlainRegion {
  const alias = region.alias && { ...region.alias };
  return { ...region, alias, subregions: [...region.subregions] };
}

/** Makes `region` what `before` is. */
function put(region: PlainRegion, before: PlainRegion): void {
  Object.assign(region, copy(before));
}
