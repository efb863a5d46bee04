import { hex } from '../../address.js';
import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import { isSameDevice, isWithin, named } from './device.js';
import { type Finding, findingIn } from './finding.js';
import { isSeen, type Place, type Survey } from './survey.js';
import type { Work } from './work.js';

/** Regions that could answer and don't, anywhere, because something lies over all of them. */
export function* hiddenRegions({ places, shown }: Survey, work: Work): Generator<Finding | Work> {
  for (const place of places.values()) {
    if (work.step()) yield work;
    const { region } = place;
    if (!region.terminates || !isSeen(place) || shown.has(region)) continue;
    const winner = place.in.view.lookup(place.first)?.region;
    // What lies behind its own subregions is a background that is covered, as was meant.
    if (winner === undefined || isWithin(winner, region)) continue;
    yield hiddenFinding(place, winner);
  }
}

/** A part of the winner's own device, a ROM under RAM and a background (of negative priority) are meant to be hidden. */
function hiddenFinding(place: Place, winner: MemoryRegion): Finding {
  const { region, first, last } = place;
  const isSame = isSameDevice(region, winner);
  const isMeant = isSame || winner.isRam || region.priority < 0;
  const isExposed = isSame && region.kind === 'io' && winner.kind === 'ram-device';
  return findingIn(place.in, {
    id: isExposed ? 'exposed-hole' : 'never-shown',
    severity: isExposed ? 'error' : isMeant ? 'note' : 'warning',
    first,
    last,
    regions: [region, winner],
    text: `${named(region)} is hidden; at ${hex(first)} ${named(winner)} answers`,
  });
}
