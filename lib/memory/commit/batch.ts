import { wholeRange } from '../../address.js';
import { addon } from '../../native/addon.js';
import {
  noRegion,
  recordLayout,
  recordOpcode,
  regionRecordFlag,
  spaceRecordFlag,
} from '../../native/engine-addon.js';
import type { AddressSpace } from '../address-space.js';
import type { MemoryRegion } from '../regions/memory-region.js';
import { dirtyLogShift, regionFlag } from './region-state.js';

const initialRecords = 64;

const recordHalves = recordLayout.bytes / 4;

/** Where fields of 32 bits lie in a record, in halves of words. */
const half = {
  opcode: recordLayout.opcode / 4,
  id: recordLayout.id / 4,
  flags: recordLayout.flags / 4,
  root: recordLayout.root / 4,
  parent: recordLayout.parent / 4,
  priority: recordLayout.priority / 4,
  aliasTarget: recordLayout.aliasTarget / 4,
  /** Of 64 bits, but a number here. */
  sequence: recordLayout.sequence / 4,
} as const;

/** Where fields of 64 bits lie in a record, in words. */
const word = {
  address: recordLayout.address / 8,
  size: recordLayout.size / 8,
  aliasOffset: recordLayout.aliasOffset / 8,
} as const;

/** Flags of a region's state that stand in its record as they are. */
const recordedFlags =
  regionFlag.terminates |
  regionFlag.enabled |
  regionFlag.readonly |
  regionFlag.nonvolatile |
  regionFlag.romd |
  regionFlag.unmergeable |
  regionFlag.alias;

/**
 * The records that carry changed regions and address spaces to the engine, in a buffer that the engine reads in
 * place. Each record is a whole row, so that sending one twice does no harm.
 */
export class Batch {
  readonly #engine: number;
  #words = new BigUint64Array(0);
  #halves = new Uint32Array(0);
  #count = 0;

  constructor(engine: number) {
    this.#engine = engine;
    this.#resize(initialRecords);
  }

  /** How many records there are. */
  get count(): number {
    return this.#count;
  }

  clear(): void {
    this.#count = 0;
  }

  /** Appends the row of `region`. `touched`: its ranges are to be reported even where they stay as they are. */
  region(region: MemoryRegion, dirtyLogMask: number, touched: boolean): void {
    const { state } = region;
    const { flags, size } = state;
    const removed = (flags & regionFlag.destroyed) !== 0;
    const start = this.#next(removed ? recordOpcode.regionRemoved : recordOpcode.region, region.id);
    if (removed) return;
    const halves = this.#halves;
    halves[start + half.flags] =
      (flags & recordedFlags) |
      (size === wholeRange ? regionRecordFlag.wholeSpace : 0) |
      (touched ? regionRecordFlag.touched : 0) |
      (dirtyLogMask << dirtyLogShift);
    halves[start + half.parent] = state.parent?.id ?? noRegion;
    halves[start + half.priority] = state.priority;
    halves[start + half.aliasTarget] = region.aliasTarget?.id ?? noRegion;
    const words = this.#words;
    const startWord = start / 2;
    words[startWord + word.address] = state.address;
    halves[start + half.sequence] = state.sequence;
    halves[start + half.sequence + 1] = state.sequence / 2 ** 32;
    words[startWord + word.size] = size;
    words[startWord + word.aliasOffset] = state.aliasOffset;
  }

  /** Appends the row of `space`; one that was destroyed shows nothing. */
  addressSpace(space: AddressSpace): void {
    const start = this.#next(recordOpcode.addressSpace, space.id);
    this.#halves[start + half.flags] =
      (space.listeners.length > 0 ? spaceRecordFlag.watched : 0) |
      (space.listeners.some((it) => it.regionNop) ? spaceRecordFlag.wantsUnchanged : 0);
    this.#halves[start + half.root] = space.isDestroyed ? noRegion : space.root.id;
  }

  /** Appends that an address space is gone, after all were told. */
  addressSpaceRemoved(id: number): void {
    this.#next(recordOpcode.addressSpaceRemoved, id);
  }

  /**
   * Starts a record, and returns where it lies in halves of words. The rest may be left over from an earlier one: of
   * each kind of record only its own fields are read.
   */
  #next(opcode: number, id: number): number {
    if (this.#count === this.#halves.length / recordHalves) this.#resize(this.#count * 2);
    const start = this.#count * recordHalves;
    this.#count++;
    this.#halves[start + half.opcode] = opcode;
    this.#halves[start + half.id] = id;
    return start;
  }

  #resize(records: number): void {
    const buffer = new ArrayBuffer(records * recordLayout.bytes);
    const halves = new Uint32Array(buffer);
    halves.set(this.#halves);
    this.#halves = halves;
    this.#words = new BigUint64Array(buffer);
    addon.engineUseBatch(this.#engine, buffer);
  }
}
