import { FlatviewError } from '../../errors.js';
import type { MemoryTopology } from '../../memory/topology.js';
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
import { AssignedBar } from './assigned-bar.js';
import { AssignedConfig } from './assigned-config.js';
import { BarVerdicts, type PlacedAssignedBar } from './bar-verdicts.js';
import { areasToMap, type DeviceBar, deviceBars, memorySizeOf, noRegion } from './device-bars.js';
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

/** What of an assigned device isn't in its configuration space, for a snapshot. */
export interface AssignedPciDeviceState {
  /** Its MSI-X table; `undefined` where it has none. */
  readonly msix: MsixState | undefined;
}

/**
 * A device of the host that belongs to a guest: its function, for a bus, and what is behind it. Putting the function on a bus is
 * plugging it in; it is to be taken from there before {@link close}.
 *
 * What is mapped, grown, cut or slow follows from what is: a function whose registers say where it is (as a snapshot's do) needs nobody
 * who writes them again.
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

  /**
   * @throws `ERR_DEVICE_DESCRIPTION`: the device says what can't be; `ERR_BAR_LAYOUT`; `ERR_INVALID_ARGUMENT`: the MSI-X table can't be
   *   moved as is wanted; `ERR_SYSTEM_CALL`; what making regions throws. Then nothing is left mapped.
   */
  constructor(options: AssignedPciDeviceOptions) {
    const { device, pageSize, msixRelocation: relocation = 'off', msix = ignored } = options;
    this.name = device.name;
    this.#options = options;
    this.#config = new AssignedConfig(device);
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
    return { msix: this.msix?.save() };
  }

  /**
   * Makes everything that isn't in the configuration space what {@link save} gave; call it before the bus is restored.
   *
   * @throws `ERR_INVALID_ARGUMENT`: it is another device's state. Then nothing changes.
   */
  restore({ msix }: AssignedPciDeviceState): void {
    if ((msix === undefined) !== (this.msix === undefined)) {
      throw new FlatviewError(
        'ERR_INVALID_ARGUMENT',
        `${this.name}: the state is of a device ${msix === undefined ? 'without' : 'with'} MSI-X`,
      );
    }
    if (msix !== undefined) this.msix?.restore(msix);
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
      info: found?.info ?? noRegion(index),
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
    for (const window of windowsFor(this.#options.quirks ?? knownQuirks, this.#forQuirks())) {
      this.bar(window.bar)?.addWindow(window);
    }
  }

  #forQuirks(): QuirkDevice {
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
