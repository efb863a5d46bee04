import { type AddressLike, toAddress, toSize } from '../../address.js';
import { type DirtyLogClient, dirtyLogClients } from '../commit/region-state.js';

/**
 * Bytes that one bit stands for, whatever the size of the host's pages.
 *
 * @example
 * ```ts
 * import { dirtyLogClients, dirtyPageSize, MemoryTopology } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const { dirtyPages } = topology.ram('vga.vram', 0x10_0000n, { backing: 'none' });
 * dirtyPages.set(0x2fffn, 2n, dirtyLogClients.vga);
 * [...dirtyPages.snapshotAndClear('vga', 0n, 0x10_0000n).ranges()];
 * // => [{ offset: 0x2000n, size: 2n * BigInt(dirtyPageSize) }]
 * topology.close();
 * ```
 */
export const dirtyPageSize = 4096n;

/**
 * Which pages of a region were written, for each client of the dirty log apart: what one has taken is still there for
 * the others (QEMU: ram_list.dirty_memory).
 *
 * Offsets and sizes are bytes; every page that they touch counts. What isn't written costs nothing.
 *
 * @example
 * ```ts
 * import { type DirtyLogClient, type DirtySnapshot, MemoryTopology } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const vram = topology.ram('vga.vram', 0x10_0000n);
 * const memory = topology.addressSpace('memory', vram);
 * const client: DirtyLogClient = 'vga';
 * vram.setDirtyLog(client, true);
 * memory.write(0x2004n, 4, 0xff_ff_ffn);
 *
 * const written: DirtySnapshot = vram.dirtyPages.snapshotAndClear(client, 0n, vram.size);
 * [...written.ranges()]; // => [{ offset: 0x2000n, size: 0x1000n }]
 * vram.dirtyPages.isDirty(client, 0x2000n, 0x1000n); // => false
 * topology.close();
 * ```
 */
export class DirtyBitmap {
  readonly #pages: Readonly<Record<DirtyLogClient, PageSet>> = {
    vga: new PageSet(),
    code: new PageSet(),
    migration: new PageSet(),
  };

  /**
   * Marks pages as written.
   *
   * @param mask For whom: bits of `dirtyLogClients`.
   * @throws `ERR_ADDRESS_RANGE`
   */
  set(offset: AddressLike, size: AddressLike, mask: number): void {
    const touched = pagesOf(offset, size);
    for (const client of clients) {
      if ((mask & dirtyLogClients[client]) !== 0) this.#pages[client].add(touched);
    }
  }

  /**
   * Whether any of the pages was written and not yet taken by `client`.
   *
   * @throws `ERR_ADDRESS_RANGE`
   */
  isDirty(client: DirtyLogClient, offset: AddressLike, size: AddressLike): boolean {
    return this.#pages[client].hasAny(pagesOf(offset, size));
  }

  /**
   * Takes the written ones of the pages: for `client` they are clean from now on (QEMU:
   * memory_region_snapshot_and_clear_dirty).
   *
   * @throws `ERR_ADDRESS_RANGE`
   */
  snapshotAndClear(client: DirtyLogClient, offset: AddressLike, size: AddressLike): DirtySnapshot {
    return new DirtySnapshot(this.#pages[client].take(pagesOf(offset, size)));
  }
}

/**
 * The pages that a client took from a {@link DirtyBitmap}.
 *
 * @example
 * ```ts
 * import { dirtyLogClients, MemoryTopology } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const { dirtyPages } = topology.ram('vga.vram', 0x10_0000n, { backing: 'none' });
 * dirtyPages.set(0x2000n, 0x1000n, dirtyLogClients.vga);
 * dirtyPages.snapshotAndClear('vga', 0x0n, 0x4000n).isDirty(0x2000n, 1n); // => true
 * topology.close();
 * ```
 */
export class DirtySnapshot {
  readonly #pages: PageSet;

  /** @internal */
  constructor(pages: PageSet) {
    this.#pages = pages;
  }

  /**
   * Whether any page that `size` bytes at `offset` touch had been written.
   *
   * @throws `ERR_ADDRESS_RANGE`
   */
  isDirty(offset: AddressLike, size: AddressLike): boolean {
    return this.#pages.hasAny(pagesOf(offset, size));
  }

  /** The written parts in ascending order, in whole pages; neighbours are one. */
  *ranges(): IterableIterator<{ readonly offset: bigint; readonly size: bigint }> {
    for (const { first, end } of this.#pages.runs()) {
      const offset = BigInt(first) * dirtyPageSize;
      yield { offset, size: BigInt(end) * dirtyPageSize - offset };
    }
  }
}

const clients = Object.keys(dirtyLogClients) as DirtyLogClient[];

/** Pages from `first` up to, not including, `end`. */
interface Pages {
  readonly first: number;
  readonly end: number;
}

/** Page numbers have up to 52 bits: numbers are exact. */
function pagesOf(offset: AddressLike, size: AddressLike): Pages {
  const start = toAddress(offset, 'offset');
  const bytes = toSize(size, 'size');
  const first = start / dirtyPageSize;
  const end = bytes === 0n ? first : (start + bytes - 1n) / dirtyPageSize + 1n;
  return { first: Number(first), end: Number(end) };
}

/** Pages whose bits are allocated together, when one of them is written: those of 128 MiB. */
const pagesPerBlock = 32768;

/** A set of page numbers: blocks of bits, in a map because most blocks are never needed. */
class PageSet {
  readonly #blocks = new Map<number, Uint32Array>();

  add({ first, end }: Pages): void {
    for (let page = first; page < end; ) {
      const block = Math.floor(page / pagesPerBlock);
      const start = block * pagesPerBlock;
      const blockEnd = Math.min(end, start + pagesPerBlock);
      const words = this.#blockAt(block);
      forEachWord(page - start, blockEnd - start, (word, mask) => {
        words[word] = (words[word] ?? 0) | mask;
      });
      page = blockEnd;
    }
  }

  hasAny(pages: Pages): boolean {
    let found = false;
    for (const { words, from, to } of this.#touched(pages)) {
      forEachWord(from, to, (word, mask) => {
        found ||= ((words[word] ?? 0) & mask) !== 0;
      });
    }
    return found;
  }

  /** Removes `pages`, and returns those that were there. */
  take(pages: Pages): PageSet {
    const taken = new PageSet();
    for (const { block, words, from, to } of this.#touched(pages)) {
      const takenWords = taken.#blockAt(block);
      forEachWord(from, to, (word, mask) => {
        const bits = words[word] ?? 0;
        takenWords[word] = bits & mask;
        words[word] = bits & ~mask;
      });
    }
    return taken;
  }

  /** The pages in ascending order, neighbours together. */
  *runs(): IterableIterator<Pages> {
    let first = -1;
    let end = -1;
    for (const page of this.#pages()) {
      if (page !== end) {
        if (first >= 0) yield { first, end };
        first = page;
      }
      end = page + 1;
    }
    if (first >= 0) yield { first, end };
  }

  *#pages(): IterableIterator<number> {
    for (const [block, words] of [...this.#blocks].sort(([a], [b]) => a - b)) {
      for (const [word, bits] of words.entries()) {
        for (let rest = bits; rest !== 0; rest &= rest - 1) {
          yield block * pagesPerBlock + word * 32 + (31 - Math.clz32(rest & -rest));
        }
      }
    }
  }

  /** The blocks that have some of `pages`, and which of their bits these are. */
  *#touched({ first, end }: Pages): IterableIterator<{
    readonly block: number;
    readonly words: Uint32Array;
    readonly from: number;
    readonly to: number;
  }> {
    for (const [block, words] of this.#blocks) {
      const from = Math.max(first - block * pagesPerBlock, 0);
      const to = Math.min(end - block * pagesPerBlock, pagesPerBlock);
      if (from < to) yield { block, words, from, to };
    }
  }

  #blockAt(block: number): Uint32Array {
    const known = this.#blocks.get(block);
    if (known !== undefined) return known;
    const words = new Uint32Array(pagesPerBlock / 32);
    this.#blocks.set(block, words);
    return words;
  }
}

/** Calls `visit` with each word that has some of the bits `from` to `to` - 1, and the mask of these. */
function forEachWord(from: number, to: number, visit: (word: number, mask: number) => void): void {
  for (let word = from >>> 5; word * 32 < to; word++) {
    const low = Math.max(from - word * 32, 0);
    const high = Math.min(to - word * 32, 32);
    visit(word, (high === 32 ? -1 : (1 << high) - 1) & (-1 << low));
  }
}
