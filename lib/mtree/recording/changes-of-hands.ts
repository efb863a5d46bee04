import { inSlices, type LongWorkOptions, type Steps } from '../../long-work.js';
import type { AddressSpace } from '../../memory/address-space.js';
import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import type { FlatView } from '../../memory/views/flat-view.js';
import type { RecordedStep } from './recorded-step.js';
import { type RecordedTopology, replayProgress } from './recorded-topology.js';

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
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import {
 *   type ChangeOfHands,
 *   changesOfHands,
 *   RecordedTopology,
 *   readRecording,
 * } from 'flatview/recording';
 *
 * const boot = readRecording(readFileSync('examples/recordings/pc-seabios.fvr.gz'));
 * using replayed = new RecordedTopology(boot);
 * const told = ({ step, before, after }: ChangeOfHands) => [step.number, before?.name, after?.name];
 * [...changesOfHands(replayed, 0xfd00_0000n)].map(told); // => [[19, undefined, 'vga.vram']]
 * ```
 *
 * @param spaceName The first address space of this name; without it, `memory` or the first one.
 */
export function* changesOfHands(
  replayed: RecordedTopology,
  address: bigint,
  spaceName?: string,
): Generator<ChangeOfHands, void> {
  for (const { hands } of lookAtSteps(replayed, address, spaceName)) if (hands) yield hands;
}

/**
 * All that {@link changesOfHands} finds, while the event loop turns.
 *
 * @throws As {@link RecordedTopology.next}; the signal's reason. `replayed` is somewhere on the way then.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import {
 *   changesOfHandsAsync,
 *   type HandsOptions,
 *   RecordedTopology,
 *   readRecording,
 * } from 'flatview/recording';
 *
 * const boot = readRecording(readFileSync('examples/recordings/pc-seabios.fvr.gz'));
 * using replayed = new RecordedTopology(boot);
 * const first: HandsOptions = { spaceName: 'memory', most: 1 };
 * const [change] = await changesOfHandsAsync(replayed, 0xd_0000n, first);
 * [change?.step.number, change?.before?.name, change?.after?.name];
 * // => [2, 'pc.rom', 'pc.ram']
 * ```
 */
export function changesOfHandsAsync(
  replayed: RecordedTopology,
  address: bigint,
  { spaceName, most, ...options }: LongWorkOptions & HandsOptions = {},
): Promise<ChangeOfHands[]> {
  return inSlices(handsSteps(replayed, address, spaceName, most), options);
}

/** What {@link changesOfHandsAsync} looks for. */
export interface HandsOptions {
  /** The first address space of this name; without it, `memory` or the first one. */
  readonly spaceName?: string;
  /** So many changes are looked for. Default: all. */
  readonly most?: number;
}

/** Looks for changes of hands step by step. */
export function* handsSteps(
  replayed: RecordedTopology,
  address: bigint,
  spaceName?: string,
  most: number = Number.POSITIVE_INFINITY,
): Steps<ChangeOfHands[]> {
  const all: ChangeOfHands[] = [];
  for (const { step, hands } of lookAtSteps(replayed, address, spaceName)) {
    if (hands) all.push(hands);
    if (all.length >= most) break;
    yield replayProgress(step, replayed.recording.stepCount);
  }
  return all;
}

function* lookAtSteps(replayed: RecordedTopology, address: bigint, spaceName: string | undefined) {
  let view = viewIn(replayed, spaceName);
  let before = view?.lookup(address)?.region;
  for (let step = replayed.next(); step !== undefined; step = replayed.next()) {
    const newView = viewIn(replayed, spaceName);
    const after = newView === view ? before : newView?.lookup(address)?.region;
    yield { step, hands: after === before ? undefined : { step, before, after } };
    [view, before] = [newView, after];
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
