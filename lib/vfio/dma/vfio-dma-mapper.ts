import { wholeRange } from '../../address.js';
import { FlatviewError, withUndoFailures } from '../../errors.js';
import { clip } from '../../mapping/map-pages.js';
import { MappedSpace, type Outcome } from '../../mapping/mapped-space.js';
import { hasGap, isEmptyPlan, type MappingPlan } from '../../mapping/mapping-plan.js';
import type { AddressRange, PageMapping } from '../../mapping/page-mapping.js';
import { uncovered, united } from '../../mapping/range-sweep.js';
import { Refusal, type RefusalCode } from '../../mapping/refusal.js';
import type { RefusalListener } from '../../mapping/refusal-ledger.js';
import type { AddressSpace } from '../../memory/address-space.js';
import type { MemoryListener } from '../../memory/listeners/memory-listener.js';
import { IommuRegion } from '../../memory/regions/iommu-region.js';
import { RamRegion } from '../../memory/regions/ram-region.js';
import type { FlatRange } from '../../memory/views/flat-view.js';
import type { MemoryRegionSection } from '../../memory/views/section.js';
import { DiscardableSection } from './discardable-section.js';
import { DmaBudget } from './dma-budget.js';
import { carryOut, type DmaOutcome, type RefusedMapping, runsOf } from './dma-calls.js';
import { DmaDirtyLog } from './dma-dirty-log.js';
import { claim, release, shownBy } from './dma-owner.js';
import { type PinOptions, pinInAdvance } from './dma-pinning.js';
import { DmaPlanner } from './dma-planner.js';
import { type DmaChoices, DmaRules } from './dma-rules.js';
import type { DmaSpace } from './dma-space.js';
import { type DmaVerdict, verdictOf } from './dma-verdict.js';
import { TranslatedSection, type TranslationCounts, untranslated } from './translated-section.js';
import type { WatchedSection } from './watched-section.js';
import { WatchedSections } from './watched-sections.js';

/**
 * What {@link VfioDmaMapper} can be told.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { planCost } from 'flatview/mapping';
 * import { SimulatedVfio } from 'flatview/simulated';
 * import { dmaSpaceOf, VfioDmaMapper, type VfioDmaMapperOptions } from 'flatview/vfio';
 *
 * const topology = new MemoryTopology();
 * const ram = topology.ram('pc.ram', 0x10_0000n);
 * const memory = topology.addressSpace('memory', ram);
 * using iommufd = new SimulatedVfio().openIommufd();
 * const dma = dmaSpaceOf(iommufd.allocateIoas());
 *
 * const options: VfioDmaMapperOptions = {
 *   review: (plan) => {
 *     if (planCost(plan).hasGap) throw new Error('devices are running');
 *   },
 * };
 * const mapper = new VfioDmaMapper(dma, options);
 * memory.addListener(mapper);
 *
 * // A hole in memory that is mapped would cut its mapping.
 * const window = topology.io('vga-lowmem', 0x2_0000n, {});
 * ram.addSubregion(0xa_0000n, window, { priority: 1 }); // throws ERR_LISTENER_FAILED
 * ram.subregions; // => []
 * mapper.mappings.length; // => 1
 * topology.close();
 * ```
 */
export interface VfioDmaMapperOptions extends DmaChoices {
  /**
   * Called before and after a batch in which a page that is mapped before and after is unmapped for a moment: in between
   * no device may access memory. Without it a device can hit the gap, which its IOMMU reports as a fault.
   */
  readonly quiesce?: () => void;
  /** See {@link VfioDmaMapperOptions.quiesce}. */
  readonly resume?: () => void;
  /**
   * Called with each plan before anything is done about it; what it throws refuses the commit. `planCost` says what is
   * pinned again (`bytesInterrupted`). Not called for what the guest's IOMMU translates.
   */
  readonly review?: (plan: MappingPlan<PageMapping>) => void;
  /** Hears, after a commit, which parts of memory devices can't reach, and which no longer can't. */
  readonly onRefusals?: RefusalListener;
}

/** How {@link VfioDmaMapper.attach} maps. */
export interface AttachOptions extends VfioDmaMapperOptions, PinOptions {}

/** How many translations are kept at the most, mapped or refused, where the kernel sets no limit to mappings. */
const mostTranslations = 1 << 20;

/**
 * Shows an address space to devices: keeps the DMA mappings of a container or an IOAS in step with the flat view.
 *
 * All that a commit changes is planned and then done at once, in the listener's `commit`: unmaps, then maps. When the
 * kernel refuses, what was done is undone, and the commit fails; but memory of devices, and what an IOMMU of the guest
 * translates, is not worth that: it stays refused, with the kernel's reason.
 *
 * One object serves one address space, and has a {@link DmaSpace} to itself: nobody else may map there.
 *
 * @example
 * ```ts
 * import { HostMemory, MemoryTopology } from 'flatview';
 * import { SimulatedVfio } from 'flatview/simulated';
 * import { dmaSpaceOf, VfioDmaMapper } from 'flatview/vfio';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * const below4g = HostMemory.allocate(0x10_0000n);
 * system.addSubregion(0x0n, topology.ram('pc.ram', 0x10_0000n, { memory: below4g }));
 * const bios = HostMemory.allocate(0x1_0000n);
 * system.addSubregion(0xffff_0000n, topology.rom('pc.bios', 0x1_0000n, { memory: bios }));
 * const memory = topology.addressSpace('memory', system);
 *
 * using iommufd = new SimulatedVfio().openIommufd();
 * const mapper = new VfioDmaMapper(dmaSpaceOf(iommufd.allocateIoas()));
 * memory.addListener(mapper);
 * mapper.mappings.map(({ address, size, readonly }) => [address, size, readonly]);
 * // => [[0x0n, 0x10_0000n, false], [0xffff_0000n, 0x1_0000n, true]]
 * mapper.mappings[0]?.hostAddress === below4g.hostAddress; // => true
 *
 * // Devices don't reach other devices' registers.
 * system.addSubregion(0xfec0_0000n, topology.io('ioapic', 0x1000n, {}));
 * mapper.verdictAt(0xfec0_0000n, memory)?.code; // => 'not-ram'
 * topology.close();
 * ```
 */
export class VfioDmaMapper implements MemoryListener {
  readonly name = 'VfioDmaMapper';
  /** Before the accelerators': when a guest can access memory, devices can. */
  readonly priority = 0;
  /** What the guest's IOMMUs told. */
  readonly translationCounts: Readonly<TranslationCounts>;
  readonly #dma: DmaSpace;
  readonly #options: VfioDmaMapperOptions;
  readonly #rules: DmaRules;
  readonly #mapped: MappedSpace<PageMapping>;
  readonly #budget: DmaBudget;
  readonly #planner: DmaPlanner;
  readonly #dirtyLog: DmaDirtyLog;
  readonly #watched = new WatchedSections();
  readonly #shown: ConstructorParameters<typeof TranslatedSection>[2];
  /** Whether what watched sections show is gathered for a plan that is still to come. */
  #isGathering = false;
  /** Bytes of RAM that are mapped in pieces: as of the last commit, and what was heard since. */
  #ramBytes = 0n;
  #moreRam = 0n;
  /** To be planned anew: undoing failed there, or what is mapped was mapped in advance. */
  #again: AddressRange[] = [];

  /** @throws `ERR_SYSTEM_CALL`, `ERR_VFIO_CLOSED` */
  constructor(dma: DmaSpace, options: VfioDmaMapperOptions = {}) {
    this.#dma = dma;
    this.#options = options;
    this.#rules = new DmaRules(dma, dma.limits(), options);
    this.#mapped = new MappedSpace<PageMapping>(this.#rules, {
      canMove: () => false,
      isStale: isClosed,
      onRefusals: options.onRefusals,
    });
    this.#budget = new DmaBudget(dma, 0);
    this.#planner = new DmaPlanner(this.#mapped, this.#rules, this.#budget);
    this.#dirtyLog = new DmaDirtyLog(dma, this.#mapped);
    const counts = { maps: 0, unmaps: 0, overlapping: 0, idle: 0, dropped: 0, failed: 0 };
    this.translationCounts = counts;
    const mapper = this;
    this.#shown = {
      counts,
      get hasRoom() {
        return mapper.#hasRoom;
      },
      in: (window) => this.#mapped.rangesToBe(window),
      show: (window, ranges) => this.#showTranslated(window, ranges),
    };
  }

  /**
   * Maps what `space` shows, and listens to it from then on. RAM is mapped on another thread, piece by piece: pinning it
   * takes long, and the event loop goes on meanwhile. What changes in the meantime is made up for at the end.
   *
   * @throws What {@link AddressSpace.addListener} throws; `ERR_OUT_OF_DMA_MAPPINGS`; `ERR_SYSTEM_CALL`: the kernel refused to
   *   map RAM; the signal's reason. Then nothing is mapped.
   *
   * @example
   * ```ts
   * import { MemoryTopology } from 'flatview';
   * import { SimulatedVfio } from 'flatview/simulated';
   * import {
   *   type AttachOptions,
   *   dmaSpaceOf,
   *   type PinOptions,
   *   type PinProgress,
   *   VfioDmaMapper,
   * } from 'flatview/vfio';
   *
   * const topology = new MemoryTopology();
   * const memory = topology.addressSpace('memory', topology.ram('pc.ram', 0x80_0000n));
   * const host = new SimulatedVfio();
   * using iommufd = host.openIommufd();
   * const dma = dmaSpaceOf(iommufd.allocateIoas());
   *
   * // Gives up after the first piece: nothing stays mapped.
   * const giveUp = new AbortController();
   * const impatient: PinOptions = { signal: giveUp.signal, onProgress: () => giveUp.abort() };
   * const outcome = await VfioDmaMapper.attach(memory, dma, impatient).catch(() => 'aborted');
   * outcome; // => 'aborted'
   *
   * const progress: PinProgress[] = [];
   * const options: AttachOptions = { onProgress: (it) => progress.push(it) };
   * const mapper = await VfioDmaMapper.attach(memory, dma, options);
   * progress.at(-1); // => { bytesMapped: 0x80_0000n, bytesTotal: 0x80_0000n }
   * mapper.mappings.length === progress.length; // => true
   * topology.close();
   * ```
   */
  static async attach(
    space: AddressSpace,
    dma: DmaSpace,
    options: AttachOptions = {},
  ): Promise<VfioDmaMapper> {
    const mapper = new VfioDmaMapper(dma, options);
    claim(dma, mapper, space);
    try {
      await mapper.#pin(space, options);
      space.addListener(mapper);
      return mapper;
    } catch (error) {
      mapper.#unpin();
      throw error;
    }
  }

  /** The mappings that are installed, in order of their IOVAs. */
  get mappings(): readonly PageMapping[] {
    return this.#mapped.mappings;
  }

  /** How many mappings there can be; `Infinity` where there is no limit, or the kernel doesn't say. */
  get mappingLimit(): number {
    return this.#budget.limit;
  }

  /** Which parts of memory devices can't reach, and why, ascending; as of the last commit. */
  get refusals(): readonly Refusal[] {
    return this.#mapped.refused.all;
  }

  /** How many {@link refusals} there are of each code. */
  get refusalCounts(): ReadonlyMap<RefusalCode, number> {
    return this.#mapped.refused.counts;
  }

  /** From here to `commit` all is gathered. */
  begin(): void {
    this.#isGathering = true;
  }

  /** Notes a range that has come, for the plan that {@link commit} makes. */
  regionAdd(section: MemoryRegionSection): void {
    const watched = this.#watchedSection(section);
    if (watched === undefined && !this.#rules.kinds.has(section.region.kind)) return;
    claim(this.#dma, this, section.addressSpace);
    if (watched !== undefined) {
      this.#watched.add(watched);
      return;
    }
    this.#moreRam += ramBytes(section);
    this.#mapped.add(section);
  }

  /** Notes a range that goes, for the plan that {@link commit} makes. */
  regionDel(section: MemoryRegionSection): void {
    if (!isWatched(section)) {
      this.#moreRam -= ramBytes(section);
      this.#mapped.remove(section);
      return;
    }
    const gone = this.#watched.remove(section.address);
    if (gone !== undefined) this.#mapped.show(gone, []);
  }

  logStart(section: MemoryRegionSection, _oldMask: number, newMask: number): void {
    this.#relog(section, newMask);
  }

  logStop(section: MemoryRegionSection, _oldMask: number, newMask: number): void {
    this.#relog(section, newMask);
  }

  /** @throws `ERR_SYSTEM_CALL` */
  logGlobalStart(): void {
    this.#dirtyLog.start();
  }

  /** @throws `ERR_SYSTEM_CALL` */
  logGlobalStop(): void {
    this.#dirtyLog.stop();
  }

  /** @throws `ERR_SYSTEM_CALL` */
  logSync(section: MemoryRegionSection): void {
    this.#dirtyLog.fetch(section);
  }

  /**
   * @throws `ERR_SYSTEM_CALL`: the kernel refused; `ERR_OUT_OF_DMA_MAPPINGS`; `ERR_IOMMU`: an IOMMU can't say what it
   *   translates; what the embedder's hooks throw. Then the mappings are as they were.
   */
  commit(): void {
    try {
      this.#watched.start();
      this.#settle();
      this.#ramBytes += this.#moreRam;
      this.#watched.settle();
    } finally {
      this.#isGathering = false;
      this.#watched.forget();
      this.#moreRam = 0n;
      this.#mapped.forget();
      this.#release();
    }
  }

  /**
   * Asks the kernel again where can be mapped and how much, and plans everything anew: also what it had refused. To be
   * called when something changed that no commit tells: another device in the container, a raised limit, a BAR whose device
   * has woken up.
   *
   * @throws As {@link commit}. Then the mappings are as they were.
   */
  retry(): void {
    this.#rules.iovaRanges = this.#dma.limits().iovaRanges;
    this.#rules.scale = 1n;
    this.#budget.refresh(this.#mapped.mappingCount);
    const incomplete = this.#watched.all.filter(isIncomplete);
    this.#isGathering = true;
    try {
      for (const section of incomplete) section.replay();
      this.#settle([everywhere]);
    } catch (error) {
      for (const section of incomplete) section.isIncomplete = true;
      throw error;
    } finally {
      this.#isGathering = false;
      this.#mapped.forget();
    }
  }

  /**
   * What became of `address` of `space`; `undefined` where nothing answers, and of an address space that is not the
   * one that is shown here.
   *
   * @throws `ERR_ADDRESS_SPACE_DESTROYED`, `ERR_TOPOLOGY_CLOSED`
   */
  verdictAt(address: bigint, space: AddressSpace): DmaVerdict | undefined {
    const range = this.#shows(space) ? space.flatView.lookup(address) : undefined;
    return range && this.#verdictsOf(range).find(({ last }) => last >= address);
  }

  /**
   * What became of every byte of the flat view of `space`, ascending: each flat range in one part or more.
   *
   * @throws `ERR_ADDRESS_SPACE_DESTROYED`, `ERR_TOPOLOGY_CLOSED`
   */
  *verdicts(space: AddressSpace): IterableIterator<DmaVerdict> {
    if (!this.#shows(space)) return;
    for (const range of space.flatView.ranges()) yield* this.#verdictsOf(range);
  }

  #shows(space: AddressSpace): boolean {
    return (shownBy(this.#dma, this) ?? space) === space;
  }

  #verdictsOf(range: FlatRange): DmaVerdict[] {
    const section = this.#watched.at(range.address);
    if (section === undefined && range.region.kind !== 'iommu') {
      return this.#mapped.outcomes(range).map(verdictOf);
    }
    const shown = this.#mapped.rangesTouching(range);
    const { code, detail } = section?.rest ?? untranslated;
    const rest = uncovered([range], shown).map(({ start, end }): Outcome<PageMapping> => {
      const part = clip(range, start, end);
      return { range: part, mapping: undefined, refusal: new Refusal(code, part, detail) };
    });
    const outcomes = [...shown.flatMap((it) => this.#mapped.outcomes(it)), ...rest];
    return outcomes.map(verdictOf).sort((a, b) => (a.first < b.first ? -1 : 1));
  }

  #watchedSection(section: MemoryRegionSection): WatchedSection | undefined {
    const { region } = section;
    if (!isWatched(section)) return undefined;
    if (region instanceof IommuRegion) return new TranslatedSection(section, region, this.#shown);
    const manager = region instanceof RamRegion ? region.discardManager : undefined;
    return (
      manager &&
      new DiscardableSection(section, manager, {
        in: (window) => this.#mapped.rangesToBe(window),
        show: (window, ranges) => this.#showPopulated(window, ranges),
      })
    );
  }

  #relog(section: MemoryRegionSection, dirtyLogMask: number): void {
    if (isWatched(section)) this.#watched.relog(section.address, dirtyLogMask);
    else this.#mapped.relog(section, dirtyLogMask);
  }

  /** Memory came or goes, outside of a commit unless it is gathered. */
  #showPopulated(window: AddressRange, ranges: readonly FlatRange[]): void {
    this.#mapped.show(window, ranges);
    if (this.#isGathering) return;
    try {
      this.#settle();
    } finally {
      this.#mapped.forget();
    }
  }

  /** The guest's IOMMU translates otherwise than before: that never fails. */
  #showTranslated(window: AddressRange, ranges: readonly FlatRange[]): void {
    this.#mapped.show(window, ranges);
    if (this.#isGathering) return;
    try {
      this.#settle([window], false);
    } catch (error) {
      if (!(error instanceof FlatviewError)) throw error;
      // The kernel refused to unmap. What shows is known all the same, and the next change tries again.
      this.#shown.counts.failed++;
      this.#mapped.forget();
      this.#mapped.show(window, ranges);
      this.#mapped.installed([], []);
      this.#again = united([...this.#again, window]);
    } finally {
      this.#mapped.forget();
    }
  }

  get #hasRoom(): boolean {
    const most = Math.min(2 * this.#budget.limit, mostTranslations);
    const { mappingCount, refused, gathered } = this.#mapped;
    return mappingCount + refused.count + gathered < most;
  }

  /** Plans what was gathered, and carries it out. */
  #settle(window: readonly AddressRange[] = [], isReviewed = true): void {
    const again = [...this.#again, ...window];
    const { plan, unmade } = this.#planner.plan(again, this.#ramBytes + this.#moreRam);
    if (isEmptyPlan(plan)) this.#mapped.installed([], [], unmade);
    else {
      if (isReviewed) this.#options.review?.(plan);
      this.#carryOut(plan, unmade);
    }
    this.#again = [];
    this.#useRoom();
  }

  /** Maps what waited for room: all of it can be done without, so that this never fails. */
  #useRoom(): void {
    const waiting = this.#planner.waiting();
    if (waiting.length === 0) return;
    const { plan, unmade } = this.#planner.plan(waiting, this.#ramBytes + this.#moreRam);
    this.#carryOut(plan, unmade);
  }

  #carryOut(plan: MappingPlan<PageMapping>, unmade: readonly Refusal[]): void {
    const mustQuiesce = hasGap(plan);
    if (mustQuiesce) this.#options.quiesce?.();
    try {
      this.#take(
        carryOut(this.#dma, plan, {
          isOptional: (mapping) => this.#planner.isOptional(mapping),
          wasOptional: (mapping) => this.#planner.wasOptional(mapping),
          unmap: (run) => this.#dirtyLog.unmap(run),
          longestRun: this.#dirtyLog.longestRun,
        }),
        unmade,
      );
    } finally {
      if (mustQuiesce) this.#options.resume?.();
    }
  }

  #take(outcome: DmaOutcome, unmade: readonly Refusal[]): void {
    const { gone, fresh, refused, error, undoFailures } = outcome;
    if (error === undefined) {
      const byKernel = refused.flatMap((it) => this.#refusedBy(it));
      this.#mapped.installed(gone, fresh, [...unmade, ...byKernel]);
      return;
    }
    this.#mapped.forget();
    this.#mapped.replaced(gone, fresh);
    // Somebody else maps in the same space, so that the forecast was wrong.
    if (error instanceof FlatviewError && error.errno === 'ENOSPC') {
      this.#budget.refresh(this.#mapped.mappingCount);
    }
    for (const it of refused) this.#mapped.refused.replace([it.mapping], this.#refusedBy(it));
    if (undoFailures.length === 0) throw error;
    const done = new Set(refused.map(({ mapping }) => mapping));
    this.#again.push(...gone.filter((mapping) => !done.has(mapping)), ...fresh);
    throw withUndoFailures(error, undoFailures);
  }

  #refusedBy({ mapping, error }: RefusedMapping): Refusal[] {
    return this.#planner.refusalsOf(mapping, 'errno', () => error.message);
  }

  async #pin(space: AddressSpace, options: PinOptions): Promise<void> {
    await pinInAdvance(
      {
        space,
        dma: this.#dma,
        rules: this.#rules,
        limit: this.#budget.limit,
        pinned: (mapping) => {
          this.#mapped.replaced([], [mapping]);
          this.#again.push(mapping);
        },
      },
      options,
    );
  }

  /** Takes back {@link #pin}. What can't be unmapped stays until the container or IOAS is closed. */
  #unpin(): void {
    this.#again = [];
    for (const run of runsOf(this.mappings, this.#dirtyLog.longestRun)) {
      try {
        this.#dma.unmap(run);
      } catch (error) {
        if (!(error instanceof FlatviewError)) throw error;
      }
    }
    this.#mapped.replaced(this.mappings, []);
    this.#release();
  }

  /** When nothing is shown any more, the DMA space is free for others. */
  #release(): void {
    if (!this.#mapped.isEmpty || this.#mapped.mappingCount > 0 || !this.#watched.isEmpty) return;
    release(this.#dma, this);
  }
}

const everywhere: AddressRange = { address: 0n, size: wholeRange };

/** While a 64-bit BAR is sized it lies from here on: not even an IOMMU is looked at there. */
const transientAddresses = 1n << 63n;

/** Whether what `section` shows comes and goes without a commit. */
function isWatched({ address, region }: FlatRange): boolean {
  if (region instanceof IommuRegion) return address < transientAddresses;
  return (
    region.kind === 'ram' && region instanceof RamRegion && region.discardManager !== undefined
  );
}

function isIncomplete(section: WatchedSection): section is TranslatedSection {
  return section instanceof TranslatedSection && section.isIncomplete;
}

/** Bytes of memory that is mapped in pieces. */
function ramBytes({ region, size }: FlatRange): bigint {
  return region.kind === 'ram' || region.kind === 'rom' ? size : 0n;
}

/** Whether the memory is gone that `mapping` was made of: what lies at its address in this process now is something else. */
function isClosed({ region }: PageMapping): boolean {
  return region instanceof RamRegion && region.memory?.closed !== false;
}
