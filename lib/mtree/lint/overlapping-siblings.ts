import { smaller } from '../../address.js';
import { endOf } from '../../mapping/page-mapping.js';
import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import { isSameDevice, isWithin, named, targetOf } from './device.js';
import { type Finding, findingIn, type Severity } from './finding.js';
import { isSeen, type Place, type Survey } from './survey.js';
import type { Work } from './work.js';

/** Subregions of equal priority that overlap: of each, with the one before it that reaches farthest. */
export function* equalPriorities({ places }: Survey, work: Work): Generator<Finding | Work> {
  for (const place of places.values()) {
    if (!isSeen(place) || place.region.subregions.length < 2) continue;
    for (const siblings of byPriority(place.region)) yield* overlaps(place, siblings, work);
  }
}

/** The subregions that show, of each priority in order of address. */
function byPriority({ subregions }: MemoryRegion): MemoryRegion[][] {
  const groups = new Map<number, MemoryRegion[]>();
  for (const child of subregions) {
    if (!child.enabled || child.size === 0n) continue;
    const group = groups.get(child.priority);
    if (group) group.push(child);
    else groups.set(child.priority, [child]);
  }
  const inOrder = (a: MemoryRegion, b: MemoryRegion) =>
    a.address < b.address ? -1 : a.address > b.address ? 1 : 0;
  return [...groups.values()].map((group) => group.sort(inOrder));
}

function* overlaps(
  parent: Place,
  siblings: readonly MemoryRegion[],
  work: Work,
): Generator<Finding | Work> {
  let farthest: MemoryRegion | undefined;
  for (const sibling of siblings) {
    if (work.step()) yield work;
    if (farthest !== undefined && sibling.address < endOf(farthest)) {
      const finding = overlapFinding(parent, farthest, sibling);
      if (finding !== undefined) yield finding;
    }
    if (farthest === undefined || endOf(sibling) > endOf(farthest)) farthest = sibling;
  }
}

function overlapFinding(
  parent: Place,
  one: MemoryRegion,
  other: MemoryRegion,
): Finding | undefined {
  if (showTheSame(one, other)) return undefined;
  const start = parent.start + other.address;
  const first = start > parent.first ? start : parent.first;
  const last = smaller(parent.start + smaller(endOf(one), endOf(other)) - 1n, parent.last);
  if (last < first) return undefined;
  const isOneOnTop = one.state.sequence > other.state.sequence;
  const [winner, loser] = isOneOnTop ? [one, other] : [other, one];
  const answers = parent.in.view.lookup(first)?.region;
  return findingIn(parent.in, {
    id: 'equal-priority',
    severity: overlapSeverity(winner, loser, answers),
    first,
    last,
    regions: [loser, winner],
    text: `${named(loser)} and ${named(winner)}, both of priority ${winner.priority} in ${parent.region.name}: ${winner.name} is on top, as it came later`,
  });
}

/**
 * Between the parts of one device it is meant, and so it is between backgrounds, which have negative priorities. Where
 * something else answers it decides nothing; nor need it where one of them is a container, which has holes.
 */
function overlapSeverity(
  winner: MemoryRegion,
  loser: MemoryRegion,
  answers: MemoryRegion | undefined,
): Severity {
  if (isSameDevice(winner, loser) || winner.priority < 0) return 'note';
  const ends = [targetOf(winner).end, targetOf(loser).end];
  if (ends.some(({ kind }) => kind === 'container')) return 'note';
  const isDecided = answers !== undefined && isWithin(answers, targetOf(winner).end);
  return isDecided ? 'warning' : 'note';
}

/** Whether it makes no difference which of two overlapping siblings is on top: both show the same memory. */
function showTheSame(one: MemoryRegion, other: MemoryRegion): boolean {
  const [a, b] = [targetOf(one), targetOf(other)];
  return a.end === b.end && a.offset - one.address === b.offset - other.address;
}
