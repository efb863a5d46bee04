import { orderMoves } from './order-moves.js';
import { endOf, type PageMapping, partOf, showTheSame } from './page-mapping.js';
import { common, inOrder, overlaps, uncovered } from './sorted-ranges.js';

/** A mapping that is to become another one in place. */
export interface MappingChange<Installed extends PageMapping> {
  readonly from: Installed;
  readonly to: PageMapping;
}

/**
 * What is to be done to get from the mappings that are installed to those that are wanted; nothing of it is done yet.
 * It is carried out in the order of the fields.
 */
export interface MappingPlan<Installed extends PageMapping> {
  readonly deletes: readonly Installed[];
  /** The same memory at another address. Each finds its place free, one after the other. */
  readonly moves: readonly MappingChange<Installed>[];
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
}

/**
 * The smallest plan from `installed` to `wanted`; both in order, without overlaps.
 *
 * A mapping is left alone as long as each of its pages is wanted as it is, also where one larger mapping, or several
 * smaller ones, would do: a hole that opens and closes again costs one mapping. What is left of `wanted` is added; and
 * an add that shows the memory of a delete in its whole length is a move.
 */
export function planMappings<Installed extends PageMapping>(
  installed: readonly Installed[],
  wanted: readonly PageMapping[],
  { canMove, exact = false }: PlanOptions<Installed>,
): MappingPlan<Installed> {
  const still = stillWanted(installed, wanted, exact);
  const deletes: Installed[] = [];
  const kept: Installed[] = [];
  const relogs: MappingChange<Installed>[] = [];
  for (const mapping of installed) {
    const found = still.get(mapping);
    const isKept = found?.size === mapping.size;
    (isKept ? kept : deletes).push(mapping);
    if (isKept && found.dirtyLog !== mapping.dirtyLog) {
      relogs.push({
        from: mapping,
        to: { ...partOf(mapping, mapping.address, endOf(mapping)), dirtyLog: found.dirtyLog },
      });
    }
  }
  const adds = uncovered(wanted, kept).map(({ range, start, end }) => partOf(range, start, end));
  return { ...withMoves(deletes, adds, canMove), relogs };
}

/** Whether there is nothing to do. */
export function isEmptyPlan(plan: MappingPlan<PageMapping>): boolean {
  return callsOf(plan) === 0;
}

/** What `plan` costs. */
export function planCost(plan: MappingPlan<PageMapping>): PlanCost {
  const from = inOrder([...plan.deletes, ...plan.moves.map((move) => move.from)]);
  const to = inOrder([...plan.adds, ...plan.moves.map((move) => move.to)]);
  const pairs = overlaps(from, to);
  const interrupted = pairs.filter(([before, after]) => showTheSame(before, after));
  return {
    calls: callsOf(plan),
    bytesMapped: total(to),
    bytesUnmapped: total(from),
    bytesInterrupted: interrupted.reduce((sum, [a, b]) => sum + common(a, b).size, 0n),
    hasGap: pairs.length > 0,
  };
}

function callsOf({ deletes, moves, adds, relogs }: MappingPlan<PageMapping>): number {
  return deletes.length + moves.length + adds.length + relogs.length;
}

/** How many bytes of each installed mapping are wanted as they are, and whether some of them with a dirty log. */
function stillWanted<Installed extends PageMapping>(
  installed: readonly Installed[],
  wanted: readonly PageMapping[],
  exact: boolean,
): Map<Installed, { size: bigint; dirtyLog: boolean }> {
  const found = new Map<Installed, { size: bigint; dirtyLog: boolean }>();
  for (const [mapping, wish] of overlaps(installed, wanted)) {
    if (!showTheSame(mapping, wish)) continue;
    if (exact && (mapping.address !== wish.address || mapping.size !== wish.size)) continue;
    const before = found.get(mapping);
    found.set(mapping, {
      size: (before?.size ?? 0n) + common(mapping, wish).size,
      dirtyLog: before?.dirtyLog === true || wish.dirtyLog,
    });
  }
  return found;
}

/** Makes moves of deletes and adds that show the same memory in the same length. */
function withMoves<Installed extends PageMapping>(
  deletes: readonly Installed[],
  adds: readonly PageMapping[],
  canMove: PlanOptions<Installed>['canMove'],
): Omit<MappingPlan<Installed>, 'relogs'> {
  const byMemory = new Map<string, Installed[]>();
  for (const mapping of deletes) {
    if (!canMove(mapping)) continue;
    const key = memoryKey(mapping);
    const known = byMemory.get(key);
    if (known === undefined) byMemory.set(key, [mapping]);
    else known.push(mapping);
  }
  const pairs = new Map<PageMapping, MappingChange<Installed>>();
  for (const to of adds) {
    const from = byMemory.get(memoryKey(to))?.shift();
    if (from !== undefined) pairs.set(to, { from, to });
  }
  const moves = orderMoves([...pairs.values()]);
  const sources = new Set(moves.map(({ from }) => from));
  const targets = new Set(moves.map(({ to }) => to));
  return {
    deletes: deletes.filter((mapping) => !sources.has(mapping)),
    moves,
    adds: adds.filter((mapping) => !targets.has(mapping)),
  };
}

function memoryKey({ hostAddress, size, readonly }: PageMapping): string {
  return `${hostAddress} ${size} ${readonly}`;
}

function total(mappings: readonly PageMapping[]): bigint {
  return mappings.reduce((sum, { size }) => sum + size, 0n);
}
