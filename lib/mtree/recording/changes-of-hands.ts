import type { AddressSpace } from '../../memory/address-space.js';
import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import type { FlatView } from '../../memory/views/flat-view.js';
import type { RecordedStep } from './recorded-step.js';
import type { RecordedTopology } from './recorded-topology.js';

/** A step at which an address went from one region to another; `undefined` where nothing answers. */
export interface ChangeOfHands {
  /** The commit that changed it. */
  readonly step: RecordedStep;
  /** The region that answered before; `undefined` where none did. */
  readonly before: MemoryRegion | undefined;
  /** The region that answers from then on; `undefined` where none does. */
  readonly after: MemoryRegion | undefined;
}

/**
 * Replays on from where `replayed` is, and stops at every step at which another region answers at `address`. The first
 * of them is the one that bisecting looks for: each step is looked at, so an address that comes back is found too.
 *
 * @param spaceName The first address space of this name; without it, `memory` or the first one.
 * @param onStep Told the number of each step.
 */
export function* changesOfHands(
  replayed: RecordedTopology,
  address: bigint,
  spaceName?: string,
  onStep?: (step: number) => void,
): Generator<ChangeOfHands, void> {
  let view = viewIn(replayed, spaceName);
  let before = view?.lookup(address)?.region;
  for (let step = replayed.next(); step !== undefined; step = replayed.next()) {
    onStep?.(step.number);
    const newView = viewIn(replayed, spaceName);
    if (newView === view) continue;
    view = newView;
    const after = view?.lookup(address)?.region;
    if (after !== before) yield { step, before, after };
    before = after;
  }
}

/** The address space that is meant by a name, or by none; it may come and go. */
export function recordedSpace(
  { addressSpaces }: RecordedTopology,
  name: string | undefined,
): AddressSpace | undefined {
  const found = addressSpaces.find((space) => space.name === (name ?? 'memory'));
  return found ?? (name === undefined ? addressSpaces[0] : undefined);
}

function viewIn(replayed: RecordedTopology, name: string | undefined): FlatView | undefined {
  return recordedSpace(replayed, name)?.flatView;
}
