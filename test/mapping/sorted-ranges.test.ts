import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { type AddressRange, endOf } from '../../lib/mapping/page-mapping.js';
import { sweep, united } from '../../lib/mapping/range-sweep.js';
import { SortedRanges } from '../../lib/mapping/sorted-ranges.js';
import { runs } from '../oracle/runs.js';

/** Where ranges can be: one in each place, which they may fill. */
const placeSize = 8;
const places = 600;

function rangeAt(place: number, offset: number, size: number): AddressRange {
  const start = offset % placeSize;
  return {
    address: BigInt(place * placeSize + start),
    size: BigInt(Math.min(size, placeSize - start)),
  };
}

const anyRange = fc
  .tuple(fc.nat(places - 1), fc.nat(placeSize - 1), fc.integer({ min: 1, max: placeSize }))
  .map((numbers) => rangeAt(...numbers));

/** Ranges in order, of which none overlaps another. */
const anyRanges = fc
  .array(anyRange, { maxLength: places, size: 'max' })
  .map((ranges) => onePerPlace(ranges).sort((a, b) => (a.address < b.address ? -1 : 1)));

function onePerPlace(ranges: readonly AddressRange[]): AddressRange[] {
  return [...new Map(ranges.map((range) => [placeOf(range), range])).values()];
}

function placeOf({ address }: AddressRange): bigint {
  return address / BigInt(placeSize);
}

function holds(range: AddressRange, address: bigint): boolean {
  return range.address <= address && address < endOf(range);
}

/** That `ranges` has those of `plain`, and finds the same at `address` and in `size` bytes from there. */
function assertSame(
  ranges: SortedRanges<AddressRange>,
  plain: readonly AddressRange[],
  address: bigint,
  size: bigint,
): void {
  const all = plain.toSorted((a, b) => (a.address < b.address ? -1 : 1));
  assert.deepEqual(ranges.all, all);
  assert.equal(ranges.isEmpty, all.length === 0);
  assert.equal(
    ranges.at(address),
    all.find((range) => holds(range, address)),
  );
  const touching = all.filter((it) => it.address < address + size && endOf(it) > address);
  assert.deepEqual(ranges.touching({ address, size }), touching);
}

suite('sorted ranges', () => {
  test('are what a plain list is, also with many more than a chunk takes', (t) => {
    const change = fc.record({
      gone: fc.array(fc.nat(places - 1), { maxLength: 400, size: 'max' }),
      fresh: fc.array(anyRange, { maxLength: 400, size: 'max' }),
      window: anyRange,
      length: fc.nat(places * placeSize),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
        const ranges = new SortedRanges<AddressRange>();
        const model = new Map<bigint, AddressRange>();
        for (const { gone, fresh, window, length } of changes) {
          const leaving = [...new Set(gone)].flatMap((place) => model.get(BigInt(place)) ?? []);
          for (const range of leaving) model.delete(placeOf(range));
          const coming = onePerPlace(fresh).filter((range) => !model.has(placeOf(range)));
          for (const range of coming) model.set(placeOf(range), range);
          ranges.replace(leaving, coming);
          assertSame(ranges, [...model.values()], window.address, BigInt(length));
        }
      }),
      runs(t, 100, 0.1),
    );
  });

  test('say whether there was what they are to delete', () => {
    const ranges = new SortedRanges<AddressRange>();
    ranges.add({ address: 16n, size: 16n });
    assert.deepEqual(
      [0n, 17n, 32n].map((address) => ranges.delete(address)),
      [false, false, false],
    );
    assert.equal(ranges.delete(16n), true);
    assert.equal(ranges.isEmpty, true);
  });
});

suite('sweeping two lists of ranges', () => {
  test('visits each address that either has, once, with what each has there', (t) => {
    fc.assert(
      fc.property(anyRanges, anyRanges, (a, b) => {
        const stretches: AddressRange[] = [];
        let last = 0n;
        sweep(a, b, (one, other, start, end) => {
          assert.ok(last <= start && start < end);
          last = end;
          stretches.push({ address: start, size: end - start });
          for (const address of [start, end - 1n]) {
            assert.equal(
              one,
              a.find((range) => holds(range, address)),
            );
            assert.equal(
              other,
              b.find((range) => holds(range, address)),
            );
          }
        });
        assert.deepEqual(united(stretches), united([...a, ...b]));
      }),
      runs(t, 50, 0.05),
    );
  });
});
