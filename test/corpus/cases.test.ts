import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { AddressSpace } from '../../lib/index.js';
import { type CorpusCase, cases } from './corpus.js';
import { CorpusTopology, qemuLines, viewLines } from './corpus-topology.js';

/** Every address space of a case with the index of the view that QEMU gave it. */
function* spaces(
  item: CorpusCase,
  built: CorpusTopology,
): Generator<{ space: AddressSpace; flat: number; what: string }> {
  for (const [i, { name, flat }] of item.address_spaces.entries()) {
    const space = built.topology.addressSpaces[i];
    assert.ok(space);
    assert.equal(space.name, name);
    yield { space, flat, what: `${item.name}: address space ${name}` };
  }
}

function assertRanges(item: CorpusCase, built: CorpusTopology): void {
  for (const { space, flat, what } of spaces(item, built)) {
    const qemu = item.flat[flat];
    assert.ok(qemu);
    const lines = viewLines(space.flatView, (region) => built.id(region));
    assert.deepEqual(lines, qemuLines(qemu), what);
    assert.equal(space.flatView.rangeCount, lines.length, what);
  }
}

function assertRoots(item: CorpusCase, built: CorpusTopology): void {
  for (const { space, flat, what } of spaces(item, built)) {
    const { root } = space.flatView;
    assert.equal(root === undefined ? null : built.id(root), item.flat[flat]?.view_root, what);
  }
}

function assertSharing(item: CorpusCase, built: CorpusTopology): void {
  const views = new Map<number, unknown>();
  for (const { space, flat, what } of spaces(item, built)) {
    const shared = views.get(flat) ?? space.flatView;
    assert.equal(space.flatView, shared, `${what} shares its view`);
    views.set(flat, shared);
  }
  assert.equal(new Set(views.values()).size, views.size, `${item.name}: views kept apart`);
}

suite('Exact: every case of the corpus', () => {
  for (const item of cases()) {
    test(item.name, () => {
      const built = new CorpusTopology(item);
      assertRanges(item, built);
      assertRoots(item, built);
      assertSharing(item, built);
      built.topology.close();
    });
  }
});
