import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { FlatView } from '../../lib/index.js';
import {
  type CorpusFlatView,
  type CorpusSequence,
  type CorpusState,
  type RegionId,
  readSequence,
  type SequenceStep,
  sequenceNames,
} from './corpus.js';
import { CorpusTopology, qemuLines, viewLines } from './corpus-topology.js';

/** Makes a sequence's calls and compares after each step; a view that hasn't changed is not compared again. */
class Replay {
  readonly built: CorpusTopology;
  readonly #qemu = new Map<RegionId, CorpusFlatView>();
  readonly #compared = new Map<RegionId, { view: FlatView; qemu: CorpusFlatView }>();

  constructor(initial: CorpusState) {
    this.built = new CorpusTopology(initial);
    this.#take(initial.flat);
  }

  run(step: SequenceStep, what: string): void {
    for (const op of step.ops) this.built.call(op, step.address_spaces);
    this.#take(step.flat);
    this.compare(what);
    for (const view of step.flat) this.#assertShared(view, what);
  }

  /** Compares every address space with QEMU's view of its root. */
  compare(what: string): void {
    for (const { name, root, flatView: view } of this.built.topology.addressSpaces) {
      const id = this.built.id(root);
      const qemu = this.#qemu.get(id);
      assert.ok(qemu, `${what}: QEMU has a view of ${name}`);
      const before = this.#compared.get(id);
      if (before?.view === view && before.qemu === qemu) continue;
      const lines = viewLines(view, (region) => this.built.id(region));
      assert.deepEqual(lines, qemuLines(qemu), `${what}: ${name}`);
      this.#compared.set(id, { view, qemu });
    }
  }

  /** Roots that QEMU showed by one view have one here, made from the same region. */
  #assertShared({ roots, view_root }: CorpusFlatView, what: string): void {
    const { addressSpaces } = this.built.topology;
    const sharing = addressSpaces.filter(({ root }) => roots.includes(this.built.id(root)));
    const views = new Set(sharing.map(({ flatView }) => flatView));
    assert.ok(views.size <= 1, `${what}: one view for ${roots.length} roots`);
    for (const { root } of views) {
      assert.equal(root === undefined ? null : this.built.id(root), view_root, what);
    }
  }

  #take(views: readonly CorpusFlatView[]): void {
    for (const view of views) for (const root of view.roots) this.#qemu.set(root, view);
  }
}

/** Compares the tree, and with it the order of all siblings. */
function assertFinalTree(built: CorpusTopology, { regions, address_spaces }: CorpusState): void {
  const children = new Map<RegionId, RegionId[]>();
  for (const { id, parent, order } of regions) {
    if (parent === null) continue;
    const siblings = children.get(parent) ?? [];
    siblings[order] = id;
    children.set(parent, siblings);
  }
  for (const region of regions) {
    const ours = built.region(region.id);
    assert.deepEqual(built.children(region.id), children.get(region.id) ?? [], region.name ?? '');
    assert.equal(ours.size, BigInt(region.size), region.name ?? '');
    assert.equal(ours.enabled, region.enabled, region.name ?? '');
    if (region.parent === null) continue;
    assert.equal(ours.address, BigInt(region.addr), region.name ?? '');
    assert.equal(ours.priority, region.priority, region.name ?? '');
  }
  assert.deepEqual(
    built.addressSpaces,
    address_spaces.map(({ name, root }) => ({ name, root })),
  );
}

function replay(sequence: CorpusSequence): void {
  const run = new Replay(sequence.initial);
  run.compare('initial');
  for (const [i, step] of sequence.steps.entries()) {
    run.run(step, `step ${i + 1} (${JSON.stringify(step.guest)})`);
  }
  assertFinalTree(run.built, sequence.final);
  run.built.topology.close();
}

suite('Incremental = from scratch: every step of every sequence of the corpus', () => {
  for (const name of sequenceNames()) test(name, () => replay(readSequence(name)));
});

/** Makes a sequence's calls and compares how often each commit began to tell listeners. */
function countRenderings({ initial, steps }: CorpusSequence): void {
  const { built } = new Replay(initial);
  let begun = 0;
  built.topology.addListener({ begin: () => begun++ });
  for (const { ops, address_spaces } of steps) {
    for (const op of ops) {
      if (op.op === 'begin') begun = 0;
      built.call(op, address_spaces);
      if (op.op === 'commit') assert.equal(begun, op.rerender ? 1 : 0);
    }
  }
  built.topology.close();
}

suite('A transaction tells listeners when QEMU would have rendered, and only then', () => {
  for (const name of sequenceNames()) test(name, () => countRenderings(readSequence(name)));
});
