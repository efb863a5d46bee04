import { type AddressRange, endOf } from '../../mapping/page-mapping.js';
import type { PlacedBar } from './placed-bar.js';
import type { SimulatedDevice } from './simulated-device.js';

/**
 * The BARs of a device that can be mapped (vfio_pci_core.c: vfio_pci_probe_mmaps): memory of a page or more; and less where it begins a
 * page of the host that no BAR of any device has another part of.
 */
export function mappableBars(
  device: SimulatedDevice,
  host: Iterable<SimulatedDevice>,
  pageSize: bigint,
): ReadonlySet<number> {
  const all = [...host].flatMap(({ bars }) => bars).filter(({ kind }) => kind !== 'io');
  const mappable = device.bars.filter((bar) => {
    if (bar.kind !== 'memory') return false;
    if (bar.size >= pageSize) return true;
    if (bar.hostAddress % pageSize !== 0n) return false;
    const page = { address: bar.hostAddress, size: pageSize };
    return !all.some((other) => other !== bar && touch(placeOf(other), page));
  });
  return new Set(mappable.map(({ index }) => index));
}

function placeOf({ hostAddress, size }: PlacedBar): AddressRange {
  return { address: hostAddress, size };
}

function touch(a: AddressRange, b: AddressRange): boolean {
  return a.address < endOf(b) && b.address < endOf(a);
}
