import { hex } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import type { MemoryRegionOps } from '../../memory/access/memory-region-ops.js';
import { RangeSet } from '../../memory/range-set.js';
import type { AliasRegion } from '../../memory/regions/alias-region.js';
import type { IoRegion } from '../../memory/regions/io-region.js';
import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import type { MemoryTopology } from '../../memory/topology.js';
import type { VfioDevice, VfioRegionInfo } from '../../vfio/vfio-interface.js';
import type {
  BarBacking,
  BarIndex,
  BarLayout,
  BarPagePlan,
  BarPages,
  OffsetRange,
} from '../bars/bar.js';
import type { GuestMessages } from '../bus/guest-messages.js';
import { type AreaGroup, groupByPages } from './region-areas.js';
import { type MappedAreas, SlowPath, type SlowPathKind } from './slow-path.js';

/** What an {@link AssignedBar} is made from. */
export interface AssignedBarOptions {
  /** Where its regions are made. */
  readonly topology: MemoryTopology;
  /** The device that accesses go to. */
  readonly device: VfioDevice;
  /** What the guest is told. Larger than the region where the MSI-X table was moved behind its end. */
  readonly layout: BarLayout;
  /** What the kernel says of the device's region. */
  readonly info: VfioRegionInfo;
  /** The parts of the region to map: ascending, none overlapping another. */
  readonly areas: readonly OffsetRange[];
  /** The pages that are not among them for the sake of the device's MSI-X table. */
  readonly msixPages?: OffsetRange | undefined;
  /** Bytes of a page of the host. */
  readonly pageSize: bigint;
  /** Default: `pread`. */
  readonly slowPath?: SlowPathKind;
  /** Whether the device decodes memory and is awake: else no access may use a mapping. */
  readonly isAwake: () => boolean;
  /** Takes what a guest causes to be said. */
  readonly messages: GuestMessages;
  /** Called at each access that comes to this process. */
  readonly onAccess?: (() => void) | undefined;
}

/**
 * An area that could be mapped and isn't.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { AssignedPciDevice, type UnmappedArea } from 'flatview/pci';
 * import { SimulatedVfio } from 'flatview/simulated';
 *
 * const card = { name: '0000:05:00.0', group: 5, cdev: 'vfio0', vendorId: 0x1b36, deviceId: 0x0007 };
 * const host = new SimulatedVfio({
 *   devices: [{ ...card, bars: [{ index: 0, kind: 'memory', size: 0x4000n }] }],
 * });
 * host.order({ ioctl: 'mmap', call: 1, errno: 'ENOMEM' });
 * const device = host.openCdev('vfio0').bind(host.openIommufd());
 * const topology = new MemoryTopology();
 * const assigned = new AssignedPciDevice({ topology, device, pageSize: host.pageSize });
 * const unmapped: readonly UnmappedArea[] = assigned.bars.flatMap((bar) => bar.unmapped);
 * unmapped.map(({ size, error }) => [size, error.errno]); // => [[0x4000n, 'ENOMEM']]
 * topology.close();
 * ```
 */
export interface UnmappedArea extends OffsetRange {
  /** What the kernel said. */
  readonly error: FlatviewError;
}

/** A part of a BAR that something else than the device answers. */
export interface BarWindow extends OffsetRange {
  /** What it is, such as `rtl8168 msix data`. */
  readonly name: string;
  /** What answers in it. */
  readonly ops: MemoryRegionOps;
}

/** Who wins over whom within a BAR: priorities of the subregions of its base. */
const layer = { slowPath: 0, mapped: 1, slowPages: 2, windows: 3 };

/**
 * A BAR of a device that belongs to the guest. In its {@link region}, from bottom to top:
 *
 * - the base itself, a reservation: where the BAR is larger than what the device has, nothing shows from below;
 * - the slow path, all over: each access comes to this process, and goes to the device as {@link SlowPathKind} says;
 * - the areas that are mapped into this process, each an alias of the memory of its pages;
 * - the slow pages, aliases of the slow path: whole pages that no guest can be given, whatever lies above them;
 * - windows: quirks, an emulated MSI-X table.
 *
 * An access that reaches over the edge of a window is cut there: each answers what is its own, whatever the width.
 *
 * All that changes later is state of the tree, so a transaction that fails takes all of it back.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { AssignedBar, type AssignedBarOptions, type BarWindow, GuestMessages } from 'flatview/pci';
 * import { SimulatedVfio } from 'flatview/simulated';
 *
 * const card = { name: '0000:05:00.0', group: 5, cdev: 'vfio0', vendorId: 0x1b36, deviceId: 0x0007 };
 * const host = new SimulatedVfio({
 *   devices: [{ ...card, bars: [{ index: 0, kind: 'memory', size: 0x4000n }] }],
 * });
 * const device = host.openCdev('vfio0').bind(host.openIommufd());
 * const topology = new MemoryTopology();
 * const info = device.regionInfo(0);
 * const options: AssignedBarOptions = {
 *   topology,
 *   device,
 *   layout: { index: 0, kind: 'memory', size: info.size, is64Bit: false, isPrefetchable: false },
 *   info,
 *   areas: [{ offset: 0n, size: info.size }],
 *   pageSize: host.pageSize,
 *   isAwake: () => true,
 *   messages: new GuestMessages(),
 * };
 * const bar = new AssignedBar(options);
 *
 * // A quirk answers eight bytes, and cuts their page: the page policy has all of that show the slow path.
 * const latch: BarWindow = { name: 'latch', offset: 0x1070n, size: 8n, ops: {} };
 * const window = bar.addWindow(latch);
 * bar.pages?.cuts; // => [{ offset: 0x1070n, size: 8n }]
 * bar.applyPlan({ size: info.size, priority: 1, slowPages: [{ offset: 0x1000n, size: 0x1000n }] });
 * const view = topology.addressSpace('BAR 0', bar.region).flatView;
 * Array.from(view.ranges(), ({ address, region }) => [address, region.kind]);
 * // => [[0x0n, 'ram-device'], [0x1000n, 'io'], [0x1070n, 'io'], [0x1078n, 'io'], [0x2000n, 'ram-device']]
 *
 * bar.removeWindow(window);
 * bar.pages?.cuts; // => []
 * topology.close();
 * ```
 */
export class AssignedBar implements BarBacking {
  /** The base. */
  readonly region: MemoryRegion;
  /** What the guest is told that it asks for. */
  readonly layout: BarLayout;
  /** The way to the device for accesses that come to this process. */
  readonly slowPath: SlowPath;
  /** The areas that the kernel refused to map: they show the slow path. */
  readonly unmapped: readonly UnmappedArea[];
  readonly #options: AssignedBarOptions;
  readonly #name: string;
  readonly #mapped: readonly MappedAreas[];
  readonly #slowRegion: MemoryRegion;
  readonly #areas: readonly ShownArea[];
  /** Aliases that show slow pages, or did and can again. */
  readonly #slowAliases: AliasRegion[] = [];
  /** What cuts the BAR, whether it shows yet or not, by the names that were given. */
  readonly #windows = new Map<IoRegion, string>();
  /**
   * Called, outside of transactions, when {@link pages} has become another: whoever placed the BAR asks the page policy again, and
   * throws if that is refused.
   */
  onPagesChanged: () => void = () => undefined;

  /** Maps what can be mapped. What the kernel refuses is slow, and that is no error. */
  constructor(options: AssignedBarOptions) {
    const { topology, device, layout, info, slowPath = 'pread' } = options;
    const { isAwake, messages, onAccess } = options;
    const { index, size } = layout;
    const owner = device.name;
    this.#options = options;
    this.#name = `${device.name} BAR ${index}`;
    this.layout = layout;
    // Throws where a topology can't be changed, before anything is mapped.
    this.region = topology.reservation(`${device.name} base BAR ${index}`, size, { owner });
    const groups = groupByPages(options.areas, options.pageSize);
    const { mapped, unmapped } = mapAreas(device, index, groups);
    this.#mapped = mapped;
    this.unmapped = unmapped;
    this.slowPath = new SlowPath({
      device,
      bar: index,
      size: info.size,
      canWrite: info.canWrite,
      kind: slowPath,
      mapped,
      isAwake,
      messages,
      onAccess,
    });
    this.#slowRegion = topology.io(this.#name, size, this.slowPath.ops, {
      owner,
      endsAccesses: true,
    });
    this.region.addSubregion(0n, this.#slowRegion, { priority: layer.slowPath });
    this.#areas = mapped.flatMap((group, i) => this.#showAreas(group, i));
  }

  /** What can be mapped of it, and what cuts it now. */
  get pages(): BarPages | undefined {
    if (this.#areas.length === 0) return undefined;
    const { info, layout } = this.#options;
    const cuts = new RangeSet();
    for (const { address, size } of this.windows) cuts.add({ offset: address, size });
    return {
      areas: this.#areas.map(({ area }) => area),
      // Of areas a driver says exactly what can be mapped; only the whole BAR is the kernel's to grow.
      ownsWholePage: info.sparseAreas === undefined && layout.size === info.size,
      cuts: cuts.within({ offset: 0n, size: layout.size }),
    };
  }

  applyPlan({ size, slowPages }: BarPagePlan): void {
    this.region.size = size;
    this.#slowRegion.size = size;
    for (const { area, alias } of this.#areas) {
      const isLast = area.offset + area.size === this.layout.size;
      alias.size = isLast ? size - area.offset : area.size;
    }
    this.#showSlowPages(slowPages);
  }

  /**
   * Whether what is mapped shows; else all is slow, as it must be while the device waits for the guest's next access to end an INTx.
   * The plan stays as it is. Setting it for several BARs belongs in one transaction.
   */
  get mappingsEnabled(): boolean {
    return this.#areas.every(({ alias }) => alias.enabled);
  }

  set mappingsEnabled(on: boolean) {
    for (const { alias } of this.#areas) alias.enabled = on;
  }

  /** What the kernel says of the device's region. */
  get info(): VfioRegionInfo {
    return this.#options.info;
  }

  /** Bytes of a page of the host. */
  get pageSize(): bigint {
    return this.#options.pageSize;
  }

  /** The pages that can't be mapped for the sake of the device's MSI-X table. */
  get msixPages(): OffsetRange | undefined {
    return this.#options.msixPages;
  }

  /** Where in the BAR a region's first byte is that shows in it; `undefined` where it doesn't. */
  offsetOf(region: MemoryRegion): bigint | undefined {
    if (region === this.region || region === this.#slowRegion) return 0n;
    const shown = this.#areas.find(({ alias }) => alias.target === region);
    if (shown !== undefined) return shown.area.offset - shown.alias.offset;
    return this.windows.find((it) => it === region)?.address;
  }

  /** The parts that something else than the device answers. */
  get windows(): readonly IoRegion[] {
    return [...this.#windows.keys()];
  }

  /** What a window is, without whose it is. */
  nameOf(window: IoRegion): string {
    return this.#windows.get(window) ?? window.name;
  }

  /**
   * Has something else than the device answer a part of the BAR; of windows that overlap the last one wins. First the pages that it
   * cuts become slow, then it is put on top: so memory that is smaller than a page shows at no time.
   *
   * @param offset Within the BAR.
   * @returns What {@link removeWindow} takes.
   * @throws `ERR_ADDRESS_RANGE`: it leads out of the BAR; `ERR_TRANSACTION_OPEN`; what {@link MemoryTopology.commit} throws.
   *   Then nothing has changed.
   */
  addWindow({ name, offset, size, ops }: BarWindow): IoRegion {
    const { topology, device } = this.#options;
    const label = `${this.#name} ${name}`;
    if (offset < 0n || size <= 0n || offset + size > this.layout.size) {
      const what = `${label}: ${hex(size)} bytes at ${hex(offset)}`;
      throw new FlatviewError(
        'ERR_ADDRESS_RANGE',
        `${what} are not a part of the BAR, which has ${hex(this.layout.size)}`,
      );
    }
    topology.assertSettled(`${label} is added`);
    const window = topology.io(label, size, ops, { owner: device.name, endsAccesses: true });
    window.address = offset;
    this.#windows.set(window, name);
    try {
      this.onPagesChanged();
      this.region.addSubregion(offset, window, { priority: layer.windows });
    } catch (error) {
      this.#forget(window);
      throw error;
    }
    return window;
  }

  /**
   * Takes back {@link addWindow}: what it hid shows before its pages are mapped again.
   *
   * @throws `ERR_NOT_SUBREGION`: it is no window of this BAR; `ERR_TRANSACTION_OPEN`; what {@link MemoryTopology.commit} throws: then the window
   *   is there still, or has gone and its pages stay slow until they are looked at again.
   */
  removeWindow(window: IoRegion): void {
    this.#options.topology.assertSettled(`${window.name} is removed`);
    this.region.removeSubregion(window);
    this.#forget(window);
  }

  /**
   * Takes the BAR out of the guest's address space, and unmaps it. Nothing of it may be used later.
   *
   * @throws what a transaction throws; then nothing has changed.
   */
  close(): void {
    const { region } = this;
    const aliases = [...this.#areas.map(({ alias }) => alias), ...this.#slowAliases];
    const memories = this.#areas.map(({ alias }) => alias.target);
    this.#options.topology.transaction(() => {
      region.parent?.removeSubregion(region);
      for (const child of region.subregions) region.removeSubregion(child);
      for (const it of aliases) it.destroy();
      for (const it of [...new Set(memories), ...this.windows, this.#slowRegion, region])
        it.destroy();
    });
    for (const { memory } of this.#mapped) memory.close();
  }

  #forget(window: IoRegion): void {
    this.#windows.delete(window);
    window.destroy();
    this.onPagesChanged();
  }

  #showAreas({ pages, areas, memory }: MappedAreas, index: number): ShownArea[] {
    const { topology, device } = this.#options;
    const owner = device.name;
    const name = `${this.#name} mmaps[${index}]`;
    const ram = topology.ramDevice(name, pages.size, { memory, owner, migratable: false });
    return areas.map((area) => {
      const { offset, size } = area;
      const range = `${hex(offset)}-${hex(offset + size - 1n)}`;
      const options = { offset: offset - pages.offset, size, owner };
      const alias = topology.alias(`${this.#name} area ${range}`, ram, options);
      this.region.addSubregion(offset, alias, { priority: layer.mapped });
      return { area, alias };
    });
  }

  /** Those that show the right pages already are left alone. */
  #showSlowPages(slowPages: readonly OffsetRange[]): void {
    const isShown = new Set<OffsetRange>();
    const free: AliasRegion[] = [];
    for (const alias of this.#slowAliases) {
      const same = slowPages.find(
        ({ offset, size }) => offset === alias.address && size === alias.size,
      );
      if (same !== undefined && alias.parent === this.region) isShown.add(same);
      else free.push(alias);
    }
    const missing = slowPages.filter((it) => !isShown.has(it));
    while (free.length < missing.length) free.push(this.#newSlowAlias());
    for (const [i, alias] of free.entries()) {
      if (alias.parent !== undefined) this.region.removeSubregion(alias);
      const pages = missing[i];
      if (pages === undefined) continue;
      alias.offset = pages.offset;
      alias.size = pages.size;
      this.region.addSubregion(pages.offset, alias, { priority: layer.slowPages });
    }
  }

  #newSlowAlias(): AliasRegion {
    const { topology, device } = this.#options;
    const name = `${this.#name} slow pages[${this.#slowAliases.length}]`;
    const alias = topology.alias(name, this.#slowRegion, { owner: device.name });
    this.#slowAliases.push(alias);
    return alias;
  }
}

/** A mapped area in the tree. */
interface ShownArea {
  readonly area: OffsetRange;
  readonly alias: AliasRegion;
}

function mapAreas(device: VfioDevice, bar: BarIndex, groups: readonly AreaGroup[]) {
  const mapped: MappedAreas[] = [];
  const unmapped: UnmappedArea[] = [];
  for (const { pages, areas } of groups) {
    try {
      mapped.push({ pages, areas, memory: device.map(bar, pages.offset, pages.size) });
    } catch (error) {
      if (!(error instanceof FlatviewError)) throw error;
      unmapped.push(...areas.map((area) => ({ ...area, error })));
    }
  }
  return { mapped, unmapped };
}
