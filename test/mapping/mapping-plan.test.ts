import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { MemoryTopology } from '../../lib/index.js';
import {
  isEmptyPlan,
  type MappingPlan,
  type PageMapping,
  planCost,
  planMappings,
} from '../../lib/mapping/index.js';
import { runs } from '../oracle/runs.js';

const page = 0x1000n;
const region = new MemoryTopology().container('region', 1);

interface Details {
  readonly readonly?: boolean;
  readonly dirtyLog?: boolean;
}

/** `count` pages from page `at` on, that show memory from page `host` on. */
function mapping(at: number, count: number, host: number, details: Details = {}): PageMapping {
  const { readonly = false, dirtyLog = false } = details;
  return {
    address: BigInt(at) * page,
    size: BigInt(count) * page,
    hostAddress: BigInt(host) * page,
    readonly,
    dirtyLog,
    region,
    offset: 0n,
  };
}

function short({ address, size, hostAddress }: PageMapping): string {
  return `${address / page}+${size / page}@${hostAddress / page}`;
}

/** `del A`, `move A B`, `add A` and `log A`, in the order in which they are carried out. */
function lines({ deletes, moves, adds, relogs }: MappingPlan<PageMapping>): string[] {
  return [
    ...deletes.map((it) => `del ${short(it)}`),
    ...moves.map(({ from, to }) => `move ${short(from)} ${short(to)}`),
    ...adds.map((it) => `add ${short(it)}`),
    ...relogs.map(({ to }) => `log ${to.dirtyLog} ${short(to)}`),
  ];
}

const canMove = { canMove: () => true };

suite('a plan', () => {
  test('is empty where all is as wanted', () => {
    const all = [mapping(0, 4, 100), mapping(8, 2, 50)];
    assert.ok(isEmptyPlan(planMappings(all, all, canMove)));
  });

  test('keeps the parts where one larger mapping would do, and the whole where parts would', () => {
    const parts = [mapping(0, 4, 100), mapping(4, 4, 104)];
    const whole = [mapping(0, 8, 100)];
    assert.ok(isEmptyPlan(planMappings(parts, whole, canMove)));
    assert.ok(isEmptyPlan(planMappings(whole, parts, canMove)));
    assert.deepEqual(lines(planMappings(parts, whole, { canMove: () => true, exact: true })), [
      'del 0+4@100',
      'del 4+4@104',
      'add 0+8@100',
    ]);
  });

  test('adds what is missing between', () => {
    const parts = [mapping(0, 2, 100), mapping(6, 2, 106)];
    assert.deepEqual(lines(planMappings(parts, [mapping(0, 9, 100)], canMove)), [
      'add 2+4@102',
      'add 8+1@108',
    ]);
  });

  test('cuts a mapping that loses its middle, and says what that interrupts', () => {
    const plan = planMappings(
      [mapping(0, 8, 100)],
      [mapping(0, 3, 100), mapping(4, 4, 104)],
      canMove,
    );
    assert.deepEqual(lines(plan), ['del 0+8@100', 'add 0+3@100', 'add 4+4@104']);
    assert.deepEqual(planCost(plan), {
      calls: 3,
      bytesMapped: 7n * page,
      bytesUnmapped: 8n * page,
      bytesInterrupted: 7n * page,
      hasGap: true,
    });
  });

  test('moves the same memory in the same length', () => {
    const plan = planMappings([mapping(0, 4, 100)], [mapping(8, 4, 100)], canMove);
    assert.deepEqual(lines(plan), ['move 0+4@100 8+4@100']);
    assert.deepEqual(planCost(plan), {
      calls: 1,
      bytesMapped: 4n * page,
      bytesUnmapped: 4n * page,
      bytesInterrupted: 0n,
      hasGap: false,
    });
    assert.deepEqual(lines(planMappings([mapping(0, 4, 100)], [mapping(8, 3, 100)], canMove)), [
      'del 0+4@100',
      'add 8+3@100',
    ]);
  });

  test('a move onto a part of the old place has a gap', () => {
    const plan = planMappings([mapping(0, 4, 100)], [mapping(1, 4, 100)], canMove);
    assert.equal(planCost(plan).hasGap, true);
  });

  test('what becomes read-only is mapped anew', () => {
    const readonly = { readonly: true };
    const plan = planMappings([mapping(0, 4, 100)], [mapping(0, 4, 100, readonly)], canMove);
    assert.deepEqual(lines(plan), ['del 0+4@100', 'add 0+4@100']);
    assert.equal(planCost(plan).bytesInterrupted, 0n);
  });

  test('the dirty log is switched in place, for the whole mapping if anybody watches a part', () => {
    const watched = { dirtyLog: true };
    const whole = [mapping(0, 8, 100)];
    const wanted = [mapping(0, 4, 100), mapping(4, 4, 104, watched)];
    assert.deepEqual(lines(planMappings(whole, wanted, canMove)), ['log true 0+8@100']);
    assert.deepEqual(lines(planMappings([mapping(0, 8, 100, watched)], whole, canMove)), [
      'log false 0+8@100',
    ]);
  });
});

suite('moves', () => {
  test('each finds its place free; a circle is broken by taking one away', () => {
    const count = 5;
    const circle = Array.from({ length: count }, (_, i) => mapping(i, 1, 100 + i));
    const turned = circle.map((it, i) => ({ ...it, address: BigInt((i + 1) % count) * page }));
    turned.sort((a, b) => Number(a.address - b.address));
    const plan = planMappings(circle, turned, canMove);
    assert.equal(plan.moves.length, count - 1);
    assert.equal(plan.deletes.length, 1);
    assert.equal(planCost(plan).calls, count + 1);
    carryOut(circle, plan);
  });

  test('a chain of ten thousand is in order', () => {
    const before = Array.from({ length: 10_000 }, (_, i) => mapping(i, 1, 20_000 + i));
    const after = before.map((it) => ({ ...it, address: it.address + page }));
    const plan = planMappings(before, after, canMove);
    assert.equal(plan.moves.length, before.length);
    assert.equal(plan.moves[0]?.from, before.at(-1));
    assert.equal(plan.moves.at(-1)?.from, before[0]);
  });
});

/** Carries out a plan by the rule of the kernel: nothing may overlap, at no time. Returns what is there then. */
function carryOut(
  installed: readonly PageMapping[],
  plan: MappingPlan<PageMapping>,
): PageMapping[] {
  const present = new Set(installed);
  const put = (it: PageMapping): void => {
    for (const other of present) {
      const apart =
        it.address + it.size <= other.address || other.address + other.size <= it.address;
      assert.ok(apart, `${short(it)} overlaps ${short(other)}`);
    }
    present.add(it);
  };
  for (const it of plan.deletes) assert.ok(present.delete(it));
  for (const { from, to } of [...plan.moves, ...plan.relogs]) {
    assert.ok(present.delete(from));
    put(to);
  }
  for (const it of plan.adds) put(it);
  return [...present];
}

/** What each page shows. */
function painted(mappings: readonly PageMapping[]): string[] {
  const pages = new Map<bigint, string>();
  for (const { address, size, hostAddress, readonly } of mappings) {
    for (let at = 0n; at < size; at += page) {
      pages.set(address + at, `${(hostAddress + at) / page}${readonly ? ' r' : ''}`);
    }
  }
  return [...pages].map(([at, shows]) => `${at / page} ${shows}`).sort();
}

suite('random plans', () => {
  /** Mappings one behind the other, of a few memories, so that moves, joins and cuts are frequent. */
  const some = fc
    .array(
      fc.record({
        gap: fc.nat(2),
        count: fc.integer({ min: 1, max: 4 }),
        host: fc.constantFrom(100, 101, 102, 104, 200, 201),
        readonly: fc.constantFrom(false, false, false, true),
        dirtyLog: fc.boolean(),
        follows: fc.boolean(),
      }),
      { maxLength: 12 },
    )
    .map((parts) => {
      let at = 0;
      let next = 0;
      return parts.map(({ gap, count, host, follows, ...details }) => {
        const start = at + (follows ? 0 : gap);
        const shown = follows ? next : host + start * 7;
        at = start + count;
        next = shown + count;
        return mapping(start, count, shown % 40, details);
      });
    });

  test('lead to what is wanted, never overlap, cost no more than doing all anew, and are final', (t) => {
    const property = fc.property(some, some, fc.boolean(), (installed, wanted, moves) => {
      const plan = planMappings(installed, wanted, { canMove: () => moves });
      const after = carryOut(installed, plan).sort((a, b) => Number(a.address - b.address));
      assert.deepEqual(painted(after), painted(wanted));
      assert.ok(planCost(plan).calls <= installed.length + wanted.length * 2);
      assert.ok(isEmptyPlan(planMappings(after, wanted, { canMove: () => moves })));
      const exact = planMappings(after, wanted, { canMove: () => moves, exact: true });
      assert.equal(carryOut(after, exact).length, wanted.length);
    });
    fc.assert(property, runs<[PageMapping[], PageMapping[], boolean]>(t, 3000, 0.5));
  });
});
