import assert from 'node:assert/strict';
import { describe as suite, test } from 'node:test';
import { buildTopology } from '../../lib/mtree/build-topology.js';
import { readMonitorText } from '../../lib/mtree/monitor-text/read-monitor-text.js';
import { flatViewLines } from '../../lib/mtree/write-flat-views.js';
import { regionTreeLines } from '../../lib/mtree/write-region-tree.js';
import { type CaseTexts, caseTexts, sequenceNames, sequenceTexts } from '../corpus/corpus.js';
import { sortedBlocks, textOf } from './text-blocks.js';

/** The texts that a text renders to, and what it doesn't tell. */
function rendered(text: string) {
  const { document, notes } = readMonitorText(text);
  const { topology, addressSpaces } = buildTopology(document);
  const flat = textOf(flatViewLines(addressSpaces));
  const flatWithOwners = textOf(flatViewLines(addressSpaces, { owners: true }));
  const withAll = { owners: true, disabled: true };
  const treeWithOwnersAndDisabled = textOf(regionTreeLines(addressSpaces, withAll));
  topology.close();
  return { flat, flatWithOwners, treeWithOwnersAndDisabled, notes };
}

suite("Exact: the monitor's own text, read back", () => {
  const texts = [...caseTexts()];

  test('the tree and its flat views: the same flat views, in the same order', () => {
    for (const [name, { treeWithOwnersAndDisabled: tree, flatWithOwners }] of texts) {
      const ours = rendered(tree + flatWithOwners);
      assert.equal(ours.flatWithOwners, flatWithOwners, name);
      const theirTree = sortedBlocks(tree);
      assert.deepEqual(sortedBlocks(ours.treeWithOwnersAndDisabled), theirTree, name);
      assert.ok(!ours.notes.some(({ code }) => code === 'view-mismatch' || code === 'gave-up'));
    }
    assert.equal(texts.length, 317);
  });

  test('without owners and disabled regions, and with the flat views first', () => {
    for (const [name, { tree, flat }] of texts) {
      assert.equal(rendered(`${flat}${tree}`).flat, flat, name);
    }
  });

  test('the tree alone: what it renders to is right for some, and what it leaves open is said for all', () => {
    const exact = { tree: 0, treeWithOwnersAndDisabled: 0 };
    for (const [name, item] of texts) {
      for (const which of ['tree', 'treeWithOwnersAndDisabled'] as const) {
        const { flat, notes } = rendered(item[which]);
        if (isSameFlat(flat, item)) exact[which]++;
        else assert.ok(notes.length > 0, name);
        assert.ok(
          notes.every(({ confirmed }) => !confirmed),
          name,
        );
      }
    }
    // What docs/command-line.md says. More is better: correct it there too.
    assert.deepEqual(exact, { tree: 66, treeWithOwnersAndDisabled: 67 });
  });

  test('every twentieth step of the sequences', () => {
    for (const name of sequenceNames()) {
      for (const [step, texts] of sequenceTexts(name).entries()) {
        if (step % 20 !== 0) continue;
        const ours = rendered(texts.treeWithOwnersAndDisabled + texts.flatWithOwners);
        assert.equal(ours.flatWithOwners, texts.flatWithOwners, `${name}, step ${step}`);
      }
    }
  });
});

/** Which address space shows what; not which of them share a view, as trees alone can't tell. */
function isSameFlat(flat: string, item: CaseTexts): boolean {
  return spaceViews(flat).join('\n') === spaceViews(item.flat).join('\n');
}

function spaceViews(flat: string): string[] {
  return sortedBlocks(flat)
    .flatMap((block) => {
      const lines = block.split('\n');
      const ranges = lines.filter((line) => line.startsWith('  '));
      return lines
        .filter((line) => line.startsWith(' AS '))
        .map((line) => [line, ...ranges].join('\n'));
    })
    .sort();
}
