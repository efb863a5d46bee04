import { hex } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import type { IoRegion } from '../../memory/regions/io-region.js';
import type { PciBus } from '../bus/pci-bus.js';
import { checkField } from './register-field.js';

/** Bytes of the configuration space of a function, and of all functions of a bus number. */
const functionSize = 0x1000n;
const busSize = 0x10_0000n;

const busNumbers = 256;

/** Which part of the configuration spaces a window shows. */
export interface EcamOptions {
  /** The first bus number that it shows: 0 to 255. Default: 0. */
  readonly firstBus?: number;
  /** How many, at least one and none behind 255: each takes 1 MiB. Default: all from the first one on. */
  readonly busCount?: number;
}

/**
 * A window to all configuration spaces: the enhanced configuration access mechanism (PCI Express Base Specification, 7.2.2; MMCONFIG
 * on PCs). To be put where the machine has it. Functions that aren't there, and what isn't in a configuration space of 256 bytes, read
 * as all ones.
 *
 * @throws `ERR_INVALID_ARGUMENT`: there are no such bus numbers; as {@link MemoryTopology.io}.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { ConfigSpace, type EcamOptions, ecam, layHeader, PciBus, PciFunction } from 'flatview/pci';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * const memory = topology.addressSpace('memory', system);
 * const bus = new PciBus({ memory: system });
 * const config = new ConfigSpace(4096);
 * layHeader(config, { vendorId: 0x8086, deviceId: 0x10d3, classCode: 0x02_0000 });
 * bus.add({ bus: 1, device: 2 }, new PciFunction('e1000e', { config }));
 *
 * // 64 bus numbers, 1 MiB each: 00 to 3f.
 * const options: EcamOptions = { busCount: 64 };
 * system.addSubregion(0xe000_0000n, ecam(bus, options));
 * memory.read(0xe000_0000n + (1n << 20n) + (2n << 15n), 4).value; // => 0x10d3_8086n
 * memory.read(0xe000_0000n, 4).value; // => 0xffff_ffffn
 * topology.close();
 * ```
 */
export function ecam(bus: PciBus, options: EcamOptions = {}): IoRegion {
  const { firstBus = 0, busCount = busNumbers - firstBus } = options;
  checkField(firstBus, busNumbers - 1, 'the first bus number of a window to configuration spaces');
  if (!Number.isInteger(busCount) || busCount < 1 || firstBus + busCount > busNumbers) {
    throw new FlatviewError(
      'ERR_INVALID_ARGUMENT',
      `a window to the configuration spaces of ${busCount} buses from ${hex(firstBus)} on: not 1 to ${busNumbers - firstBus}`,
    );
  }
  const idAt = (offset: bigint): number => (firstBus << 8) + Number(offset / functionSize);
  const registerAt = (offset: bigint): number => Number(offset % functionSize);
  return bus.space.topology.io('ecam', BigInt(busCount) * busSize, {
    read: (offset, size) => bus.readConfig(idAt(offset), registerAt(offset), size),
    write: (offset, value, size) =>
      bus.writeConfig(idAt(offset), registerAt(offset), size, Number(value)),
    valid: { minSize: 1, maxSize: 8, unaligned: true },
    implementation: { minSize: 1, maxSize: 4, unaligned: true },
  });
}
