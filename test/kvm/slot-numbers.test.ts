import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { SlotNumbers } from '../../lib/kvm/slots/slot-numbers.js';
import { runs } from '../oracle/runs.js';

/** Not a multiple of what a word holds. */
const limit = 75;

/** Has numbers leave and come, in `numbers` and in a plain set. */
function replace(
  numbers: SlotNumbers,
  taken: Set<number>,
  gone: readonly number[],
  fresh: readonly number[],
): void {
  for (const number of gone) {
    numbers.release(number);
    taken.delete(number);
  }
  for (const number of fresh) {
    numbers.take(number);
    taken.add(number);
  }
}

suite('numbers of slots', () => {
  test('are the lowest that are free or leave, and there are as many as the limit says', (t) => {
    const all = Array.from({ length: limit }, (_, i) => i);
    const change = fc.record({ count: fc.nat(limit), leaving: fc.array(fc.nat(limit - 1)) });
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        const numbers = new SlotNumbers(limit);
        const taken = new Set<number>();
        for (const { count, leaving } of changes) {
          const gone = [...new Set(leaving)].filter((number) => taken.has(number));
          const free = all.filter((number) => !taken.has(number) || gone.includes(number));
          const found = numbers.lowest(count, gone);
          assert.deepEqual(found, free.length < count ? undefined : free.slice(0, count));
          replace(numbers, taken, gone, found ?? []);
        }
      }),
      runs(t, 100, 0.1),
    );
  });
});
