import { hex } from '../../address.js';
import { FlatviewError, withUndoFailures } from '../../errors.js';
import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import { BarSpace } from '../bars/bar-space.js';
import type { PciBar } from '../bars/pci-bar.js';
import { allOnes } from '../config/config-access.js';
import { GuestMessages } from './guest-messages.js';
import { addressText, type PciAddress, requesterId } from './pci-address.js';
import { type PciFunction, resetTogether } from './pci-function.js';

/** What a bus is made of. */
export interface PciBusOptions {
  /** Takes memory BARs and ROMs, at their addresses; its size is where addresses of the bus end. */
  readonly memory: MemoryRegion;
  /** Takes I/O BARs. Without it none decodes. */
  readonly io?: MemoryRegion;
  /** Bytes of a page of the host: a power of two. Default: 4096. */
  readonly pageSize?: bigint;
  /** Whether a BAR may be at address 0. Default: false, as on PCs. */
  readonly allowsZero?: boolean;
  /** Takes what guests cause that an embedder may want to know. */
  readonly messages?: GuestMessages;
}

/**
 * All that a guest has made of a bus: what it takes to make another one the same.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import {
 *   ConfigSpace,
 *   commandBit,
 *   configRegister,
 *   type FunctionState,
 *   layHeader,
 *   PciBus,
 *   type PciBusState,
 *   PciFunction,
 * } from 'flatview/pci';
 *
 * const topology = new MemoryTopology();
 * const bus = new PciBus({ memory: topology.container('pci', 1n << 64n) });
 * const config = new ConfigSpace();
 * layHeader(config, { vendorId: 0x1af4, deviceId: 0x1110, classCode: 0x05_0000 });
 * const layout = { index: 0, kind: 'memory', size: 0x100n, is64Bit: false, isPrefetchable: false } as const;
 * const region = topology.io('ivshmem.registers', 0x100n, {});
 * const shared = new PciFunction('ivshmem', { config, bars: [{ layout, backing: { region } }] });
 * bus.add({ device: 3 }, shared);
 * shared.writeConfig(configRegister.bar0, 4, 0xfebf_1000);
 * shared.writeConfig(configRegister.command, 2, commandBit.memory);
 *
 * const state: PciBusState = bus.save();
 * state.stacking; // => [{ requesterId: 0x18, bar: 0 }]
 * const [ofShared]: readonly FunctionState[] = state.functions;
 * ofShared?.config.length; // => 256
 *
 * bus.reset();
 * shared.bars[0]?.address; // => undefined
 * bus.restore(state);
 * shared.bars[0]?.address; // => 0xfebf_1000n
 * topology.close();
 * ```
 */
export interface PciBusState {
  /** Every function on the bus. */
  readonly functions: readonly FunctionState[];
  /** The BARs that are somewhere, those first that are below others at the same address. */
  readonly stacking: readonly { readonly requesterId: number; readonly bar: number }[];
}

/** A function within a {@link PciBusState}. */
export interface FunctionState {
  /** Where the function is: bus, device and function in 16 bits. */
  readonly requesterId: number;
  /** All bytes of its configuration space. */
  readonly config: Uint8Array;
}

const smallestPage = 4096n;

/**
 * Functions whose BARs share their addresses: a PCI bus, or several that are joined by bridges which let everything through.
 *
 * In QEMU's machines the memory container lies in the system's at priority -1, so that RAM and ROM win over a BAR that a guest
 * puts there. Within the container BARs have priority 1, and those that are grown to a page 0.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import {
 *   ConfigSpace,
 *   commandBit,
 *   configRegister,
 *   layHeader,
 *   PciBus,
 *   type PciBusOptions,
 *   PciFunction,
 *   requesterId,
 * } from 'flatview/pci';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * const pci = topology.container('pci', 1n << 64n);
 * system.addSubregion(0x0n, topology.ram('pc.ram', 0x8000_0000n));
 * system.addSubregion(0x0n, pci, { priority: -1 });
 * const memory = topology.addressSpace('memory', system);
 *
 * const options: PciBusOptions = { memory: pci };
 * const bus = new PciBus(options);
 * const config = new ConfigSpace();
 * layHeader(config, { vendorId: 0x8086, deviceId: 0x100e, classCode: 0x02_0000 });
 * const layout = { index: 0, kind: 'memory', size: 0x2_0000n, is64Bit: false, isPrefetchable: false } as const;
 * const region = topology.io('e1000.registers', 0x2_0000n, {});
 * bus.add({ device: 3 }, new PciFunction('e1000', { config, bars: [{ layout, backing: { region } }] }));
 *
 * const nic = requesterId({ device: 3 });
 * bus.writeConfig(nic, configRegister.command, 2, commandBit.memory);
 * bus.writeConfig(nic, configRegister.bar0, 4, 0xfebc_0000);
 * memory.lookup(0xfebc_0000n)?.region.name; // => 'e1000.registers'
 * // Where RAM is, a BAR doesn't show.
 * bus.writeConfig(nic, configRegister.bar0, 4, 0x4000_0000);
 * memory.lookup(0x4000_0000n)?.region.name; // => 'pc.ram'
 * topology.close();
 * ```
 */
export class PciBus {
  /** Takes what guests cause to be said. */
  readonly messages: GuestMessages;
  /** Where the BARs are. */
  readonly space: BarSpace;
  readonly #functions = new Map<number, PciFunction>();

  /** @throws `ERR_INVALID_ARGUMENT`, `ERR_TOPOLOGY_MISMATCH` */
  constructor(options: PciBusOptions) {
    const { memory, io, pageSize = smallestPage, allowsZero = false } = options;
    if (pageSize < smallestPage || (pageSize & (pageSize - 1n)) !== 0n) {
      throw new FlatviewError(
        'ERR_INVALID_ARGUMENT',
        `pages of ${hex(pageSize)} bytes: not a power of two of at least 4096`,
      );
    }
    if (io !== undefined && io.topology !== memory.topology) {
      throw new FlatviewError(
        'ERR_TOPOLOGY_MISMATCH',
        `${io.label} belongs to another topology than ${memory.label}`,
      );
    }
    this.messages = options.messages ?? new GuestMessages();
    this.space = new BarSpace(memory, io, { pageSize, allowsZero, messages: this.messages });
  }

  /** The functions and their requester IDs, in the order in which they were added. */
  get functions(): ReadonlyMap<number, PciFunction> {
    return this.#functions;
  }

  /**
   * Plugs a function in. If its registers say that BARs decode, they do at once.
   *
   * @throws `ERR_PCI_ADDRESS`: there is no such place, or it is taken, or the function is on a bus; `ERR_REGION_MAPPED`: a
   *   region that is to show in a BAR has a parent, or is to show in two; `ERR_BAR_LAYOUT`: it is not as large as the BAR;
   *   `ERR_TOPOLOGY_MISMATCH`; `ERR_TRANSACTION_OPEN`; what {@link MemoryTopology.commit} throws.
   */
  add(address: PciAddress, pci: PciFunction): void {
    const id = requesterId(address);
    this.space.topology.assertSettled(`${pci.name} is plugged in`);
    const there = this.#functions.get(id);
    if (there !== undefined) {
      throw new FlatviewError(
        'ERR_PCI_ADDRESS',
        `${pci.name} can't be at ${addressText(id)}: ${there.name} is`,
      );
    }
    if (pci.host !== undefined) {
      throw new FlatviewError('ERR_PCI_ADDRESS', `${pci.name} is on a bus already`);
    }
    this.#checkRegions(pci.bars);
    pci.attach(this);
    try {
      this.space.place(pci.bars);
    } catch (error) {
      pci.attach(undefined);
      throw error;
    }
    this.#functions.set(id, pci);
  }

  /**
   * Unplugs the function that is there; its registers stay as they are.
   *
   * @returns The function.
   * @throws `ERR_PCI_ADDRESS`: there is none; `ERR_TRANSACTION_OPEN`; what {@link MemoryTopology.commit} throws.
   */
  remove(address: PciAddress): PciFunction {
    const id = requesterId(address);
    this.space.topology.assertSettled(`the function at ${addressText(id)} is unplugged`);
    const pci = this.#functions.get(id);
    if (pci === undefined) {
      throw new FlatviewError('ERR_PCI_ADDRESS', `no function is at ${addressText(id)}`);
    }
    this.space.remove(pci.bars);
    this.#functions.delete(id);
    pci.attach(undefined);
    return pci;
  }

  /** The guest reads registers of the function at `id`, a requester ID; where none is, all ones. */
  readConfig(id: number, offset: number, size: number): number {
    return this.#functions.get(id)?.readConfig(offset, size) ?? allOnes(size);
  }

  /**
   * The guest writes registers of the function at `id`, a requester ID; nothing happens where none is.
   *
   * @throws As {@link PciFunction.writeConfig}.
   */
  writeConfig(id: number, offset: number, size: number, value: number): void {
    this.#functions.get(id)?.writeConfig(offset, size, value);
  }

  /**
   * Resets all functions, by one transaction: no device hears of it before the BARs of all are gone.
   *
   * @throws `ERR_TRANSACTION_OPEN`, `ERR_CHANGE_IN_LISTENER`
   */
  reset(): void {
    this.space.topology.assertSettled('a bus is reset');
    resetTogether([...this.#functions.values()], this.space);
  }

  /** What there is to say of the present state. */
  save(): PciBusState {
    const functions = [...this.#functions].map(([id, { config }]) => ({
      requesterId: id,
      config: config.save(),
    }));
    const placed = [...this.#functions].flatMap(([id, { bars }]) =>
      bars.filter(({ address }) => address !== undefined).map((bar) => ({ id, bar })),
    );
    const sequenceOf = ({ bar }: { bar: PciBar }): number => bar.backing.region.state.sequence;
    const stacking = placed
      .sort((a, b) => sequenceOf(a) - sequenceOf(b))
      .map(({ id, bar }) => ({ requesterId: id, bar: bar.layout.index }));
    return { functions, stacking };
  }

  /**
   * Makes everything what {@link save} said, of a bus with the same functions: BARs are where its registers say, and overlap
   * as they did. It is one transaction.
   *
   * @throws `ERR_INVALID_ARGUMENT`: the functions are others; `ERR_TRANSACTION_OPEN`; what {@link MemoryTopology.commit}
   *   throws. Then nothing changes.
   */
  restore(state: PciBusState): void {
    this.space.topology.assertSettled('a bus is restored');
    const before = this.save();
    const told: PciFunction[] = [];
    const tell = (functions: readonly PciFunction[]): void => {
      for (const pci of functions) {
        told.push(pci);
        pci.tellRestored();
      }
    };
    try {
      this.#restoreRegisters(state);
      const functions = [...this.#functions.values()];
      const isLeaving = (pci: PciFunction): boolean => pci.bars.some((bar) => bar.isToGo);
      const leaving = functions.filter(isLeaving);
      tell(functions.filter((pci) => !leaving.includes(pci)));
      this.space.place(this.#stacked(state));
      tell(leaving);
    } catch (error) {
      throw withUndoFailures(error, this.#undoRestore(before, told));
    }
  }

  /** Puts all back as it was `before`; `told` are the functions whose devices have heard otherwise. Returns what was thrown meanwhile. */
  #undoRestore(before: PciBusState, told: readonly PciFunction[]): unknown[] {
    this.#restoreRegisters(before);
    const failures: unknown[] = [];
    const attempt = (undo: () => void): void => {
      try {
        undo();
      } catch (error) {
        failures.push(error);
      }
    };
    const isMoved = [...this.#functions.values()].some(({ bars }) =>
      bars.some((bar) => bar.isMisplaced && bar.refusal === undefined),
    );
    if (isMoved) attempt(() => this.space.place(this.#stacked(before)));
    for (const pci of told) attempt(() => pci.tellRestored());
    return failures;
  }

  #restoreRegisters({ functions }: PciBusState): void {
    const known = functions.filter((it) => this.#functions.has(it.requesterId));
    if (known.length !== this.#functions.size || known.length !== functions.length) {
      throw new FlatviewError(
        'ERR_INVALID_ARGUMENT',
        `the state is of ${functions.length} functions, and ${known.length} of ${this.#functions.size} on this bus`,
      );
    }
    for (const { requesterId: id, config } of functions) {
      const pci = this.#functions.get(id);
      pci?.config.restore(config);
      pci?.decode();
    }
  }

  /** All BARs, in the order in which a state has them; those of which it says nothing come first. */
  #stacked({ stacking }: PciBusState): PciBar[] {
    const order = new Map(stacking.map(({ requesterId: id, bar }, at) => [`${id} ${bar}`, at]));
    const bars = [...this.#functions].flatMap(([id, pci]) =>
      pci.bars.map((bar) => ({ bar, at: order.get(`${id} ${bar.layout.index}`) ?? -1 })),
    );
    return bars.sort((a, b) => a.at - b.at).map(({ bar }) => bar);
  }

  #checkRegions(bars: readonly PciBar[]): void {
    const regions = new Set<MemoryRegion>();
    for (const { label, layout, backing } of bars) {
      const { region } = backing;
      if (region.parent !== undefined || regions.has(region)) {
        throw new FlatviewError(
          'ERR_REGION_MAPPED',
          `${region.label} can't show in ${label}: it is mapped already`,
        );
      }
      if (region.topology !== this.space.topology) {
        throw new FlatviewError(
          'ERR_TOPOLOGY_MISMATCH',
          `${region.label} of ${label} belongs to another topology than the bus`,
        );
      }
      if (region.size !== layout.size) {
        throw new FlatviewError(
          'ERR_BAR_LAYOUT',
          `${region.label} can't show in ${label}, which has ${hex(layout.size)} bytes`,
        );
      }
      regions.add(region);
    }
  }
}
