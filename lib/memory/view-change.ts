import { addon, exchange } from '../native/addon.js';
import { changeKind, rangeField, rangeLayout } from '../native/engine-addon.js';
import type { AddressSpace } from './address-space.js';
import { decodeRange, type FlatRange } from './flat-view.js';
import type { RegionsById } from './region-table.js';

/** What became of a range: it is gone, it is new, or it stays and something else about it may have changed. */
export interface RangeChange {
  readonly kind: 'del' | 'add' | 'keep';
  readonly range: FlatRange;
  /** The dirty-log mask that a kept range had before. */
  readonly oldDirtyLogMask: number;
}

/** The difference between two flat views, for all address spaces that go from the one to the other. */
export interface ViewChange {
  readonly spaces: readonly AddressSpace[];
  /** First what is gone, ascending; then what is new or stays, ascending. */
  readonly changes: readonly RangeChange[];
}

/** Reads the change stream of the engine's last commit, which has `length` words. */
export function readViewChanges(
  engine: number,
  length: number,
  regions: RegionsById,
  spacesById: ReadonlyMap<number, AddressSpace>,
): ViewChange[] {
  const stream = new ChangeStream(engine, length);
  const views: ViewChange[] = [];
  while (!stream.atEnd) {
    const [spaceCount, changeCount] = stream.pair();
    const ids: number[] = [];
    for (let i = 0; i < spaceCount; i += 2) ids.push(...stream.pair());
    const spaces = ids.slice(0, spaceCount).flatMap((id) => spacesById.get(id) ?? []);
    const changes: RangeChange[] = [];
    for (let i = 0; i < changeCount; i++)
      changes.push(decodeChange(stream.take(rangeLayout.words), regions));
    views.push({ spaces, changes });
  }
  return views;
}

const kinds: Readonly<Record<number, RangeChange['kind']>> = {
  [changeKind.delete]: 'del',
  [changeKind.add]: 'add',
  [changeKind.keep]: 'keep',
};

function decodeChange(at: number, regions: RegionsById): RangeChange {
  const range = decodeRange(at, regions);
  const field = ({ shift, mask }: { readonly shift: number; readonly mask: number }): number =>
    (range.attributes >>> shift) & mask;
  return {
    kind: kinds[field(rangeField.kind)] ?? 'keep',
    range,
    oldDirtyLogMask: field(rangeField.oldDirtyLogMask),
  };
}

/** A window that moves over the stream: as much of it as the exchange buffer holds. */
class ChangeStream {
  readonly #engine: number;
  readonly #length: number;
  /** First word of the stream that is in the exchange buffer, and the one behind the last. */
  #start = 0;
  #end: number;
  #position = 0;

  constructor(engine: number, length: number) {
    this.#engine = engine;
    this.#length = length;
    this.#end = Math.min(length, exchange.words.length);
  }

  get atEnd(): boolean {
    return this.#position === this.#length;
  }

  /** The two halves of the next word. */
  pair(): [number, number] {
    const half = this.take(1) * 2;
    return [exchange.halves[half] ?? 0, exchange.halves[half + 1] ?? 0];
  }

  /** Steps over `count` words, and returns where in the exchange buffer they lie. */
  take(count: number): number {
    if (this.#position + count > this.#end) {
      this.#start = this.#position;
      this.#end = this.#start + addon.engineReadChanges(this.#engine, this.#start);
    }
    const at = this.#position - this.#start;
    this.#position += count;
    return at;
  }
}
