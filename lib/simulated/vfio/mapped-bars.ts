import { larger, smaller } from '../../address.js';
import { type AddressRange, endOf } from '../../mapping/page-mapping.js';
import type { HostMemory } from '../../memory/host-memory.js';
import type { SimulatedDevice } from '../device/simulated-device.js';

/** A BAR that some memory of the process belongs to. */
export interface BarPiece {
  /** The device. */
  readonly device: SimulatedDevice;
  /** Index of the region, a BAR. */
  readonly region: number;
  /** Offset of the first byte. */
  readonly offset: bigint;
  /** Whether all of it is mapped now. */
  readonly isMapped: boolean;
}

/** A part of a range of host addresses, and the BAR that it belongs to. */
export interface HostPiece extends AddressRange {
  /** The BAR that it is a mapping of; `undefined` for memory. */
  readonly bar: BarPiece | undefined;
}

/**
 * A mapping of a part of a BAR.
 *
 * @example
 * ```ts
 * import { type BarMap, SimulatedVfio } from 'flatview/simulated';
 * import { vfioPciRegion } from 'flatview/vfio';
 *
 * const nvme = { name: '0000:05:00.0', group: 12, cdev: 'vfio0', vendorId: 0x144d, deviceId: 0xa808 };
 * const bars = [{ index: 0, kind: 'memory', size: 0x4000n }] as const;
 * const host = new SimulatedVfio({ devices: [{ ...nvme, bars }] });
 * using iommufd = host.openIommufd();
 * using cdev = host.openCdev('vfio0');
 * using device = cdev.bind(iommufd);
 * using memory = device.map(vfioPciRegion.bar0, 0x1000n, 0x2000n);
 * const maps: readonly BarMap[] = host.barMaps;
 * maps.map(({ region, offset }) => [region, offset]); // => [[0, 0x1000n]]
 *
 * // Without memory decode an access would be SIGBUS.
 * host.revokedBarMaps.length; // => 0
 * device.write(vfioPciRegion.config, 0x4n, 0x0n, 2);
 * host.revokedBarMaps[0]?.memory === memory; // => true
 * ```
 */
export interface BarMap {
  /** The device. */
  readonly device: SimulatedDevice;
  /** Index of the region, a BAR. */
  readonly region: number;
  /** Where in the region it begins, in bytes. */
  readonly offset: bigint;
  /** What was mapped. */
  readonly memory: HostMemory;
}

/** Whether its owner has not closed it. */
export function isLive({ memory }: BarMap): boolean {
  return !memory.closed;
}

/** What of the devices is mapped into the process. */
export class MappedBars {
  readonly #devices: () => Iterable<SimulatedDevice>;
  #maps: BarMap[] = [];

  constructor(devices: () => Iterable<SimulatedDevice>) {
    this.#devices = devices;
  }

  /** The maps that are not closed. */
  get live(): readonly BarMap[] {
    this.#maps = this.#maps.filter(isLive);
    return this.#maps;
  }

  add(map: BarMap): void {
    this.#maps.push(map);
  }

  /** Cuts a range of host addresses where a BAR's bytes begin or end. */
  piecesOf(range: AddressRange): readonly HostPiece[] {
    const pieces: HostPiece[] = [];
    let at = range.address;
    const end = endOf(range);
    for (const bar of this.#barsIn(range)) {
      if (bar.address > at) pieces.push({ address: at, size: bar.address - at, bar: undefined });
      const first = larger(bar.address, at);
      const size = smaller(endOf(bar), end) - first;
      pieces.push({ address: first, size, bar: this.#pieceOf(bar, { address: first, size }) });
      at = first + size;
    }
    if (at < end) pieces.push({ address: at, size: end - at, bar: undefined });
    return pieces;
  }

  #pieceOf({ device, region, address }: BarBytes, range: AddressRange): BarPiece {
    const offset = range.address - address;
    return { device, region, offset, isMapped: this.#isMapped(range) };
  }

  #barsIn(range: AddressRange): readonly BarBytes[] {
    const found: BarBytes[] = [];
    for (const device of this.#devices()) {
      for (const [region, bytes] of device.mappedBytes) {
        const bar = { device, region, address: bytes.hostAddress, size: bytes.size };
        if (bar.address < endOf(range) && endOf(bar) > range.address) found.push(bar);
      }
    }
    return found.sort((a, b) => (a.address < b.address ? -1 : 1));
  }

  #isMapped(range: AddressRange): boolean {
    let at = range.address;
    const maps = this.live
      .map(({ memory }) => ({ address: memory.hostAddress, size: memory.size }))
      .sort((a, b) => (a.address < b.address ? -1 : 1));
    for (const map of maps) if (map.address <= at && endOf(map) > at) at = endOf(map);
    return at >= endOf(range);
  }
}

/** The bytes of a BAR in this process. */
interface BarBytes extends AddressRange {
  readonly device: SimulatedDevice;
  readonly region: number;
}
