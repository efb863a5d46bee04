import assert from 'node:assert/strict';
import { describe as suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { buildTopology } from '../../lib/mtree/build-topology.js';
import { readTopology } from '../../lib/mtree/read-topology.js';
import { readTopologyJson } from '../../lib/mtree/read-topology-json.js';
import { writeTopologyJson } from '../../lib/mtree/write-topology-json.js';

const root = { id: 0, type: 'container', size: '0x100' };
const spaces = [{ name: 'memory', root: 0 }];

/** A document whose second region has these members beside the needed ones. */
function withRegion(members: object): string {
  const region = { id: 1, type: 'ram', size: 16, parent: 0, ...members };
  return JSON.stringify({ regions: [root, region], address_spaces: spaces });
}

suite('a topology as JSON', () => {
  test('needs regions and address spaces only; everything else has a default', () => {
    const { regions, addressSpaces, flatViews, name } = readTopologyJson(withRegion({}));
    assert.deepEqual(regions[1], {
      id: 1,
      name: '(null)',
      kind: 'ram',
      address: 0n,
      size: 16n,
      priority: 0,
      enabled: true,
      parent: 0,
      order: 0,
      alias: undefined,
      readonly: false,
      nonvolatile: false,
      romd: true,
      unmergeable: false,
      dirtyLogMask: 0,
      owner: undefined,
    });
    assert.deepEqual(addressSpaces, [{ name: 'memory', root: 0 }]);
    assert.equal(flatViews, undefined);
    assert.equal(name, undefined);
  });

  test('tells kinds by the type and by the flags of what the monitor prints alike', () => {
    const kinds = [
      [{ type: 'container' }, 'container'],
      [{ type: 'i/o' }, 'io'],
      [{ type: 'i/o', terminates: false }, 'container'],
      [{ type: 'i/o', rom_device: true }, 'rom-device'],
      [{ type: 'i/o', iommu: true }, 'iommu'],
      [{ type: 'i/o', reservation: true }, 'reservation'],
      [{ type: 'ram' }, 'ram'],
      [{ type: 'ram', readonly: true }, 'rom'],
      [{ type: 'ram', ram_device: true }, 'ram-device'],
      [{ type: 'rom' }, 'rom'],
      [{ type: 'romd' }, 'rom-device'],
      [{ type: 'ramd' }, 'ram-device'],
      [{ type: 'alias', alias: { target: 0 } }, 'alias'],
    ] as const;
    for (const [members, kind] of kinds) {
      const region = readTopologyJson(withRegion(members)).regions[1];
      assert.equal(region?.kind, kind, JSON.stringify(members));
    }
    const off = readTopologyJson(withRegion({ type: 'i/o', rom_device: true })).regions[1];
    const on = readTopologyJson(withRegion({ type: 'romd' })).regions[1];
    assert.deepEqual([off?.romd, on?.romd], [false, true]);
  });

  test('stacks siblings by priority, then order, then their place in the file', () => {
    const region = (id: number, members: object) => ({
      id,
      name: `${id}`,
      type: 'ram',
      size: 16,
      parent: 0,
      ...members,
    });
    const regions = [
      root,
      region(1, {}),
      region(2, {}),
      region(3, { priority: 1 }),
      region(4, { priority: -1, order: 0 }),
    ];
    const document = readTopologyJson(JSON.stringify({ regions, address_spaces: spaces }));
    const { topology, regions: built } = buildTopology(document);
    const names = built.get(0)?.subregions.map(({ name }) => name);
    assert.deepEqual(names, ['3', '1', '2', '4']);
    topology.close();
  });

  test('has every attribute go all the way into the tree and back', () => {
    const members = [
      { type: 'rom', priority: -7, enabled: false, owner: 'owner:{dev id=x}', addr: '0x10' },
      { type: 'ram', nonvolatile: true, unmergeable: true, dirty_log_mask: 5, name: 'a "b"' },
      { type: 'i/o', rom_device: true, readonly: true },
      { type: 'container', readonly: true, nonvolatile: true, size: '0x10000000000000000' },
      { type: 'i/o', reservation: true },
    ];
    for (const one of members) {
      const document = readTopologyJson(withRegion(one));
      const record = document.regions[1];
      const { topology, regions } = buildTopology(document);
      const region = regions.get(1);
      assert.ok(record && region);
      assert.equal(region.kind, record.kind);
      assert.equal(region.address, record.address);
      assert.equal(region.size, record.size);
      assert.equal(region.priority, record.priority);
      assert.equal(region.enabled, record.enabled);
      assert.equal(region.readonly, record.readonly);
      assert.equal(region.nonvolatile, record.nonvolatile);
      assert.equal(region.unmergeable, record.unmergeable);
      assert.equal(region.dirtyLogMask, record.dirtyLogMask);
      assert.equal(region.owner, record.owner);
      assert.deepEqual(readTopologyJson(writeTopologyJson(document)), document);
      topology.close();
    }
  });

  test('keeps the address and priority of a region without a parent', () => {
    const region = { id: 0, type: 'ram', size: 16, addr: '0x20', priority: 3 };
    const document = readTopologyJson(
      JSON.stringify({ regions: [region], address_spaces: spaces }),
    );
    const { topology, addressSpaces } = buildTopology(document);
    assert.equal(addressSpaces[0]?.root.priority, 3);
    assert.equal(addressSpaces[0]?.flatView.lookup(0x20)?.offset, 0n);
    topology.close();
  });

  test('may be gzipped, and may begin with white space or a byte order mark', () => {
    const text = withRegion({});
    for (const bytes of [Buffer.from(text), gzipSync(text), Buffer.from(`\ufeff\n ${text}`)]) {
      assert.equal(readTopology(bytes).document.regions.length, 2);
    }
  });
});

suite('malformed JSON: an error that gives the place', () => {
  const regions = [root];
  const json = (value: unknown) => JSON.stringify(value);
  const alias = { type: 'alias', alias: { target: 0 } };
  const loop = [
    { id: 0, type: 'container', size: 1, parent: 1 },
    { id: 1, type: 'container', size: 1, parent: 0 },
  ];
  const aliases = [1, 0].map((target, id) => ({ id, type: 'alias', size: 1, alias: { target } }));
  const view = (ranges: unknown) => json({ regions, address_spaces: spaces, flat: [{ ranges }] });

  const malformed: readonly (readonly [what: string, text: string, message: RegExp])[] = [
    ['no object', '[]', /^the document is an array, not an object/],
    ['no regions', json({ address_spaces: [] }), /^regions is missing/],
    ['no address spaces', json({ regions }), /^address_spaces is missing/],
    [
      'regions that are no list',
      json({ regions: {}, address_spaces: [] }),
      /^regions is an object, not an array/,
    ],
    [
      'a region that is none',
      json({ regions: [7], address_spaces: [] }),
      /^regions\[0\] is 7, not an object/,
    ],
    [
      'a region that is null',
      json({ regions: [null], address_spaces: [] }),
      /^regions\[0\] is null/,
    ],
    ['no id', withRegion({ id: undefined }), /^regions\[1\]\.id is missing/],
    ['a fractional id', withRegion({ id: 0.5 }), /^regions\[1\]\.id is 0\.5, not an integer/],
    ['a negative id', withRegion({ id: -1 }), /^regions\[1\]\.id is -1/],
    ['an id given twice', withRegion({ id: 0 }), /^regions\[1\]\.id is 0, as is regions\[0\]\.id/],
    ['no type', withRegion({ type: undefined }), /^regions\[1\]\.type is missing/],
    [
      'an unknown type',
      withRegion({ type: 'flash' }),
      /^regions\[1\]\.type is "flash", not one of/,
    ],
    ['no size', withRegion({ size: undefined }), /^regions\[1\]\.size is missing/],
    [
      'a size beyond 2^64',
      withRegion({ size: '0x10000000000000001' }),
      /^regions\[1\]\.size is 0x10000000000000001, outside/,
    ],
    ['a negative size', withRegion({ size: -1 }), /^regions\[1\]\.size is -1, outside/],
    [
      'a fractional size',
      withRegion({ size: 1.5 }),
      /^regions\[1\]\.size is 1\.5, not a hexadecimal/,
    ],
    [
      'a decimal string as size',
      withRegion({ size: '16' }),
      /^regions\[1\]\.size is "16", not a hexadecimal/,
    ],
    [
      'an unsafe number as size',
      withRegion({ size: 2 ** 60 }),
      /^regions\[1\]\.size is 1152921504606847000, not/,
    ],
    [
      'an endless string as size',
      withRegion({ size: `0x${'f'.repeat(1000)}` }),
      /^regions\[1\]\.size is "0xf{38}\.\.\."/,
    ],
    [
      'an address of 2^64',
      withRegion({ addr: '0x10000000000000000' }),
      /^regions\[1\]\.addr is .*outside/,
    ],
    ['an address that is no number', withRegion({ addr: 'zero' }), /^regions\[1\]\.addr is "zero"/],
    [
      'a priority beyond 32 bits',
      withRegion({ priority: 2 ** 31 }),
      /^regions\[1\]\.priority is 2147483648/,
    ],
    [
      'a flag that is no boolean',
      withRegion({ enabled: 1 }),
      /^regions\[1\]\.enabled is 1, not a boolean/,
    ],
    ['a name that is no string', withRegion({ name: 5 }), /^regions\[1\]\.name is 5, not a string/],
    [
      'an unknown client of the dirty log',
      withRegion({ dirty_log_mask: 8 }),
      /^regions\[1\]\.dirty_log_mask is 8/,
    ],
    [
      'a parent that does not exist',
      withRegion({ parent: 9 }),
      /^regions\[1\]\.parent is 9: no region has that id/,
    ],
    ['a region under itself', withRegion({ parent: 1 }), /^regions\[1\] lies under itself/],
    [
      'two regions under each other',
      json({ regions: loop, address_spaces: [] }),
      /lies under itself/,
    ],
    ['an alias of nothing', withRegion({ type: 'alias' }), /^regions\[1\]\.alias is missing/],
    [
      'an alias without target',
      withRegion({ type: 'alias', alias: {} }),
      /^regions\[1\]\.alias\.target is missing/,
    ],
    [
      'an alias of what does not exist',
      withRegion({ type: 'alias', alias: { target: 5 } }),
      /^regions\[1\]\.alias\.target is 5: no region/,
    ],
    [
      'an alias of itself',
      withRegion({ type: 'alias', alias: { target: 1 } }),
      /^regions\[1\] shows itself/,
    ],
    ['two aliases of each other', json({ regions: aliases, address_spaces: [] }), /shows itself/],
    [
      'a target of what is no alias',
      withRegion({ alias: { target: 0 } }),
      /^regions\[1\] is of type ram but has an alias/,
    ],
    [
      'a region under an alias',
      json({
        regions: [root, { id: 1, size: 1, ...alias }, { id: 2, type: 'ram', size: 1, parent: 1 }],
        address_spaces: [],
      }),
      /^regions\[2\]\.parent is 1, an alias/,
    ],
    [
      'an address space without name',
      json({ regions, address_spaces: [{ root: 0 }] }),
      /^address_spaces\[0\]\.name is missing/,
    ],
    [
      'an address space without root',
      json({ regions, address_spaces: [{ name: 'x' }] }),
      /^address_spaces\[0\]\.root is missing/,
    ],
    [
      'a root that does not exist',
      json({ regions, address_spaces: [{ name: 'x', root: 4 }] }),
      /^address_spaces\[0\]\.root is 4: no region/,
    ],
    [
      'flat views that are no list',
      json({ regions, address_spaces: spaces, flat: 1 }),
      /^flat is 1, not an array/,
    ],
    [
      'a flat range that ends before it starts',
      view([{ start: 5, end: 4, region: 0 }]),
      /^flat\[0\]\.ranges\[0\] ends at 0x4, before/,
    ],
    [
      'a flat range of what does not exist',
      view([{ start: 5, end: 5, region: 3 }]),
      /^flat\[0\]\.ranges\[0\]\.region is 3/,
    ],
  ];

  for (const [what, text, message] of malformed) {
    test(what, () => {
      assert.throws(() => readTopologyJson(text), { code: 'ERR_MALFORMED_INPUT', message });
    });
  }

  test('what is no JSON, with its line', () => {
    for (const [text, line] of [
      ['{\n"regions": [,]}', 2],
      ['{"regions":\n\n\n[', 4],
      [`${withRegion({}).slice(0, -1)}\n\n`, 3],
    ] as const) {
      assert.throws(() => readTopology(Buffer.from(text)), {
        code: 'ERR_MALFORMED_INPUT',
        line,
        message: /^not JSON: /,
      });
    }
  });

  test('a gzip file that was cut, or is none inside', () => {
    const packed = gzipSync(withRegion({}));
    for (const bytes of [packed.subarray(0, 40), Buffer.from([0x1f, 0x8b, 1, 2, 3])]) {
      assert.throws(() => readTopology(bytes), {
        code: 'ERR_MALFORMED_INPUT',
        message: /^not a whole gzip file: /,
      });
    }
  });

  test('a tree that cannot be rendered is refused by name, and nothing is left behind', () => {
    const loop = { id: 1, name: 'loop', size: '0x100', parent: 0, ...alias };
    const document = readTopologyJson(json({ regions: [root, loop], address_spaces: spaces }));
    assert.throws(() => buildTopology(document), {
      code: 'ERR_ALIAS_RECURSION',
      message: /"loop"/,
    });
  });
});
