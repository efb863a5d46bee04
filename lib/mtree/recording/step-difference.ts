import { atOnce } from '../../long-work.js';
import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import { viewDifferences } from '../diff/diff-topologies.js';
import type { TopologyDifference } from '../diff/topology-difference.js';
import type { RecordedTopology } from './recorded-topology.js';

/**
 * What changed from one step of a recording to another one. Which region and which address space is which, the recording
 * tells; names don't matter.
 */
export function stepDifference(
  before: RecordedTopology,
  after: RecordedTopology,
): TopologyDifference {
  const ids = new Map<MemoryRegion, string>();
  for (const { regions } of [before, after]) {
    for (const [id, region] of regions) ids.set(region, String(id));
  }
  const pairs = [...before.spaces].flatMap(([number, space]) => {
    const next = after.spaces.get(number);
    return next === undefined ? [] : [{ before: space, after: next }];
  });
  return {
    views: atOnce(viewDifferences(pairs, (region) => ids.get(region) ?? '')),
    spacesGone: namesMissing(before, after),
    spacesNew: namesMissing(after, before),
  };
}

function namesMissing(from: RecordedTopology, elsewhere: RecordedTopology): string[] {
  return [...from.spaces].flatMap(([number, { name }]) =>
    elsewhere.spaces.has(number) ? [] : [name],
  );
}
