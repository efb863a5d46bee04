import assert from 'node:assert/strict';
import { describe as suite, test } from 'node:test';
import { type CorpusFlatView, cases, sequences } from '../corpus/corpus.js';
import { callPlain, describe, describeQemu, type PlainTree, plainTree } from './corpus-tree.js';
import { EndlessTree, paint, viewRoot } from './painter.js';
import { addPlain, movePlain, plainRegion } from './plain-region.js';

function assertPaintedAsByQemu(
  tree: PlainTree,
  views: readonly CorpusFlatView[],
  what: string,
): void {
  for (const view of views) {
    const wanted = describeQemu(view, tree);
    for (const id of view.roots) {
      const root = tree.get(id);
      assert.ok(root);
      assert.deepEqual(paint(root).map(describe), wanted, `${what}: root ${root.name}`);
      const qemuRoot = view.view_root === null ? undefined : tree.get(view.view_root);
      assert.equal(viewRoot(root)?.name, qemuRoot?.name, `${what}: view root of ${root.name}`);
    }
  }
}

suite('the naive painter', () => {
  test('paints every case of the corpus as QEMU did', () => {
    let count = 0;
    for (const { name, regions, flat } of cases()) {
      assertPaintedAsByQemu(plainTree(regions), flat, name);
      count++;
    }
    assert.equal(count, 317);
  });

  test('paints every step of every sequence as QEMU did', () => {
    let count = 0;
    for (const { name, initial, steps, final } of sequences()) {
      const tree = plainTree(initial.regions);
      assertPaintedAsByQemu(tree, initial.flat, `${name}, initial`);
      for (const [i, { ops, flat }] of steps.entries()) {
        for (const op of ops) callPlain(tree, op);
        assertPaintedAsByQemu(tree, flat, `${name}, step ${i + 1}`);
        count++;
      }
      assertPaintedAsByQemu(tree, final.flat, `${name}, final`);
    }
    assert.equal(count, 7211);
  });

  test('joins an unmergeable region over an edge that cannot be seen, but not over two visits', () => {
    const root = plainRegion('root', 0x100n, { terminates: false });
    const memory = plainRegion('memory', 0x40n, { unmergeable: true });
    const hidden = plainRegion('hidden', 0x10n);
    addPlain(root, hidden, 0x8n, 0);
    addPlain(root, memory, 0n, 1);
    assert.deepEqual(paint(root).map(describe), [
      '0000000000000000-000000000000003f memory @0000000000000000 unmergeable romd',
    ]);

    const low = plainRegion('low', 0x20n, { alias: { target: memory, offset: 0n } });
    const high = plainRegion('high', 0x20n, { alias: { target: memory, offset: 0x20n } });
    addPlain(root, low, 0x80n, 0);
    addPlain(root, high, 0xa0n, 0);
    assert.deepEqual(paint(root).map(describe).slice(1), [
      '0000000000000080-000000000000009f memory @0000000000000000 unmergeable romd',
      '00000000000000a0-00000000000000bf memory @0000000000000020 unmergeable romd',
    ]);
  });

  test('lets the last of equals win, and a moved one again', () => {
    const root = plainRegion('root', 0x100n, { terminates: false });
    const first = plainRegion('first', 0x10n);
    const second = plainRegion('second', 0x10n);
    addPlain(root, first, 0n, 0);
    addPlain(root, second, 0n, 0);
    assert.deepEqual(
      paint(root).map(({ region }) => region.name),
      ['second'],
    );
    movePlain(first, 0n);
    assert.deepEqual(
      paint(root).map(({ region }) => region.name),
      ['first'],
    );
  });

  test('refuses aliases without end', () => {
    const root = plainRegion('root', 0x100n, { terminates: false });
    addPlain(root, plainRegion('loop', 0x100n, { alias: { target: root, offset: 0n } }), 0n, 0);
    assert.throws(() => paint(root), EndlessTree);
  });
});
