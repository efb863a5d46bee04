import { type AddressLike, toAddress } from '../../address.js';
import type { AddressSpace } from '../address-space.js';
import { listenerName } from '../listeners/memory-listener.js';
import { AliasRegion } from '../regions/alias-region.js';
import type { MemoryRegion } from '../regions/memory-region.js';
import type { ConsumerVerdict } from './consumer-verdict.js';
import {
  forkOf,
  type Obstacle,
  pathTo,
  type StackEntry,
  type StackStep,
  walkStack,
} from './region-stack.js';

/**
 * Who answers at an address of an address space, and who would if it were not for something.
 *
 * @example
 * ```ts
 * import { type Explanation, MemoryTopology, type ShadowedRegion } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * system.addSubregion(0x0n, topology.ram('pc.ram', 0x10_0000n));
 * system.addSubregion(0xa_0000n, topology.io('vga', 0x2_0000n, {}), { priority: 1 });
 *
 * const explanation: Explanation = topology.addressSpace('memory', system).explain(0xa_0004n);
 * explanation.winner?.region.name; // => 'vga'
 * const [hidden]: readonly ShadowedRegion[] = explanation.shadowed;
 * [hidden?.region.name, hidden?.reason.code]; // => ['pc.ram', 'lower-priority']
 * topology.close();
 * ```
 */
export interface Explanation {
  /** The address space that was asked. */
  readonly addressSpace: AddressSpace;
  /** The address that was asked for. */
  readonly address: bigint;
  /** The region that answers; `undefined` where nothing does. */
  readonly winner: ExplainedRegion | undefined;
  /** Everything else that lies there, in stacking order. */
  readonly shadowed: readonly ShadowedRegion[];
  /** What the listeners that map memory have made of it, as of the last commit; in order of their priorities. */
  readonly verdicts: readonly ListenerVerdict[];
  /** Whether `shadowed` is all: an enormous or endless tree is not followed to its end. */
  readonly complete: boolean;
}

/** What one listener has made of an address. */
export interface ListenerVerdict extends ConsumerVerdict {
  /** What messages call the listener. */
  readonly listener: string;
}

/**
 * A region that lies at an address, and the way on which it is seen there.
 *
 * @example
 * ```ts
 * import { type ExplainedRegion, MemoryTopology, type PathStep } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * const ram = topology.ram('pc.ram', 0x1_8000_0000n, { backing: 'none' });
 * const above = topology.alias('ram-above-4g', ram, { offset: 0xc000_0000n });
 * system.addSubregion(0x1_0000_0000n, above);
 *
 * const { winner } = topology.addressSpace('memory', system).explain(0x1_0000_1000n);
 * const ramThere: ExplainedRegion | undefined = winner;
 * ramThere?.offset; // => 0xc000_1000n
 * ramThere?.path.map(({ region, start }: PathStep) => [region.name, start]);
 * // => [['system', 0x0n], ['ram-above-4g', 0x1_0000_0000n], ['pc.ram', 0x4000_0000n]]
 * topology.close();
 * ```
 */
export interface ExplainedRegion {
  /** The region. */
  readonly region: MemoryRegion;
  /** Offset of the address within the region, in bytes. */
  readonly offset: bigint;
  /** Read-only by itself or by a step of the path. */
  readonly readonly: boolean;
  /** Nonvolatile by itself or by a step of the path. */
  readonly nonvolatile: boolean;
  /** From the root of the address space through containers and aliases to the region, both included. */
  readonly path: readonly PathStep[];
}

/** A region of a path. */
export interface PathStep {
  /** The container, the alias or, at the end, the region itself. */
  readonly region: MemoryRegion;
  /** Where the region's first byte lies in the address space; negative where an alias shows only a later part. */
  readonly start: bigint;
  /** What can be seen of the region: first and last address that it and all steps before it let through. */
  readonly window: { readonly first: bigint; readonly last: bigint };
}

/** A region that lies at an address and does not answer. */
export interface ShadowedRegion extends ExplainedRegion {
  /** Why it doesn't answer. */
  readonly reason: ShadowReason;
}

/**
 * Why a region does not answer.
 *
 * - `lower-priority`: among the subregions of `level`, `by` has a higher priority than `branch`.
 * - `added-earlier`: their priorities are equal, and `by` was added or moved there later.
 * - `behind-subregion`: `branch` is the region itself, `level` too; `by` is one of its subregions.
 * - `disabled`: `by` is disabled: the region itself, or something on its path.
 * - `clipped`: the region reaches out of `by`, which is on its path, and is cut off there.
 */
export type ShadowCode =
  | 'lower-priority'
  | 'added-earlier'
  | 'behind-subregion'
  | 'disabled'
  | 'clipped';

/**
 * Why a region does not answer, and who is to blame.
 *
 * @example
 * ```ts
 * import { MemoryTopology, type ShadowCode, type ShadowReason } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const pci = topology.container('pci', 1n << 32n);
 * const bars = topology.container('nvme', 1n << 32n, { enabled: false });
 * pci.addSubregion(0x0n, bars);
 * bars.addSubregion(0xfebf_0000n, topology.io('nvme-bar0', 0x4000n, {}));
 *
 * const [hidden] = topology.addressSpace('memory', pci).explain(0xfebf_0014n).shadowed;
 * const reason: ShadowReason | undefined = hidden?.reason;
 * const code: ShadowCode | undefined = reason?.code;
 * code; // => 'disabled'
 * reason?.by.name; // => 'nvme'
 * topology.close();
 * ```
 */
export interface ShadowReason {
  /** Stable code of the reason. */
  readonly code: ShadowCode;
  /** The region that wins over `branch`, hides it or cuts it off. */
  readonly by: MemoryRegion;
  /** The region itself, or the container or alias on its path that loses against `by`. */
  readonly branch: MemoryRegion;
  /** Where it is decided: the parent of `by`; `undefined` for the root of the address space. */
  readonly level: MemoryRegion | undefined;
}

/**
 * Walks the tree at one address: the winner is what `space.flatView.lookup(address)` finds, and behind it comes
 * everything that it shadows. It is the live tree that is walked: within a transaction the flat view is older.
 *
 * What a region is worth to who maps memory is not decided here: this says who answers and why, and listeners give
 * their verdicts themselves.
 *
 * @throws `ERR_ADDRESS_RANGE`
 */
export function explain(space: AddressSpace, address: AddressLike): Explanation {
  const at = toAddress(address, `address in ${space.label}`);
  const winner = findWinner(space.root, at);
  const { entries, complete } = listEntries(space.root, at);
  const shadowed = entries.flatMap(({ step, obstacle }) => {
    const reason = obstacle ? obstacleReason(obstacle) : winner && stackingReason(step, winner);
    return reason ? [{ ...explained(step, at), reason }] : [];
  });
  return {
    addressSpace: space,
    address: at,
    winner: winner && explained(winner, at),
    shadowed,
    verdicts: verdictsAt(space, at),
    complete,
  };
}

function verdictsAt(space: AddressSpace, address: bigint): ListenerVerdict[] {
  return space.listeners.flatMap((listener) => {
    const verdict = listener.verdictAt?.(address, space);
    if (verdict === undefined) return [];
    const { mapped, code, text, first, last } = verdict;
    return [{ listener: listenerName(listener), mapped, code, text, first, last }];
  });
}

type Step = StackStep<MemoryRegion>;
type Entry = StackEntry<MemoryRegion>;

/** Found by itself: it must not depend on how much there is behind obstacles. */
function findWinner(root: MemoryRegion, address: bigint): Step | undefined {
  for (const { step } of walkStack(root, address, { obstacles: false })) {
    if (step.region.terminates) return step;
  }
  return undefined;
}

function listEntries(root: MemoryRegion, address: bigint) {
  const walk = walkStack(root, address);
  const entries: Entry[] = [];
  let next = walk.next();
  for (; !next.done; next = walk.next()) {
    if (isWorthTelling(next.value)) entries.push(next.value);
  }
  return { entries: entries.filter(withoutRepetition(entries)), complete: next.value.complete };
}

/** A window cuts off what lies in the region that it shows; that it ends itself says nothing about that region. */
function isWorthTelling({ step, obstacle }: Entry): boolean {
  if (!step.region.terminates) return false;
  if (obstacle?.code !== 'clipped') return true;
  let at: Step | undefined = step;
  while (at && at !== obstacle.by) at = isShownBy(at.previous, at) ? at.previous : undefined;
  return at === undefined;
}

function isShownBy(previous: Step | undefined, { region }: Step): boolean {
  return previous?.region instanceof AliasRegion && previous.region.target === region;
}

/** What is cut off on one way often has its place on another: then only that one is told. */
function withoutRepetition(entries: readonly Entry[]): (entry: Entry) => boolean {
  const shown = entries.filter(({ obstacle }) => obstacle?.code !== 'clipped');
  const places = new Set(shown.map(({ step }) => placeOf(step)));
  return ({ step, obstacle }) => obstacle?.code !== 'clipped' || !places.has(placeOf(step));
}

function placeOf({ region, start }: Step): string {
  return `${region.id} ${start}`;
}

function explained(step: Step, address: bigint): ExplainedRegion {
  const path = pathTo(step);
  return {
    region: step.region,
    offset: address - step.start,
    readonly: path.some(({ region }) => region.readonly),
    nonvolatile: path.some(({ region }) => region.nonvolatile),
    path: path.map(({ region, start, first, last }) => ({
      region,
      start,
      window: { first, last },
    })),
  };
}

function obstacleReason({ code, by }: Obstacle<MemoryRegion>): ShadowReason {
  return { code, by: by.region, branch: by.region, level: by.previous?.region };
}

/**
 * Compares two ways where they part: there two siblings compete, or a region with one of its subregions. The winner
 * itself has no reason.
 */
function stackingReason(step: Step, winner: Step): ShadowReason | undefined {
  const { level, one, other } = forkOf(step, winner);
  if (!other) return undefined;
  const [by, branch] = [other.region, one?.region ?? level.region];
  if (!one) return { code: 'behind-subregion', by, branch, level: level.region };
  const code = by.priority > branch.priority ? 'lower-priority' : 'added-earlier';
  return { code, by, branch, level: level.region };
}
