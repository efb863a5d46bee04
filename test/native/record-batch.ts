import {
  type EngineAddon,
  type EngineHandle,
  noRegion,
  recordLayout,
  recordOpcode,
  regionRecordFlag,
} from '../../lib/native/engine-addon.js';

/** A region's record; what is left out is 0, or none. A region is always enabled. */
export interface RegionRecord {
  flags?: number;
  parent?: number;
  target?: number;
  address?: bigint;
  size?: bigint;
}

/** Writes batches field by field, straight from the layout. */
export class RecordBatch {
  readonly #addon: EngineAddon;
  readonly #engine: EngineHandle;
  #bytes = new Uint8Array(0);
  #count = 0;

  constructor(addon: EngineAddon, engine: EngineHandle) {
    this.#addon = addon;
    this.#engine = engine;
  }

  region(id: number, { flags = 0, parent, target, address = 0n, size = 0n }: RegionRecord): void {
    const record = this.#append(recordOpcode.region, id, flags | regionRecordFlag.enabled);
    record.setUint32(recordLayout.parent, parent ?? noRegion, true);
    record.setUint32(recordLayout.aliasTarget, target ?? noRegion, true);
    record.setBigUint64(recordLayout.address, address, true);
    record.setBigUint64(recordLayout.size, size, true);
  }

  regionRemoved(id: number): void {
    this.#append(recordOpcode.regionRemoved, id, 0);
  }

  space(id: number, root: number, flags: number): void {
    const record = this.#append(recordOpcode.addressSpace, id, flags);
    record.setUint32(recordLayout.root, root, true);
  }

  spaceRemoved(id: number): void {
    this.#append(recordOpcode.addressSpaceRemoved, id, 0);
  }

  /** Commits what was written, and begins anew. */
  commit(publish = true): number {
    const count = this.#count;
    this.#count = 0;
    this.#addon.engineUseBatch(this.#engine, this.#bytes.buffer);
    const outcome = this.#addon.engineCommit(this.#engine, count, publish);
    this.#bytes.fill(0);
    return outcome;
  }

  #append(opcode: number, id: number, flags: number): DataView {
    const start = this.#count++ * recordLayout.bytes;
    if (start === this.#bytes.length) this.#grow();
    const record = new DataView(this.#bytes.buffer, start, recordLayout.bytes);
    record.setUint32(recordLayout.opcode, opcode, true);
    record.setUint32(recordLayout.id, id, true);
    record.setUint32(recordLayout.flags, flags, true);
    return record;
  }

  #grow(): void {
    const bytes = new Uint8Array(Math.max(recordLayout.bytes, 2 * this.#bytes.length));
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }
}
