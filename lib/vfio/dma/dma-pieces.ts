/** RAM is never cut into smaller pieces: it is the size of a large page of most processors and IOMMUs. */
const smallestPiece = 2n << 20n;

/** The limit of kernels that don't say it: the default of vfio_iommu_type1's parameter dma_entry_limit. */
const usualLimit = 65_535;

/** RAM takes so much of the mappings that there can be: the rest is for holes, BARs and what an IOMMU translates. */
const shareOfRam = 4n;

/**
 * Bytes of the pieces in which RAM is mapped: a power of two.
 *
 * The kernel can't split a mapping: where a hole opens, the whole mapping goes and what is left of it is mapped, and pinned,
 * again. So the smaller the pieces the less is pinned again, but the more mappings there are.
 *
 * @param bytes Of RAM.
 * @param limit How many mappings there can be; `Infinity` where the kernel doesn't say.
 */
export function pieceSizeFor(bytes: bigint, limit: number): bigint {
  const mappings = BigInt(Number.isFinite(limit) ? limit : usualLimit) + 1n;
  const pieces = mappings / shareOfRam || 1n;
  let size = smallestPiece;
  while (size * pieces < bytes) size *= 2n;
  return size;
}
