import type { AddressSpaceRecord, RegionRecord, TopologyDocument } from '../topology-document.js';

/** The version of the form that is written; `docs/recording.md` describes it. */
export const recordingVersion = 1;

/** What a recording begins with. */
export interface RecordingStart {
  /** When it began. */
  readonly started: Date;
  /** All that there was then. Ids go on being valid: every later region and address space has an id of its own. */
  readonly document: TopologyDocument;
}

/**
 * What one commit changed. The lists are in the order in which they are carried out; regions are named by the id that
 * they have in the whole recording.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import {
 *   type AttributeChange,
 *   type PlacedRegion,
 *   type RecordedEdits,
 *   type RecordedStep,
 *   readRecording,
 * } from 'flatview/recording';
 *
 * const boot = readRecording(readFileSync('examples/recordings/pc-seabios.fvr.gz'));
 * const steps: RecordedStep[] = [...boot.steps()];
 * const mapsVga: RecordedEdits | undefined = steps[18];
 * mapsVga?.made.map(({ id, name }) => [id, name]); // => [[189, 'vga.vram']]
 * const placed: readonly PlacedRegion[] | undefined = mapsVga?.placed;
 * placed; // => [{ region: 189, parent: 6, address: 0xfd00_0000n, priority: 1 }]
 * const changed: readonly AttributeChange[] | undefined = steps[16]?.changed;
 * changed?.map(({ region, enabled }) => [region, enabled]); // => [[74, true]]
 * ```
 */
export interface RecordedEdits {
  /** Regions that are seen for the first time, as they are now but without a place. An alias comes behind its target. */
  readonly made: readonly RegionRecord[];
  /** Regions that left their parent and went nowhere. */
  readonly taken: readonly number[];
  /** Regions of which something else than their place is otherwise. */
  readonly changed: readonly AttributeChange[];
  /** Regions that were put somewhere, or moved: each goes on top of its siblings of equal priority. */
  readonly placed: readonly PlacedRegion[];
  /** Address spaces that are gone, by their number. */
  readonly spacesGone: readonly number[];
  /** Regions that are gone; an alias comes before its target. */
  readonly destroyed: readonly number[];
  /** Address spaces that there were not before. */
  readonly spacesMade: readonly RecordedSpace[];
}

/** Where a region was put. */
export interface PlacedRegion {
  /** The region's id. */
  readonly region: number;
  /** Its parent's id. */
  readonly parent: number;
  /** Offset of its first byte in the parent. */
  readonly address: bigint;
  /** Its priority among its siblings. */
  readonly priority: number;
}

/**
 * An address space that was made; `space` is its number among all of the recording, counted from 0.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { CommitRecorder, type RecordedSpace, readRecording } from 'flatview/recording';
 *
 * const topology = new MemoryTopology();
 * topology.addressSpace('memory', topology.container('system', 1n << 64n));
 * const written: Uint8Array[] = [];
 * const recorder = new CommitRecorder(topology, { write: (bytes) => written.push(bytes) });
 * topology.addressSpace('I/O', topology.io('ports', 0x1_0000n, {}));
 * recorder.close();
 *
 * const [step] = readRecording(Buffer.concat(written)).steps();
 * const spacesMade: readonly RecordedSpace[] | undefined = step?.spacesMade;
 * spacesMade; // => [{ space: 1, name: 'I/O', root: 1 }]
 * topology.close();
 * ```
 */
export interface RecordedSpace extends AddressSpaceRecord {
  /** Its number. */
  readonly space: number;
}

/** What of a region is otherwise than before; what isn't there stayed as it was. */
export interface AttributeChange {
  /** The region's id. */
  readonly region: number;
  /** Only of a region without parent: else it was placed. */
  readonly address?: bigint | undefined;
  /** As {@link MemoryRegion.priority}. */
  readonly priority?: number | undefined;
  /** In bytes. */
  readonly size?: bigint | undefined;
  /** Of an alias: where in its target the window starts. */
  readonly offset?: bigint | undefined;
  /** As {@link MemoryRegion.enabled}. */
  readonly enabled?: boolean | undefined;
  /** As {@link MemoryRegion.readonly}. */
  readonly readonly?: boolean | undefined;
  /** As {@link MemoryRegion.nonvolatile}. */
  readonly nonvolatile?: boolean | undefined;
  /** Of a rom device: as {@link RomDeviceRegion.romd}. */
  readonly romd?: boolean | undefined;
  /** As {@link MemoryRegion.unmergeable}. */
  readonly unmergeable?: boolean | undefined;
  /** Clients of the dirty log: as {@link RegionRecord.dirtyLogMask}. */
  readonly dirtyLogMask?: number | undefined;
}

/** One commit of a recording. */
export interface RecordedStep extends RecordedEdits {
  /** Counted from 1; step 0 is the beginning. */
  readonly number: number;
  /** Where it stands in the file, counted from 1. */
  readonly line: number;
  /** Milliseconds since the beginning. */
  readonly time: number;
  /** What was marked since the step before; several marks are joined by `; `. */
  readonly label: string | undefined;
}
