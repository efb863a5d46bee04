import { smaller } from '../../address.js';
import type { AddressSpace } from '../../memory/address-space.js';
import { listenerName, type MemoryListener } from '../../memory/listeners/memory-listener.js';
import type { MapVerdict } from './page-map.js';

/**
 * Somebody who maps memory, or would.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { buildPageMap, type Consumer, type ConsumerMap, type MapVerdict } from 'flatview/map';
 *
 * const inUse: MapVerdict = {
 *   first: 0x0n,
 *   last: 0x3fffn,
 *   mapped: true,
 *   code: 'mapped',
 *   text: 'the ring of virtqueue 0',
 * };
 * const backend: Consumer = { name: 'vhost-user', verdictsOn: () => [inUse] };
 * const topology = new MemoryTopology();
 * const ram = topology.ram('pc.ram', 0x1_0000n, { backing: 'none' });
 * const map = buildPageMap([topology.addressSpace('memory', ram)], { consumers: [backend] });
 * const consumers: readonly ConsumerMap[] | undefined = map.spaces[0]?.consumers;
 * consumers; // => [{ name: 'vhost-user', verdicts: [inUse] }]
 * topology.close();
 * ```
 */
export interface Consumer {
  /** What pictures call it. */
  readonly name: string;
  /** What it makes of an address space, ascending. */
  verdictsOn(space: AddressSpace): readonly MapVerdict[];
}

/**
 * The listeners of an address space that say what they have made of an address.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { listeningConsumers } from 'flatview/map';
 *
 * const topology = new MemoryTopology();
 * const memory = topology.addressSpace('memory', topology.ram('pc.ram', 0x1_0000n));
 * memory.addListener({ name: 'log' });
 * memory.addListener({
 *   name: 'my-hypervisor',
 *   verdictAt: () => ({ mapped: true, code: 'mapped', text: 'slot 0', first: 0x0n, last: 0xffffn }),
 * });
 * const consumers = listeningConsumers(memory);
 * consumers.map(({ name }) => name); // => ['my-hypervisor']
 * consumers[0]?.verdictsOn(memory);
 * // => [{ first: 0x0n, last: 0xffffn, mapped: true, code: 'mapped', text: 'slot 0' }]
 * topology.close();
 * ```
 */
export function listeningConsumers(space: AddressSpace): Consumer[] {
  return space.listeners
    .filter((listener) => listener.verdictAt !== undefined)
    .map((listener) => ({
      name: listenerName(listener),
      verdictsOn: (asked) => listenerVerdicts(listener, asked),
    }));
}

/** Asks once for each stretch of which one verdict is true. */
function listenerVerdicts(listener: MemoryListener, space: AddressSpace): MapVerdict[] {
  const verdicts: MapVerdict[] = [];
  let next = 0n;
  for (const range of space.flatView.ranges()) {
    for (let at = range.address > next ? range.address : next; at <= range.last; at = next) {
      const verdict = listener.verdictAt?.(at, space);
      next = (verdict?.last ?? range.last) + 1n;
      if (verdict === undefined) continue;
      const { mapped, code, text } = verdict;
      const last = mapped ? verdict.last : smaller(verdict.last, range.last);
      verdicts.push({ first: at, last, mapped, code, text });
    }
  }
  return verdicts;
}
