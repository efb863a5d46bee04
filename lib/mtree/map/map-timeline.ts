import { FlatviewError } from '../../errors.js';
import { partitionPoint } from '../../partition-point.js';
import {
  type PackedMap,
  type PackedRegion,
  type PackedSpace,
  unpackExtent,
  unpackNumber,
  unpackRange,
  unpackRegion,
  unpackSpace,
} from './map-transport.js';
import type { Extent, MapRange, MapRegion, PageMap, SpaceMap } from './page-map.js';
import { applyEdits, type RowEdit } from './row-edits.js';

/** A step of a recording, and when it was. */
export interface TimelineStep {
  /** Its number in the recording; 0 is the beginning. */
  readonly number: number;
  /** Milliseconds since the beginning. */
  readonly time: number;
  /** What was marked before it. */
  readonly label: string | undefined;
}

/** A step at which another region answers at an address than before; `undefined` where nothing does. */
export interface TimelineHands {
  /** The step. */
  readonly step: TimelineStep;
  /** Who answers before it. */
  readonly before: MapRegion | undefined;
  /** Who answers after it. */
  readonly after: MapRegion | undefined;
}

/** Steps of a recording as they travel in a page: the map of the first one, and what each later one changed. */
export interface PackedTimeline extends PackedMap {
  /** Those of all steps. A region whose priority or size changes is there again. */
  readonly regions: readonly PackedRegion[];
  /** For each of the regions, which one it is: that of one which is there again is the same. */
  readonly identities: readonly number[];
  /** What the first step shows. */
  readonly spaces: readonly PackedSpace[];
  readonly steps: readonly PackedStep[];
  /** How many steps the recording has. */
  readonly recorded: number;
}

export interface PackedStep {
  readonly number: number;
  readonly time: number;
  readonly label?: string | undefined;
  /** Each space: the place of the one that it was at the step before, what changed of that, or a new one. */
  readonly spaces?: readonly (number | PackedSpaceEdit | PackedSpace)[];
}

export interface PackedSpaceEdit {
  readonly from: number;
  readonly names?: readonly string[];
  readonly complete: boolean;
  readonly ranges: readonly RowEdit[];
  readonly placements: readonly RowEdit[];
  /** Of each consumer. */
  readonly verdicts: readonly (readonly RowEdit[])[];
}

type PackedSpaces = readonly PackedSpace[];

/**
 * The maps of some consecutive steps of a recording. It holds the first one whole, and of each later one what changed;
 * a map is put together when it is asked for.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import {
 *   buildTimeline,
 *   type MapTimeline,
 *   type TimelineHands,
 *   type TimelineStep,
 * } from 'flatview/map';
 * import { readRecording } from 'flatview/recording';
 *
 * const boot = readRecording(readFileSync('examples/recordings/pc-seabios.fvr.gz'));
 * const timeline: MapTimeline = await buildTimeline(boot, { addressSpace: 'memory' });
 * const [taken]: readonly TimelineHands[] = timeline.handsAt('memory', 0xfd00_0000n);
 * const step: TimelineStep | undefined = taken?.step;
 * [step?.number, taken?.after?.name]; // => [19, 'vga.vram']
 * const ranges = (at: number) => timeline.mapAt(at, 'memory').spaces[0]?.ranges.length;
 * [ranges(18), ranges(19)]; // => [7, 8]
 * ```
 */
export class MapTimeline {
  /** @internal */
  readonly packed: PackedTimeline;
  /** What the recording is called. */
  readonly title: string;
  /** The steps that it has maps of, in their order. */
  readonly steps: readonly TimelineStep[];
  /** A name for each space that shows anything at any of the steps, `memory` first. */
  readonly names: readonly string[];
  readonly #regions: readonly MapRegion[];
  readonly #pageSize: bigint;
  readonly #window: Extent;
  /** What some of the steps show, by their places: the others are reached from there. */
  readonly #waypoints: PackedSpaces[];
  readonly #distance: number;
  /** What was put together lately. */
  readonly #unpacked = new WeakMap<PackedSpace, SpaceMap>();

  /** @internal */
  constructor(packed: PackedTimeline) {
    this.packed = packed;
    this.title = packed.title;
    this.steps = packed.steps.map(({ number, time, label }) => ({ number, time, label }));
    this.#regions = packed.regions.map(unpackRegion);
    this.#pageSize = unpackNumber(packed.pageSize);
    this.#window = unpackExtent(packed.window);
    this.#distance = Math.ceil(Math.sqrt(packed.steps.length)) || 1;
    this.#waypoints = [];
    const names = new Set<string>();
    for (const [at, spaces] of this.#walk()) {
      if (at % this.#distance === 0) this.#waypoints.push(spaces);
      for (const space of spaces) if (space.ranges.length > 0) names.add(nameOf(space));
    }
    this.names = [...names].sort((a, b) => Number(b === 'memory') - Number(a === 'memory'));
  }

  /** The number of the first step. */
  get first(): number {
    return this.steps[0]?.number ?? 0;
  }

  /** The number of the last step. */
  get last(): number {
    return this.steps.at(-1)?.number ?? 0;
  }

  /** How many steps the recording has. */
  get recorded(): number {
    return this.packed.recorded;
  }

  /**
   * What showed after a step.
   *
   * @param name Only the space that has this name.
   * @throws `ERR_INVALID_ARGUMENT` unless it is one of the steps
   */
  mapAt(step: number, name?: string): PageMap {
    const spaces = this.#spacesAt(this.#placeOf(step));
    const wanted = name === undefined ? spaces : spaces.filter(({ names }) => names.includes(name));
    return {
      pageSize: this.#pageSize,
      window: this.#window,
      regions: this.#regions,
      spaces: wanted.map((space) => this.#unpack(space)),
    };
  }

  /** The steps at which `address` went from one region to another, in the space called `name`. */
  handsAt(name: string, address: bigint): TimelineHands[] {
    const hands: TimelineHands[] = [];
    let rows: readonly string[] | undefined;
    let before = -1;
    for (const [at, spaces, step] of this.#walk()) {
      const ranges = spaces.find(({ names }) => names.includes(name))?.ranges ?? [];
      if (ranges === rows) continue;
      rows = ranges;
      const after = rangeAt(ranges, address)?.region ?? -1;
      if (at > 0 && !this.#isSame(before, after)) {
        hands.push({ step, before: this.#regions[before], after: this.#regions[after] });
      }
      before = after;
    }
    return hands;
  }

  #isSame(region: number, other: number): boolean {
    const { identities } = this.packed;
    return identities[region] === identities[other];
  }

  #placeOf(step: number): number {
    const place = step - this.first;
    if (this.steps[place] !== undefined) return place;
    throw new FlatviewError(
      'ERR_INVALID_ARGUMENT',
      `there is no step ${step}: these are ${this.first} to ${this.last}`,
    );
  }

  #unpack(space: PackedSpace): SpaceMap {
    const known = this.#unpacked.get(space);
    if (known !== undefined) return known;
    const made = unpackSpace(space, this.#pageSize, this.packed.sayings);
    this.#unpacked.set(space, made);
    return made;
  }

  #spacesAt(place: number): PackedSpaces {
    const waypoint = Math.floor(place / this.#distance);
    let spaces = this.#waypoints[waypoint] ?? [];
    for (let at = waypoint * this.#distance + 1; at <= place; at++) {
      spaces = spacesAfter(spaces, this.packed.steps[at]);
    }
    return spaces;
  }

  *#walk(): Generator<[at: number, spaces: PackedSpaces, step: TimelineStep], void> {
    let { spaces } = this.packed;
    for (const [at, step] of this.steps.entries()) {
      if (at > 0) spaces = spacesAfter(spaces, this.packed.steps[at]);
      yield [at, spaces, step];
    }
  }
}

function spacesAfter(spaces: PackedSpaces, step: PackedStep | undefined): PackedSpaces {
  return (
    step?.spaces?.flatMap((change) => {
      if (typeof change === 'number') return spaces[change] ?? [];
      if (!('from' in change)) return change;
      const space = spaces[change.from];
      return space === undefined ? [] : editedSpace(space, change);
    }) ?? spaces
  );
}

function editedSpace(space: PackedSpace, edit: PackedSpaceEdit): PackedSpace {
  return {
    root: space.root,
    names: edit.names ?? space.names,
    complete: edit.complete,
    ranges: applyEdits(space.ranges, edit.ranges),
    placements: applyEdits(space.placements, edit.placements),
    consumers: space.consumers.map(({ name, verdicts }, at) => ({
      name,
      verdicts: applyEdits(verdicts, edit.verdicts[at] ?? []),
    })),
  };
}

function nameOf({ names }: PackedSpace): string {
  return names.includes('memory') ? 'memory' : (names[0] ?? '');
}

/** The one of ascending ranges that shows at an address. */
function rangeAt(rows: readonly string[], address: bigint): MapRange | undefined {
  const at = partitionPoint(rows.length, (place) => unpackRange(rows[place] ?? '').last < address);
  const row = rows[at];
  const found = row === undefined ? undefined : unpackRange(row);
  return found !== undefined && found.first <= address ? found : undefined;
}
