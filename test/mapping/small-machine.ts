// A machine of a few pages, in which everything overlaps, and random edits of it.

import fc from 'fast-check';
import {
  type AddressSpace,
  HostMemory,
  type MemoryRegion,
  MemoryTopology,
  type RamRegion,
  type RomDeviceRegion,
} from '../../lib/index.js';
import { grain } from './mapped-pages-oracle.js';

/** Addresses that regions are put at: this many pages. */
export const pageCount = 32n;

export type Edit =
  | { readonly do: 'address' | 'size'; readonly region: number; readonly value: bigint }
  | { readonly do: 'priority'; readonly region: number; readonly value: number }
  | {
      readonly do:
        | 'enabled'
        | 'readonly'
        | 'unmergeable'
        | 'nonvolatile'
        | 'romd'
        | 'vga'
        | 'migration';
      readonly region: number;
      readonly on: boolean;
    }
  | { readonly do: 'log all'; readonly on: boolean }
  | { readonly do: 'transaction'; readonly edits: readonly Edit[] };

/** Half of all places are whole pages; the others are anywhere. */
const place = (pages: bigint, pageSize: bigint) =>
  fc.oneof(
    fc.bigInt(0n, pages).map((page) => page * pageSize),
    fc.bigInt(0n, (pages * pageSize) / grain).map((grains) => grains * grain),
  );

const region = fc.nat(30);

function oneEdit(pageSize: bigint): fc.Arbitrary<Edit> {
  return fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('address' as const),
        region,
        value: place(pageCount, pageSize),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('size' as const),
        region,
        value: place(8n, pageSize),
      }),
    },
    fc.record({
      do: fc.constant('priority' as const),
      region,
      value: fc.integer({ min: -2, max: 2 }),
    }),
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constantFrom(
          'enabled' as const,
          'enabled' as const,
          'readonly' as const,
          'unmergeable' as const,
          'nonvolatile' as const,
          'romd' as const,
          'vga' as const,
          'migration' as const,
        ),
        region,
        on: fc.boolean(),
      }),
    },
    fc.record({ do: fc.constant('log all' as const), on: fc.boolean() }),
  );
}

/** Lists of edits; some in transactions. */
export function someEdits(pageSize: bigint): fc.Arbitrary<Edit[]> {
  const one = oneEdit(pageSize);
  const many = fc.record({
    do: fc.constant('transaction' as const),
    edits: fc.array(one, { minLength: 1, maxLength: 6 }),
  });
  return fc.array(fc.oneof({ weight: 3, arbitrary: one }, many), { maxLength: 20 });
}

/** RAM, pieces of one device's memory, rom, flash, devices and a window, all over each other. */
export class SmallMachine {
  readonly topology = new MemoryTopology();
  readonly system: MemoryRegion;
  readonly memory: AddressSpace;
  readonly regions: readonly MemoryRegion[];

  constructor(pageSize: bigint) {
    const { topology } = this;
    this.system = topology.container('system', 1n << 64n);
    this.memory = topology.addressSpace('memory', this.system);
    const whole = pages(8n * pageSize, pageSize);
    const ram = topology.ram('ram', 8n * pageSize, { memory: whole });
    const device = pages(8n * pageSize, pageSize);
    // Pieces of one device that continue each other: a page that two of them share can be mapped.
    const half = pageSize / 2n;
    const piece = (name: string, start: bigint): RamRegion =>
      topology.ramDevice(name, 2n * pageSize, {
        memory: HostMemory.at(device.hostAddress + start, 8n * pageSize - start, device),
      });
    const ops = { read: () => 0n, write: () => undefined };
    const flash = { memory: pages(2n * pageSize, pageSize) };
    this.regions = [
      ram,
      topology.ram('more', 4n * pageSize, { memory: pages(8n * pageSize, pageSize) }),
      piece('piece 0', 0n),
      piece('piece 1', half),
      piece('piece 2', 3n * half),
      topology.rom('rom', 2n * pageSize, { memory: pages(8n * pageSize, pageSize) }),
      topology.romDevice('flash', 2n * pageSize, ops, flash),
      topology.io('quirk', grain, ops),
      topology.io('device', pageSize, ops),
      topology.alias('window', ram, { offset: pageSize, size: 3n * pageSize }),
      topology.ram('nothing', pageSize, { backing: 'none' }),
    ];
    const priorities = [-1, 0, 1, 1, 1, 0, 0, 2, 1, 1, 0];
    for (const [i, it] of this.regions.entries()) {
      const address = i === 3 ? 2n * pageSize + half : BigInt(i) * pageSize;
      this.system.addSubregion(address, it, { priority: priorities[i] ?? 0 });
    }
  }

  run(edit: Edit): void {
    const { topology } = this;
    if (edit.do === 'transaction') {
      topology.transaction(() => {
        for (const one of edit.edits) this.run(one);
      });
    } else if (edit.do === 'log all') {
      if (edit.on) topology.startDirtyLog();
      else topology.stopDirtyLog();
    } else {
      this.#change(edit, this.regions[edit.region % this.regions.length]!);
    }
  }

  #change(edit: Exclude<Edit, { do: 'transaction' | 'log all' }>, it: MemoryRegion): void {
    switch (edit.do) {
      case 'address':
      case 'priority':
        Object.assign(it, { [edit.do]: edit.value });
        break;
      case 'size': {
        const most = (it as RamRegion).memory?.size ?? edit.value;
        it.size = edit.value < most ? edit.value : most;
        break;
      }
      case 'vga':
      case 'migration':
        it.setDirtyLog(edit.do, edit.on);
        break;
      case 'romd':
        if (it.kind === 'rom-device') (it as RomDeviceRegion).romd = edit.on;
        break;
      default:
        it[edit.do] = edit.on;
    }
  }
}

/** Memory whose address is a multiple of `unit`. */
export function pages(size: bigint, unit: bigint): HostMemory {
  const all = HostMemory.allocate(size + unit);
  const start = ((all.hostAddress + unit - 1n) / unit) * unit;
  return HostMemory.at(start, size, all);
}
