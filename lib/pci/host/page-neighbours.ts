import type { HostPciDevice } from './host-device.js';
import { bridgeWindows } from './host-device.js';
import { findBar, type IoMemoryRange } from './io-memory.js';
import { barName, isMemory, type PciResource } from './pci-resource.js';

/** Something else that lies in a page of a BAR. */
export interface PageNeighbour {
  readonly first: bigint;
  readonly last: bigint;
  /** `0000:05:00.0 BAR 2`, or as /proc/iomem says. */
  readonly name: string;
  /** The PCI device whose it is; undefined for anything else. */
  readonly device: string | undefined;
}

/** Where a BAR lies on the host: what is beside it, and how far the window goes in which it was placed. */
export interface BarPlace {
  /** First and last byte of the pages that the BAR touches. */
  readonly pages: { readonly first: bigint; readonly last: bigint };
  readonly neighbours: readonly PageNeighbour[];
  /** The last address of the bridge's window that it is in; undefined where that isn't known. */
  readonly windowLast: bigint | undefined;
  /** False where the kernel has no such BAR at this address, although it says what it has: it is not in use. */
  readonly claimed: boolean;
  /** Whether things that are no PCI devices are known: /proc/iomem could be read. */
  readonly complete: boolean;
}

/** What vfio-pci calls the rest of a page that it keeps free (`vfio_pci_probe_mmaps`). */
const reservedByVfio = 'vfio sub-page reserved';

/** What the host has at which physical addresses. */
export class HostAddressMap {
  readonly #devices: readonly HostPciDevice[];
  readonly #ioMemory: readonly IoMemoryRange[] | undefined;

  /** @param ioMemory What /proc/iomem says. Without it only PCI devices are known. */
  constructor(devices: readonly HostPciDevice[], ioMemory: readonly IoMemoryRange[] | undefined) {
    this.#devices = devices;
    this.#ioMemory = ioMemory;
  }

  /** Where a memory BAR of `device` lies. */
  place(device: HostPciDevice, bar: PciResource, pageSize: bigint): BarPlace {
    const pages = { first: bar.first & -pageSize, last: bar.last | (pageSize - 1n) };
    if (this.#ioMemory === undefined) return this.#placeAmongDevices(device, bar, pages);
    const entry = findBar(this.#ioMemory, device.address, bar.first, bar.last);
    const others = overlapping(this.#ioMemory, bar, pages).filter(
      ({ name, first }) => !(name === reservedByVfio && first === bar.last + 1n),
    );
    return {
      pages,
      neighbours: others.map((range) => this.#neighbour(range)),
      windowLast: entry?.parent?.last,
      claimed: entry !== undefined,
      complete: true,
    };
  }

  #placeAmongDevices(device: HostPciDevice, bar: PciResource, pages: BarPlace['pages']): BarPlace {
    const bridge = this.#devices.find(({ address }) => address === device.parent);
    const window = (bridge === undefined ? [] : bridgeWindows(bridge)).find(
      (one) => isMemory(one) && contains(one, bar),
    );
    const neighbours = this.#devices.flatMap((other) =>
      (other.resources ?? [])
        .filter((one) => one.assigned && isMemory(one) && !bridgeWindows(other).includes(one))
        .filter((one) => overlaps(one, pages) && !contains(one, bar))
        .map((one) => deviceNeighbour(other, one)),
    );
    return { pages, neighbours, windowLast: window?.last, claimed: true, complete: false };
  }

  #neighbour({ first, last, name }: IoMemoryRange): PageNeighbour {
    const device = this.#devices.find(({ address }) => address === name);
    const bar = device?.resources?.find((one) => one.first === first && one.last === last);
    return device && bar
      ? deviceNeighbour(device, bar)
      : { first, last, name, device: device?.address };
  }
}

interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

function overlaps(a: Range, b: Range): boolean {
  return a.first <= b.last && b.first <= a.last;
}

function contains(outer: Range, inner: Range): boolean {
  return outer.first <= inner.first && inner.last <= outer.last;
}

/** The largest ranges that lie in `pages` beside the BAR: not in it, and not around it. */
function overlapping(ranges: readonly IoMemoryRange[], bar: Range, pages: Range): IoMemoryRange[] {
  return ranges
    .filter((range) => overlaps(range, pages) && !contains(bar, range))
    .flatMap((range) => (contains(range, bar) ? overlapping(range.children, bar, pages) : [range]));
}

function deviceNeighbour({ address }: HostPciDevice, bar: PciResource): PageNeighbour {
  const { index, first, last } = bar;
  return { first, last, name: `${address} ${barName(index)}`, device: address };
}
