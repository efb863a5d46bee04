import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { MemoryTopology } from '../../lib/index.js';
import { KvmCoalescedMmio } from '../../lib/kvm/index.js';
import { SimulatedKvm } from '../../lib/simulated/index.js';
import { runs } from '../oracle/runs.js';

const ops = { read: () => 0n, write: () => undefined };

function machine(bus: 'memory' | 'ports' = 'memory') {
  const topology = new MemoryTopology();
  const system = topology.container('system', 1n << 64n);
  const space = topology.addressSpace(bus, system);
  const kvm = new SimulatedKvm();
  const listener = new KvmCoalescedMmio(kvm, bus);
  space.addListener(listener);
  const vga = topology.io('vga', 1n << 34n, ops);
  system.addSubregion(0x100000, vga);
  const zones = (): string[] =>
    kvm.coalescedZones
      .map(({ address, size }) => `0x${address.toString(16)}+0x${size.toString(16)}`)
      .sort();
  return { topology, system, space, kvm, listener, vga, zones };
}

interface Step {
  readonly ranges: readonly { readonly offset: number; readonly size: number }[];
  readonly move: boolean;
  readonly fails: number | undefined;
}

suite('coalesced writes in KVM', () => {
  test('a zone gathers writes that lie in it, on its bus', () => {
    for (const bus of ['memory', 'ports'] as const) {
      const { kvm, vga } = machine(bus);
      vga.addCoalescedRange(0x100, 0x10);
      const pio = bus === 'ports';
      assert.equal(kvm.write(0x100104n, 4, 0n, { pio }).kind, 'coalesced');
      assert.equal(kvm.write(0x10010en, 4, 0n, { pio }).kind, 'exit');
      assert.equal(kvm.write(0x100104n, 4, 0n, { pio: !pio }).kind, 'exit');
    }
  });

  test('zones follow the region, and go with the listener', () => {
    const { space, listener, vga, zones } = machine();
    vga.addCoalescedRange(0x100, 0x10);
    vga.address = 0x200000n;
    assert.deepEqual(zones(), ['0x200100+0x10']);
    space.removeListener(listener);
    assert.deepEqual(zones(), []);
  });

  test('a zone within another one goes alone, though the kernel takes both away', () => {
    const { topology, system, zones } = machine();
    const outer = topology.io('outer', 0x1000, ops);
    outer.addCoalescedRange(0, 0x1000);
    outer.addCoalescedRange(0x100, 0x10);
    outer.addCoalescedRange(0x100, 0x10);
    system.addSubregion(0x1000, outer, { priority: 1 });
    assert.deepEqual(zones(), ['0x1000+0x1000', '0x1100+0x10', '0x1100+0x10']);
    topology.transaction(() => {
      outer.clearCoalescedRanges();
      outer.addCoalescedRange(0, 0x1000);
    });
    assert.deepEqual(zones(), ['0x1000+0x1000']);
  });

  test('a zone of more than 1 GiB is registered in parts that can be removed', () => {
    const { vga, zones } = machine();
    vga.addCoalescedRange(0, 0xa000_0000);
    assert.deepEqual(zones(), [
      '0x100000+0x40000000',
      '0x40100000+0x40000000',
      '0x80100000+0x20000000',
    ]);
    vga.clearCoalescedRanges();
    assert.deepEqual(zones(), []);
  });

  test('random zones, and an error at any call: what is there is what the regions say', (t) => {
    const range = fc.record({ offset: fc.nat(6), size: fc.integer({ min: 1, max: 6 }) });
    const step = fc.record({
      ranges: fc.array(range, { maxLength: 4 }),
      move: fc.boolean(),
      fails: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
    });
    const property = fc.property(fc.array(step, { maxLength: 8 }), (steps: Step[]) => {
      const { topology, kvm, listener, vga, zones } = machine();
      for (const { ranges, move, fails } of steps) {
        if (fails !== undefined) {
          kvm.order({ ioctl: 'KVM_REGISTER_COALESCED_MMIO', call: fails, errno: 'ENOMEM' });
        }
        try {
          topology.transaction(() => {
            vga.clearCoalescedRanges();
            for (const { offset, size } of ranges) vga.addCoalescedRange(offset, size);
            if (move) vga.address += 0x1000n;
          });
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'ERR_LISTENER_FAILED');
        }
        kvm.cancelFaults();
        const expected = vga.coalescedRanges.map(
          ({ offset, size }) => `0x${(vga.address + offset).toString(16)}+0x${size.toString(16)}`,
        );
        assert.deepEqual(zones(), expected.sort());
        assert.equal(listener.zones.length, expected.length);
      }
    });
    fc.assert(property, runs<[Step[]]>(t, 300, 0.05));
  });
});
