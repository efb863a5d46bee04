import { type VfioDevice, type VfioRegionInfo, vfioPciRegion } from '../../vfio/vfio-interface.js';
import type { BarIndex, BarLayout, OffsetRange } from '../bars/bar.js';
import { outward } from '../bars/bar-page-policy.js';
import { configRegister } from '../config/config-registers.js';
import { withoutHole } from '../msix/msix-holes.js';
import type { MsixLayout } from '../msix/msix-layout.js';
import { mappableAreas } from './region-areas.js';

/** A BAR as the device has it. */
export interface DeviceBar {
  readonly layout: BarLayout;
  readonly info: VfioRegionInfo;
  /** The parts that the kernel says can be mapped. */
  readonly areas: readonly OffsetRange[];
}

/** Low bits of a BAR's register (PCI Local Bus Specification 3.0, 6.2.5.1). */
const registerBit = { io: 1, memoryType: 6, memory64: 4, prefetchable: 8 } as const;

/**
 * The BARs and the ROM of a device: sizes as VFIO says, kinds as its registers do.
 *
 * @throws `ERR_DEVICE_DESCRIPTION`, `ERR_SYSTEM_CALL`
 */
export function deviceBars(device: VfioDevice): DeviceBar[] {
  const bars: DeviceBar[] = [];
  for (const index of [0, 1, 2, 3, 4, 5, 6] as const) {
    // The upper half of an address is no BAR, whatever VFIO says of its index.
    if (bars.some(({ layout }) => layout.is64Bit && layout.index === index - 1)) continue;
    const info = device.regionInfo(index);
    if (info.size === 0n) continue;
    const layout = layoutOf(device, index, info.size);
    const isMemory = layout.kind === 'memory';
    const areas = isMemory ? mappableAreas(info, `BAR ${index} of ${device.name}`) : [];
    bars.push({ layout, info, areas });
  }
  return bars;
}

/** Bytes of memory that the device has at a BAR; 0 where there is no such BAR, or it is another kind. */
export function memorySizeOf(bars: readonly DeviceBar[], index: number): bigint {
  const found = bars.find(({ layout }) => layout.index === index && layout.kind === 'memory');
  return found?.info.size ?? 0n;
}

/** What of a BAR is to be mapped. */
export interface AreasToMap {
  readonly areas: readonly OffsetRange[];
  /** The pages that are left out for the sake of the MSI-X table. */
  readonly msixPages: OffsetRange | undefined;
}

/**
 * The parts of a BAR to map.
 *
 * A BAR smaller than a page that the guest has as a larger one (the MSI-X table was moved behind it) is mapped with the whole page,
 * as the kernel's word is that the page is its own.
 *
 * @param guest What the guest is told of the BAR.
 * @param msix Where the device itself has its MSI-X table.
 */
export function areasToMap(
  { info, areas }: DeviceBar,
  guest: BarLayout,
  msix: MsixLayout | undefined,
  pageSize: bigint,
): AreasToMap {
  const ownsPage = info.canMap && info.sparseAreas === undefined && info.size < pageSize;
  const isPageOfGuest = ownsPage && guest.kind === 'memory' && guest.size >= pageSize;
  const all = isPageOfGuest ? [{ offset: 0n, size: pageSize }] : areas;
  if (msix === undefined || msix.table.bar !== guest.index || info.isMsixMappable) {
    return { areas: all, msixPages: undefined };
  }
  const msixPages = outward(msix.table, pageSize);
  return { areas: withoutHole(all, msixPages), msixPages };
}

function layoutOf(device: VfioDevice, index: BarIndex, size: bigint): BarLayout {
  if (index === 6) return { index, kind: 'rom', size, is64Bit: false, isPrefetchable: false };
  const register = BigInt(configRegister.bar0 + 4 * index);
  const bits = Number(device.read(vfioPciRegion.config, register, 4));
  if ((bits & registerBit.io) !== 0) {
    return { index, kind: 'io', size, is64Bit: false, isPrefetchable: false };
  }
  return {
    index,
    kind: 'memory',
    size,
    is64Bit: (bits & registerBit.memoryType) === registerBit.memory64,
    isPrefetchable: (bits & registerBit.prefetchable) !== 0,
  };
}
