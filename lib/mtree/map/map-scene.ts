import { AddressScale, type ScaleMode } from './address-scale.js';
import { spaceCalled } from './changed-spaces.js';
import { kindState } from './kind-state.js';
import { type MapChange, mapChanges } from './map-changes.js';
import type { Extent, MapRange, MapRegion, PageMap, SpaceMap } from './page-map.js';
import { PlacementStack } from './placement-stack.js';
import { rangePieces } from './range-pieces.js';
import { sizeText } from './size-text.js';
import { stackLayers } from './stack-layers.js';
import { stateColours, verdictColours } from './state-colours.js';
import { consumerWord } from './state-words.js';
import { Track } from './track.js';
import { isRefusedMemory } from './verdict-sweep.js';

/** How an interval looks. */
export interface Look {
  readonly fill: string;
  readonly text: string;
  readonly label: string;
  /** What is said behind the label, where there is room. */
  readonly note: string;
  /** Whether its region is disabled, and so only an outline. */
  readonly isOutline: boolean;
}

/** A column of the picture. */
export interface Column {
  readonly kind: 'answer' | 'verdict' | 'layer' | 'pages';
  readonly heading: string;
  readonly track: Track;
  look(index: number): Look;
}

/** One state of what is shown. */
export interface SceneSide {
  readonly title: string;
  readonly space: SpaceMap;
  readonly regions: readonly MapRegion[];
  readonly pieces: readonly MapRange[];
  /** What lies below what shows. Made when it is asked for first. */
  stack(): PlacementStack;
  readonly columns: readonly Column[];
}

/** What is asked for. */
export interface SceneOptions {
  readonly mode: ScaleMode;
  /** Whether disabled regions are drawn, too. */
  readonly disabled: boolean;
  /** Whether two states are shown beside each other; otherwise the last one is, with what changed since the first. */
  readonly isBeside: boolean;
}

/** An address space in one state or two, laid out. */
export interface MapScene {
  readonly scale: AddressScale;
  /** What is shown. */
  readonly sides: readonly SceneSide[];
  /** Whether there is an earlier state, shown or not, and its regions. */
  readonly isCompared: boolean;
  readonly earlierRegions: readonly MapRegion[];
  readonly changes: readonly MapChange[];
  readonly changeTrack: Track;
  readonly pageSize: bigint;
  /** Hexadecimal digits of the highest address. */
  readonly digits: number;
}

/** More layers than this are not drawn. */
const layerLimit = 12;

/** Lays out the space called `name` of each state, but for the layers below what shows: see {@link withLayers}. */
export function layOut(
  states: readonly { readonly title: string; readonly map: PageMap }[],
  name: string,
  options: SceneOptions,
): MapScene {
  const bare = states.map(({ title, map }) => {
    const space = spaceCalled(name, map);
    return { title, space, regions: map.regions, pieces: rangePieces(space) };
  });
  const scale = new AddressScale(
    bare.map(({ pieces }) => pieces),
    options.mode,
  );
  const shown = options.isBeside ? bare : bare.slice(-1);
  const sides = shown.map((side) => ({
    ...side,
    stack: onDemand(() => new PlacementStack(side.space.placements)),
    columns: columnsOf(side, scale),
  }));
  const [before, after] = bare;
  const changes = before && after ? mapChanges(before, after) : [];
  const last = Math.max(
    ...bare.map(({ space }) => space.ranges.at(-1)?.last.toString(16).length ?? 0),
  );
  return {
    scale,
    sides,
    isCompared: after !== undefined,
    earlierRegions: before?.regions ?? [],
    changes,
    changeTrack: trackOf(changes, scale),
    pageSize: states[0]?.map.pageSize ?? 4096n,
    digits: Math.max(8, last),
  };
}

type BareSide = Omit<SceneSide, 'stack' | 'columns'>;

/** The scene with the layers of its last state: they take as long as all the rest. */
export function withLayers(scene: MapScene, { disabled }: SceneOptions): MapScene {
  const sides = scene.sides.map((side, index) => {
    if (index < scene.sides.length - 1) return side;
    return { ...side, columns: [...side.columns, ...layerColumns(side, scene.scale, disabled)] };
  });
  return { ...scene, sides };
}

function onDemand<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function columnsOf(side: BareSide, scale: AddressScale): Column[] {
  return [
    pagesColumn(side, scale),
    answerColumn(side, scale),
    ...side.space.consumers.map((_, at) => verdictColumn(side, at, scale)),
  ];
}

/** @param extents Ascending, none overlapping another. */
function trackOf(extents: readonly Extent[], scale: AddressScale): Track {
  return new Track(scale.stretches(extents));
}

function pagesColumn({ space }: BareSide, scale: AddressScale): Column {
  const split =
    space.consumers.length === 0 ? [] : space.pages.filter(({ state }) => state === 'split');
  const look: Look = { fill: '#b45309', text: '', label: '', note: '', isOutline: false };
  return { kind: 'pages', heading: '½', track: trackOf(split, scale), look: () => look };
}

function answerColumn({ pieces, regions, title }: BareSide, scale: AddressScale): Column {
  return {
    kind: 'answer',
    heading: title,
    track: trackOf(pieces, scale),
    look: (index) => {
      const piece = pieces[index];
      const state = piece?.state ?? 'empty';
      const offset = piece?.offset ?? 0n;
      const name = regions[piece?.region ?? -1]?.name ?? '';
      const label = offset === 0n ? name : `${name} +0x${offset.toString(16)}`;
      const note = piece ? sizeText(piece.last - piece.first + 1n) : '';
      return { ...stateColours[state], label, note, isOutline: false };
    },
  };
}

function verdictColumn({ space }: BareSide, at: number, scale: AddressScale): Column {
  const consumer = space.consumers[at];
  const name = consumer?.name ?? '';
  const verdicts = (consumer?.verdicts ?? []).filter(
    (verdict) => verdict.mapped || isRefusedMemory(verdict),
  );
  const { letter } = consumerWord(name);
  const rest = { note: '', isOutline: false };
  const mapped = { ...verdictColours.mapped, label: letter, ...rest };
  const refused = { ...verdictColours.refused, label: '!', ...rest };
  return {
    kind: 'verdict',
    heading: name,
    track: trackOf(verdicts, scale),
    look: (index) => (verdicts[index]?.mapped ? mapped : refused),
  };
}

function layerColumns(
  { space, regions }: BareSide,
  scale: AddressScale,
  disabled: boolean,
): Column[] {
  const layers = stackLayers(space.placements, { disabled });
  const members: number[][] = [];
  for (const [at, layer] of layers.entries()) {
    if (layer < 0 || layer >= layerLimit) continue;
    const list = members[layer] ?? [];
    members[layer] = list;
    list.push(at);
  }
  return members.map((list, layer): Column => {
    const placements = list.flatMap((at) => space.placements[at] ?? []);
    placements.sort((a, b) => (a.first < b.first ? -1 : 1));
    return {
      kind: 'layer',
      heading: layer === 0 ? 'top' : `${layer} below`,
      track: trackOf(placements, scale),
      look: (index) => {
        const placement = placements[index];
        const region = regions[placement?.region ?? -1];
        const colour = stateColours[kindState(region?.kind ?? '')];
        const note = `prio ${region?.priority ?? 0}`;
        const isOutline = placement?.disabled === true;
        return { ...colour, label: region?.name ?? '', note, isOutline };
      },
    };
  });
}
