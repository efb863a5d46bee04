// What the pictures stand on: scale, layers, columns, changes, and what travels into the page.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe as suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import type { AddressSpace } from '../../../lib/index.js';
import { buildTopology } from '../../../lib/mtree/build-topology.js';
import { reasonText } from '../../../lib/mtree/explanation-text.js';
import { AddressScale } from '../../../lib/mtree/map/address-scale.js';
import { assumedConsumers } from '../../../lib/mtree/map/assumed-consumers.js';
import { buildPageMap } from '../../../lib/mtree/map/build-page-map.js';
import { htmlMap } from '../../../lib/mtree/map/html-map.js';
import { mapChanges } from '../../../lib/mtree/map/map-changes.js';
import { addressIn, search } from '../../../lib/mtree/map/map-search.js';
import { packMap, unpackMap } from '../../../lib/mtree/map/map-transport.js';
import type { Placement } from '../../../lib/mtree/map/page-map.js';
import { PlacementStack } from '../../../lib/mtree/map/placement-stack.js';
import { rangePieces } from '../../../lib/mtree/map/range-pieces.js';
import { shadowReason } from '../../../lib/mtree/map/shadow-reason.js';
import { sizeText } from '../../../lib/mtree/map/size-text.js';
import { stackLayers } from '../../../lib/mtree/map/stack-layers.js';
import { svgMap } from '../../../lib/mtree/map/svg-map.js';
import { Track } from '../../../lib/mtree/map/track.js';
import { readTopology } from '../../../lib/mtree/read-topology.js';

const repository = fileURLToPath(new URL('../../../..', import.meta.url));

function build(file: string) {
  const { document } = readTopology(readFileSync(path.join(repository, file)));
  return buildTopology(document);
}

function mapOf(file: string) {
  const { topology, addressSpaces } = build(file);
  const map = buildPageMap(addressSpaces, { consumers: assumedConsumers(4096n) });
  topology.close();
  return map;
}

const rtl8168 = 'examples/dumps/rtl8168.json';
const slowPage = 'examples/dumps/rtl8168-slow-page.json';

/** Ranges in ascending order, up to the last address. */
const extents = fc
  .uniqueArray(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), { minLength: 2, maxLength: 40 })
  .map((edges) => edges.sort((a, b) => (a < b ? -1 : 1)))
  .map((edges) =>
    edges.flatMap((first, at) =>
      at % 2 === 0 && edges[at + 1] !== undefined ? [{ first, last: edges[at + 1]! }] : [],
    ),
  );

suite('the scale of a picture', () => {
  test('finds every edge where it has put it, in ascending order', () => {
    fc.assert(
      fc.property(extents, fc.constantFrom('even' as const, 'size' as const), (list, mode) => {
        const scale = new AddressScale([list], mode);
        let last = -1;
        for (const { first } of list) {
          const position = scale.position(first);
          assert.ok(position > last);
          last = position;
          assert.equal(scale.segmentAt(position)!.first, first);
          assert.equal(scale.addressAt(position), first);
        }
        assert.ok(last < scale.length);
      }),
    );
  });

  test('draws ranges to scale, and folds what is empty', () => {
    const list = [
      { first: 0n, last: 0xfffn },
      { first: 0x4000_0000n, last: 0x4000_1fffn },
    ];
    const { segments } = new AddressScale([list], 'size');
    const lengths = segments.map(({ from, to }) => to - from);
    assert.deepEqual([lengths[0], lengths[2]], [0x1000, 0x2000]);
    assert.ok(segments[1]!.isFold && lengths[1]! < 0x1000);
  });

  test('says sizes as people do', () => {
    const sizes = [8n, 4096n, 0xf88n, 3n << 29n, 1n << 64n];
    assert.deepEqual(sizes.map(sizeText), ['8 B', '4 KiB', '3.8 KiB', '1.5 GiB', '16 EiB']);
  });
});

suite('the layers of a stack', () => {
  test('never overlap, and lie in front of what they cover', () => {
    const placement = fc
      .tuple(fc.nat(200), fc.nat(50))
      .map(([start, size]) => ({ first: BigInt(start), last: BigInt(start + size) }));
    fc.assert(
      fc.property(fc.array(placement, { maxLength: 60 }), (list) => {
        const placements = list.map(
          (extent, rank): Placement => ({
            ...extent,
            region: 0,
            through: -1,
            start: 0n,
            rank,
            disabled: false,
          }),
        );
        const layers = stackLayers(placements);
        for (const [at, one] of placements.entries()) {
          const covered = placements.filter(
            (other) => other.rank < one.rank && other.first <= one.last && other.last >= one.first,
          );
          const expected = Math.max(-1, ...covered.map(({ rank }) => layers[rank]!)) + 1;
          assert.equal(layers[at], expected);
        }
      }),
    );
  });
});

suite('a column', () => {
  const many = Array.from({ length: 100_000 }, (_, at) => ({ from: at, to: at + 0.75 }));
  const track = new Track(many);

  test('costs no more than the screen has pixels, at any zoom', () => {
    for (const zoom of [0.008, 0.1, 1, 30]) {
      const drawn = [...track.drawn({ top: 50, zoom, height: 800 })];
      assert.ok(drawn.length <= 801, `${drawn.length} at ${zoom}`);
      const seen = Math.min(100_000, 50 + 800 / zoom) - 50;
      const count = drawn.reduce((sum, stretch) => sum + stretch.count, 0);
      assert.ok(Math.abs(count - seen) <= 2 + 2 / zoom, `${count} of ${seen} at ${zoom}`);
    }
  });

  test('finds what is at a position, and between intervals nothing', () => {
    assert.deepEqual(
      [0, 0.7, 0.8, 99_999.5, 100_000].map((at) => track.at(at)),
      [0, 0, -1, 99_999, -1],
    );
  });
});

suite('what changed between two maps', () => {
  test('is told with what consumers make of it', () => {
    const [before, after] = [mapOf(rtl8168), mapOf(slowPage)];
    const side = (map: typeof before) => ({ space: map.spaces[0]!, regions: map.regions });
    assert.deepEqual(mapChanges(side(before), side(before)), []);
    const changes = mapChanges(side(before), side(after));
    assert.deepEqual(
      changes.map(({ first, last, consumers }) => [first, last, consumers]),
      [
        [0xfebd1000n, 0xfebd106fn],
        [0xfebd1078n, 0xfebd1fffn],
      ].map((extent) => [
        ...extent,
        ['KVM', 'VFIO'].map((name) => ({ name, before: 'sub-page', after: 'not-ram' })),
      ]),
    );
  });

  test('from nothing is everything', () => {
    const map = mapOf(rtl8168);
    const empty = { space: { ...map.spaces[0]!, ranges: [], consumers: [] }, regions: [] };
    const changes = mapChanges(empty, { space: map.spaces[0]!, regions: map.regions });
    const sum = changes.reduce((bytes, { first, last }) => bytes + last - first + 1n, 0n);
    assert.equal(sum, 0x8000_0000n + 0x1000n + 0x4000n);
    assert.ok(changes.every(({ before, after }) => before === undefined && after !== undefined));
  });
});

suite('a page of a map', () => {
  test('carries the map as it is, but for the places that texts begin with', () => {
    const map = mapOf('test/corpus/verified/q35-smp4-smm-b00.json.gz');
    const packed = JSON.parse(JSON.stringify(packMap('title', map)));
    const withoutTexts = (one: typeof map) => ({
      ...one,
      spaces: one.spaces.map((space) => ({
        ...space,
        consumers: space.consumers.map(({ name, verdicts }) => ({
          name,
          verdicts: verdicts.map(({ text: _, ...verdict }) => verdict),
        })),
      })),
    });
    assert.deepEqual(withoutTexts(unpackMap(packed)), withoutTexts(map));
  });

  test('holds one script that compiles, and no way to end it from within the data', () => {
    const map = mapOf(rtl8168);
    const evil = {
      ...map,
      regions: map.regions.map((region) => ({ ...region, name: '</script><b>&' })),
    };
    const html = htmlMap([{ title: '<img src=x>', map: evil }]);
    assert.equal(html.match(/<\/script>/g)!.length, 2);
    assert.ok(!html.includes('<img') && !html.includes('<b>'));
    const script = /<script>([\s\S]*)<\/script>/.exec(html)![1]!;
    assert.throws(() => runInNewContext(script), /document is not defined/);
    assert.ok(!/^(import|export)\b/m.test(script));
  });

  test('asks for nothing from elsewhere', () => {
    const html = htmlMap([{ title: 'a', map: mapOf(rtl8168) }]);
    assert.match(html, /default-src 'none'; script-src 'sha256-[\w+/=]+'; style-src 'sha256-/);
    assert.doesNotMatch(html, /(?:src|href)=/);
  });
});

suite('searching a map', () => {
  test('finds what shows, and what is hidden', () => {
    const { spaces, regions } = mapOf(slowPage);
    const pieces = rangePieces(spaces[0]!);
    const found = (text: string) =>
      search(text, spaces[0]!, pieces, regions).map(({ first, range }) => [
        first,
        range !== undefined,
      ]);
    assert.deepEqual(found('QUIRK'), [
      [0xfebd1070n, true],
      [0xfebd1074n, true],
    ]);
    assert.deepEqual(found('bar 2 mmaps'), [[0xfebd1000n, false]]);
    assert.deepEqual(found('febd_1071'), [[0xfebd1070n, true]]);
    assert.deepEqual(found('febd2000'), []);
    assert.deepEqual(found(' '), []);
  });

  test('reads addresses', () => {
    const texts = ['febd_1000', '0x10', 'ffffffffffffffff', '10000000000000000', 'pc.ram', ''];
    assert.deepEqual(texts.map(addressIn), [
      0xfebd1000n,
      0x10n,
      (1n << 64n) - 1n,
      undefined,
      undefined,
      undefined,
    ]);
  });
});

/** What the map and `explain` say of what is hidden where each range begins. */
function* reasonsOf(space: AddressSpace) {
  const map = buildPageMap([space]);
  const { placements, ranges } = map.spaces[0]!;
  const stack = new PlacementStack(placements);
  for (const { first } of ranges) {
    const here = stack.within(first, first);
    const top = here.find((at) => !placements[at]!.disabled);
    const hidden = here.filter((at) => at !== top);
    const told = hidden.map((at) => shadowReason(at, top, placements, map.regions));
    const { shadowed } = space.explain(first);
    // The map doesn't know of what is cut off.
    const explained = shadowed.filter(({ reason }) => reason.code !== 'clipped').map(reasonText);
    yield { first, told, explained };
  }
}

suite('why a region is hidden', () => {
  test('is said as explain says it, on machines of the corpus', () => {
    const folder = 'test/corpus/verified';
    const files = readdirSync(path.join(repository, folder)).filter((_, at) => at % 12 === 0);
    let compared = 0;
    for (const file of files) {
      const { topology, addressSpaces } = build(path.join(folder, file));
      for (const { first, told, explained } of addressSpaces
        .slice(0, 2)
        .flatMap((space) => [...reasonsOf(space)])) {
        const untold = explained.filter((text) => !told.includes(text));
        assert.deepEqual(untold, [], `${file} ${first.toString(16)}`);
        compared += explained.length;
      }
      topology.close();
    }
    assert.ok(compared > 100, `${compared} compared`);
  });
});

suite('a picture for documents', () => {
  test('names what shows, and marks what is refused', () => {
    const svg = svgMap(mapOf(rtl8168));
    assert.match(svg, /^<svg xmlns/);
    assert.match(svg, />vfio-rtl8168-window-data-quirk<\/text>/);
    assert.match(svg, /<title>sub-page: /);
    assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
  });

  test('is refused where no document has room for it, or there is no such space', () => {
    const map = mapOf(rtl8168);
    const ranges = Array.from({ length: 600 }, (_, at) => ({
      ...map.spaces[0]!.ranges[0]!,
      first: BigInt(at * 0x1000),
      last: BigInt(at * 0x1000 + 0xfff),
    }));
    const code = 'ERR_INVALID_ARGUMENT';
    const large = { ...map, spaces: [{ ...map.spaces[0]!, ranges, consumers: [] }] };
    assert.throws(() => svgMap(large), { code });
    assert.throws(() => svgMap(map, { space: 1 }), { code });
  });
});
