import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { applyEdits, editsBetween } from '../../../lib/mtree/map/row-edits.js';

const row = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const rows = fc.array(row, { maxLength: 20 });

suite('edits of rows', () => {
  test('make the one list into the other', () => {
    fc.assert(
      fc.property(rows, rows, (before, after) => {
        assert.deepEqual(applyEdits(before, editsBetween(before, after)), after);
      }),
    );
  });

  test('tell nothing of equal lists, and one row of one that went elsewhere', () => {
    const list = Array.from({ length: 1000 }, (_, at) => `row ${at}`);
    assert.deepEqual(editsBetween(list, [...list]), []);
    const moved = list.toSpliced(10, 1).toSpliced(900, 0, 'row 10');
    assert.deepEqual(editsBetween(list, moved), [
      [10, 1, []],
      [901, 0, ['row 10']],
    ]);
  });
});
