import type { MapRegion, Placement } from './page-map.js';

/** Why a placement doesn't answer where another one does, as a sentence without its end. */
export function shadowReason(
  loser: number,
  winner: number | undefined,
  placements: readonly Placement[],
  regions: readonly MapRegion[],
): string {
  const regionAt = (at: number): MapRegion | undefined => regions[placements[at]?.region ?? -1];
  const nameAt = (at: number): string => regionAt(at)?.name ?? '';
  const way = wayTo(loser, placements);
  const off = way.find((at) => placements[at]?.disabled);
  if (off !== undefined) return `${nameAt(off)} is disabled`;
  if (winner === undefined) return 'nothing answers here';
  const otherWay = wayTo(winner, placements);
  let fork = 0;
  while (fork < way.length && way[fork] === otherWay[fork]) fork++;
  const [branch, by, level] = [way[fork], otherWay[fork], way[fork - 1]];
  if (by === undefined) return 'it is the same';
  if (branch === undefined) return `its own subregion ${nameAt(by)} is in front of it`;
  const [own, other] = [regionAt(branch)?.priority ?? 0, regionAt(by)?.priority ?? 0];
  const where = level === undefined ? '' : `in ${nameAt(level)}, `;
  if (other > own) {
    return `${where}${nameAt(branch)} (priority ${own}) is below ${nameAt(by)} (priority ${other})`;
  }
  return `${where}${nameAt(by)} has the same priority ${own} as ${nameAt(branch)}, and came later`;
}

/** From the root to a placement, both included. */
export function wayTo(at: number, placements: readonly Placement[]): number[] {
  const way: number[] = [];
  for (let step = at; step >= 0; step = placements[step]?.through ?? -1) way.push(step);
  return way.reverse();
}
