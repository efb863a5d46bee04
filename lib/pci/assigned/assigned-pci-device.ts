import { FlatviewError } from '../../errors.js';
import type { MemoryTopology } from '../../memory/topology.js';
import { absentRegion } from '../../vfio/absent-region.js';
import type { VfioDevice } from '../../vfio/vfio-interface.js';
import type { BarIndex, BarLayout } from '../bars/bar.js';
import { GuestMessages } from '../bus/guest-messages.js';
import { PciFunction } from '../bus/pci-function.js';
import { commandBit, configRegister } from '../config/config-registers.js';
import { Msix, type MsixHandler, type MsixState } from '../msix/msix.js';
import {
  checkedMsixLayout,
  type MsixLayout,
  msixRegister,
  readMsixLayout,
} from '../msix/msix-layout.js';
import {
  type MsixRelocation,
  type RelocationOptions,
  relocateMsix,
} from '../msix/msix-relocation.js';
import { knownQuirks } from '../quirks/known-quirks.js';
import { type Quirk, type QuirkDevice, windowsFor } from '../quirks/quirk.js';
import { QuirkLatches, type QuirkState } from '../quirks/quirk-latches.js';
import { AssignedBar } from './assigned-bar.js';
import { AssignedConfig } from './assigned-config.js';
import { BarVerdicts, type PlacedAssignedBar } from './bar-verdicts.js';
import { areasToMap, type DeviceBar, deviceBars, memorySizeOf } from './device-bars.js';
import type { SlowPathKind } from './slow-path.js';

/** How a device is assigned to a guest. */
export interface AssignedPciDeviceOptions {
  /** Where its regions are made. */
  readonly topology: MemoryTopology;
  /** Open. It stays the caller's, who closes it after {@link AssignedPciDevice.close}. */
  readonly device: VfioDevice;
  /** Bytes of a page of the host: {@link VfioHost.pageSize}. */
  readonly pageSize: bigint;
  /** How accesses that come to this process reach the device: of all BARs, or of each. Default: `pread`. */
  readonly slowPath?: SlowPathKind | Partial<Record<BarIndex, SlowPathKind>>;
  /** Default: `off`. */
  readonly msixRelocation?: MsixRelocation;
  /** Takes the interrupts that the guest programs. Default: nobody does. */
  readonly msix?: MsixHandler;
  /** Default: {@link knownQuirks}. */
  readonly quirks?: readonly Quirk[];
  /** Called after each access that comes to this process by a BAR: the end of an INTx, where one is pending. */
  readonly onSlowAccess?: () => void;
  /** Hears of accesses that the device or the kernel refused. */
  readonly messages?: GuestMessages;
}

/**
 * What of an assigned device isn't in its configuration space, for a snapshot.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { AssignedPciDevice, type AssignedPciDeviceState } from 'flatview/pci';
 * import { SimulatedVfio } from 'flatview/simulated';
 *
 * const card = { name: '0000:05:00.0', group: 5, cdev: 'vfio0', vendorId: 0x144d, deviceId: 0xa808 };
 * const bars = [{ index: 0, kind: 'memory', size: 0x4000n }] as const;
 * const msix = { vectors: 32, tableBar: 0, tableOffset: 0x3000n, pendingOffset: 0x2000n } as const;
 * const host = new SimulatedVfio({ devices: [{ ...card, bars, msix }] });
 * const device = host.openCdev('vfio0').bind(host.openIommufd());
 * const topology = new MemoryTopology();
 * const assigned = new AssignedPciDevice({ topology, device, pageSize: host.pageSize });
 * assigned.msix?.writeTable(0x0, 0xfee0_0000n, 8);
 *
 * const state: AssignedPciDeviceState = assigned.save();
 * assigned.function.reset();
 * assigned.msix?.readTable(0x0, 8); // => 0n
 * assigned.restore(state);
 * assigned.msix?.readTable(0x0, 8); // => 0xfee0_0000n
 * topology.close();
 * ```
 */
export interface AssignedPciDeviceState {
  /** Its MSI-X table; `undefined` where it has none. */
  readonly msix: MsixState | undefined;
  /** What its quirks remember. */
  readonly quirks: readonly QuirkState[];
}

/**
 * A device of the host that belongs to a guest: its function, for a bus, and what is behind it. Putting the function on a bus is
 * plugging it in; it is to be taken from there before {@link close}.
 *
 * What is mapped, grown, cut or slow follows from what is: a function whose registers say where it is (as a snapshot's do) needs nobody
 * who writes them again.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { KvmMemorySlots } from 'flatview/kvm';
 * import {
 *   AssignedPciDevice,
 *   type AssignedPciDeviceOptions,
 *   commandBit,
 *   configRegister,
 *   PciBus,
 * } from 'flatview/pci';
 * import { SimulatedKvm, SimulatedVfio } from 'flatview/simulated';
 *
 * const card = { name: '0000:05:00.0', group: 5, cdev: 'vfio0', vendorId: 0x1b36, deviceId: 0x0007 };
 * const host = new SimulatedVfio({
 *   devices: [{ ...card, bars: [{ index: 0, kind: 'memory', size: 0x100n }] }],
 * });
 * const device = host.openCdev('vfio0').bind(host.openIommufd());
 * const topology = new MemoryTopology();
 * const pci = topology.container('pci', 1n << 64n);
 * const kvm = new SimulatedKvm();
 * topology.addressSpace('memory', pci).addListener(new KvmMemorySlots(kvm));
 *
 * const options: AssignedPciDeviceOptions = { topology, device, pageSize: host.pageSize };
 * const assigned = new AssignedPciDevice(options);
 * const bus = new PciBus({ memory: pci, pageSize: host.pageSize });
 * bus.add({ device: 1 }, assigned.function);
 * assigned.function.writeConfig(configRegister.bar0, 4, 0xfebf_0000);
 * assigned.function.writeConfig(configRegister.command, 2, commandBit.memory);
 * // The BAR has 256 bytes. It is alone in its page, so the guest is given that.
 * kvm.slots.map(({ guestAddress, size }) => [guestAddress, size]); // => [[0xfebf_0000n, 0x1000n]]
 *
 * assigned.close(); // throws ERR_REGION_BUSY
 * bus.remove({ device: 1 });
 * assigned.close();
 * device.close();
 * topology.close();
 * ```
 */
export class AssignedPciDevice {
  /** What messages and regions call it. */
  readonly name: string;
  /** The function that a bus takes. */
  readonly function: PciFunction;
  /** In order of their numbers. */
  readonly bars: readonly AssignedBar[];
  /** The table that the guest sees; `undefined` where the device has none. */
  readonly msix: Msix | undefined;
  /** Says why something of the device isn't mapped, as a listener of an address space: see {@link AddressSpace.explain}. */
  readonly verdicts: BarVerdicts;
  readonly #options: AssignedPciDeviceOptions;
  readonly #config: AssignedConfig;
  readonly #latches: QuirkLatches;

  /**
   * @throws `ERR_DEVICE_DESCRIPTION`: the device says what can't be; `ERR_BAR_LAYOUT`; `ERR_INVALID_ARGUMENT`: the MSI-X table can't be
   *   moved as is wanted; `ERR_SYSTEM_CALL`; what making regions throws. Then nothing is left mapped.
   */
  constructor(options: AssignedPciDeviceOptions) {
    const { device, pageSize, msixRelocation: relocation = 'off', msix = ignored } = options;
    this.name = device.name;
    this.#options = options;
    this.#config = new AssignedConfig(device);
    this.#latches = new QuirkLatches(device.name);
    const found = deviceBars(device);
    const own = this.#msixOf(found);
    const guest = guestLayout({ name: device.name, found, own, relocation, pageSize });
    if (guest.msix !== undefined) this.#config.placeMsix(guest.msix);
    this.msix = guest.msix && new Msix(guest.msix.vectorCount, msix);
    const bars: AssignedBar[] = [];
    this.bars = bars;
    try {
      for (const layout of guest.bars) {
        const known = found.find((it) => it.layout.index === layout.index);
        bars.push(this.#open(layout, known, own));
      }
      this.function = this.#makeFunction();
      this.#addWindows(guest.msix);
      this.#followCommand();
    } catch (error) {
      for (const bar of bars) bar.close();
      throw error;
    }
    for (const bar of bars) bar.onPagesChanged = () => this.function.update();
    this.verdicts = new BarVerdicts(device.name, () => this.#placedBars());
  }

  /**
   * Whether what is mapped of the device shows; else every access comes to this process, as it must while an INTx waits for the
   * guest's next one. Setting it is one transaction, which moves no BAR and grows or shrinks none.
   *
   * @throws what {@link MemoryTopology.commit} throws.
   */
  get mappingsEnabled(): boolean {
    return this.bars.every((bar) => bar.mappingsEnabled);
  }

  set mappingsEnabled(on: boolean) {
    this.#options.topology.transaction(() => {
      for (const bar of this.bars) bar.mappingsEnabled = on;
    });
  }

  /** A BAR by its number. */
  bar(index: BarIndex): AssignedBar | undefined {
    return this.bars.find(({ layout }) => layout.index === index);
  }

  /** What of it the configuration space doesn't say, as plain data. */
  save(): AssignedPciDeviceState {
    return { msix: this.msix?.save(), quirks: this.#latches.save() };
  }

  /**
   * Makes everything that isn't in the configuration space what {@link save} gave; call it before the bus is restored.
   *
   * @throws `ERR_INVALID_ARGUMENT`: it is another device's state, or one with other quirks. Then nothing changes.
   */
  restore({ msix, quirks }: AssignedPciDeviceState): void {
    if ((msix === undefined) !== (this.msix === undefined)) {
      throw new FlatviewError(
        'ERR_INVALID_ARGUMENT',
        `${this.name}: the state is of a device ${msix === undefined ? 'without' : 'with'} MSI-X`,
      );
    }
    this.#latches.check(quirks);
    if (msix !== undefined) this.msix?.restore(msix);
    this.#latches.restore(quirks);
  }

  /**
   * Unmaps the device, and gives up its regions. The device itself stays open.
   *
   * @throws `ERR_REGION_BUSY`: the function is on a bus; what {@link MemoryTopology.commit} throws. Then nothing has changed.
   */
  close(): void {
    if (this.function.host !== undefined) {
      throw new FlatviewError('ERR_REGION_BUSY', `${this.name} is on a bus: take it out first`);
    }
    for (const bar of this.bars) bar.close();
  }

  #placedBars(): PlacedAssignedBar[] {
    const { bars, host } = this.function;
    return this.bars.flatMap((bar) => {
      const placed = bars.find(({ backing }) => backing === bar);
      if (placed?.address === undefined) return [];
      return [{ bar, placement: host?.space.placementOf(placed) }];
    });
  }

  /** Where the device itself has its MSI-X table; `undefined` where it has none. */
  #msixOf(found: readonly DeviceBar[]): MsixLayout | undefined {
    const { config, identity, msix: at } = this.#config;
    if (at === undefined) return undefined;
    const said = readMsixLayout((offset, size) => config.get(at + offset, size));
    const who = { name: this.name, identity };
    return checkedMsixLayout(said, who, (bar) => memorySizeOf(found, bar));
  }

  #open(layout: BarLayout, found: DeviceBar | undefined, own: MsixLayout | undefined): AssignedBar {
    const { topology, device, pageSize, slowPath = 'pread', messages } = this.#options;
    const { index } = layout;
    return new AssignedBar({
      topology,
      device,
      layout,
      info: found?.info ?? absentRegion(index),
      ...(found === undefined ? { areas: [] } : areasToMap(found, layout, own, pageSize)),
      pageSize,
      slowPath: typeof slowPath === 'string' ? slowPath : (slowPath[index] ?? 'pread'),
      isAwake: () => this.#isAwake,
      messages: messages ?? new GuestMessages(),
      onAccess: this.#options.onSlowAccess,
    });
  }

  #makeFunction(): PciFunction {
    return new PciFunction(this.name, {
      config: this.#config.config,
      bars: this.bars.map((backing) => ({ layout: backing.layout, backing })),
      device: {
        readConfig: (offset, size) => this.#config.read(offset, size),
        writeConfig: (offset, size, value) => this.#writeConfig(offset, size, value),
        reset: () => this.#reset(),
        restored: () => this.#restored(),
      },
    });
  }

  /** The emulated MSI-X table, and what quirks there are. */
  #addWindows(layout: MsixLayout | undefined): void {
    const { msix } = this;
    if (layout !== undefined && msix !== undefined) {
      const { table, pendingBits } = layout;
      this.bar(table.bar)?.addWindow({ name: 'msix table', ops: msix.tableOps, ...table });
      this.bar(pendingBits.bar)?.addWindow({
        name: 'msix pending bits',
        ops: msix.pendingBitsOps,
        ...pendingBits,
      });
    }
    const { quirks = knownQuirks } = this.#options;
    for (const window of windowsFor(quirks, this.#forQuirks(), this.#latches)) {
      this.bar(window.bar)?.addWindow(window);
    }
  }

  #forQuirks(): Omit<QuirkDevice, 'latches'> {
    const { size } = this.function.config;
    return {
      name: this.name,
      identity: this.#config.identity,
      bar: (index) => this.bar(index)?.slowPath,
      config: {
        size,
        read: (offset, bytes) => this.function.readConfig(offset, bytes),
        write: (offset, bytes, value) => this.function.writeConfig(offset, bytes, value),
      },
      msix: this.msix,
    };
  }

  /** Whether the guest has the device decode memory, and it is awake. */
  get #isAwake(): boolean {
    const { config, powerState } = this.function;
    return powerState === 0 && (config.get(configRegister.command, 2) & commandBit.memory) !== 0;
  }

  #writeConfig(offset: number, size: number, value: number): void {
    if (this.#config.touchesMsixControl(offset, size)) this.#followMsixControl();
    this.#config.write(offset, size, value);
  }

  #reset(): void {
    this.msix?.reset();
    this.#latches.reset();
    // First, as the kernel may have no way to reset the device.
    this.#followCommand();
    this.#options.device.reset();
  }

  #restored(): void {
    this.#followMsixControl();
    const { config, power } = this.#config;
    if (power !== undefined) this.#config.write(power, 2, config.get(power, 2));
    this.#followCommand();
  }

  /** The device decodes what the guest wants it to. */
  #followCommand(): void {
    const { command } = configRegister;
    this.#config.write(command, 2, this.#config.config.get(command, 2));
  }

  #followMsixControl(): void {
    const { config, msix } = this.#config;
    if (msix !== undefined) this.msix?.setControl(config.get(msix + msixRegister.control, 2));
  }
}

const ignored: MsixHandler = { send: () => undefined };

/** What the guest is told: the device's BARs, with the MSI-X table where it is wanted. */
function guestLayout(
  options: Pick<RelocationOptions, 'name' | 'relocation' | 'pageSize'> & {
    readonly found: readonly DeviceBar[];
    readonly own: MsixLayout | undefined;
  },
): { readonly bars: readonly BarLayout[]; readonly msix: MsixLayout | undefined } {
  const { found, own: msix, ...more } = options;
  const bars = found.map(({ layout }) => layout);
  if (msix === undefined) return { bars, msix };
  const holder = found.find(({ layout }) => layout.index === msix.table.bar);
  // Where the kernel never maps the pages of the table, nothing more is mapped when the guest's is elsewhere.
  const areas = holder?.info.isMsixMappable ? holder.areas : [];
  return relocateMsix({ ...more, bars, msix, areas });
}
