// A PC with many PCI devices: RAM split around the hole, 13 areas of the BIOS that are switched between ROM, RAM and
// PCI by aliases (PAM), an address space for each device's DMA, six BARs a device.

import type { Random } from './random.js';
import { subPageBar } from './sub-page-bar.js';
import { type Bar, TreeBuilder } from './tree-builder.js';

const wholeSpace = 1n << 64n;
const ramSize = 8n << 30n;
const hole = { address: 0xc000_0000n, size: 0x4000_0000n } as const;
const firstBar = 0xd000_0000n;

/** How far a BAR moves: there is room for all BARs of 1,024 devices behind them. */
export const barShift = 0x800_0000n;

/** The sizes of a device's BARs; the last one is mapped by VFIO. */
const barSizes = [0x1000n, 0x4000n, 0x1_0000n, 0x100n, 0x1000n, 0x100n] as const;
const barPriority = 1;
const page = 0x1000n;

export interface PciMachine {
  readonly builder: TreeBuilder;
  /** In the order of the devices, six each. */
  readonly bars: readonly Bar[];
}

/** The machine, with address space 0 the processor's, and one for each device. */
export function pciMachine(devices: number, random: Random): PciMachine {
  const builder = new TreeBuilder();
  const system = builder.region('container', wholeSpace);
  builder.space(system);
  builder.calls.push(['begin']);
  const ram = addRam(builder, system);
  const pci = addPciHole(builder, system);
  addPam(builder, { system, pci, ram });
  addChipset(builder, { system, pci });
  const sizes: (readonly bigint[])[] = [];
  for (let i = 0; i < devices; i++) {
    addBusMaster(builder, system);
    sizes.push(barSizes);
  }
  const bars = layOutBars(builder, pci, devices);
  for (const bar of random.shuffled(bars)) builder.add(bar.region, bar);
  builder.calls.push(['commit']);
  return { builder, bars };
}

function addRam(builder: TreeBuilder, system: number): number {
  const ram = builder.region('ram', ramSize);
  const below = builder.alias(ram, 0n, hole.address);
  builder.add(below, { parent: system, address: 0n, priority: 0 });
  const above = builder.alias(ram, hole.address, ramSize - hole.address);
  builder.add(above, { parent: system, address: 1n << 32n, priority: 0 });
  return ram;
}

function addPciHole(builder: TreeBuilder, system: number): number {
  const pci = builder.region('container', wholeSpace);
  const window = builder.alias(pci, hole.address, hole.size);
  builder.add(window, { parent: system, address: hole.address, priority: 0 });
  const smram = builder.alias(pci, 0xa_0000n, 0x2_0000n);
  builder.add(smram, { parent: system, address: 0xa_0000n, priority: 1 });
  return pci;
}

/** Four aliases an area, of which one is enabled: reads and writes go to PCI, to ROM, RAM is written, RAM. */
function addPam(
  builder: TreeBuilder,
  { system, pci, ram }: { readonly system: number; readonly pci: number; readonly ram: number },
): void {
  for (let area = 0; area < 13; area++) {
    const address = area === 0 ? 0xf_0000n : 0xc_0000n + BigInt(area - 1) * 0x4000n;
    const size = area === 0 ? 0x1_0000n : 0x4000n;
    const aliases = [pci, ram, ram, ram].map((target) => builder.alias(target, address, size));
    builder.set('readonly', aliases[1] ?? 0, true);
    for (const [state, alias] of aliases.entries()) {
      builder.set('enabled', alias, state === area % aliases.length);
      builder.add(alias, { parent: system, address, priority: 1 });
    }
  }
}

function addChipset(
  builder: TreeBuilder,
  { system, pci }: { readonly system: number; readonly pci: number },
): void {
  const ioapic = builder.region('io', 0x1000n);
  builder.add(ioapic, { parent: system, address: 0xfec0_0000n, priority: 0 });
  const hpet = builder.region('io', 0x400n);
  builder.add(hpet, { parent: system, address: 0xfed0_0000n, priority: 0 });
  const msi = builder.region('io', 0x10_0000n);
  builder.add(msi, { parent: system, address: 0xfee0_0000n, priority: 4096 });
  const bios = builder.region('io', 0x4_0000n);
  builder.add(bios, { parent: pci, address: 0xfffc_0000n, priority: 0 });
}

/** What a device's DMA sees: all of the system, through an alias that is enabled while it may be bus master. */
function addBusMaster(builder: TreeBuilder, system: number): void {
  const container = builder.region('container', wholeSpace);
  builder.space(container);
  const window = builder.alias(system, 0n, wholeSpace);
  builder.add(window, { parent: container, address: 0n, priority: 0 });
}

/** Largest BARs first, as firmware lays them out, each in a page of its own. */
function layOutBars(builder: TreeBuilder, parent: number, devices: number): Bar[] {
  const bars = Array.from({ length: devices }, () =>
    barSizes.map((size, number) =>
      number === barSizes.length - 1
        ? subPageBar(builder, size)
        : { size, region: builder.region('io', size) },
    ),
  ).flat();
  let address = firstBar;
  const addresses = new Map<number, bigint>();
  for (const { region, size } of [...bars].sort((a, b) => Number(b.size - a.size))) {
    addresses.set(region, address);
    address += size < page ? page : size;
  }
  return bars.map((bar) => ({
    ...bar,
    parent,
    address: addresses.get(bar.region) ?? 0n,
    priority: barPriority,
  }));
}
