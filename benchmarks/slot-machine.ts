import { type AddressSpace, type MemoryRegion, MemoryTopology } from '../lib/index.js';

/** A topology in which each of some BARs is a memory slot. */
export interface SlotMachine {
  readonly topology: MemoryTopology;
  readonly system: MemoryRegion;
  readonly memory: AddressSpace;
  /** The one in the middle, with free pages behind it. */
  readonly bar: MemoryRegion;
}

/** A machine with `count` BARs of a page each. */
export function slotMachine(count: number): SlotMachine {
  const topology = new MemoryTopology();
  const system = topology.container('system', 1n << 64n);
  const memory = topology.addressSpace('memory', system);
  const bars = Array.from({ length: count }, (_, i) => topology.ram(`bar ${i}`, 0x1000));
  topology.transaction(() => {
    for (const [i, bar] of bars.entries()) system.addSubregion(0x1_0000_0000 + i * 0x4000, bar);
  });
  return { topology, system, memory, bar: bars[count >> 1]! };
}
