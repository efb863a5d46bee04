import type { RangeState } from './page-map.js';

const states: Readonly<Record<string, RangeState>> = {
  ram: 'ram',
  rom: 'rom',
  'ram-device': 'device',
  'rom-device': 'romd',
  reservation: 'reserved',
  iommu: 'iommu',
};

/** What a region of a kind does where it shows, as far as the kind alone tells. */
export function kindState(kind: string): RangeState {
  return states[kind] ?? 'trapped';
}
