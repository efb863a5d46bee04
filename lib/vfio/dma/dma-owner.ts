import { FlatviewError } from '../../errors.js';
import type { AddressSpace } from '../../memory/address-space.js';
import type { DmaSpace } from './dma-space.js';

/** Which address space each DMA space shows, while it shows any, and by whom. */
const shown = new WeakMap<DmaSpace, { readonly owner: object; readonly space: AddressSpace }>();

/**
 * `owner` is going to show `space` in `dma`, and nobody else.
 *
 * @throws `ERR_INVALID_ARGUMENT`: somebody else does, or it shows another one.
 */
export function claim(dma: DmaSpace, owner: object, space: AddressSpace): void {
  const known = shown.get(dma);
  if (known === undefined) {
    shown.set(dma, { owner, space });
    return;
  }
  if (known.owner === owner && known.space === space) return;
  throw new FlatviewError(
    'ERR_INVALID_ARGUMENT',
    known.owner === owner
      ? `${dma.label} shows ${known.space.label}; ${space.label} needs a VfioDmaMapper and a DMA space of its own`
      : `${dma.label} shows ${known.space.label} by another VfioDmaMapper; devices that share a DMA space share that, too`,
  );
}

/** `owner` shows nothing in `dma` any more. */
export function release(dma: DmaSpace, owner: object): void {
  if (shown.get(dma)?.owner === owner) shown.delete(dma);
}

/** What `owner` shows in `dma`. */
export function shownBy(dma: DmaSpace, owner: object): AddressSpace | undefined {
  const known = shown.get(dma);
  return known?.owner === owner ? known.space : undefined;
}
