import { hex, larger, smaller } from '../../address.js';
import { endOf } from '../../mapping/page-mapping.js';
import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import { partitionPoint } from '../../partition-point.js';
import { isBar, isBus, isSameDevice, named, targetOf, unitOf } from './device.js';
import { type Finding, findingIn } from './finding.js';
import { isSeen, type Place, type Survey } from './survey.js';
import type { Work } from './work.js';

/** Below lies what PCs have over their RAM on purpose: video memory and option ROMs. */
const legacyEnd = 1n << 20n;

/** RAM of this size and more is the machine's; smaller ones are devices' buffers. */
const leastMachineRam = 1n << 20n;

/** BARs at addresses where the machine has RAM. */
export function* barsOverRam({ places }: Survey, work: Work): Generator<Finding | Work> {
  const rams = machineRams(places.values());
  if (rams.length === 0) return;
  for (const place of places.values()) {
    if (work.step()) yield work;
    if (!isBar(place.region) || !isSeen(place) || place.last < legacyEnd) continue;
    const ram = lastBeginningAt(rams, place.last);
    if (ram === undefined || ram.in !== place.in || ram.last < place.first) continue;
    const first = larger(larger(place.first, ram.first), legacyEnd);
    const last = smaller(place.last, ram.last);
    if (first > last) continue;
    const answers = place.in.view.lookup(first)?.region;
    yield findingIn(place.in, {
      id: 'bar-over-ram',
      severity: 'error',
      first,
      last,
      regions: [place.region, ram.region],
      text: `${named(place.region)} and ${named(ram.region)}: ${answers ? named(answers) : 'nobody'} answers at ${hex(first)}`,
    });
  }
}

/** RAM that lies on no PCI bus, ascending. */
function machineRams(places: Iterable<Place>): Place[] {
  return [...places]
    .filter((place) => isSeen(place) && isMachineRam(place.region))
    .sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
}

function isMachineRam(region: MemoryRegion): boolean {
  if (region.size < leastMachineRam || isBar(unitOf(region))) return false;
  const { end } = targetOf(region);
  return end.kind === 'ram' && !end.readonly && !isBar(unitOf(end));
}

/** The last of `places`, which are in order, that begins at `address` or before it. */
function lastBeginningAt(places: readonly Place[], address: bigint): Place | undefined {
  const count = partitionPoint(places.length, (place) => (places[place] as Place).first <= address);
  return places[count - 1];
}

/** BARs that were grown to a page and hide another device that lies in the page. */
export function* expandedTails({ places }: Survey, work: Work): Generator<Finding | Work> {
  for (const place of places.values()) {
    if (!isBus(place.region) || !isSeen(place)) continue;
    const siblings = place.region.subregions
      .filter(({ enabled, size }) => enabled && size > 0n)
      .toSorted((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
    for (const [at, sibling] of siblings.entries()) {
      if (work.step()) yield work;
      const neighbour = siblings[at + 1];
      if (neighbour === undefined || !hides(sibling, neighbour)) continue;
      const start = place.start + neighbour.address;
      const end = place.start + smaller(endOf(sibling), endOf(neighbour));
      yield findingIn(place.in, {
        id: 'expanded-tail',
        severity: 'error',
        first: start,
        last: end - 1n,
        regions: [neighbour, sibling],
        text: `${named(sibling)} has ${hex(sibling.size)} bytes at ${hex(place.start + sibling.address)}, where no BAR of that size can be, and covers ${named(neighbour)}`,
      });
    }
  }
}

/** Whether `grown` wins over `neighbour`, which begins in its tail. A BAR's own address is a multiple of its size. */
function hides(grown: MemoryRegion, neighbour: MemoryRegion): boolean {
  return (
    neighbour.address > grown.address &&
    neighbour.address < endOf(grown) &&
    grown.address % grown.size !== 0n &&
    holdsDeviceMemory(grown) &&
    isOnTop(grown, neighbour) &&
    !isSameDevice(grown, neighbour)
  );
}

function holdsDeviceMemory(region: MemoryRegion): boolean {
  return region.kind === 'ram-device' || region.subregions.some(holdsDeviceMemory);
}

function isOnTop(a: MemoryRegion, b: MemoryRegion): boolean {
  return (
    a.priority > b.priority || (a.priority === b.priority && a.state.sequence > b.state.sequence)
  );
}
