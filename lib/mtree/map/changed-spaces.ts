import { type MapChange, mapChanges } from './map-changes.js';
import type { PageMap, SpaceMap } from './page-map.js';

/** What changed in a space. */
export interface SpaceChanges {
  readonly name: string;
  readonly changes: readonly MapChange[];
}

/** Where nothing shows. */
export const emptySpace: SpaceMap = {
  names: [],
  root: '',
  ranges: [],
  pages: [],
  placements: [],
  complete: true,
  consumers: [],
};

/** What changed from one map to another, for each space of either; spaces are the same if they have a name in common. */
export function changedSpaces(before: PageMap, after: PageMap): SpaceChanges[] {
  const names = spaceNames([before, after]);
  return names.map((name) => {
    const [one, other] = [spaceCalled(name, before), spaceCalled(name, after)];
    const changes = mapChanges(
      { space: one, regions: before.regions },
      { space: other, regions: after.regions },
    );
    return { name, changes };
  });
}

/** The space of a map that has a name; an empty one if none has it. */
export function spaceCalled(name: string, map: PageMap): SpaceMap {
  return map.spaces.find(({ names }) => names.includes(name)) ?? emptySpace;
}

/** A name for each space that shows anything in one of the maps, "memory" first. */
export function spaceNames(maps: readonly PageMap[]): string[] {
  const spaces = maps.flatMap((map) => map.spaces).filter(({ ranges }) => ranges.length > 0);
  const names = spaces.map(({ names }) => (names.includes('memory') ? 'memory' : (names[0] ?? '')));
  return [...new Set(names)].sort((a, b) => Number(b === 'memory') - Number(a === 'memory'));
}
