import { addon, exchange } from '../../native/addon.js';
import { changeKind, rangeField, rangeLayout } from '../../native/engine-addon.js';
import type { AddressSpace } from '../address-space.js';
import { decodeRange } from '../views/flat-view.js';
import { MemoryRegionSection } from '../views/section.js';
import type { RegionsById } from './region-table.js';

/** What became of a range: it is gone, it is new, or it stays and something else about it may have changed. */
export interface SectionChange {
  readonly kind: 'del' | 'add' | 'keep';
  readonly section: MemoryRegionSection;
  /** The dirty-log mask that a kept range had before. */
  readonly oldDirtyLogMask: number;
}

/** The difference between two flat views of an address space. */
export interface ViewChange {
  readonly space: AddressSpace;
  /** First what is gone, ascending; then what is new or stays, ascending. */
  readonly changes: readonly SectionChange[];
}

/** A view change that is still being read. */
interface GrowingViewChange extends ViewChange {
  readonly changes: SectionChange[];
}

/**
 * Reads the change stream of the engine's last commit, which has `length` words.
 *
 * @returns What changes in each address space, in the order in which they were made.
 */
export function readViewChanges(
  engine: number,
  length: number,
  regions: RegionsById,
  spacesById: ReadonlyMap<number, AddressSpace>,
): ViewChange[] {
  const stream = new ChangeStream(engine, length);
  const views: ViewChange[] = [];
  while (!stream.atEnd) {
    const header = stream.take(1) * 2;
    const spaceCount = exchange.halves[header] ?? 0;
    const changeCount = exchange.halves[header + 1] ?? 0;
    const group = readSpaces(stream, spaceCount, spacesById);
    for (let i = 0; i < changeCount; i++) readChange(stream, regions, group);
    views.push(...group);
  }
  return views.length > 1 ? views.sort((a, b) => a.space.sequence - b.space.sequence) : views;
}

function readSpaces(
  stream: ChangeStream,
  count: number,
  spacesById: ReadonlyMap<number, AddressSpace>,
): GrowingViewChange[] {
  const group: GrowingViewChange[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (i % 2 === 0) at = stream.take(1) * 2;
    const space = spacesById.get(exchange.halves[at + (i % 2)] ?? 0);
    if (space !== undefined) group.push({ space, changes: [] });
  }
  return group;
}

const kinds: Readonly<Record<number, SectionChange['kind']>> = {
  [changeKind.delete]: 'del',
  [changeKind.add]: 'add',
  [changeKind.keep]: 'keep',
};

/** Reads one change, for each address space of the group a section of its own. */
function readChange(
  stream: ChangeStream,
  regions: RegionsById,
  group: readonly GrowingViewChange[],
): void {
  const at = stream.take(rangeLayout.words);
  for (const { space, changes } of group) {
    const section = new MemoryRegionSection(space, decodeRange(at, regions));
    const kind = kinds[field(section.attributes, rangeField.kind)] ?? 'keep';
    const oldDirtyLogMask = field(section.attributes, rangeField.oldDirtyLogMask);
    changes.push({ kind, section, oldDirtyLogMask });
  }
}

interface Field {
  readonly shift: number;
  readonly mask: number;
}

function field(attributes: number, { shift, mask }: Field): number {
  return (attributes >>> shift) & mask;
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
