import { mapPages } from '../../mapping/map-pages.js';
import type { PageMapping } from '../../mapping/page-mapping.js';
import type { AddressSpace } from '../../memory/address-space.js';
import { RamRegion } from '../../memory/regions/ram-region.js';
import type { FlatRange } from '../../memory/views/flat-view.js';
import { dmaMappingOf, mapError } from './dma-calls.js';
import { pieceSizeFor } from './dma-pieces.js';
import type { DmaRules } from './dma-rules.js';
import type { DmaSpace } from './dma-space.js';

/** How far pinning has come. */
export interface PinProgress {
  /** Bytes that are mapped, and so pinned. */
  readonly bytesMapped: bigint;
  /** Bytes that there are to map. */
  readonly bytesTotal: bigint;
}

/** How memory is mapped in advance. */
export interface PinOptions {
  /** Stops it, at the end of the piece that is being mapped; what was mapped is unmapped. */
  readonly signal?: AbortSignal;
  /** Called after each piece. */
  readonly onProgress?: (progress: PinProgress) => void;
}

/** What is mapped in advance, and where. */
export interface Pinning {
  readonly space: AddressSpace;
  readonly dma: DmaSpace;
  readonly rules: DmaRules;
  /** How many mappings there can be. */
  readonly limit: number;
  /** Hears of each mapping that is made. */
  pinned(mapping: PageMapping): void;
}

/** Maps the RAM that `space` shows, piece by piece on another thread: as far as it is shown when its turn comes. */
export async function pinInAdvance(
  { space, dma, rules, limit, pinned }: Pinning,
  { signal, onProgress }: PinOptions,
): Promise<void> {
  const ranges = [...space.flatView.ranges()].filter(isOrdinary);
  const bytes = ranges.reduce((sum, { size }) => sum + size, 0n);
  rules.pieceSize = pieceSizeFor(bytes, limit);
  const { mappings } = mapPages(ranges, rules);
  const bytesTotal = mappings.reduce((sum, { size }) => sum + size, 0n);
  let bytesMapped = 0n;
  // What there is no room for is left to the commit, which knows what to do without.
  for (const mapping of mappings.slice(0, limit)) {
    signal?.throwIfAborted();
    if (isShown(space, mapping)) {
      try {
        await dma.mapAsync(dmaMappingOf(mapping));
        pinned(mapping);
      } catch (error) {
        if (isShown(space, mapping)) throw mapError(error, dma, mapping);
      }
    }
    bytesMapped += mapping.size;
    onProgress?.({ bytesMapped, bytesTotal });
  }
  signal?.throwIfAborted();
}

/** Whether it is memory that takes long to pin, and is there as long as it shows. */
function isOrdinary({ region }: FlatRange): boolean {
  return (
    (region.kind === 'ram' || region.kind === 'rom') &&
    region instanceof RamRegion &&
    region.discardManager === undefined
  );
}

function isShown(space: AddressSpace, { address, region }: PageMapping): boolean {
  if (space.isDestroyed || space.topology.isClosed) return false;
  const isOpen = region instanceof RamRegion && region.memory?.closed === false;
  return isOpen && space.flatView.lookup(address)?.region === region;
}
