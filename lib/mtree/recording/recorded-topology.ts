import { FlatviewError } from '../../errors.js';
import {
  atOnce,
  inSlices,
  type LongWorkOptions,
  type Steps,
  type WorkProgress,
} from '../../long-work.js';
import type { AddressSpace } from '../../memory/address-space.js';
import { type DirtyLogClient, dirtyLogClients } from '../../memory/commit/region-state.js';
import { AliasRegion } from '../../memory/regions/alias-region.js';
import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import { RomDeviceRegion } from '../../memory/regions/rom-device-region.js';
import type { MemoryTopology } from '../../memory/topology.js';
import { buildTopology, createRegion, found } from '../build-topology.js';
import { located, type Recording } from './read-recording.js';
import type { AttributeChange, RecordedEdits, RecordedStep } from './recorded-step.js';

/**
 * The topology of a recording, as it was at one step: a live tree, made and changed through the public API, so that
 * listeners can be added. It goes forwards only. Its RAM has no memory behind it and its devices don't answer.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { RecordedTopology, readRecording } from 'flatview/recording';
 *
 * const boot = readRecording(readFileSync('examples/recordings/pc-seabios.fvr.gz'));
 * using replayed = new RecordedTopology(boot);
 * const memory = replayed.addressSpaces.find(({ name }) => name === 'memory');
 * replayed.advanceTo(18);
 * memory?.lookup(0xfd00_0000n); // => undefined
 * replayed.next()?.label; // => 'the firmware has run for 1.413 s'
 * memory?.lookup(0xfd00_0000n)?.region.name; // => 'vga.vram'
 * replayed.advanceTo(1); // throws ERR_INVALID_ARGUMENT
 * ```
 */
export class RecordedTopology {
  /** What it is the topology of. */
  readonly recording: Recording;
  /** The tree as it is after the last step that was carried out. */
  readonly topology: MemoryTopology;
  readonly #regions: Map<number, MemoryRegion>;
  readonly #spaces: Map<number, AddressSpace>;
  readonly #steps: Iterator<RecordedStep, void>;
  #step: RecordedStep | undefined;

  /**
   * The beginning of `recording`.
   *
   * @throws What {@link MemoryTopology.commit} throws where the tree can't be rendered, with the line.
   */
  constructor(recording: Recording) {
    this.recording = recording;
    const built = located(1, () => buildTopology(recording.document));
    this.topology = built.topology;
    this.#regions = new Map(built.regions);
    this.#spaces = new Map(built.addressSpaces.entries());
    this.#steps = recording.steps();
  }

  /** The step that was carried out last; `undefined` at the beginning. */
  get step(): RecordedStep | undefined {
    return this.#step;
  }

  /** The address spaces by their number in the recording. */
  get spaces(): ReadonlyMap<number, AddressSpace> {
    return this.#spaces;
  }

  /** In the order in which they were made. */
  get addressSpaces(): readonly AddressSpace[] {
    return this.topology.addressSpaces;
  }

  /** The regions that are there, by their id in the recording. */
  get regions(): ReadonlyMap<number, MemoryRegion> {
    return this.#regions;
  }

  /**
   * Carries out the next step, as one transaction.
   *
   * @returns The step; `undefined` at the end.
   * @throws `ERR_MALFORMED_INPUT` with the line, where the step can't be understood; as {@link carryOut}.
   */
  next(): RecordedStep | undefined {
    const { value: step } = this.#steps.next();
    if (step !== undefined) this.carryOut(step);
    return step ?? undefined;
  }

  /**
   * Carries out a step that was read already: the one after {@link RecordedTopology.step}.
   *
   * @throws `ERR_MALFORMED_INPUT` with the line, where the step isn't possible; `ERR_ALIAS_RECURSION`, `ERR_TOO_DEEP`,
   *   `ERR_VIEW_TOO_LARGE`. What shows is as before then, and there is no going on.
   */
  carryOut(step: RecordedStep): void {
    located(step.line, () => this.topology.transaction(() => this.#edit(step)));
    for (const id of step.destroyed) this.#regions.delete(id);
    for (const number of step.spacesGone) this.#spaces.delete(number);
    this.#step = step;
  }

  /**
   * Goes on to the step of this number; 0 is the beginning.
   *
   * @throws `ERR_INVALID_ARGUMENT`: it has passed that step already, or there is none; as {@link next}.
   */
  advanceTo(number: number): void {
    atOnce(this.advancing(number));
  }

  /**
   * The same as {@link advanceTo}, while the event loop turns. What is stopped is somewhere on the way, and can go on.
   *
   * @throws As {@link advanceTo}; the signal's reason.
   */
  advanceToAsync(number: number, options: LongWorkOptions = {}): Promise<void> {
    return inSlices(this.advancing(number), options);
  }

  /** @internal */
  *advancing(number: number): Steps<void> {
    while ((this.#step?.number ?? 0) < number && this.next()) {
      yield replayProgress(this.#step, number);
    }
    const reached = this.#step?.number ?? 0;
    if (reached === number) return;
    const place = reached < number ? `it ends at step ${reached}` : `it is at step ${reached}`;
    throw new FlatviewError(
      'ERR_INVALID_ARGUMENT',
      `the recording has no step ${number}: ${place}`,
    );
  }

  /** Closes {@link topology}. Closing twice does nothing. */
  close(): void {
    this.topology.close();
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #edit(edits: RecordedEdits): void {
    for (const record of edits.made) {
      if (this.#regions.has(record.id)) fail(`there is a region ${record.id} already`);
      const region = createRegion(this.topology, record, this.#regions);
      region.address = record.address;
      region.priority = record.priority;
      this.#regions.set(record.id, region);
    }
    for (const id of edits.taken) this.#takeOut(id);
    for (const { region } of edits.placed) this.#takeOut(region);
    for (const change of edits.changed) setAttributes(this.#region(change.region), change);
    for (const { region, parent, address, priority } of edits.placed) {
      this.#region(parent).addSubregion(address, this.#region(region), { priority });
    }
    for (const number of edits.spacesGone) {
      const space = this.#spaces.get(number) ?? fail(`there is no address space ${number}`);
      space.destroy();
    }
    for (const id of edits.destroyed) this.#region(id).destroy();
    for (const { space, name, root } of edits.spacesMade) {
      if (this.#spaces.has(space)) fail(`there is an address space ${space} already`);
      this.#spaces.set(space, this.topology.addressSpace(name, this.#region(root)));
    }
  }

  #region(id: number): MemoryRegion {
    return found(this.#regions, id);
  }

  #takeOut(id: number): void {
    const region = this.#region(id);
    region.parent?.removeSubregion(region);
  }
}

/** How far a replay is on its way to step `total`. */
export function replayProgress(step: RecordedStep | undefined, total: number): WorkProgress {
  return { what: 'steps replayed', done: step?.number ?? 0, total };
}

function setAttributes(region: MemoryRegion, change: AttributeChange): void {
  const { address, priority, size, offset, romd, dirtyLogMask } = change;
  if (address !== undefined) region.address = address;
  if (priority !== undefined) region.priority = priority;
  if (size !== undefined) region.size = size;
  if (offset !== undefined) aliasOf(region).offset = offset;
  if (romd !== undefined) romDeviceOf(region).romd = romd;
  region.enabled = change.enabled ?? region.enabled;
  region.readonly = change.readonly ?? region.readonly;
  region.nonvolatile = change.nonvolatile ?? region.nonvolatile;
  region.unmergeable = change.unmergeable ?? region.unmergeable;
  if (dirtyLogMask === undefined) return;
  for (const [client, bit] of Object.entries(dirtyLogClients)) {
    region.setDirtyLog(client as DirtyLogClient, (dirtyLogMask & bit) !== 0);
  }
}

function aliasOf(region: MemoryRegion): AliasRegion {
  return region instanceof AliasRegion ? region : fail(`${region.label} is no alias`);
}

function romDeviceOf(region: MemoryRegion): RomDeviceRegion {
  return region instanceof RomDeviceRegion ? region : fail(`${region.label} is no rom device`);
}

function fail(reason: string): never {
  throw new FlatviewError('ERR_MALFORMED_INPUT', reason);
}
