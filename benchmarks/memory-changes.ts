import type { MemoryRegion, MemoryTopology } from '../lib/index.js';

/** A guest's memory map that is about to change. */
export interface ChangingMachine {
  readonly topology: MemoryTopology;
  /** The root of its address space; empty. */
  readonly system: MemoryRegion;
  /** Makes the memory of a BAR. */
  bar(name: string, size: number): MemoryRegion;
  /** Carries out `change` in one transaction, and says in a row of a table what it came to. */
  row(what: string, change: () => void): string;
}

/** The rows of what a guest does to BARs and to 4 GiB of RAM: the same for whoever maps memory. */
export function memoryChanges(machine: ChangingMachine): string[] {
  const { topology, system } = machine;
  system.addSubregion(0, topology.ram('pc.ram', 4n << 30n));
  const bar = machine.bar('bar', 0x4000);
  const hole = topology.io('hole', 0x1000, {});
  hole.enabled = false;
  const bars = Array.from({ length: 256 }, (_, i) => machine.bar(`bar ${i}`, 0x4000));
  topology.transaction(() => {
    system.addSubregion(0x2_0000_0000, bar);
    system.addSubregion(0x8000_0000, hole, { priority: 1 });
    for (const each of bars) each.enabled = false;
    for (const each of bars) system.addSubregion(0x3_0000_0000, each);
  });
  const program = (start: bigint) => {
    for (const [i, each] of bars.entries()) {
      each.address = start + BigInt(i) * 0x4000n;
      each.enabled = true;
    }
  };
  const move = () => {
    bar.address += 0x4000n;
  };
  const toggle = (region: { enabled: boolean }) => () => {
    region.enabled = !region.enabled;
  };
  return [
    machine.row('a BAR moves', move),
    machine.row('a BAR is switched off', toggle(bar)),
    machine.row('and on', toggle(bar)),
    machine.row('a BAR is switched off and on in one transaction', () => {
      toggle(bar)();
      toggle(bar)();
    }),
    machine.row('a hole opens in 4 GiB of RAM, the first time', toggle(hole)),
    machine.row('it closes', toggle(hole)),
    machine.row('it opens again', toggle(hole)),
    machine.row('256 BARs are programmed in one transaction', () => program(0x3_0000_0000n)),
    machine.row('and moved in another one', () => program(0x4_0000_0000n)),
  ];
}
