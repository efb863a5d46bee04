import type { MemoryRegionOps } from '../../memory/access/memory-region-ops.js';
import type { BarIndex } from '../bars/bar.js';
import type { Quirk, QuirkDevice, QuirkMatch } from './quirk.js';

/** A part of a BAR that shows the device's configuration space. */
export interface ConfigMirror {
  /** Shown in dumps and explanations. */
  readonly name: string;
  /** Which functions it is for. */
  readonly match: QuirkMatch;
  /** The BAR that shows the configuration space. */
  readonly bar: BarIndex;
  /** Where it begins in the BAR, in bytes. */
  readonly offset: bigint;
  /** Bytes: what it has of the configuration space, from its beginning on. */
  readonly size: bigint;
}

/**
 * A quirk for a device that has its configuration space in a BAR, too: what the guest finds there must be what it finds at its bus,
 * and what it writes there must not reach the device past everybody who has to know.
 *
 * @param mirror Which devices have it, and where.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import {
 *   AssignedPciDevice,
 *   type ConfigMirror,
 *   commandBit,
 *   configMirror,
 *   configRegister,
 *   PciBus,
 * } from 'flatview/pci';
 * import { SimulatedVfio } from 'flatview/simulated';
 *
 * const mirror: ConfigMirror = {
 *   name: 'config mirror 0x88000',
 *   match: { vendorId: 0x10de, baseClass: 3 },
 *   bar: 0,
 *   offset: 0x8_8000n,
 *   size: 0x1000n,
 * };
 * const card = { name: '0000:01:00.0', group: 1, cdev: 'vfio0', vendorId: 0x10de, deviceId: 0x2204 };
 * const bars = [{ index: 0, kind: 'memory', size: 0x100_0000n }] as const;
 * const host = new SimulatedVfio({ devices: [{ ...card, classCode: 0x03_0000, bars }] });
 * const device = host.openCdev('vfio0').bind(host.openIommufd());
 * const topology = new MemoryTopology();
 * const quirks = [configMirror(mirror)];
 * const assigned = new AssignedPciDevice({ topology, device, pageSize: host.pageSize, quirks });
 *
 * const pci = topology.container('pci', 1n << 64n);
 * const memory = topology.addressSpace('memory', pci);
 * new PciBus({ memory: pci }).add({ device: 1 }, assigned.function);
 * assigned.function.writeConfig(configRegister.bar0, 4, 0xe000_0000);
 * assigned.function.writeConfig(configRegister.command, 2, commandBit.memory);
 * // What the mirror shows of BAR 0 is where the guest has it, and not where the host has.
 * memory.read(0xe008_8010n, 4).value; // => 0xe000_0000n
 * topology.close();
 * ```
 */
export function configMirror({ name, match, bar, offset, size }: ConfigMirror): Quirk {
  return {
    name,
    match,
    windows: (device) => [{ name, bar, offset, size, ops: mirrorOps(device) }],
  };
}

function mirrorOps({ config }: QuirkDevice): MemoryRegionOps {
  return {
    read: (offset, size) => config.read(Number(offset), size),
    write: (offset, value, size) => config.write(Number(offset), size, Number(value)),
    valid: { minSize: 1, maxSize: 8 },
    implementation: { minSize: 1, maxSize: 4 },
  };
}
