import type {
  ConsumerMap,
  MapRange,
  MapRegion,
  MapVerdict,
  PageMap,
  Placement,
  RangeState,
  SpaceMap,
} from './page-map.js';
import { pageRuns } from './page-runs.js';

/** A map as it travels in a page: rows instead of objects, addresses in hexadecimal. */
export interface PackedMap {
  readonly title: string;
  readonly pageSize: string;
  readonly window: readonly [string, string];
  readonly regions: readonly (readonly [string, string, number, string, string | null])[];
  readonly spaces: readonly PackedSpace[];
  /** What verdicts say, once each. */
  readonly texts: readonly string[];
}

interface PackedSpace {
  readonly names: readonly string[];
  readonly root: string;
  readonly complete: boolean;
  readonly ranges: readonly (readonly [string, string, number, string, RangeState, number])[];
  readonly placements: readonly (readonly [
    string,
    string,
    number,
    number,
    string,
    number,
    number,
  ])[];
  readonly consumers: readonly {
    readonly name: string;
    /** The last member is the place of the text in {@link PackedMap.texts}. */
    readonly verdicts: readonly (readonly [string, string, number, string, number])[];
  }[];
}

/** Where and of what a refusal is: a page says that beside it. */
const placeInText = /^0x[0-9a-f]+-0x[0-9a-f]+ of "[^"]*": /;

/** Texts by their places: each is there once. */
class TextList {
  readonly texts: string[] = [];
  readonly #places = new Map<string, number>();

  placeOf(text: string): number {
    const known = this.#places.get(text);
    if (known !== undefined) return known;
    const place = this.texts.push(text) - 1;
    this.#places.set(text, place);
    return place;
  }
}

export function packMap(title: string, map: PageMap): PackedMap {
  const list = new TextList();
  const spaces = map.spaces.map((space) => packSpace(space, list));
  return {
    title,
    pageSize: pack(map.pageSize),
    window: [pack(map.window.first), pack(map.window.last)],
    regions: map.regions.map(({ name, kind, priority, size, owner }) => [
      name,
      kind,
      priority,
      pack(size),
      owner ?? null,
    ]),
    spaces,
    texts: list.texts,
  };
}

function packSpace(
  { names, root, complete, ranges, placements, consumers }: SpaceMap,
  list: TextList,
): PackedSpace {
  return {
    names,
    root,
    complete,
    ranges: ranges.map(({ first, last, region, offset, state, nonvolatile }) => [
      pack(first),
      pack(last),
      region,
      pack(offset),
      state,
      Number(nonvolatile),
    ]),
    placements: placements.map(({ first, last, region, through, start, rank, disabled }) => [
      pack(first),
      pack(last),
      region,
      through,
      pack(start),
      rank,
      Number(disabled),
    ]),
    consumers: consumers.map(({ name, verdicts }) => ({
      name,
      verdicts: verdicts.map(({ first, last, mapped, code, text }) => [
        pack(first),
        pack(last),
        Number(mapped),
        code,
        list.placeOf(text.replace(placeInText, '')),
      ]),
    })),
  };
}

export function unpackMap(packed: PackedMap): PageMap {
  const pageSize = unpack(packed.pageSize);
  const [first, last] = packed.window;
  return {
    pageSize,
    window: { first: unpack(first), last: unpack(last) },
    regions: packed.regions.map(
      ([name, kind, priority, size, owner]): MapRegion => ({
        name,
        kind,
        priority,
        size: unpack(size),
        owner: owner ?? undefined,
      }),
    ),
    spaces: packed.spaces.map((space) => unpackSpace(space, pageSize, packed.texts)),
  };
}

function unpackSpace(packed: PackedSpace, pageSize: bigint, texts: readonly string[]): SpaceMap {
  const { names, root, complete } = packed;
  const ranges = packed.ranges.map(
    ([first, last, region, offset, state, nonvolatile]): MapRange => ({
      first: unpack(first),
      last: unpack(last),
      region,
      offset: unpack(offset),
      state,
      nonvolatile: nonvolatile !== 0,
    }),
  );
  const placements = packed.placements.map(
    ([first, last, region, through, start, rank, disabled]): Placement => ({
      first: unpack(first),
      last: unpack(last),
      region,
      through,
      start: unpack(start),
      rank,
      disabled: disabled !== 0,
    }),
  );
  const consumers = packed.consumers.map(
    ({ name, verdicts }): ConsumerMap => ({
      name,
      verdicts: verdicts.map(
        ([first, last, mapped, code, text]): MapVerdict => ({
          first: unpack(first),
          last: unpack(last),
          mapped: mapped !== 0,
          code,
          text: texts[text] ?? '',
        }),
      ),
    }),
  );
  return {
    names,
    root,
    complete,
    ranges,
    placements,
    consumers,
    pages: pageRuns(ranges, pageSize),
  };
}

function pack(value: bigint): string {
  return value.toString(16);
}

function unpack(text: string): bigint {
  return text.startsWith('-') ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`);
}
