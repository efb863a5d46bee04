import { FlatviewError } from '../../errors.js';
import type { AddressRange } from '../../mapping/page-mapping.js';
import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import type { MemoryTopology } from '../../memory/topology.js';
import type { GuestMessages } from '../bus/guest-messages.js';
import type { BarPagePlan } from './bar.js';
import type { DecodeRules } from './bar-decode.js';
import {
  type BarPlacement,
  isSamePlan,
  outward,
  planBarPages,
  unplacedPlan,
} from './bar-page-policy.js';
import { BarsByAddress } from './bars-by-address.js';
import type { PciBar } from './pci-bar.js';

/** Where a BAR is to go; `undefined`: nowhere. */
interface Move {
  readonly bar: PciBar;
  readonly to: bigint | undefined;
}

/** A BAR that is to show otherwise than before. */
interface Replan {
  readonly bar: PciBar;
  readonly plan: BarPagePlan;
}

/**
 * A BAR with more neighbours than this in its pages shows the slow path everywhere: no guest has a use for that, and none is
 * to cause any amount of work.
 */
const mostNeighbours = 64;

/** So many BARs that were refused are tried again after a change of others. */
const retriesPerChange = 4;

/**
 * The containers into which BARs are put: brings all that a guest's write moves to its place by one transaction, and asks the
 * page policy for every BAR that this concerns, and for no other.
 *
 * The tree is what says where a BAR is. An order among BARs that overlap is the tree's, too: the one that was put there last
 * is on top, as in QEMU, but for grown ones, which are below.
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
 *   PciFunction,
 *   type PciFunctionHost,
 * } from 'flatview/pci';
 *
 * const topology = new MemoryTopology();
 * const pci = topology.container('pci', 1n << 64n);
 * let isFull = true;
 * topology.addressSpace('memory', pci).addListener({
 *   regionAdd() {
 *     if (isFull) throw new Error('no memory slot is left');
 *   },
 * });
 *
 * const config = new ConfigSpace();
 * layHeader(config, { vendorId: 0x1af4, deviceId: 0x1110, classCode: 0x05_0000 });
 * const layout = { index: 2, kind: 'memory', size: 0x1000n, is64Bit: false, isPrefetchable: true } as const;
 * const region = topology.ram('ivshmem', 0x1000n);
 * const shared = new PciFunction('ivshmem', { config, bars: [{ layout, backing: { region } }] });
 * const bus = new PciBus({ memory: pci });
 * bus.add({ device: 3 }, shared);
 * shared.writeConfig(configRegister.bar0 + 4 * 2, 4, 0xfebc_0000);
 * shared.writeConfig(configRegister.command, 2, commandBit.memory);
 *
 * // The guest hears of no error; the embedder can.
 * const { space, messages }: PciFunctionHost = bus;
 * space.refused.map(({ label }) => label); // => ['BAR 2 of ivshmem']
 * messages.counts(region).get('bar-refused'); // => 1
 * isFull = false;
 * space.retry();
 * space.refused; // => []
 * shared.bars[0]?.address; // => 0xfebc_0000n
 * topology.close();
 * ```
 */
export class BarSpace {
  /** Of all regions below. */
  readonly topology: MemoryTopology;
  /** Where BARs can be. */
  readonly rules: DecodeRules;
  readonly #memory: MemoryRegion;
  readonly #io: MemoryRegion | undefined;
  readonly #pageSize: bigint;
  readonly #messages: GuestMessages;
  /** All memory BARs and ROMs that are somewhere. */
  readonly #placed = new BarsByAddress<PciBar>();
  /** Those of them that the page policy has a say in. */
  readonly #mappable = new BarsByAddress<PciBar>();
  /** BARs that are not where they decode because a listener refused, those first that have waited longest. */
  readonly #refused = new Set<PciBar>();

  constructor(
    memory: MemoryRegion,
    io: MemoryRegion | undefined,
    options: {
      readonly pageSize: bigint;
      readonly allowsZero: boolean;
      readonly messages: GuestMessages;
    },
  ) {
    this.topology = memory.topology;
    this.#memory = memory;
    this.#io = io;
    this.#pageSize = options.pageSize;
    this.#messages = options.messages;
    this.rules = {
      memoryEnd: memory.size,
      ioEnd: io?.size ?? 0n,
      allowsZero: options.allowsZero,
    };
  }

  /** BARs that are not where they decode because a listener refused the change. */
  get refused(): readonly PciBar[] {
    return [...this.#refused];
  }

  /**
   * Brings `bars` to where they decode, or as far as listeners let it: never throws because of those. Where the whole
   * change is refused, all that is to go or to move is taken out first, and then each BAR is put in by itself. One that is
   * refused even so is kept in mind, and tried again when something else changes.
   */
  settle(bars: readonly PciBar[]): void {
    const misplaced = bars.filter((bar) => bar.isMisplaced);
    if (misplaced.length > 0 && !this.#attempt(misplaced.map(toItsPlace))) {
      this.#settleApart(misplaced);
    }
    for (const bar of bars) this.#note(bar);
    if (misplaced.length > 0) this.#retry(retriesPerChange, new Set(bars));
  }

  /**
   * Asks the page policy again about `bars`, of which something else can be mapped than before.
   *
   * @throws What {@link MemoryTopology.commit} throws.
   */
  replan(bars: readonly PciBar[]): void {
    this.#move(
      bars.map((bar) => ({ bar, to: bar.address })),
      { restack: false },
    );
  }

  /** Tries again to bring all refused BARs to where they decode. */
  retry(): void {
    this.#retry(this.#refused.size, new Set());
  }

  /**
   * Brings `bars` to where they decode, all or none, and stacks them anew: each on top of those before it.
   *
   * @throws What {@link MemoryTopology.commit} throws.
   */
  place(bars: readonly PciBar[]): void {
    this.#move(bars.map(toItsPlace));
    for (const bar of bars) this.#note(bar);
  }

  /**
   * Takes all of `bars` out for good, or none.
   *
   * @throws What {@link MemoryTopology.commit} throws.
   */
  remove(bars: readonly PciBar[]): void {
    this.#move(bars.map(outOfSight));
    for (const bar of bars) this.#refused.delete(bar);
  }

  /**
   * What the page policy looks at of `bar` now, for who wants to know why a page shows the slow path; `undefined` where it is
   * nowhere, or has more neighbours than anybody counts.
   */
  placementOf(bar: PciBar): BarPlacement | undefined {
    return bar.place && this.#placementOf(bar, bar.place);
  }

  #settleApart(bars: readonly PciBar[]): void {
    const there = bars.filter(({ address }) => address !== undefined);
    if (!this.#attempt(there.map(outOfSight))) {
      for (const bar of there) this.#attempt([outOfSight(bar)]);
    }
    for (const bar of bars) if (bar.isMisplaced) this.#attempt([toItsPlace(bar)]);
  }

  #retry(most: number, except: ReadonlySet<PciBar>): void {
    const due = [...this.#refused].filter((bar) => !except.has(bar)).slice(0, most);
    for (const bar of due) {
      this.#attempt([toItsPlace(bar)]);
      this.#note(bar);
    }
  }

  /** Keeps in mind whether a listener has `bar` where it isn't to be; who was refused waits behind the others. */
  #note(bar: PciBar): void {
    this.#refused.delete(bar);
    if (bar.isMisplaced) {
      this.#refused.add(bar);
      const text = () => `${bar.label} is not where it decodes: ${bar.refusal?.message}`;
      this.#messages.say(bar.backing.region, 'bar-refused', text);
    } else {
      bar.refusal = undefined;
      bar.onSettled();
    }
  }

  /** Makes the moves, all or none, unless listeners refuse. */
  #attempt(moves: readonly Move[]): boolean {
    try {
      this.#move(moves);
      return true;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      for (const { bar } of moves) bar.refusal = error;
      return false;
    }
  }

  #move(moves: readonly Move[], { restack = true } = {}): void {
    const before = moves.map(({ bar }) => ({ bar, to: bar.address }));
    const concerned = new Set<PciBar>();
    this.#collectNeighbours(moves, concerned);
    this.#index(moves);
    try {
      this.#collectNeighbours(moves, concerned);
      const replans = [...concerned].flatMap((bar) => this.#replan(bar));
      this.topology.transaction(() => {
        showPlans(replans);
        if (restack) this.#put(moves, replans);
      });
      for (const { bar, plan } of replans) bar.plan = plan;
    } catch (error) {
      this.#index(before);
      throw error;
    }
  }

  /** The page policy has to say of whatever shares a page with what moves. */
  #collectNeighbours(moves: readonly Move[], into: Set<PciBar>): void {
    for (const { bar } of moves) {
      if (bar.place === undefined) continue;
      for (const it of this.#mappable.touching(this.#pagesOf(bar.place))) into.add(it);
    }
  }

  #index(moves: readonly Move[]): void {
    for (const { bar, to } of moves) {
      const { kind, size } = bar.layout;
      if (kind === 'io') continue;
      if (bar.place !== undefined) {
        this.#placed.delete(bar, bar.place);
        this.#mappable.delete(bar, bar.place);
      }
      bar.place = to === undefined ? undefined : { address: to, size };
      if (bar.place === undefined) continue;
      this.#placed.add(bar, bar.place);
      if (bar.backing.pages !== undefined) this.#mappable.add(bar, bar.place);
    }
  }

  /** The plan of `bar`, where it is another one than before. */
  #replan(bar: PciBar): Replan[] {
    const { place } = bar;
    const plan = place === undefined ? unplacedPlan(bar.layout.size) : this.#planOf(bar, place);
    return isSamePlan(plan, bar.plan) ? [] : [{ bar, plan }];
  }

  #planOf(bar: PciBar, place: AddressRange): BarPagePlan {
    const placement = this.#placementOf(bar, place);
    if (placement !== undefined) return planBarPages(placement);
    const { size } = place;
    return { size, priority: 1, slowPages: [{ offset: 0n, size }] };
  }

  /** What the page policy looks at; `undefined` where there are too many neighbours. */
  #placementOf(bar: PciBar, { address, size }: AddressRange): BarPlacement | undefined {
    const touching = this.#placed.touching(this.#pagesOf({ address, size }), mostNeighbours + 2);
    if (touching.length > mostNeighbours + 1) return undefined;
    const neighbours = touching.filter((it) => it !== bar).flatMap(({ place }) => place ?? []);
    const { pages } = bar.backing;
    return { address, size, pages, neighbours, pageSize: this.#pageSize };
  }

  #pagesOf({ address, size }: AddressRange): AddressRange {
    const pages = outward({ offset: address, size }, this.#pageSize);
    return { address: pages.offset, size: pages.size };
  }

  /** Takes out all that moves before anything is put in: what comes last is on top. */
  #put(moves: readonly Move[], replans: readonly Replan[]): void {
    for (const { bar } of moves) {
      const { region } = bar.backing;
      region.parent?.removeSubregion(region);
    }
    const plans = new Map(replans.map(({ bar, plan }) => [bar, plan]));
    for (const { bar, to } of moves) {
      const { priority } = plans.get(bar) ?? bar.plan;
      const container = bar.layout.kind === 'io' ? this.#io : this.#memory;
      if (to !== undefined) container?.addSubregion(to, bar.backing.region, { priority });
    }
  }
}

function showPlans(replans: readonly Replan[]): void {
  for (const { bar, plan } of replans) {
    bar.backing.applyPlan?.(plan);
    bar.backing.region.priority = plan.priority;
  }
}

function toItsPlace(bar: PciBar): Move {
  return { bar, to: bar.decode.address };
}

function outOfSight(bar: PciBar): Move {
  return { bar, to: undefined };
}

/** Whether listeners, or the engine, say no to what a guest wants: other errors are the embedder's mistakes, or bugs. */
function isRefusal(error: unknown): error is FlatviewError {
  return (
    error instanceof FlatviewError &&
    (error.code === 'ERR_LISTENER_FAILED' || error.code === 'ERR_VIEW_TOO_LARGE')
  );
}
