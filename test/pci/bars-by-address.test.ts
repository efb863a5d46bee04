import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { BarsByAddress } from '../../lib/pci/bars/bars-by-address.js';
import { runs } from '../oracle/runs.js';

interface Place {
  readonly address: bigint;
  readonly size: bigint;
}

interface Step {
  readonly item: number;
  readonly place: Place | undefined;
}

const anyPlace: fc.Arbitrary<Place> = fc
  .record({ power: fc.nat(10), at: fc.nat(1023) })
  .map(({ power, at }) => ({ address: BigInt(at & -(1 << power)), size: 1n << BigInt(power) }));

const anyStep: fc.Arbitrary<Step> = fc.record({
  item: fc.nat(199),
  place: fc.option(anyPlace, { nil: undefined, freq: 4 }),
});

const anyWindow: fc.Arbitrary<Place> = fc.record({
  address: fc.bigInt(0n, 1100n),
  size: fc.bigInt(1n, 1100n),
});

suite('BARs by address', () => {
  test('what touches a window is found, whatever overlaps, and no more than was asked for', (t) => {
    let found = 0;
    fc.assert(
      fc.property(
        fc.array(anyStep, { maxLength: 400, size: 'max' }),
        fc.array(anyWindow, { minLength: 5, maxLength: 5 }),
        fc.nat(20),
        (steps, windows, most) => {
          const index = new BarsByAddress<number>();
          const plain = new Map<number, Place>();
          for (const { item, place } of steps) {
            const old = plain.get(item);
            if (old !== undefined) index.delete(item, old);
            plain.delete(item);
            if (place === undefined) continue;
            index.add(item, place);
            plain.set(item, place);
          }
          for (const window of windows) {
            const expected = [...plain]
              .filter(
                ([, { address, size }]) =>
                  address < window.address + window.size && window.address < address + size,
              )
              .map(([i]) => i);
            const touching = index.touching(window);
            assert.deepEqual(touching.sort(), expected.sort());
            const some = index.touching(window, most);
            assert.equal(some.length, Math.min(most, expected.length));
            assert.ok(some.every((i) => expected.includes(i)));
            found += expected.length;
          }
        },
      ),
      runs<[Step[], Place[], number]>(t, 100, 0.01),
    );
    assert.ok(found > 1000);
  });
});
