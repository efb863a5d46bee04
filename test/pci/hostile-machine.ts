// The machine that a hostile guest has to itself: RAM, ROM, a PCI bus with devices of all kinds, and KVM's slots.

import { HostMemory, MemoryTopology } from '../../lib/index.js';
import { KvmMemorySlots } from '../../lib/kvm/index.js';
import { ConfigPorts, ecam, GuestMessages, PciBus, requesterId } from '../../lib/pci/index.js';
import { SimulatedKvm } from '../../lib/simulated/index.js';
import type { HostileDevice, MakeHostileDevice } from './hostile-devices.js';
import { Saboteur } from './pci-machine.js';

/** What of the machine is no BAR: it wins over every BAR. */
export const fixedRanges = [
  { name: 'ram', address: 0n, size: 0x100_0000n },
  { name: 'ecam', address: 0xb000_0000n, size: 0x10_0000n },
  { name: 'rom', address: 0xffff_0000n, size: 0x1_0000n },
  { name: 'high ram', address: 0x1_0000_0000n, size: 0x100_0000n },
] as const;

export class HostileMachine {
  readonly topology = new MemoryTopology();
  readonly #system = this.topology.container('system', 1n << 64n);
  readonly #ports = this.topology.container('ports', 0x1_0000);
  readonly #pci = this.topology.container('pci', 1n << 64n);
  readonly memory = this.topology.addressSpace('memory', this.#system);
  readonly io = this.topology.addressSpace('I/O', this.#ports);
  readonly messages = new GuestMessages();
  readonly bus = new PciBus({ memory: this.#pci, io: this.#ports, messages: this.messages });
  readonly kvm = new SimulatedKvm();
  readonly slots = new KvmMemorySlots(this.kvm, { guestAddressLimit: 1n << 46n });
  readonly #devices: HostileDevice[];
  readonly #memories: HostMemory[] = [];
  /** Comes after the slots, which then follow back. */
  readonly saboteur = new Saboteur();
  /** What {@link work} counts; of ioctls those that are no longer in the simulated kernel's list. */
  readonly #work = { commits: 0, ranges: 0, ioctls: 0 };

  constructor(devices: Readonly<Record<string, MakeHostileDevice>>) {
    this.topology.transaction(() => this.#build());
    this.memory.addListener(this.slots);
    this.#devices = Object.entries(devices).map(([name, make]) => make(this.topology, name));
    for (const [i, { pci }] of this.#devices.entries()) {
      this.bus.add({ device: i >> 1, function: i & 1 }, pci);
    }
    this.topology.addListener({
      name: 'counter',
      regionAdd: () => this.#work.ranges++,
      regionDel: () => this.#work.ranges++,
      commit: () => this.#work.commits++,
    });
    this.memory.addListener(this.saboteur);
  }

  /** Commits that listeners have heard of, ranges that they have heard to be new or gone, and ioctls that they have made. */
  get work(): Readonly<Record<'commits' | 'ranges' | 'ioctls', number>> {
    return { ...this.#work, ioctls: this.#work.ioctls + this.kvm.calls.length };
  }

  /** Nobody refuses anything any more. */
  calm(): void {
    this.saboteur.refuses = undefined;
    this.kvm.cancelFaults();
    this.#work.ioctls += this.kvm.calls.length;
    this.kvm.calls.length = 0;
  }

  /** Requester IDs of all functions, and of one that isn't there. */
  get ids(): readonly number[] {
    return [...this.bus.functions.keys(), requesterId({ device: 31 })];
  }

  /** What must not show: see {@link HostileDevice.revoked}. */
  get revoked(): ReadonlySet<HostMemory> {
    return new Set(this.#devices.flatMap((device) => device.revoked()));
  }

  close(): void {
    this.calm();
    for (const id of [...this.bus.functions.keys()]) {
      this.bus.remove({ device: id >> 3, function: id & 7 });
    }
    for (const device of this.#devices) device.close();
    this.topology.close();
    for (const memory of this.#memories) memory.close();
  }

  #build(): void {
    this.#system.addSubregion(0, this.#pci, { priority: -1 });
    for (const { name, address, size } of fixedRanges) {
      this.#system.addSubregion(address, this.#fixed(name, size));
    }
    this.#ports.addSubregion(0xcf8, new ConfigPorts(this.bus).region, { priority: 2 });
    this.#ports.addSubregion(0x80, this.topology.io('post', 1, {}), { priority: 2 });
  }

  #fixed(name: (typeof fixedRanges)[number]['name'], size: bigint) {
    if (name === 'ecam') return ecam(this.bus, { busCount: 1 });
    const memory = HostMemory.allocate(size);
    this.#memories.push(memory);
    return name === 'rom'
      ? this.topology.rom(name, size, { memory })
      : this.topology.ram(name, size, { memory });
  }
}
