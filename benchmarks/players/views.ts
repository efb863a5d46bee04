// What a trace shows and tells, as the lines that all sides print: equal lines are equal views.

import type { FlatRange } from '../../lib/index.js';
import { numberOf, type TraceTopology } from './trace-topology.js';

/** Every view once; a space whose view another has, too, only names that one. */
export function* viewLines({ spaces }: TraceTopology): Generator<string, void> {
  const views = spaces.map((space) => space.flatView);
  for (const [number, view] of views.entries()) {
    const same = views.indexOf(view);
    if (same < number) {
      yield `space ${number} is space ${same}`;
      continue;
    }
    yield `space ${number}`;
    for (const range of view.ranges()) yield rangeLine(range);
  }
}

/** How often each listener was called. */
export function listenerLines({ listeners }: TraceTopology): string[] {
  return listeners.map(
    ({ begins, commits, adds, dels }, number) =>
      `listener ${number} begin ${begins} commit ${commits} add ${adds} del ${dels}`,
  );
}

function rangeLine({ address, last, region, offset, readonly, nonvolatile }: FlatRange): string {
  const place = `${hex(address)}-${hex(last)} ${numberOf(region)} ${hex(offset)}`;
  return `${place}${readonly ? ' readonly' : ''}${nonvolatile ? ' nonvolatile' : ''}`;
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
