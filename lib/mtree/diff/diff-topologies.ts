import { atOnce, type LongWorkOptions, type Steps } from '../../long-work.js';
import type { AddressSpace } from '../../memory/address-space.js';
import { whileUnchanged } from '../while-unchanged.js';
import { type Identify, identifier } from './shown-piece.js';
import type { TopologyDifference, ViewDifference } from './topology-difference.js';
import { viewChanges } from './view-changes.js';

/** An address space before, and the one that corresponds to it after. */
export interface Pair {
  readonly before: AddressSpace;
  readonly after: AddressSpace;
}

/**
 * What changed from one topology to another, or from one moment of a topology to another one's copy: two dumps of a
 * machine before and after a guest wrote a BAR.
 *
 * Address spaces correspond by their names, and by order where several have one. Regions are the same where their names
 * are, and their owners if both topologies tell owners.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import {
 *   type Change,
 *   diffTopologies,
 *   type TopologyDifference,
 *   type ViewDifference,
 * } from 'flatview/diff';
 *
 * const machine = (bar: bigint) => {
 *   const topology = new MemoryTopology();
 *   const pci = topology.container('pci', 1n << 32n);
 *   pci.addSubregion(bar, topology.io('nvme-bar0', 0x4000n, {}));
 *   topology.addressSpace('memory', pci);
 *   return topology;
 * };
 * const [before, after] = [machine(0xfebf_0000n), machine(0xc000_0000n)];
 * const difference: TopologyDifference = diffTopologies(before.addressSpaces, after.addressSpaces);
 * const [view]: readonly ViewDifference[] = difference.views;
 * view?.changes.map(({ kind, first }: Change) => [kind, first]); // => [['moved', 0xc000_0000n]]
 * before.close();
 * after.close();
 * ```
 */
export function diffTopologies(
  before: readonly AddressSpace[],
  after: readonly AddressSpace[],
): TopologyDifference {
  return atOnce(diffSteps(before, after));
}

/**
 * The same as {@link diffTopologies}, while the event loop turns.
 *
 * @throws `ERR_TOPOLOGY_CHANGED` where something was changed meanwhile; the signal's reason.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { diffTopologiesAsync } from 'flatview/diff';
 *
 * const topology = new MemoryTopology();
 * const ports = topology.addressSpace('I/O', topology.io('ports', 0x1_0000n, {}));
 * const memory = topology.addressSpace('memory', topology.container('system', 1n << 64n));
 * const { spacesGone } = await diffTopologiesAsync([memory, ports], [memory]);
 * spacesGone; // => ['I/O']
 * topology.close();
 * ```
 */
export function diffTopologiesAsync(
  before: readonly AddressSpace[],
  after: readonly AddressSpace[],
  options: LongWorkOptions = {},
): Promise<TopologyDifference> {
  return whileUnchanged([...before, ...after], diffSteps(before, after), options);
}

/** Compares step by step. */
export function* diffSteps(
  before: readonly AddressSpace[],
  after: readonly AddressSpace[],
): Steps<TopologyDifference> {
  const identify = identifier([before, after].every(tellsOwners));
  const { pairs, gone, fresh } = pairUp(before, after);
  return {
    views: yield* viewDifferences(pairs, identify),
    spacesGone: gone.map(({ name }) => name),
    spacesNew: fresh.map(({ name }) => name),
  };
}

function tellsOwners(spaces: readonly AddressSpace[]): boolean {
  return spaces.some(({ flatView }) => {
    for (const { region } of flatView) if (region.owner !== undefined) return true;
    return false;
  });
}

function pairUp(
  before: readonly AddressSpace[],
  after: readonly AddressSpace[],
): { readonly pairs: Pair[]; readonly gone: AddressSpace[]; readonly fresh: AddressSpace[] } {
  const waiting = new Map<string, AddressSpace[]>();
  for (const space of after.toReversed()) {
    const queue = waiting.get(space.name);
    if (queue) queue.push(space);
    else waiting.set(space.name, [space]);
  }
  const pairs: Pair[] = [];
  const gone: AddressSpace[] = [];
  for (const space of before) {
    const next = waiting.get(space.name)?.pop();
    if (next) pairs.push({ before: space, after: next });
    else gone.push(space);
  }
  const left = new Set([...waiting.values()].flat());
  return { pairs, gone, fresh: after.filter((space) => left.has(space)) };
}

/** What changed in each pair's view. Address spaces that share a view before and after are compared once. */
export function* viewDifferences(
  pairs: readonly Pair[],
  identify: Identify,
): Steps<ViewDifference[]> {
  const groups: { readonly names: string[]; readonly pair: Pair }[] = [];
  const known = new Map<object, Map<object, string[]>>();
  for (const pair of pairs) {
    const partners = known.get(pair.before.flatView) ?? new Map<object, string[]>();
    known.set(pair.before.flatView, partners);
    const names = partners.get(pair.after.flatView) ?? [];
    if (names.length === 0) groups.push({ names, pair });
    partners.set(pair.after.flatView, names);
    names.push(pair.before.name);
  }
  const differences: ViewDifference[] = [];
  for (const { names, pair } of groups) {
    const changes = yield* viewChanges(pair.before.flatView, pair.after.flatView, identify);
    if (changes.length > 0) differences.push({ addressSpaces: [...new Set(names)], changes });
  }
  return differences;
}
