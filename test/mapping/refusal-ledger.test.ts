import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { MemoryTopology } from '../../lib/index.js';
import { Refusal, type RefusalChange, type RefusalCode } from '../../lib/mapping/index.js';
import { RefusalLedger } from '../../lib/mapping/refusal-ledger.js';
import { FlatRange } from '../../lib/memory/views/flat-view.js';

const region = new MemoryTopology().ram('ram', 0x10000, { backing: 'none' });

function refusal(code: RefusalCode, address: bigint, size = 0x100n): Refusal {
  const range = new FlatRange(address, address + size - 1n, region, address, 0);
  return new Refusal(code, range, () => 'why');
}

function names(refusals: Iterable<Refusal>): string[] {
  return [...refusals].map(({ code, address }) => `${code} ${address.toString(16)}`);
}

const window = (address: bigint, size: bigint) => [{ address, size }];

suite('the refusals that stand', () => {
  test('are replaced in windows, and counted', () => {
    const ledger = new RefusalLedger();
    ledger.replace(window(0n, 0x1000n), [refusal('sub-page', 0n), refusal('errno', 0x200n)]);
    ledger.replace(window(0x1000n, 0x1000n), [refusal('sub-page', 0x1000n)]);
    assert.deepEqual(names(ledger.all), ['sub-page 0', 'errno 200', 'sub-page 1000']);
    assert.deepEqual(Object.fromEntries(ledger.counts), { 'sub-page': 2, errno: 1 });
    assert.equal(ledger.count, 3);
    ledger.replace(window(0n, 0x1000n), []);
    assert.deepEqual(names(ledger.touching({ address: 0n, size: 0x1001n })), ['sub-page 1000']);
    assert.deepEqual(Object.fromEntries(ledger.counts), { 'sub-page': 1 });
  });

  test('are told when they are new and when they are gone, and not when they stay', async () => {
    const changes: RefusalChange[] = [];
    const ledger = new RefusalLedger((change) => changes.push(change));
    const [old, other] = [refusal('sub-page', 0n), refusal('sub-page', 0x200n)];
    ledger.replace(window(0n, 0x1000n), [old, other]);
    ledger.replace(window(0n, 0x1000n), [refusal('sub-page', 0n), refusal('errno', 0x200n)]);
    ledger.replace(window(0n, 0x1000n), [refusal('sub-page', 0n), refusal('errno', 0x200n)]);
    assert.equal(changes.length, 0, 'not at once');
    await Promise.resolve();
    assert.deepEqual(
      changes.map(({ refused, resolved }) => [names(refused), names(resolved)]),
      [
        [['sub-page 0', 'sub-page 200'], []],
        [['errno 200'], ['sub-page 200']],
      ],
    );
    assert.equal(ledger.all[0], old, 'the one that stays is the same');
  });

  test('are found by their code, the oldest first', () => {
    const ledger = new RefusalLedger();
    for (const at of [0x300n, 0x100n, 0x200n]) {
      ledger.replace(window(at, 0x100n), [refusal('budget', at)]);
    }
    assert.deepEqual(names(ledger.oldest('budget', 2)), ['budget 300', 'budget 100']);
    assert.deepEqual(names(ledger.oldest('errno', 2)), []);
  });
});
