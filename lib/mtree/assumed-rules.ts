import { wholeRange } from '../address.js';
import type { MappingRules } from '../mapping/mapping-rules.js';
import type { RamRegion } from '../memory/regions/ram-region.js';

/**
 * What KVM can make a slot of, on a host with pages of `pageSize` bytes. Each region's memory is taken to begin with a
 * page, as a dump doesn't say where it lies; how long a slot can be is nobody's hazard.
 */
export function slotRules(pageSize: bigint): MappingRules {
  return { ...commonRules(pageSize), kinds: new Set(['ram', 'rom', 'ram-device', 'rom-device']) };
}

/** What VFIO's listener maps for DMA, on such a host. */
export function dmaRules(pageSize: bigint): MappingRules {
  return {
    ...commonRules(pageSize),
    kinds: new Set(['ram', 'rom', 'ram-device']),
    // What lies above are 64-bit BARs that are being sized (QEMU: vfio_listener_skipped_section).
    windows: [{ address: 0n, size: wholeRange >> 1n }],
  };
}

function commonRules(pageSize: bigint): Omit<MappingRules, 'kinds'> {
  return {
    pageSize,
    largestMapping: wholeRange,
    canMapReadonly: true,
    canWatch: () => false,
    // Far from each other, so that no region seems to continue another one.
    hostAddressOf: ({ id }: RamRegion) => BigInt(id + 1) * wholeRange,
  };
}
