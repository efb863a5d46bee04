// A machine with a PCI bus, for tests: RAM, functions with BARs of any kind, and who hears what is done.

import { type MemoryListener, MemoryTopology } from '../../lib/index.js';
import {
  addPowerManagement,
  type BarBacking,
  type BarIndex,
  type BarLayout,
  ConfigSpace,
  commandBit,
  configRegister,
  layHeader,
  PciBus,
  type PciBusOptions,
  type PciDevice,
  PciFunction,
  requesterId,
} from '../../lib/pci/index.js';

export type BarSpec = Partial<BarLayout> & Pick<BarLayout, 'index' | 'size'>;

/** A layout: 32-bit memory unless it says something else. */
export function layoutOf(spec: BarSpec): BarLayout {
  const kind = spec.kind ?? (spec.index === 6 ? 'rom' : 'memory');
  return { kind, is64Bit: false, isPrefetchable: false, ...spec };
}

export class PciMachine {
  readonly topology = new MemoryTopology();
  readonly system = this.topology.container('system', 1n << 64n);
  readonly pci = this.topology.container('pci', 1n << 64n);
  readonly ports = this.topology.container('ports', 0x1_0000);
  readonly memory = this.topology.addressSpace('memory', this.system);
  readonly io = this.topology.addressSpace('I/O', this.ports);
  readonly bus: PciBus;
  /** Commits that listeners heard of. */
  commits = 0;

  constructor(options: Partial<PciBusOptions> = {}) {
    this.system.addSubregion(0, this.pci, { priority: -1 });
    this.bus = new PciBus({ memory: this.pci, io: this.ports, ...options });
    this.topology.addListener({ name: 'counter', commit: () => this.commits++ });
    this.commits = 0;
  }

  /** A function without identity, which is on no bus yet. */
  build(
    name: string,
    specs: readonly BarSpec[],
    options: { device?: PciDevice; config?: ConfigSpace; backing?: Partial<BarBacking> } = {},
  ): PciFunction {
    const { device, backing } = options;
    const config = options.config ?? new ConfigSpace();
    layHeader(config, { vendorId: 0x1af4, deviceId: 0x1000 });
    if (options.config === undefined) addPowerManagement(config);
    const bars = specs.map(layoutOf).map((layout) => ({
      layout,
      backing: { region: this.#region(`${name} BAR ${layout.index}`, layout), ...backing },
    }));
    return new PciFunction(name, { config, bars, ...(device === undefined ? {} : { device }) });
  }

  /** A function on the bus. */
  add(device: number, specs: readonly BarSpec[], extra: PciDevice = {}): PciFunction {
    const pci = this.build(`device ${device}`, specs, { device: extra });
    this.bus.add({ device }, pci);
    return pci;
  }

  #region(name: string, { kind, size }: BarLayout) {
    return kind === 'io'
      ? this.topology.io(name, size, { read: () => 0x5an })
      : this.topology.ramDevice(name, size, { backing: 'none' });
  }

  /** What is at an address: the name of a region. */
  at(address: bigint): string | undefined {
    return this.memory.lookup(address)?.region.name;
  }

  /** What is at a port. */
  atPort(port: bigint): string | undefined {
    return this.io.lookup(port)?.region.name;
  }

  /** How many commits `body` makes. */
  count(body: () => void): number {
    const before = this.commits;
    body();
    return this.commits - before;
  }
}

/** The guest writes the register of a BAR, of 64 bits in halves, the lower one first. */
export function program(pci: PciFunction, index: BarIndex, address: bigint): void {
  const register = index === 6 ? configRegister.rom : configRegister.bar0 + 4 * index;
  pci.writeConfig(register, 4, Number(BigInt.asUintN(32, address)));
  const bar = pci.bars.find(({ layout }) => layout.index === index);
  if (bar?.layout.is64Bit) pci.writeConfig(register + 4, 4, Number(address >> 32n));
}

export function setCommand(pci: PciFunction, value: number): void {
  pci.writeConfig(configRegister.command, 2, value);
}

export const decodeAll = commandBit.io | commandBit.memory;

export function idOf(device: number): number {
  return requesterId({ device });
}

/** A listener that refuses while `refuses` says so. */
export class Saboteur implements MemoryListener {
  readonly name = 'saboteur';
  readonly priority = 20;
  refuses: (() => boolean) | undefined;

  commit(): void {
    if (this.refuses?.()) throw new Error('refused');
  }
}
