import assert from 'node:assert/strict';
import { describe as suite, test } from 'node:test';
import type { AddressSpace } from '../../lib/index.js';
import { buildTopology } from '../../lib/mtree/build-topology.js';
import { describeTopology } from '../../lib/mtree/describe-topology.js';
import { readTopologyJson } from '../../lib/mtree/read-topology-json.js';
import type { TopologyDocument } from '../../lib/mtree/topology-document.js';
import { flatViewLines } from '../../lib/mtree/write-flat-views.js';
import { regionTreeLines } from '../../lib/mtree/write-region-tree.js';
import { writeTopologyJson } from '../../lib/mtree/write-topology-json.js';
import { type CaseTexts, cases, caseTexts } from '../corpus/corpus.js';
import { sortedBlocks, textOf } from './text-blocks.js';

const texts = caseTexts();

/** What the monitor printed for a case, by us. */
function printed(spaces: readonly AddressSpace[]): CaseTexts {
  return {
    tree: textOf(regionTreeLines(spaces)),
    flat: textOf(flatViewLines(spaces)),
    flatWithOwners: textOf(flatViewLines(spaces, { owners: true })),
    treeWithOwnersAndDisabled: textOf(regionTreeLines(spaces, { owners: true, disabled: true })),
  };
}

function assertPrintedAsByQemu(document: TopologyDocument, name: string): void {
  const { topology, addressSpaces } = buildTopology(document);
  const ours = printed(addressSpaces);
  const theirs = texts.get(name);
  assert.ok(theirs, name);
  for (const which of Object.keys(ours) as (keyof CaseTexts)[]) {
    assert.deepEqual(sortedBlocks(ours[which]), sortedBlocks(theirs[which]), `${name}: ${which}`);
  }
  topology.close();
}

suite('Exact: every case of the corpus, from JSON to text', () => {
  test('the texts are byte for byte those of the monitor', () => {
    let count = 0;
    for (const item of cases()) {
      assertPrintedAsByQemu(readTopologyJson(JSON.stringify(item)), item.name);
      count++;
    }
    assert.equal(count, 317);
  });

  test('a tree that is described, written and read again is the same', () => {
    for (const item of cases()) {
      const { topology, addressSpaces } = buildTopology(readTopologyJson(JSON.stringify(item)));
      const json = writeTopologyJson(describeTopology(addressSpaces, { flatViews: true }));
      topology.close();
      const document = readTopologyJson(json);
      assertPrintedAsByQemu(document, item.name);
      assert.equal(writeTopologyJson(document), json, item.name);
    }
  });

  test('the flat views that are written are those of the case', () => {
    for (const item of cases()) {
      const { topology, addressSpaces, regions } = buildTopology(
        readTopologyJson(JSON.stringify(item)),
      );
      const { flatViews = [] } = describeTopology(addressSpaces, { flatViews: true });
      for (const [index, view] of flatViews.entries()) {
        const known = item.flat[item.address_spaces[view.addressSpaces[0] ?? 0]?.flat ?? 0];
        assert.ok(known);
        assert.deepEqual(
          view.ranges.map(({ address, size, offset }) => [address, address + size - 1n, offset]),
          known.ranges.map(({ start, end, offset }) => [start, end, offset].map(BigInt)),
          `${item.name}: view ${index}`,
        );
      }
      assert.equal(regions.size, item.regions.length);
      topology.close();
    }
  });
});
