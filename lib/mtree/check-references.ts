import { FlatviewError } from '../errors.js';
import type { RegionRecord, TopologyDocument } from './topology-document.js';

/**
 * Checks that the ids in a document lead somewhere and the parents form a forest.
 *
 * @throws `ERR_MALFORMED_INPUT` that names the place in the document.
 */
export function checkReferences(document: TopologyDocument): void {
  const places = placesOf(document.regions);
  for (const [index, region] of document.regions.entries()) {
    if (region.parent !== undefined) checkParent(document, places, index, region.parent);
    if (region.alias) assertRegion(places, region.alias.target, `regions[${index}].alias.target`);
  }
  const parentOf = (region: RegionRecord) => region.parent;
  const targetOf = (region: RegionRecord) => region.alias?.target;
  assertEnds(document.regions, places, parentOf, 'lies under itself: its parents form a circle');
  assertEnds(
    document.regions,
    places,
    targetOf,
    'shows itself: its targets form a circle of aliases',
  );
  for (const [index, space] of document.addressSpaces.entries()) {
    assertRegion(places, space.root, `address_spaces[${index}].root`);
  }
  checkFlatViews(document, places);
}

type Places = ReadonlyMap<number, number>;

/** Where in the list each id stands. */
function placesOf(regions: readonly RegionRecord[]): Places {
  const places = new Map<number, number>();
  for (const [index, { id }] of regions.entries()) {
    const first = places.get(id);
    if (first !== undefined) fail(`regions[${index}].id is ${id}, as is regions[${first}].id`);
    places.set(id, index);
  }
  return places;
}

function checkParent(
  document: TopologyDocument,
  places: Places,
  index: number,
  parent: number,
): void {
  const place = assertRegion(places, parent, `regions[${index}].parent`);
  if (document.regions[place]?.kind === 'alias') {
    fail(`regions[${index}].parent is ${parent}, an alias: it cannot have subregions`);
  }
}

/** Follows `next` from every region; each region is looked at once, however the ways join. */
function assertEnds(
  regions: readonly RegionRecord[],
  places: Places,
  next: (region: RegionRecord) => number | undefined,
  circle: string,
): void {
  const walkOf = new Map<number, number>();
  for (const [walk, start] of regions.entries()) {
    let region: RegionRecord | undefined = start;
    while (region && !walkOf.has(region.id)) {
      walkOf.set(region.id, walk);
      const id = next(region);
      region = id === undefined ? undefined : regions[places.get(id) ?? -1];
    }
    if (region && walkOf.get(region.id) === walk)
      fail(`regions[${places.get(region.id)}] ${circle}`);
  }
}

function checkFlatViews(document: TopologyDocument, places: Places): void {
  for (const [index, view] of (document.flatViews ?? []).entries()) {
    if (view.root !== undefined) assertRegion(places, view.root, `flat[${index}].view_root`);
    for (const [at, range] of view.ranges.entries()) {
      assertRegion(places, range.region, `flat[${index}].ranges[${at}].region`);
    }
  }
}

function assertRegion(places: Places, id: number, path: string): number {
  return places.get(id) ?? fail(`${path} is ${id}: no region has that id`);
}

function fail(message: string): never {
  throw new FlatviewError('ERR_MALFORMED_INPUT', message);
}
