import { lastAddress } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import { inSlices, type LongWorkOptions, type Steps } from '../../long-work.js';
import type { Recording } from '../recording/read-recording.js';
import type { RecordedStep } from '../recording/recorded-step.js';
import { RecordedTopology, replayProgress } from '../recording/recorded-topology.js';
import { assumedConsumers } from './assumed-consumers.js';
import { type PageMapOptions, pageMapSteps } from './build-page-map.js';
import { MapTimeline, type PackedSpaceEdit, type PackedStep } from './map-timeline.js';
import {
  type PackedSpace,
  packExtent,
  packNumber,
  packRegion,
  packSpace,
  SayingList,
} from './map-transport.js';
import { mapWindow } from './map-window.js';
import type { Extent, PageMap } from './page-map.js';
import { RegionList } from './region-list.js';
import { editsBetween, type RowEdit } from './row-edits.js';

/** Which steps a timeline has, and how their maps are made. */
export interface TimelineOptions extends PageMapOptions {
  /** What it is called, such as the name of the file. */
  readonly title?: string;
  /** The first step. Default: 0, the beginning. */
  readonly from?: number;
  /** The last step. Default: that of the recording. */
  readonly to?: number;
  /** Of the address spaces of this name only. */
  readonly addressSpace?: string;
  /** Of these addresses only, rounded outward to whole pages. */
  readonly window?: Extent;
  /** How many characters the maps may take, before they are compressed. What is behind is left out. Default: 2^26. */
  readonly maxLength?: number;
}

type NewSpace = number | PackedSpaceEdit | PackedSpace;

/**
 * The maps of the steps of a recording, one after the other, while the event loop turns. Of each step only what it
 * changed is kept.
 *
 * @throws `ERR_INVALID_ARGUMENT`: there is no step `from`, or `to` lies before it; as {@link RecordedTopology.next}; the
 *   signal's reason
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { buildTimeline, type TimelineOptions } from 'flatview/map';
 * import { readRecording } from 'flatview/recording';
 *
 * const boot = readRecording(readFileSync('examples/recordings/pc-seabios.fvr.gz'));
 * const options: TimelineOptions = { from: 18, to: 20, addressSpace: 'memory' };
 * const timeline = await buildTimeline(boot, options);
 * timeline.steps.map(({ number }) => number); // => [18, 19, 20]
 * await buildTimeline(boot, { from: 20, to: 18 }); // throws ERR_INVALID_ARGUMENT
 * ```
 */
export function buildTimeline(
  recording: Recording,
  options: TimelineOptions & LongWorkOptions = {},
): Promise<MapTimeline> {
  return inSlices(timelineSteps(recording, options), options);
}

/** Makes a timeline. */
export function* timelineSteps(recording: Recording, options: TimelineOptions): Steps<MapTimeline> {
  const { from = 0, to = Number.POSITIVE_INFINITY, maxLength = 2 ** 26 } = options;
  if (to < from) {
    const message = `step ${to} lies before step ${from}`;
    throw new FlatviewError('ERR_INVALID_ARGUMENT', message);
  }
  using replayed = new RecordedTopology(recording);
  yield* replayed.advancing(from);
  const builder = new TimelineBuilder(replayed, options);
  yield* builder.add(replayed.step);
  while ((replayed.step?.number ?? 0) < to && builder.length < maxLength) {
    const step = replayed.next();
    if (step === undefined) break;
    yield replayProgress(step, Math.min(to, recording.stepCount));
    yield* builder.add(step);
  }
  return builder.finish(recording.stepCount);
}

/** Gathers the maps of steps, each as what is otherwise than in the one before. */
class TimelineBuilder {
  readonly #replayed: RecordedTopology;
  readonly #options: TimelineOptions & { readonly pageSize: bigint };
  readonly #regions = new RegionList();
  readonly #sayings = new SayingList();
  readonly #steps: PackedStep[] = [];
  #window: Extent = { first: 0n, last: lastAddress };
  #first: readonly PackedSpace[] = [];
  #spaces: readonly PackedSpace[] = [];
  #length = 0;

  constructor(replayed: RecordedTopology, options: TimelineOptions) {
    const { pageSize = 4096n } = options;
    this.#replayed = replayed;
    this.#options = { consumers: assumedConsumers(pageSize), ...options, pageSize };
  }

  /** Characters of all that was gathered, about. */
  get length(): number {
    return this.#length;
  }

  *add(step: RecordedStep | undefined): Steps<void> {
    const { window } = this.#options;
    const whole = yield* pageMapSteps(this.#wantedSpaces(), this.#options, this.#regions);
    const map: PageMap = window === undefined ? whole : mapWindow(whole, window);
    const spaces = map.spaces.map((space) => packSpace(space, this.#sayings));
    this.#window = map.window;
    const { number = 0, time = 0, label } = step ?? {};
    if (this.#steps.length === 0) {
      this.#first = spaces;
      this.#steps.push({ number, time, label });
      this.#length += lengthOf(spaces);
    } else {
      const changed = changedSpaces(this.#spaces, spaces);
      this.#steps.push({ number, time, label, ...(changed && { spaces: changed }) });
      this.#length += lengthOf(changed ?? []) + 40;
    }
    this.#spaces = spaces;
  }

  finish(recorded: number): MapTimeline {
    const { title = 'recording', pageSize } = this.#options;
    return new MapTimeline({
      title,
      pageSize: packNumber(pageSize),
      window: packExtent(this.#window),
      regions: this.#regions.regions.map(packRegion),
      identities: this.#regions.identities,
      sayings: this.#sayings.sayings,
      spaces: this.#first,
      steps: this.#steps,
      recorded,
    });
  }

  #wantedSpaces() {
    const { addressSpace } = this.#options;
    const { addressSpaces } = this.#replayed;
    return addressSpace === undefined
      ? addressSpaces
      : addressSpaces.filter(({ name }) => name === addressSpace);
  }
}

/** What makes `after` of `before`; `undefined` where they are the same. */
function changedSpaces(
  before: readonly PackedSpace[],
  after: readonly PackedSpace[],
): NewSpace[] | undefined {
  const places = new Map(
    [...before.entries()].reverse().flatMap(([at, { names }]) => names.map((name) => [name, at])),
  );
  const changed = after.map((space): NewSpace => {
    const from = space.names.map((name) => places.get(name)).find((at) => at !== undefined);
    const old = from === undefined ? undefined : before[from];
    return from === undefined || old === undefined || !isLike(old, space)
      ? space
      : editOf(old, space, from);
  });
  const isSame = before.length === after.length && changed.every((one, at) => one === at);
  return isSame ? undefined : changed;
}

/** Whether rows can be told by those of the other one. */
function isLike(one: PackedSpace, other: PackedSpace): boolean {
  const namesOf = ({ consumers }: PackedSpace) => consumers.map(({ name }) => name).join();
  return one.root === other.root && namesOf(one) === namesOf(other);
}

function editOf(before: PackedSpace, after: PackedSpace, from: number): NewSpace {
  const ranges = editsBetween(before.ranges, after.ranges);
  const placements = editsBetween(before.placements, after.placements);
  const verdicts = after.consumers.map(({ verdicts: rows }, at) =>
    editsBetween(before.consumers[at]?.verdicts ?? [], rows),
  );
  const isRenamed = before.names.join('\n') !== after.names.join('\n');
  const edits: RowEdit[] = [...ranges, ...placements, ...verdicts.flat()];
  const { names, complete } = after;
  if (edits.length === 0 && !isRenamed && complete === before.complete) return from;
  return { from, complete, ranges, placements, verdicts, ...(isRenamed && { names }) };
}

function lengthOf(value: unknown): number {
  return JSON.stringify(value).length;
}
