import { withUndoFailures } from '../errors.js';
import type { MemoryListener } from '../memory/listeners/memory-listener.js';
import type { MemoryRegionSection } from '../memory/views/section.js';
import type { KvmBus } from './ioeventfds.js';
import type { CoalescedZone, KvmVm } from './kvm-interface.js';

/** A longer zone is registered in parts: the kernel takes the size of one to be removed as a signed number. */
const largestZone = 1n << 30n;

/**
 * Has KVM gather writes in a ring instead of exiting for each (KVM_REGISTER_COALESCED_MMIO): one listener for the
 * address space of memory, another for that of ports. Who runs vCPUs empties the ring.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { type CoalescedZone, KvmCoalescedMmio } from 'flatview/kvm';
 * import { SimulatedKvm } from 'flatview/simulated';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * const vga = topology.io('vga-lowmem', 0x2_0000n, {});
 * system.addSubregion(0xa_0000n, vga);
 *
 * const vm = new SimulatedKvm();
 * const coalesced = new KvmCoalescedMmio(vm);
 * topology.addressSpace('memory', system).addListener(coalesced);
 * vm.write(0xa_0010n, 4, 0x0720_0720n).kind; // => 'exit'
 *
 * vga.addCoalescedRange(0x0n, 0x2_0000n);
 * vm.write(0xa_0010n, 4, 0x0720_0720n).kind; // => 'coalesced'
 * const zones: readonly CoalescedZone[] = coalesced.zones;
 * zones; // => [{ address: 0xa_0000n, size: 0x2_0000, pio: false }]
 * topology.close();
 * ```
 */
export class KvmCoalescedMmio implements MemoryListener {
  readonly name: string;
  readonly priority = 10;
  readonly #vm: KvmVm;
  readonly #pio: boolean;
  #zones: CoalescedZone[] = [];

  constructor(vm: KvmVm, bus: KvmBus = 'memory') {
    this.name = `KvmCoalescedMmio of ${bus}`;
    this.#vm = vm;
    this.#pio = bus === 'ports';
  }

  /** The zones that are registered, in no order. */
  get zones(): readonly CoalescedZone[] {
    return this.#zones;
  }

  /** @throws `ERR_SYSTEM_CALL` */
  coalescedIoAdd(_section: MemoryRegionSection, address: bigint, size: bigint): void {
    this.#all(this.#parts(address, size), 'register');
  }

  /** @throws `ERR_SYSTEM_CALL` */
  coalescedIoDel(_section: MemoryRegionSection, address: bigint, size: bigint): void {
    this.#all(this.#parts(address, size), 'unregister');
  }

  /** Registers or unregisters all `parts`; where one fails those before it are put back. */
  #all(parts: readonly CoalescedZone[], action: 'register' | 'unregister'): void {
    const opposite = action === 'register' ? 'unregister' : 'register';
    for (const [i, part] of parts.entries()) {
      try {
        this.#one(part, action);
      } catch (error) {
        const failures = attempts(parts.slice(0, i), (it) => this.#one(it, opposite));
        throw withUndoFailures(error, failures);
      }
    }
  }

  #one(zone: CoalescedZone, action: 'register' | 'unregister'): void {
    if (action === 'unregister') {
      this.#unregister(zone);
      return;
    }
    this.#vm.registerCoalescedMmio(zone);
    this.#zones.push(zone);
  }

  /** The kernel takes away every zone in which `zone` lies; all but one of its kind are put back. */
  #unregister(zone: CoalescedZone): void {
    this.#vm.unregisterCoalescedMmio(zone);
    const hit = this.#zones.filter((it) => holds(it, zone));
    const own = hit.find((it) => it.address === zone.address && it.size === zone.size);
    this.#zones = this.#zones.filter((it) => !hit.includes(it));
    const register = (it: CoalescedZone): void => this.#one(it, 'register');
    const failures = attempts(
      hit.filter((it) => it !== own),
      register,
    );
    if (failures.length === 0) return;
    const missing = hit.filter((it) => !this.#zones.includes(it));
    throw withUndoFailures(failures[0], attempts(missing, register));
  }

  #parts(address: bigint, size: bigint): CoalescedZone[] {
    const parts: CoalescedZone[] = [];
    for (let at = 0n; at < size; at += largestZone) {
      const rest = size - at;
      const bytes = rest < largestZone ? rest : largestZone;
      parts.push({ address: address + at, size: Number(bytes), pio: this.#pio });
    }
    return parts;
  }
}

/** Does something with each zone, whatever becomes of the others. Returns what was thrown. */
function attempts(zones: readonly CoalescedZone[], body: (zone: CoalescedZone) => void): unknown[] {
  const failures: unknown[] = [];
  for (const zone of zones) {
    try {
      body(zone);
    } catch (error) {
      failures.push(error);
    }
  }
  return failures;
}

function holds(outer: CoalescedZone, inner: CoalescedZone): boolean {
  return (
    outer.address <= inner.address &&
    outer.address + BigInt(outer.size) >= inner.address + BigInt(inner.size)
  );
}
