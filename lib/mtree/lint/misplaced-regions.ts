import { hex } from '../../address.js';
import { AliasRegion } from '../../memory/regions/alias-region.js';
import { named } from './device.js';
import { type Finding, findingIn } from './finding.js';
import { isSeen, type Place, type Survey } from './survey.js';
import type { Work } from './work.js';

/** Regions that are not where anything of them could show. */
export function* misplacedRegions({ places }: Survey, work: Work): Generator<Finding | Work> {
  for (const place of places.values()) {
    if (work.step()) yield work;
    const finding = zeroSize(place) ?? outsideParent(place) ?? aliasToNothing(place);
    if (finding !== undefined) yield finding;
  }
}

function zeroSize(place: Place): Finding | undefined {
  const { region } = place;
  if (region.size !== 0n) return undefined;
  return misplaced(place, 'zero-size', 'note', `${named(region)} has no bytes`);
}

/** That it is cut at the end of the parent is common: windows and buses end somewhere. */
function outsideParent(place: Place): Finding | undefined {
  const { region } = place;
  const { parent } = region;
  if (parent === undefined || region.address < parent.size || parent.size === 0n) return undefined;
  const text = `${named(region)} begins ${hex(region.address)} bytes into ${named(parent)}, which ends after ${hex(parent.size)}`;
  return misplaced(place, 'outside-parent', 'warning', text);
}

function aliasToNothing(place: Place): Finding | undefined {
  const { region } = place;
  if (!(region instanceof AliasRegion) || !isSeen(place)) return undefined;
  const { target, offset } = region;
  if (!target.enabled) {
    return misplaced(
      place,
      'alias-to-nothing',
      'note',
      `${named(region)} shows ${target.name}, which is disabled`,
    );
  }
  if (offset < target.size) return undefined;
  const text = `${named(region)} shows ${target.name} from ${hex(offset)} on, but that ends after ${hex(target.size)}`;
  return misplaced(place, 'alias-to-nothing', 'warning', text);
}

function misplaced(
  place: Place,
  id: Finding['id'],
  severity: Finding['severity'],
  text: string,
): Finding {
  const { region, start } = place;
  const first = BigInt.asUintN(64, start);
  const last = region.size === 0n ? first : BigInt.asUintN(64, start + region.size - 1n);
  return findingIn(place.in, { id, severity, first, last, regions: [region], text });
}
