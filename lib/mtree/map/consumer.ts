import { smaller } from '../../address.js';
import type { AddressSpace } from '../../memory/address-space.js';
import { listenerName, type MemoryListener } from '../../memory/listeners/memory-listener.js';
import type { MapVerdict } from './page-map.js';

/** Somebody who maps memory, or would. */
export interface Consumer {
  /** What pictures call it. */
  readonly name: string;
  /** What it makes of an address space, ascending. */
  verdictsOn(space: AddressSpace): readonly MapVerdict[];
}

/** The listeners of an address space that say what they have made of an address. */
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
