import type { VfioRegionInfo } from './vfio-interface.js';

/** What VFIO_DEVICE_GET_REGION_INFO says of a region that the device doesn't have: it is there, and holds nothing. */
export function absentRegion(index: number): VfioRegionInfo {
  return {
    index,
    size: 0n,
    canRead: false,
    canWrite: false,
    canMap: false,
    sparseAreas: undefined,
    isMsixMappable: false,
    type: undefined,
  };
}
