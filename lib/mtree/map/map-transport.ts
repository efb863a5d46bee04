import type {
  ConsumerMap,
  Extent,
  MapRange,
  MapRegion,
  MapVerdict,
  PageMap,
  Placement,
  RangeState,
  SpaceMap,
} from './page-map.js';
import { pageRuns } from './page-runs.js';

/**
 * A map as it travels in a page. What there is many of are rows, texts whose numbers are hexadecimal: they are small,
 * compare fast, and say nothing of other rows of their list, so that a later state can be told by the rows that changed.
 */
export interface PackedMap {
  readonly title: string;
  readonly pageSize: string;
  readonly window: readonly [string, string];
  readonly regions: readonly PackedRegion[];
  readonly spaces: readonly PackedSpace[];
  /** What verdicts say, once each: a code and a text. */
  readonly sayings: readonly PackedSaying[];
}

export type PackedRegion = readonly [
  name: string,
  kind: string,
  priority: number,
  size: string,
  owner: string | null,
];

export type PackedSaying = readonly [code: string, text: string];

export interface PackedSpace {
  readonly names: readonly string[];
  readonly root: string;
  readonly complete: boolean;
  /** First address, bytes but one, region, state, offset unless it is 0. */
  readonly ranges: readonly string[];
  /**
   * Depth in the tree, first address, bytes but one, region, flags, start unless that is the first address. Each stands
   * behind the one that it is seen through, and the ranks are those of a walk that comes to a region after all that
   * lies in front of it.
   */
  readonly placements: readonly string[];
  readonly consumers: readonly PackedConsumer[];
}

export interface PackedConsumer {
  readonly name: string;
  /** First address, bytes but one, place in {@link PackedMap.sayings}, and 1 if it is mapped. */
  readonly verdicts: readonly string[];
}

/** The order is that of the numbers in rows. */
const states: readonly RangeState[] = [
  'ram',
  'rom',
  'device',
  'romd',
  'trapped',
  'reserved',
  'iommu',
];

/** Added to the number of a state. */
const nonvolatileFlag = 8;

const placementFlag = { disabled: 1, answers: 2 };

/** Where and of what a refusal is: a page says that beside it. */
const placeInText = /^0x[0-9a-f]+-0x[0-9a-f]+ of "[^"]*": /;

/** What verdicts say, by their places: each is there once. */
export class SayingList {
  readonly sayings: PackedSaying[] = [];
  readonly #places = new Map<string, number>();

  placeOf({ code, text }: MapVerdict): number {
    const said = text.replace(placeInText, '');
    const key = `${code} ${said}`;
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const place = this.sayings.push([code, said]) - 1;
    this.#places.set(key, place);
    return place;
  }
}

export function packMap(title: string, map: PageMap): PackedMap {
  const list = new SayingList();
  return {
    title,
    pageSize: packNumber(map.pageSize),
    window: packExtent(map.window),
    regions: map.regions.map(packRegion),
    spaces: map.spaces.map((space) => packSpace(space, list)),
    sayings: list.sayings,
  };
}

export function packExtent({ first, last }: Extent): readonly [string, string] {
  return [packNumber(first), packNumber(last)];
}

export function packRegion({ name, kind, priority, size, owner }: MapRegion): PackedRegion {
  return [name, kind, priority, packNumber(size), owner ?? null];
}

export function packSpace(space: SpaceMap, list: SayingList): PackedSpace {
  const { names, root, complete, ranges, placements, consumers } = space;
  return {
    names,
    root,
    complete,
    ranges: ranges.map(packRange),
    placements: packPlacements(placements),
    consumers: consumers.map(({ name, verdicts }) => ({
      name,
      verdicts: verdicts.map((verdict) => packVerdict(verdict, list)),
    })),
  };
}

function packRange({ first, last, region, offset, state, nonvolatile }: MapRange): string {
  const look = states.indexOf(state) + (nonvolatile ? nonvolatileFlag : 0);
  const row = `${packNumber(first)} ${packNumber(last - first)} ${region.toString(16)} ${look.toString(16)}`;
  return offset === 0n ? row : `${row} ${packNumber(offset)}`;
}

function packPlacements(placements: readonly Placement[]): string[] {
  const depths = new Uint16Array(placements.length);
  return placements.map(({ first, last, region, through, start, rank, disabled }, at) => {
    const depth = through < 0 ? 0 : (depths[through] ?? 0) + 1;
    depths[at] = depth;
    const flags = (disabled ? placementFlag.disabled : 0) + (rank < 0 ? 0 : placementFlag.answers);
    const row = `${depth.toString(16)} ${packNumber(first)} ${packNumber(last - first)} ${region.toString(16)} ${flags}`;
    return start === first ? row : `${row} ${packNumber(start)}`;
  });
}

function packVerdict(verdict: MapVerdict, list: SayingList): string {
  const { first, last, mapped } = verdict;
  const row = `${packNumber(first)} ${packNumber(last - first)} ${list.placeOf(verdict).toString(16)}`;
  return mapped ? `${row} 1` : row;
}

export function unpackMap(packed: PackedMap): PageMap {
  const pageSize = unpackNumber(packed.pageSize);
  return {
    pageSize,
    window: unpackExtent(packed.window),
    regions: packed.regions.map(unpackRegion),
    spaces: packed.spaces.map((space) => unpackSpace(space, pageSize, packed.sayings)),
  };
}

export function unpackExtent([first, last]: readonly [string, string]): Extent {
  return { first: unpackNumber(first), last: unpackNumber(last) };
}

export function unpackRegion([name, kind, priority, size, owner]: PackedRegion): MapRegion {
  return { name, kind, priority, size: unpackNumber(size), owner: owner ?? undefined };
}

export function unpackSpace(
  packed: PackedSpace,
  pageSize: bigint,
  sayings: readonly PackedSaying[],
): SpaceMap {
  const { names, root, complete } = packed;
  const ranges = packed.ranges.map(unpackRange);
  let placements: readonly Placement[] | undefined;
  return {
    names,
    root,
    complete,
    ranges,
    /** Unpacked when they are asked for: much can be shown without. */
    get placements() {
      placements ??= unpackPlacements(packed.placements);
      return placements;
    },
    consumers: packed.consumers.map(
      ({ name, verdicts }): ConsumerMap => ({
        name,
        verdicts: verdicts.map((row) => unpackVerdict(row, sayings)),
      }),
    ),
    pages: pageRuns(ranges, pageSize),
  };
}

export function unpackRange(row: string): MapRange {
  const [from = '', size = '', region = '', look = '', offset] = row.split(' ');
  const first = unpackNumber(from);
  const number = Number.parseInt(look, 16);
  return {
    first,
    last: first + unpackNumber(size),
    region: Number.parseInt(region, 16),
    offset: offset === undefined ? 0n : unpackNumber(offset),
    state: states[number % nonvolatileFlag] ?? 'reserved',
    nonvolatile: number >= nonvolatileFlag,
  };
}

function unpackPlacements(rows: readonly string[]): Placement[] {
  const placements: Placement[] = [];
  const ranks = new RankCounter();
  /** The places of those that the next one may be seen through, by their depth. */
  const way: number[] = [];
  for (const [at, row] of rows.entries()) {
    const [level = '', from = '', size = '', region = '', flag = '', start] = row.split(' ');
    const depth = Number.parseInt(level, 16);
    const flags = Number(flag);
    const first = unpackNumber(from);
    ranks.enter(at, depth, (flags & placementFlag.answers) !== 0);
    way[depth] = at;
    placements.push({
      first,
      last: first + unpackNumber(size),
      region: Number.parseInt(region, 16),
      through: depth === 0 ? -1 : (way[depth - 1] ?? -1),
      start: start === undefined ? first : unpackNumber(start),
      rank: -1,
      disabled: (flags & placementFlag.disabled) !== 0,
    });
  }
  const order = ranks.finish();
  return placements.map((placement, at) => ({ ...placement, rank: order[at] ?? -1 }));
}

/** Ranks in the order in which regions are left: all that lies in front of one is among what is seen through it. */
class RankCounter {
  readonly #ranks: number[] = [];
  readonly #open: { readonly at: number; readonly depth: number; readonly answers: boolean }[] = [];
  #next = 0;

  enter(at: number, depth: number, answers: boolean): void {
    this.#leave(depth);
    this.#open.push({ at, depth, answers });
  }

  /** @returns The rank of each place. */
  finish(): readonly number[] {
    this.#leave(0);
    return this.#ranks;
  }

  #leave(depth: number): void {
    for (let top = this.#open.at(-1); top && top.depth >= depth; top = this.#open.at(-1)) {
      this.#ranks[top.at] = top.answers ? this.#next++ : -1;
      this.#open.pop();
    }
  }
}

function unpackVerdict(row: string, sayings: readonly PackedSaying[]): MapVerdict {
  const [from = '', size = '', saying = '', mapped] = row.split(' ');
  const first = unpackNumber(from);
  const [code, text] = sayings[Number.parseInt(saying, 16)] ?? ['', ''];
  return { first, last: first + unpackNumber(size), mapped: mapped === '1', code, text };
}

export function packNumber(value: bigint): string {
  return value.toString(16);
}

export function unpackNumber(text: string): bigint {
  // Most are short, and a number is read several times as fast.
  if (text.length <= 13) return BigInt(Number.parseInt(text, 16));
  return text.startsWith('-') ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`);
}
