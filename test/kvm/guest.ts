// A small machine with KVM: a system container, its address space, a simulated VM and the slots.

import {
  type AddressSpace,
  HostMemory,
  type MemoryRegion,
  MemoryTopology,
  type RamRegion,
} from '../../lib/index.js';
import { KvmMemorySlots, type KvmMemorySlotsOptions } from '../../lib/kvm/index.js';
import { SimulatedKvm, type SimulatedKvmOptions } from '../../lib/simulated/index.js';

export interface Guest {
  readonly topology: MemoryTopology;
  readonly system: MemoryRegion;
  readonly memory: AddressSpace;
  readonly kvm: SimulatedKvm;
  readonly slots: KvmMemorySlots;
  /** Makes RAM and, where an address is given, puts it there. */
  ram(name: string, size: number, address?: number, priority?: number): RamRegion;
  io(name: string, size: number, address?: number, priority?: number): MemoryRegion;
  /** The ioctls since the last time, in short. */
  ioctls(): string[];
}

/** A machine whose slots are empty. */
export function guest(
  options: KvmMemorySlotsOptions = {},
  kernel: SimulatedKvmOptions = {},
): Guest {
  const topology = new MemoryTopology();
  const system = topology.container('system', 1n << 64n);
  const memory = topology.addressSpace('memory', system);
  const kvm = new SimulatedKvm(kernel);
  const slots = new KvmMemorySlots(kvm, { guestAddressLimit: 1n << 46n, ...options });
  memory.addListener(slots);
  const place = (region: MemoryRegion, address?: number, priority = 0): void => {
    if (address !== undefined) system.addSubregion(address, region, { priority });
  };
  let seen = 0;
  return {
    topology,
    system,
    memory,
    kvm,
    slots,
    ram(name, size, address, priority) {
      const region = topology.ram(name, size, { memory: pages(size) });
      place(region, address, priority);
      return region;
    },
    io(name, size, address, priority) {
      const region = topology.io(name, size, { read: () => 0n, write: () => undefined });
      place(region, address, priority);
      return region;
    },
    ioctls() {
      const calls = kvm.calls.slice(seen);
      seen = kvm.calls.length;
      return calls.map(shortly);
    },
  };
}

/** Memory whose address is a multiple of 64 KiB, whatever the host's pages are. */
export function pages(size: number): HostMemory {
  const unit = 0x10000n;
  const all = HostMemory.allocate(BigInt(size) + unit);
  const start = ((all.hostAddress + unit - 1n) / unit) * unit;
  return HostMemory.at(start, size, all);
}

/** `set 0 0x0+0x1000`, with `r` and `d` behind it for read-only and dirty log, and the error. */
function shortly({ ioctl, args, errno }: SimulatedKvm['calls'][number]): string {
  const failed = errno === undefined ? '' : ` ${errno}`;
  const value = (name: string): string => `0x${BigInt(args[name] ?? 0n).toString(16)}`;
  if (!ioctl.startsWith('KVM_SET_USER')) return `${ioctl}${failed}`;
  const slot = String(args['slot']);
  if (args['memory_size'] === 0n) return `del ${slot}${failed}`;
  const flags = Number(args['flags']);
  const shown = `${flags & 2 ? ' r' : ''}${flags & 1 ? ' d' : ''}`;
  return `set ${slot} ${value('guest_phys_addr')}+${value('memory_size')}${shown}${failed}`;
}
