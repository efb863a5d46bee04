import type { RegionKind } from '../memory/commit/region-state.js';

/** What of a region decides the type that the monitor prints for it. */
export interface TypedRegion {
  readonly kind: RegionKind;
  readonly readonly: boolean;
  /** Of a rom device. */
  readonly romd?: boolean;
}

/** The types that the monitor prints. `container` is new: QEMU 7.2 prints `i/o` for a container. */
export const monitorTypes = ['container', 'i/o', 'ram', 'rom', 'romd', 'ramd'] as const;
export type MonitorType = (typeof monitorTypes)[number];

/** Which QEMU's words are wanted. */
export type MonitorDialect = '7.2' | 'newest';

/** The type that the monitor prints for a region that is not an alias (QEMU: memory_region_type). */
export function monitorType(region: TypedRegion, dialect: MonitorDialect = '7.2'): MonitorType {
  switch (region.kind) {
    case 'ram-device':
      return 'ramd';
    case 'ram':
    case 'rom':
      return region.readonly ? 'rom' : 'ram';
    case 'rom-device':
      return region.romd ? 'romd' : 'i/o';
    case 'container':
      return dialect === 'newest' ? 'container' : 'i/o';
    default:
      return 'i/o';
  }
}

/** Sixteen digits, as the monitor prints an address; what reaches past 64 bits wraps, as there. */
export function hex16(address: bigint): string {
  return BigInt.asUintN(64, address).toString(16).padStart(16, '0');
}

/** First and last address of `size` bytes at `address`. Size 0 prints like size 1 (QEMU: MR_SIZE). */
export function monitorRange(address: bigint, size: bigint): string {
  return `${hex16(address)}-${hex16(address + (size === 0n ? 0n : size - 1n))}`;
}

/** What the monitor prints as the owner of a region that has none. */
export const orphan = 'orphan';

/**
 * The owner as `-o` prints it. What was read from a dump is in the monitor's words already; an embedder's own word
 * is put into them.
 */
export function monitorOwner(owner: string | undefined): string {
  if (owner === undefined) return orphan;
  return /^(owner|parent):\{(dev|obj) .*\}$/.test(owner) ? owner : `owner:{obj id=${owner}}`;
}
