import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { AddressRange } from '../../lib/mapping/index.js';
import {
  type BarPages,
  type BarPlacement,
  type OffsetRange,
  planBarPages,
  slowPagesOf,
} from '../../lib/pci/index.js';
import { runs } from '../oracle/runs.js';

const pageSizes = [0x1000n, 0x4000n, 0x1_0000n];

function range(offset: bigint, size: bigint): OffsetRange {
  return { offset, size };
}

function at(address: bigint, size: bigint): AddressRange {
  return { address, size };
}

/** A BAR that the kernel lets be mapped as a whole. */
function wholeBar(size: bigint, more: Partial<BarPages> = {}): BarPages {
  return { areas: [range(0n, size)], ownsWholePage: true, cuts: [], ...more };
}

for (const pageSize of pageSizes) {
  suite(`the page policy, pages of ${pageSize / 1024n} KiB`, () => {
    const P = pageSize;
    const base = 0xc000_0000n;
    const small = 0x100n;
    const grown = { size: P, priority: 0, slowPages: [] };
    const allSlow = { size: small, priority: 1, slowPages: [range(0n, small)] };

    function placed(more: Partial<BarPlacement> = {}): BarPlacement {
      const pages = wholeBar(more.size ?? small);
      return { address: base, size: small, pages, neighbours: [], pageSize, ...more };
    }

    function codes(placement: BarPlacement): string[] {
      return slowPagesOf(placement).map(({ code }) => code);
    }

    test('vector 1: a small BAR alone at the start of a page is grown, at priority 0', () => {
      assert.deepEqual(planBarPages(placed()), grown);
    });

    test('vectors 2 and 3: elsewhere in a page it has its own size, and is slow', () => {
      const placement = placed({ address: base + small });
      assert.deepEqual(planBarPages(placement), allSlow);
      assert.deepEqual(codes(placement), ['unaligned']);
    });

    test('vectors 4 and 5: another BAR in the page keeps it from growing, as long as it is there', () => {
      const placement = placed({ neighbours: [at(base + P / 2n, small)] });
      assert.deepEqual(planBarPages(placement), allSlow);
      assert.deepEqual(slowPagesOf(placement)[0], {
        ...range(0n, small),
        code: 'neighbour',
        by: range(P / 2n, small),
      });
    });

    test('a BAR in the next page or the one before is no neighbour', () => {
      const neighbours = [at(base + P, small), at(base - small, small)];
      assert.deepEqual(planBarPages(placed({ neighbours })), grown);
    });

    test('two small BARs at the same address are both slow, whoever was there first', () => {
      const neighbours = [at(base, 2n * small)];
      assert.deepEqual(planBarPages(placed({ neighbours })), allSlow);
      const other = planBarPages(placed({ size: 2n * small, neighbours: [at(base, small)] }));
      assert.deepEqual(other, {
        size: 2n * small,
        priority: 1,
        slowPages: [range(0n, 2n * small)],
      });
    });

    test('vector 7: a BAR that cannot be mapped is never grown, nor slow pages made of it', () => {
      const plain = { size: small, priority: 1, slowPages: [] };
      assert.deepEqual(planBarPages(placed({ pages: undefined })), plain);
      assert.deepEqual(planBarPages(placed({ pages: wholeBar(small, { areas: [] }) })), plain);
    });

    test("without the kernel's word for the rest of the page it is not grown", () => {
      const placement = placed({ pages: wholeBar(small, { ownsWholePage: false }) });
      assert.deepEqual(planBarPages(placement), allSlow);
      assert.deepEqual(codes(placement), ['tail-not-owned']);
    });

    test('vector 8: 32 KiB are grown to a page of 64 KiB, and untouched on smaller pages', () => {
      const plan = planBarPages(placed({ size: 0x8000n }));
      const untouched = { size: 0x8000n, priority: 1, slowPages: [] };
      assert.deepEqual(plan, P === 0x1_0000n ? grown : untouched);
    });

    test('vectors 9 and 10: a small BAR that is mapped only in part is not grown', () => {
      const pages = wholeBar(small, { areas: [range(0x80n, 0x80n)] });
      const placement = placed({ pages });
      assert.deepEqual(planBarPages(placement), allSlow);
      assert.deepEqual(codes(placement), ['partly-mapped']);
    });

    test('a cut makes its page slow, and no other', () => {
      const size = 4n * P;
      const pages = wholeBar(size, { cuts: [range(P + 0x70n, 8n)] });
      const placement = placed({ size, pages });
      assert.deepEqual(planBarPages(placement).slowPages, [range(P, P)]);
      assert.deepEqual(slowPagesOf(placement), [
        { ...range(P, P), code: 'cut', by: range(P + 0x70n, 8n) },
      ]);
    });

    test('a cut across the edge of two pages makes both slow', () => {
      const size = 4n * P;
      const pages = wholeBar(size, { cuts: [range(2n * P - 4n, 8n)] });
      assert.deepEqual(planBarPages(placed({ size, pages })).slowPages, [range(P, 2n * P)]);
    });

    test('a cut where nothing is mapped makes nothing slow', () => {
      const size = 4n * P;
      const pages = wholeBar(size, { areas: [range(0n, P)], cuts: [range(2n * P, 8n)] });
      assert.deepEqual(planBarPages(placed({ size, pages })).slowPages, []);
    });

    test('a small BAR that is cut is slow, and not grown', () => {
      const pages = wholeBar(small, { cuts: [range(0x70n, 8n)] });
      assert.deepEqual(planBarPages(placed({ pages })), allSlow);
    });

    test('areas that share a page and fill it together make a whole page', () => {
      const areas = [range(0n, P / 4n), range(P / 4n, P - P / 4n), range(P, P)];
      const size = 2n * P;
      assert.deepEqual(
        planBarPages(placed({ size, pages: wholeBar(size, { areas }) })).slowPages,
        [],
      );
    });

    test('an area with ragged edges is slow there, and mapped between', () => {
      const size = 8n * P;
      const pages = wholeBar(size, { areas: [range(P - 8n, 4n * P)] });
      const { slowPages } = planBarPages(placed({ size, pages }));
      assert.deepEqual(slowPages, [range(0n, P), range(4n * P, P)]);
    });

    test('a neighbour over whole pages makes none of them slow; over a part of one, that one', () => {
      const size = 8n * P;
      const whole = placed({ size, neighbours: [at(base + P, 2n * P)] });
      assert.deepEqual(planBarPages(whole).slowPages, []);
      const part = placed({ size, neighbours: [at(base + P, P + small)] });
      assert.deepEqual(planBarPages(part).slowPages, [range(2n * P, P)]);
    });

    test('a hole as MSI-X leaves it, in whole pages, costs no page around it', () => {
      const size = 4n * P;
      const pages = wholeBar(size, {
        areas: [range(0n, P), range(2n * P, 2n * P)],
        cuts: [range(P, 0x80n)],
      });
      assert.deepEqual(planBarPages(placed({ size, pages })).slowPages, []);
    });

    test('at the last page of the address space', () => {
      const address = (1n << 64n) - P;
      assert.deepEqual(planBarPages(placed({ address })), grown);
      assert.deepEqual(planBarPages(placed({ address: (1n << 64n) - small })), allSlow);
    });

    test('equals a painter that looks at every byte', (t) => {
      const property = fc.property(somePlacement(pageSize), (placement) => {
        assertPlan(placement);
      });
      fc.assert(property, runs<[BarPlacement]>(t, 500, 0.1));
    });
  });
}

/** Everything in the property is a multiple of this many parts of a page. */
const parts = 8n;

function somePlacement(pageSize: bigint): fc.Arbitrary<BarPlacement> {
  const grain = pageSize / parts;
  const grains = (most: bigint) => fc.bigInt(0n, most).map((count) => count * grain);
  const ranges: fc.Arbitrary<OffsetRange[]> = fc
    .array(fc.tuple(grains(16n), grains(12n)), { maxLength: 4 })
    .map((list) => list.map(([offset, size]) => range(offset, size)).filter((it) => it.size > 0n));
  return fc
    .record({
      exponent: fc.integer({ min: 0, max: 5 }),
      address: fc.oneof(grains(32n), fc.constantFrom(16n * pageSize, 17n * pageSize)),
      areas: fc.option(ranges),
      ownsWholePage: fc.boolean(),
      cuts: fc.oneof(fc.constant<OffsetRange[]>([]), ranges),
      neighbours: fc.oneof(fc.constant<OffsetRange[]>([]), ranges),
    })
    .map(({ exponent, address, areas, ownsWholePage, cuts, neighbours }) => {
      const size = grain << BigInt(exponent);
      const within = (list: readonly OffsetRange[]): OffsetRange[] => disjoint(list, size);
      return {
        address: address + 16n * pageSize,
        size,
        pages: {
          areas: within(areas ?? [range(0n, size)]),
          ownsWholePage,
          cuts: within(cuts),
        },
        neighbours: neighbours.map(({ offset, size: bytes }) => at(offset + 14n * pageSize, bytes)),
        pageSize,
      };
    });
}

/** The ranges as far as they lie in `size` bytes and overlap none before. */
function disjoint(ranges: readonly OffsetRange[], size: bigint): OffsetRange[] {
  const taken: OffsetRange[] = [];
  for (const { offset, size: bytes } of ranges) {
    const end = offset + bytes < size ? offset + bytes : size;
    if (offset >= end || taken.some((it) => offset < it.offset + it.size && it.offset < end))
      continue;
    taken.push(range(offset, end - offset));
  }
  return taken.sort((a, b) => (a.offset < b.offset ? -1 : 1));
}

function holds(ranges: readonly OffsetRange[], offset: bigint): boolean {
  return ranges.some((it) => offset >= it.offset && offset < it.offset + it.size);
}

/** What one page shows, grain by grain, without any arithmetic on ranges. */
function paintPage({ address, size, pages, neighbours, pageSize }: BarPlacement, page: bigint) {
  const grains = Array.from(
    { length: Number(parts) },
    (_, i) => page + (BigInt(i) * pageSize) / parts,
  );
  const isInside = (byte: bigint): boolean => byte >= address && byte < address + size;
  const inBar = (ranges: readonly OffsetRange[] = []): bigint[] =>
    grains.filter((byte) => isInside(byte) && holds(ranges, byte - address));
  const areas = inBar(pages?.areas).length;
  const tail = pages?.ownsWholePage ? grains.filter((byte) => byte >= address + size).length : 0;
  const others = neighbours.map((it) => {
    const place = range(it.address, it.size);
    return grains.filter((byte) => holds([place], byte)).length;
  });
  const isUncut = address % pageSize === 0n && inBar(pages?.cuts).length === 0;
  return {
    grains: grains.filter(isInside),
    isMapped: areas > 0,
    isGrown:
      size < pageSize && isUncut && areas + tail === grains.length && others.every((n) => n === 0),
    isWhole:
      isUncut && areas === grains.length && others.every((n) => n === 0 || n === grains.length),
  };
}

function assertPlan(placement: BarPlacement): void {
  const { address, size, pageSize } = placement;
  const plan = planBarPages(placement);
  const isGrown = plan.size !== size;
  assert.equal(plan.priority, isGrown ? 0 : 1);
  for (let page = address - (address % pageSize); page < address + size; page += pageSize) {
    const painted = paintPage(placement, page);
    assert.equal(isGrown, painted.isGrown);
    const isSlow = painted.isMapped && !painted.isGrown && !painted.isWhole;
    for (const byte of painted.grains) {
      assert.equal(holds(plan.slowPages, byte - address), isSlow, `byte ${byte.toString(16)}`);
    }
  }
}

test('pages that no host has are refused', () => {
  const pages = wholeBar(0x100n);
  for (const pageSize of [-0x1000n, 0n, 0x1800n, 0x3000n]) {
    const placement = { address: 0xc000_0000n, size: 0x100n, pages, neighbours: [], pageSize };
    assert.throws(() => planBarPages(placement), { code: 'ERR_INVALID_ARGUMENT' });
    assert.throws(() => slowPagesOf(placement), { code: 'ERR_INVALID_ARGUMENT' });
  }
});
