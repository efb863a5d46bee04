import type { Extent, MapRange, MapRegion, Placement, SpaceMap } from './page-map.js';

/** Something that a search found. */
export interface Found extends Extent {
  /** Place of the region. */
  readonly region: number;
  /** The piece, if it shows; `undefined` for a region that is hidden. */
  readonly range: MapRange | undefined;
}

/** More than this is not looked for. */
const foundLimit = 10_000;

/** The address that a text is, if it can be one: hexadecimal, with or without `0x` and `_`. */
export function addressIn(text: string): bigint | undefined {
  const digits = /^(?:0x)?([0-9a-f][0-9a-f_]{0,23})$/i.exec(text.trim())?.[1]?.replaceAll('_', '');
  const address = digits === undefined ? undefined : BigInt(`0x${digits}`);
  return address !== undefined && address < 1n << 64n ? address : undefined;
}

/**
 * What a text finds: what shows with the text in its name, whatever their case, and then regions of such a name that
 * show nowhere. Where there is none, what shows at the address that the text is.
 */
export function search(
  text: string,
  { placements }: SpaceMap,
  pieces: readonly MapRange[],
  regions: readonly MapRegion[],
): Found[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return [];
  const named = searchName(wanted, placements, pieces, regions);
  if (named.length > 0) return named;
  const address = addressIn(text);
  return address === undefined
    ? []
    : pieces
        .filter(({ first, last }) => first <= address && last >= address)
        .map((range) => ({ ...range, range }));
}

function searchName(
  wanted: string,
  placements: readonly Placement[],
  pieces: readonly MapRange[],
  regions: readonly MapRegion[],
): Found[] {
  const matches = regions.map(({ name }) => name.toLowerCase().includes(wanted));
  const found: Found[] = [];
  const shown = new Set<number>();
  for (const range of pieces) {
    if (!matches[range.region]) continue;
    shown.add(range.region);
    if (found.length < foundLimit) found.push({ ...range, range });
  }
  for (const { first, last, region, rank } of placements) {
    if (rank < 0 || !matches[region] || shown.has(region)) continue;
    if (found.length < foundLimit) found.push({ first, last, region, range: undefined });
  }
  return found;
}
