// Of every machine of the corpus: the map's placements give the flat view, and its pages cover it.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe as suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildTopology } from '../../../lib/mtree/build-topology.js';
import { assumedConsumers } from '../../../lib/mtree/map/assumed-consumers.js';
import { buildPageMap } from '../../../lib/mtree/map/build-page-map.js';
import type { Extent, SpaceMap } from '../../../lib/mtree/map/page-map.js';
import { PlacementStack } from '../../../lib/mtree/map/placement-stack.js';
import { readTopology } from '../../../lib/mtree/read-topology.js';

const folder = fileURLToPath(new URL('../../../../test/corpus/verified/', import.meta.url));

/** At both ends of each range the topmost placement that is not disabled is what the flat view shows. */
function checkWinners({ ranges, placements }: SpaceMap): void {
  const stack = new PlacementStack(placements);
  for (const { first, last, region, offset } of ranges) {
    for (const at of [first, last]) {
      const top = stack
        .within(at, at)
        .map((place) => placements[place]!)
        .find(({ disabled }) => !disabled);
      assert.deepEqual([top?.region, top && at - top.start], [region, offset + (at - first)]);
    }
  }
}

function checkPages({ pages, ranges }: SpaceMap, pageSize: bigint): void {
  let next = 0n;
  for (const { first, last, range, ranges: count, state } of pages) {
    assert.ok(first >= next && first % pageSize === 0n && (last + 1n) % pageSize === 0n);
    const parts = ranges.filter((part) => part.first <= last && part.last >= first);
    assert.deepEqual([ranges[range], count], [parts[0], parts.length]);
    const isWhole = count === 1 && parts[0]!.first <= first && parts[0]!.last >= last;
    assert.equal(state === 'split', !isWhole);
    next = last + 1n;
  }
  const covered = pages.reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
  const shown = ranges.reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
  assert.ok(covered >= shown);
}

/** Verdicts are about what shows, each about what none before it was. */
function checkVerdicts(extents: readonly Extent[], ranges: readonly Extent[]): void {
  for (const [index, { first }] of extents.entries()) {
    assert.ok(index === 0 || extents[index - 1]!.last < first);
    assert.ok(ranges.some((range) => range.first <= first && range.last >= first));
  }
}

suite('the map of every machine of the corpus', () => {
  for (const pageSize of [0x1000n, 0x10000n]) {
    test(`with pages of ${pageSize / 1024n} KiB`, () => {
      for (const file of readdirSync(folder).filter((_, index) => index % 4 === 0)) {
        const { document } = readTopology(readFileSync(path.join(folder, file)));
        const { topology, addressSpaces } = buildTopology(document);
        const consumers = assumedConsumers(pageSize);
        for (const space of buildPageMap(addressSpaces, { pageSize, consumers }).spaces) {
          checkWinners(space);
          checkPages(space, pageSize);
          for (const { verdicts } of space.consumers) checkVerdicts(verdicts, space.ranges);
        }
        topology.close();
      }
    });
  }
});
