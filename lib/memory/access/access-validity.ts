import type { AccessWidth } from '../host-memory.js';
import type { MemTxAttributes } from './mem-tx.js';
import type { MemoryRegionOps } from './memory-region-ops.js';

/**
 * Whether `ops` take an access at all (QEMU: memory_region_access_valid). Asked in this order: the region's own
 * `accepts`, the alignment, the size.
 */
export function isValidAccess(
  { valid = {} }: MemoryRegionOps,
  offset: bigint,
  size: AccessWidth,
  isWrite: boolean,
  attributes: MemTxAttributes,
): boolean {
  if (valid.accepts !== undefined && !valid.accepts(offset, size, isWrite, attributes)) {
    return false;
  }
  if (!valid.unaligned && (Number(offset & 7n) & (size - 1)) !== 0) return false;
  if (valid.maxSize === undefined) return true;
  return size <= valid.maxSize && size >= (valid.minSize ?? 1);
}
