import { orderMoves } from './order-moves.js';
import { type PageMapping, partOf, showTheSame } from './page-mapping.js';
import { inOrder, sweep, uncovered } from './range-sweep.js';

/** A mapping that is to become another one in place. */
export interface MappingChange<Installed extends PageMapping> {
  /** What is installed. */
  readonly from: Installed;
  /** What is to be in its place. */
  readonly to: PageMapping;
}

/**
 * What is to be done to get from the mappings that are installed to those that are wanted; nothing of it is done yet.
 * It is carried out in the order of the fields.
 */
export interface MappingPlan<Installed extends PageMapping> {
  /** What is installed and wanted no longer. */
  readonly deletes: readonly Installed[];
  /** The same memory at another address. Each finds its place free, one after the other. */
  readonly moves: readonly MappingChange<Installed>[];
  /** What is wanted and not installed. */
  readonly adds: readonly PageMapping[];
  /** The dirty log is switched on or off. */
  readonly relogs: readonly MappingChange<Installed>[];
}

/** What carrying out a plan costs, and what the guest could see of it. */
export interface PlanCost {
  /** System calls. */
  readonly calls: number;
  /** Bytes that are mapped, by adds and moves. */
  readonly bytesMapped: bigint;
  /** Bytes that are unmapped, by deletes and moves. */
  readonly bytesUnmapped: bigint;
  /** Bytes that show the same before and after, and are unmapped for a moment: their mapping had to be cut. */
  readonly bytesInterrupted: bigint;
  /** Whether a page that is mapped before and after, whatever it shows, is unmapped for a moment. */
  readonly hasGap: boolean;
}

/** How to plan. */
export interface PlanOptions<Installed extends PageMapping = PageMapping> {
  /** Whether the consumer can move this mapping to another address. */
  readonly canMove: (mapping: Installed) => boolean;
  /** Whether a mapping stays only where one of its place and length is wanted: as few mappings as can be. */
  readonly exact?: boolean;
  /** Whether what is installed no longer shows what it did when it was installed, so that it must go. */
  readonly isStale?: ((mapping: Installed) => boolean) | undefined;
}

/**
 * The smallest plan from `installed` to `wanted`; both in order, without overlaps.
 *
 * A mapping is left alone as long as each of its pages is wanted as it is, also where one larger mapping, or several
 * smaller ones, would do: a hole that opens and closes again costs one mapping. What is left of `wanted` is added; and
 * an add that shows the memory of a delete in its whole length is a move.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import {
 *   type MappingChange,
 *   type MappingPlan,
 *   type MappingRules,
 *   mapPages,
 *   type PageMapping,
 *   type PlanOptions,
 *   planMappings,
 * } from 'flatview/mapping';
 *
 * const rules: MappingRules = {
 *   pageSize: 0x1000n,
 *   largestMapping: 1n << 30n,
 *   kinds: new Set(['ram']),
 *   canMapReadonly: true,
 * };
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * const vram = topology.ram('vga.vram', 0x100_0000n);
 * system.addSubregion(0xfd00_0000n, vram);
 * const memory = topology.addressSpace('memory', system);
 *
 * const installed = mapPages(memory.flatView.ranges(), rules).mappings;
 * vram.address = 0xe000_0000n;
 * const wanted = mapPages(memory.flatView.ranges(), rules).mappings;
 * const options: PlanOptions = { canMove: () => true };
 * const plan: MappingPlan<PageMapping> = planMappings(installed, wanted, options);
 * [plan.deletes.length, plan.adds.length]; // => [0, 0]
 * const [move]: readonly MappingChange<PageMapping>[] = plan.moves;
 * [move?.from.address, move?.to.address]; // => [0xfd00_0000n, 0xe000_0000n]
 * topology.close();
 * ```
 */
export function planMappings<Installed extends PageMapping>(
  installed: readonly Installed[],
  wanted: readonly PageMapping[],
  options: PlanOptions<Installed>,
): MappingPlan<Installed> {
  const { lost, watched } = compare(installed, wanted, options);
  const kept = lost.size === 0 ? installed : installed.filter((mapping) => !lost.has(mapping));
  const relogs: MappingChange<Installed>[] = [];
  for (const mapping of kept) {
    const dirtyLog = watched.has(mapping);
    if (dirtyLog === mapping.dirtyLog) continue;
    relogs.push({ from: mapping, to: { ...mapping, dirtyLog } });
  }
  const missing = uncovered(wanted, kept).map(({ range, start, end }) => partOf(range, start, end));
  const { deletes, moves, adds } = withMoves([...lost], missing, options.canMove);
  return { deletes, moves, adds, relogs };
}

/**
 * Whether there is nothing to do.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { isEmptyPlan, type PageMapping, planMappings } from 'flatview/mapping';
 *
 * const topology = new MemoryTopology();
 * const slot: PageMapping = {
 *   address: 0x0n,
 *   size: 0x10_0000n,
 *   hostAddress: 0x7f00_0000_0000n,
 *   readonly: false,
 *   dirtyLog: false,
 *   region: topology.ram('pc.ram', 0x10_0000n, { backing: 'none' }),
 *   offset: 0x0n,
 * };
 * const canMove = () => false;
 * isEmptyPlan(planMappings([slot], [slot], { canMove })); // => true
 * isEmptyPlan(planMappings([slot], [{ ...slot, dirtyLog: true }], { canMove })); // => false
 * topology.close();
 * ```
 */
export function isEmptyPlan(plan: MappingPlan<PageMapping>): boolean {
  return callsOf(plan) === 0;
}

/**
 * What `plan` costs.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import {
 *   type MappingRules,
 *   mapPages,
 *   type PlanCost,
 *   planCost,
 *   planMappings,
 * } from 'flatview/mapping';
 *
 * const rules: MappingRules = {
 *   pageSize: 0x1000n,
 *   largestMapping: 1n << 30n,
 *   kinds: new Set(['ram']),
 *   canMapReadonly: true,
 * };
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * system.addSubregion(0x0n, topology.ram('pc.ram', 0x10_0000n));
 * const memory = topology.addressSpace('memory', system);
 * const installed = mapPages(memory.flatView.ranges(), rules).mappings;
 *
 * // A page is trapped in the middle: the mapping goes, and what is left of it comes back in two.
 * system.addSubregion(0x8_0000n, topology.io('trap', 0x1000n, {}), { priority: 1 });
 * const wanted = mapPages(memory.flatView.ranges(), rules).mappings;
 * const cost: PlanCost = planCost(planMappings(installed, wanted, { canMove: () => false }));
 * cost;
 * // => {
 * //   calls: 3,
 * //   bytesMapped: 0xf_f000n,
 * //   bytesUnmapped: 0x10_0000n,
 * //   bytesInterrupted: 0xf_f000n,
 * //   hasGap: true,
 * // }
 * topology.close();
 * ```
 */
export function planCost(plan: MappingPlan<PageMapping>): PlanCost {
  const { from, to } = unmappedAndMapped(plan);
  let bytesInterrupted = 0n;
  sweep(from, to, (before, after, start, end) => {
    if (before === undefined || after === undefined || !showTheSame(before, after)) return;
    bytesInterrupted += end - start;
  });
  return {
    calls: callsOf(plan),
    bytesMapped: total(to),
    bytesUnmapped: total(from),
    bytesInterrupted,
    hasGap: hasGap(plan),
  };
}

/** {@link PlanCost.hasGap} alone. */
export function hasGap(plan: MappingPlan<PageMapping>): boolean {
  const { from, to } = unmappedAndMapped(plan);
  let found = false;
  sweep(from, to, (before, after) => {
    found ||= before !== undefined && after !== undefined;
  });
  return found;
}

/** What `plan` unmaps, and what it maps, each in order. */
function unmappedAndMapped({ deletes, moves, adds }: MappingPlan<PageMapping>): {
  readonly from: readonly PageMapping[];
  readonly to: readonly PageMapping[];
} {
  return {
    from: inOrder([...deletes, ...moves.map(({ from }) => from)]),
    to: inOrder([...adds, ...moves.map(({ to }) => to)]),
  };
}

function callsOf({ deletes, moves, adds, relogs }: MappingPlan<PageMapping>): number {
  return deletes.length + moves.length + adds.length + relogs.length;
}

/** What is to become of mappings that are installed. */
interface Comparison<Installed> {
  /** Those of which a part is not wanted as it is, in order. */
  readonly lost: ReadonlySet<Installed>;
  /** Those of which a part is wanted with a dirty log. */
  readonly watched: ReadonlySet<Installed>;
}

function compare<Installed extends PageMapping>(
  installed: readonly Installed[],
  wanted: readonly PageMapping[],
  { exact = false, isStale }: PlanOptions<Installed>,
): Comparison<Installed> {
  const lost = new Set<Installed>();
  const watched = new Set<Installed>();
  sweep(installed, wanted, (mapping, wish) => {
    if (mapping === undefined) return;
    const stays =
      wish !== undefined &&
      showTheSame(mapping, wish) &&
      !isStale?.(mapping) &&
      (!exact || (mapping.address === wish.address && mapping.size === wish.size));
    if (!stays) lost.add(mapping);
    else if (wish.dirtyLog) watched.add(mapping);
  });
  return { lost, watched };
}

/** Makes moves of deletes and adds that show the same memory in the same length. */
function withMoves<Installed extends PageMapping>(
  deletes: readonly Installed[],
  adds: readonly PageMapping[],
  canMove: PlanOptions<Installed>['canMove'],
): Omit<MappingPlan<Installed>, 'relogs'> {
  if (deletes.length === 0 || adds.length === 0) return { deletes, moves: [], adds };
  const byHostAddress = new Map<bigint, Installed[]>();
  for (const mapping of deletes) {
    if (!canMove(mapping)) continue;
    const known = byHostAddress.get(mapping.hostAddress);
    if (known === undefined) byHostAddress.set(mapping.hostAddress, [mapping]);
    else known.push(mapping);
  }
  const pairs: MappingChange<Installed>[] = [];
  for (const to of adds) {
    const candidates = byHostAddress.get(to.hostAddress) ?? [];
    const index = candidates.findIndex(
      ({ size, readonly }) => size === to.size && readonly === to.readonly,
    );
    const [from] = index < 0 ? [] : candidates.splice(index, 1);
    if (from !== undefined) pairs.push({ from, to });
  }
  const moves = orderMoves(pairs);
  const sources = new Set(moves.map(({ from }) => from));
  const targets = new Set(moves.map(({ to }) => to));
  return {
    deletes: deletes.filter((mapping) => !sources.has(mapping)),
    moves,
    adds: adds.filter((mapping) => !targets.has(mapping)),
  };
}

function total(mappings: readonly PageMapping[]): bigint {
  return mappings.reduce((sum, { size }) => sum + size, 0n);
}
