// A test runner that resets modules, or a bundler, can have the package's modules twice in one process, on one addon.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as bundled from 'flatview';
import * as compiled from '../../lib/index.js';

/** A topology with a card at `address`, and what its address space shows now. */
function machine({ MemoryTopology }: typeof bundled, address: bigint) {
  const topology = new MemoryTopology();
  const system = topology.container('system', 0x1_0000n);
  const card = topology.io('card', 0x1000n, {});
  system.addSubregion(address, card);
  const memory = topology.addressSpace('memory', system);
  const shown = () => [...memory.flatView.ranges()].map((range) => range.address);
  return { card, shown, memory, close: () => topology.close() };
}

test('two copies of the modules on one addon do not read what is meant for each other', () => {
  const copies = [compiled as unknown as typeof bundled, bundled];
  assert.notEqual(copies[0]?.MemoryTopology, copies[1]?.MemoryTopology);
  const machines = copies.map((copy, i) => machine(copy, BigInt(i) * 0x1000n));
  for (const [i, { card, shown, memory }] of machines.entries()) {
    assert.deepEqual(shown(), [BigInt(i) * 0x1000n]);
    card.address = 0x4000n + BigInt(i) * 0x2000n;
    assert.deepEqual(shown(), [card.address]);
    assert.equal(memory.lookup(card.address)?.region.name, 'card');
  }
  for (const each of machines) each.close();
});
