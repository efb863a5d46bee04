// Nothing is exposed, and nothing is forgotten: random devices, placed at random, on pages of each size.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { FlatviewError, HostMemory, type IoRegion } from '../../lib/index.js';
import {
  type AssignedBar,
  type AssignedPciDevice,
  type BarIndex,
  commandBit,
  type MsixRelocation,
  type OffsetRange,
} from '../../lib/pci/index.js';
import type { SimulatedBar, SimulatedMsix } from '../../lib/simulated/index.js';
import type { VfioDevice } from '../../lib/vfio/index.js';
import { runs } from '../oracle/runs.js';
import {
  AssignedMachine,
  deviceWith,
  openDevice,
  patched,
  withoutMsixMappable,
} from './assigned-machine.js';
import { program, setCommand } from './pci-machine.js';

/** Everything lies at multiples of this part of a page. */
const grains = 16n;

/** Guest addresses that BARs are put at: this many pages from here on. */
const base = 0xc000_0000n;
const room = 12n;

interface RandomDevice {
  readonly bars: readonly SimulatedBar[];
  readonly msix: SimulatedMsix | undefined;
  readonly relocation: MsixRelocation;
  readonly isMsixMappable: boolean;
}

type Step =
  | { readonly do: 'place'; readonly device: number; readonly bar: number; readonly at: bigint }
  | { readonly do: 'command'; readonly device: number; readonly on: boolean }
  | { readonly do: 'mappings'; readonly device: number; readonly on: boolean }
  | { readonly do: 'window'; readonly device: number; readonly bar: number; readonly at: bigint }
  | { readonly do: 'remove window'; readonly device: number }
  | { readonly do: 'reset'; readonly device: number }
  | { readonly do: 'fault'; readonly call: number };

const nameOf = (device: number): string => `0000:0${device}:00.0`;

const device = fc.nat(1);

const someStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('place' as const),
      device,
      bar: fc.nat(3),
      at: fc.bigInt(0n, room * grains),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('command' as const), device, on: fc.boolean() }),
  },
  fc.record({ do: fc.constant('mappings' as const), device, on: fc.boolean() }),
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('window' as const),
      device,
      bar: fc.nat(3),
      at: fc.bigInt(0n, 4n * grains),
    }),
  },
  fc.record({ do: fc.constant('remove window' as const), device }),
  fc.record({ do: fc.constant('reset' as const), device }),
  fc.record({ do: fc.constant('fault' as const), call: fc.integer({ min: 1, max: 3 }) }),
);

function someBar(index: BarIndex, pageSize: bigint, device: number): fc.Arbitrary<SimulatedBar> {
  const grain = pageSize / grains;
  return fc
    .record({
      exponent: fc.integer({ min: 0, max: 6 }),
      isSharing: fc.boolean(),
      areas: fc.option(
        fc.array(fc.tuple(fc.bigInt(0n, 64n), fc.bigInt(0n, 64n)), { maxLength: 3 }),
      ),
      isOneArea: fc.boolean(),
    })
    .map(({ exponent, isSharing, areas, isOneArea }) => {
      const size = grain << BigInt(exponent);
      const all = [{ offset: 0n, size }];
      // Small ones of both devices may share a page of the host: half of it is for each.
      const half = (BigInt(device) * pageSize) / 2n;
      const hostAddress = 0x4000_0000n + BigInt(index) * pageSize + half;
      return {
        index,
        kind: 'memory' as const,
        size,
        ...(isSharing && size <= pageSize / 2n ? { hostAddress } : {}),
        ...(areas === null ? {} : { sparseAreas: isOneArea ? all : separate(areas, grain, size) }),
      };
    });
}

function separate(pairs: readonly [bigint, bigint][], grain: bigint, size: bigint): OffsetRange[] {
  const areas: OffsetRange[] = [];
  for (const [offset, length] of pairs) {
    const area = { offset: offset * grain, size: length * grain };
    const isApart = areas.every(
      (it) => it.offset + it.size <= area.offset || area.offset + area.size <= it.offset,
    );
    if (isApart && area.offset + area.size <= size) areas.push(area);
  }
  return areas;
}

function someDevice(pageSize: bigint, device: number): fc.Arbitrary<RandomDevice> {
  const grain = pageSize / grains;
  return fc
    .record({
      bars: fc.tuple(
        someBar(0, pageSize, device),
        someBar(1, pageSize, device),
        someBar(2, pageSize, device),
      ),
      table: fc.option(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.bigInt(0n, 64n))),
      relocation: fc.constantFrom<MsixRelocation>('off', 'auto', 0, 2, 4),
      isMsixMappable: fc.boolean(),
    })
    .map(({ bars, table, relocation, isMsixMappable }) => {
      const msix =
        table === null ? undefined : msixIn(bars[table[0]] as SimulatedBar, table[1], grain);
      return { bars, msix, relocation, isMsixMappable };
    });
}

/** A table of two vectors in a grain, and the pending bits in the same one. */
function msixIn({ index, size }: SimulatedBar, at: bigint, grain: bigint): SimulatedMsix {
  const tableOffset = (at * grain) % size;
  return { vectors: 2, tableBar: index, tableOffset, pendingOffset: tableOffset + 0x40n };
}

/** A machine with two devices of which everything is known that a kernel would know. */
class Exposure {
  readonly machine: AssignedMachine;
  readonly assigned: readonly AssignedPciDevice[];
  readonly devices: readonly RandomDevice[];
  readonly windows: { readonly bar: AssignedBar; readonly region: IoRegion }[] = [];
  readonly grain: bigint;
  isFaulty = false;

  constructor(devices: readonly RandomDevice[], pageSize: bigint) {
    this.devices = devices;
    this.grain = pageSize / grains;
    const descriptions = devices.map(({ bars, msix }, i) =>
      deviceWith(bars, { name: nameOf(i), group: i, ...(msix === undefined ? {} : { msix }) }),
    );
    this.machine = new AssignedMachine(descriptions, { pageSize });
    for (const [i, { bars }] of devices.entries()) {
      for (const { index, size } of bars) this.#fill(i, index, size);
    }
    this.assigned = devices.map(({ relocation, isMsixMappable, msix }, i) => {
      const opened = openDevice(this.machine.host, nameOf(i));
      const first = msix?.tableOffset ?? 0n;
      const table = { bar: msix?.tableBar ?? -1, first, last: first + 31n };
      const generous = patched(opened, {
        map: (region, offset, size) => this.#mapAnyPages(opened, i, region, offset, size),
      });
      const device = isMsixMappable ? generous : withoutMsixMappable(generous, table);
      return this.machine.assign({ device, msixRelocation: relocation });
    });
  }

  /** Like drivers that let whole pages be mapped that hold an area, wherever it begins. */
  #mapAnyPages(
    opened: VfioDevice,
    i: number,
    region: number,
    offset: bigint,
    size: bigint,
  ): HostMemory {
    const simulated = this.machine.host.device(nameOf(i));
    if (!simulated.isMappable(region)) return opened.map(region, offset, size);
    const bytes = simulated.bytesOf(region);
    return HostMemory.at(bytes.hostAddress + offset, size, bytes);
  }

  /** Each word of a device's memory says where it is. */
  #fill(device: number, index: BarIndex, size: bigint): void {
    const bytes = this.machine.host.device(nameOf(device)).bytesOf(index);
    for (let at = 0n; at < size; at += this.grain) {
      bytes.store(at, 4, BigInt(device * 16 + index) * 0x100_0000n + at / 4n);
    }
  }

  step(step: Step): void {
    switch (step.do) {
      case 'place':
        this.#place(step.device, step.bar, step.at);
        break;
      case 'command':
        setCommand(this.#function(step.device), step.on ? commandBit.memory : 0);
        break;
      case 'mappings':
        this.#attempt(() => {
          (this.assigned[step.device] as AssignedPciDevice).mappingsEnabled = step.on;
        });
        break;
      case 'window':
        this.#addWindow(step.device, step.bar, step.at);
        break;
      case 'remove window':
        this.#removeWindow();
        break;
      case 'reset':
        this.#function(step.device).reset();
        break;
      case 'fault':
        this.isFaulty = true;
        this.machine.kvm.order({
          ioctl: 'KVM_SET_USER_MEMORY_REGION',
          call: step.call,
          errno: 'ENOMEM',
        });
    }
  }

  #function(device: number) {
    return (this.assigned[device] as AssignedPciDevice).function;
  }

  #place(device: number, bar: number, at: bigint): void {
    const { bars } = this.#function(device);
    const { layout } = bars[bar % bars.length] as (typeof bars)[number];
    const wanted = base + at * this.grain;
    program(this.#function(device), layout.index, wanted - (wanted % layout.size));
  }

  #addWindow(device: number, index: number, at: bigint): void {
    const { bars } = this.assigned[device] as AssignedPciDevice;
    const bar = bars[index % bars.length] as AssignedBar;
    const offset = (at * this.grain) % bar.layout.size;
    const ops = { read: () => 0x5a };
    this.#attempt(() => {
      const region = bar.addWindow({ name: 'quirk', offset, size: 4n, ops });
      this.windows.push({ bar, region });
    });
  }

  #removeWindow(): void {
    const last = this.windows.pop();
    if (last !== undefined) this.#attempt(() => last.bar.removeWindow(last.region));
  }

  /** The embedder's calls fail where KVM refuses; then nothing has changed. */
  #attempt(body: () => void): void {
    try {
      body();
    } catch (error) {
      const isRefused = error instanceof FlatviewError && error.code === 'ERR_LISTENER_FAILED';
      if (!isRefused || !this.isFaulty) throw error;
    }
  }

  /** No slot shows what the BAR at its address doesn't own, or what somebody else answers. */
  assertNothingExposed(): void {
    const { kvm, pageSize } = this.machine;
    for (const { guestAddress, size, hostAddress } of kvm.slots) {
      assert.equal(guestAddress % pageSize, 0n);
      for (let at = 0n; at < size; at += this.grain) {
        this.#assertOwned(guestAddress + at, hostAddress + at);
      }
    }
  }

  #assertOwned(address: bigint, hostAddress: bigint): void {
    const { machine } = this;
    const owners = this.assigned.flatMap((assigned) =>
      assigned.function.bars.flatMap(({ layout, address: start, backing }) => {
        const bytes = deviceBytes(machine, assigned, layout.index);
        if (start === undefined || bytes === undefined) return [];
        const offset = hostAddress - bytes.hostAddress;
        const isOwner = offset >= 0n && offset < bytes.size && address - start === offset;
        return isOwner
          ? [{ assigned, index: layout.index, offset, bar: backing as AssignedBar }]
          : [];
      }),
    );
    assert.equal(owners.length, 1, `${address.toString(16)} shows a byte of nobody who is there`);
    const [owner] = owners;
    if (owner === undefined) return;
    assert.ok(this.#mayShow(owner.assigned, owner.index, owner.offset), 'the kernel said no');
    for (const { address: start, size } of owner.bar.windows) {
      const isCut = start < owner.offset + this.grain && owner.offset < start + size;
      assert.ok(!isCut, 'somebody else answers there');
    }
  }

  /** Whether the kernel lets a byte be mapped, or says that nobody else is there. */
  #mayShow(assigned: AssignedPciDevice, index: BarIndex, offset: bigint): boolean {
    const { host, pageSize } = this.machine;
    const random = this.devices[this.assigned.indexOf(assigned)] as RandomDevice;
    const bar = random.bars.find((it) => it.index === index);
    if (bar === undefined || !host.device(assigned.name).isMappable(index)) return false;
    const { msix, isMsixMappable } = random;
    if (msix?.tableBar === index && !isMsixMappable) {
      const first = msix.tableOffset - (msix.tableOffset % pageSize);
      const last = msix.tableOffset + 31n;
      if (offset >= first && offset < last - (last % pageSize) + pageSize) return false;
    }
    const areas = bar.sparseAreas ?? [
      { offset: 0n, size: bar.size < pageSize ? pageSize : bar.size },
    ];
    return areas.some((area) => offset >= area.offset && offset < area.offset + area.size);
  }

  /** Every byte of every BAR that nothing else covers is answered by who has to answer, and memory shows in whole pages. */
  assertNothingForgotten(): void {
    const { memory, pageSize } = this.machine;
    for (const { region, address, size } of memory.flatView.ranges()) {
      const isWhole = address % pageSize === 0n && size % pageSize === 0n;
      assert.ok(isWhole || region.kind !== 'ram-device', `a piece of a page: ${region.name}`);
    }
    for (const assigned of this.assigned) {
      for (const { address, backing } of assigned.function.bars) {
        if (address !== undefined) this.#assertBar(assigned, backing as AssignedBar, address);
      }
    }
  }

  #assertBar(assigned: AssignedPciDevice, bar: AssignedBar, address: bigint): void {
    for (let at = 0n; at < bar.layout.size; at += this.grain) {
      if (!this.#isCovered(bar, address + at)) this.#assertAnswers(assigned, bar, address, at);
    }
  }

  #isCovered(backing: unknown, address: bigint): boolean {
    return this.assigned.some(({ function: pci }) =>
      pci.bars.some((bar) => {
        const start = bar.address;
        if (bar.backing === backing || start === undefined) return false;
        return address >= start && address < start + bar.layout.size;
      }),
    );
  }

  #assertAnswers(assigned: AssignedPciDevice, bar: AssignedBar, address: bigint, at: bigint): void {
    const { memory, host } = this.machine;
    const found = memory.lookup(address + at);
    assert.ok(found !== undefined, 'nobody answers');
    const window = bar.windows.find((it) => at >= it.address && at < it.address + it.size);
    if (window !== undefined) {
      assert.ok(bar.windows.includes(found.region as IoRegion), 'a window is hidden');
      return;
    }
    const start = bar.offsetOf(found.region);
    assert.ok(start !== undefined, `${found.region.name} answers for ${assigned.name}`);
    assert.equal(start + found.offset + (address + at - found.address), at);
    const random = this.devices[this.assigned.indexOf(assigned)] as RandomDevice;
    const own = random.bars.find((it) => it.index === bar.layout.index);
    const isSlow = found.region.kind !== 'ram-device';
    const { msix } = random;
    const isTable = msix?.tableBar === own?.index && at === msix?.tableOffset;
    if (isTable && isSlow) return;
    const isThere = own !== undefined && at < own.size;
    if (!isThere && !isSlow) return;
    const wanted = isThere
      ? host.device(assigned.name).bytesOf(bar.layout.index).load(at, 4)
      : 0xffff_ffffn;
    assert.equal(
      memory.read(address + at, 4).value,
      wanted,
      `BAR ${bar.layout.index} +${at.toString(16)}`,
    );
  }
}

function deviceBytes(machine: AssignedMachine, { name }: AssignedPciDevice, index: BarIndex) {
  const simulated = machine.host.device(name);
  return simulated.barAt(index) === undefined ? undefined : simulated.bytesOf(index);
}

function run(devices: readonly RandomDevice[], steps: readonly Step[], pageSize: bigint): void {
  const exposure = new Exposure(devices, pageSize);
  for (const step of steps) {
    exposure.step(step);
    exposure.assertNothingExposed();
    exposure.assertNothingForgotten();
  }
  exposure.machine.topology.close();
}

suite('Nothing is exposed, and nothing is forgotten', () => {
  for (const pageSize of [0x1000n, 0x4000n, 0x1_0000n]) {
    test(`random devices at random places, pages of ${pageSize / 1024n} KiB`, (t) => {
      const two = fc.tuple(someDevice(pageSize, 0), someDevice(pageSize, 1));
      const steps = fc.array(someStep, { minLength: 4, maxLength: 20 });
      const property = fc.property(two, steps, (devices, list) => {
        run(devices, list, pageSize);
      });
      fc.assert(property, runs<[[RandomDevice, RandomDevice], Step[]]>(t, 60, 0.01));
    });
  }
});
