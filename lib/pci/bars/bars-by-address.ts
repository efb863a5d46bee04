import type { AddressRange } from '../../mapping/page-mapping.js';
import { SortedRanges } from '../../mapping/sorted-ranges.js';

/** All that lies at one address and has one size. */
interface Cell<Item> extends AddressRange {
  readonly items: Set<Item>;
}

/**
 * What lies where, of items that may overlap, but have a power of two as size and a multiple of it as address, as BARs do:
 * two of one size are at the same place or apart. So they are kept in order, size by size.
 */
export class BarsByAddress<Item> {
  readonly #bySize = new Map<bigint, SortedRanges<Cell<Item>>>();

  /** At most `most` of the items that have an address in common with `window`, in no order. */
  touching(window: AddressRange, most = Number.POSITIVE_INFINITY): Item[] {
    const found: Item[] = [];
    for (const cells of this.#bySize.values()) {
      for (const { items } of cells.touching(window, most - found.length)) {
        for (const item of items) {
          if (found.length >= most) return found;
          found.push(item);
        }
      }
    }
    return found;
  }

  add(item: Item, { address, size }: AddressRange): void {
    let cells = this.#bySize.get(size);
    if (cells === undefined) {
      cells = new SortedRanges();
      this.#bySize.set(size, cells);
    }
    let cell = cells.at(address);
    if (cell === undefined) {
      cell = { address, size, items: new Set() };
      cells.add(cell);
    }
    cell.items.add(item);
  }

  /** Takes `item` from where {@link add} put it. */
  delete(item: Item, { address, size }: AddressRange): void {
    const cells = this.#bySize.get(size);
    const cell = cells?.at(address);
    if (cells === undefined || cell === undefined) return;
    cell.items.delete(item);
    if (cell.items.size > 0) return;
    cells.delete(address);
    if (cells.isEmpty) this.#bySize.delete(size);
  }
}
