import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { MemoryTopology } from '../../lib/index.js';

suite('self-check', () => {
  test('with it or without, a commit does the same', () => {
    const [checked, unchecked] = [true, false].map((selfCheck) => {
      const topology = new MemoryTopology({ selfCheck });
      const system = topology.container('system', 2n ** 64n);
      const ram = topology.ram('ram', 0x10000, { backing: 'none' });
      const window = topology.alias('window', ram, { offset: 0x2000, size: 0x1000 });
      system.addSubregion(0, ram);
      system.addSubregion(0x1_0000_0000, window);
      const space = topology.addressSpace('memory', system);
      window.address = 0x8000;
      ram.enabled = false;
      ram.enabled = true;
      return [...space.flatView].map(({ address, size, offset }) => [address, size, offset]);
    });
    assert.deepEqual(checked, unchecked);
    assert.equal(checked?.length, 1 + 2);
  });

  test('a tree without end is refused with its own error, not as a mistake of the engine', () => {
    const topology = new MemoryTopology({ selfCheck: true });
    const system = topology.container('system', 2n ** 64n);
    topology.addressSpace('memory', system);
    system.addSubregion(0, topology.io('io', 1, {}));
    const mirror = topology.alias('mirror', system, { size: 0x1000 });
    assert.throws(() => system.addSubregion(0, mirror), { code: 'ERR_ALIAS_RECURSION' });
  });
});
