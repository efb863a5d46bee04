import { atOnce } from '../../long-work.js';
import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import { viewDifferences } from '../diff/diff-topologies.js';
import type { TopologyDifference } from '../diff/topology-difference.js';
import type { RecordedTopology } from './recorded-topology.js';

/**
 * What changed from one step of a recording to another one. Which region and which address space is which, the recording
 * tells; names don't matter.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { differenceLines } from 'flatview/diff';
 * import { RecordedTopology, readRecording, stepDifference } from 'flatview/recording';
 *
 * const boot = readRecording(readFileSync('examples/recordings/pc-seabios.fvr.gz'));
 * using before = new RecordedTopology(boot);
 * using after = new RecordedTopology(boot);
 * before.advanceTo(39);
 * after.advanceTo(40);
 * [...differenceLines(stepDifference(before, after))].slice(0, 3);
 * // => [
 * //   '"memory" and 2 more: 1 changed',
 * //   '- 00000000000d0000-00000000000e7fff (ram): pc.ram @00000000000d0000',
 * //   '+ 00000000000d0000-00000000000e7fff (rom): pc.ram @00000000000d0000',
 * // ]
 * ```
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
