import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { HostMemory, MemoryTopology, type RamRegion } from '../../lib/index.js';
import { type MappingRules, mapPages, refusalCodes } from '../../lib/mapping/index.js';
import { FlatRange } from '../../lib/memory/views/flat-view.js';
import { runs } from '../oracle/runs.js';
import { grain, pageOf } from './mapped-pages-oracle.js';
import { type Edit, pages, SmallMachine, someEdits } from './small-machine.js';

const pageSizes = [0x1000n, 0x4000n, 0x10000n];

function rules(pageSize: bigint, more: Partial<MappingRules> = {}): MappingRules {
  return {
    pageSize,
    largestMapping: 1n << 42n,
    kinds: new Set(['ram', 'rom', 'ram-device', 'rom-device']),
    canMapReadonly: true,
    ...more,
  };
}

/** `0x1000+0x2000 ram+0x0` and `0x0+0x70 sub-page`, in order of addresses. */
function shown(ranges: Iterable<FlatRange>, how: MappingRules): string[] {
  const { mappings, refusals } = mapPages(ranges, how);
  const hex = (value: bigint): string => `0x${value.toString(16)}`;
  return [
    ...mappings.map(({ address, size, region, offset, readonly }) => ({
      address,
      line: `${hex(address)}+${hex(size)} ${region.name}+${hex(offset)}${readonly ? ' r' : ''}`,
    })),
    ...refusals.map(({ range: { address, size }, code }) => ({
      address,
      line: `${hex(address)}+${hex(size)} ${code}`,
    })),
  ]
    .sort((a, b) => (a.address < b.address ? -1 : 1))
    .map(({ line }) => line);
}

function space(
  build: (
    topology: MemoryTopology,
    add: (address: number, it: ReturnType<MemoryTopology['container']>, priority?: number) => void,
  ) => void,
): FlatRange[] {
  const topology = new MemoryTopology();
  const system = topology.container('system', 1n << 64n);
  build(topology, (address, it, priority = 0) => system.addSubregion(address, it, { priority }));
  return [...topology.addressSpace('memory', system).flatView.ranges()];
}

suite("KVM's alignment vectors (QEMU: kvm_align_section)", () => {
  for (const [address, size, expected] of [
    [0x1000, 0x1000, ['0x1000+0x1000 ram+0x0']],
    [0x1010, 0x2000, ['0x1010+0xff0 sub-page', '0x2000+0x1000 ram+0xff0', '0x3000+0x10 sub-page']],
    [0x1010, 0xff0, ['0x1010+0xff0 sub-page']],
    [0x1010, 0x100, ['0x1010+0x100 sub-page']],
    [0, 0x70, ['0x0+0x70 sub-page']],
    [0x78, 0xf88, ['0x78+0xf88 sub-page']],
    [0x78, 0x1000, ['0x78+0xf88 sub-page', '0x1000+0x78 sub-page']],
  ] as const) {
    test(`0x${size.toString(16)} bytes at 0x${address.toString(16)}`, () => {
      const ranges = space((topology, add) => {
        const host = pages(0x10000n, 0x1000n);
        const memory = HostMemory.at(host.hostAddress + BigInt(address % 0x1000), 0x8000, host);
        add(address, topology.ram('ram', size, { memory }));
      });
      assert.deepEqual(shown(ranges, rules(0x1000n)), expected);
    });
  }
});

suite('what shares a page', () => {
  test('two pieces of a device that continue each other have the page together', () => {
    const ranges = space((topology, add) => {
      const host = pages(0x4000n, 0x1000n);
      const at = (start: number, size: number) => ({
        memory: HostMemory.at(host.hostAddress + BigInt(start), size, host),
      });
      add(0x10000, topology.ramDevice('a', 0x1800, at(0, 0x1800)));
      add(0x11800, topology.ramDevice('b', 0x800, at(0x1800, 0x800)));
      add(0x12000, topology.ramDevice('c', 0x1000, at(0x2000, 0x1000)));
    });
    assert.deepEqual(shown(ranges, rules(0x1000n)), [
      '0x10000+0x2000 a+0x0',
      '0x12000+0x1000 c+0x0',
    ]);
  });

  test('where only one of them is watched, so is the page, and no other', () => {
    const ranges = space((topology, add) => {
      const host = pages(0x4000n, 0x1000n);
      const piece = (name: string, start: number, size: number): RamRegion => {
        const memory = HostMemory.at(host.hostAddress + BigInt(start), size, host);
        const region = topology.ramDevice(name, size, { memory });
        add(0x10000 + start, region);
        return region;
      };
      piece('a', 0, 0x2400);
      piece('b', 0x2400, 0x400).setDirtyLog('vga', true);
      piece('c', 0x2800, 0x1800);
    });
    const { mappings } = mapPages(ranges, rules(0x1000n));
    assert.deepEqual(
      mappings.map(({ address, size, dirtyLog }) => [address, size, dirtyLog]),
      [
        [0x10000n, 0x2000n, false],
        [0x12000n, 0x1000n, true],
        [0x13000n, 0x1000n, false],
      ],
    );
  });

  test('two that do not continue each other have no page', () => {
    const ranges = space((topology, add) => {
      add(0x10000, topology.ramDevice('a', 0x800, { memory: pages(0x1000n, 0x1000n) }));
      add(0x10800, topology.ramDevice('b', 0x800, { memory: pages(0x1000n, 0x1000n) }));
    });
    assert.deepEqual(shown(ranges, rules(0x1000n)), [
      '0x10000+0x800 sub-page',
      '0x10800+0x800 not-congruent',
    ]);
  });

  test("the RTL8168's page: a quirk of eight bytes costs the page, and nothing else", () => {
    const ranges = space((topology, add) => {
      add(0xfe000000, topology.ramDevice('BAR 2', 0x3000, { memory: pages(0x3000n, 0x10000n) }));
      const ops = { read: () => 0n, write: () => undefined };
      add(0xfe001070, topology.io('MSI-X window', 8, ops), 1);
    });
    assert.deepEqual(shown(ranges, rules(0x1000n)), [
      '0xfe000000+0x1000 BAR 2+0x0',
      '0xfe001000+0x70 sub-page',
      '0xfe001070+0x8 not-ram',
      '0xfe001078+0xf88 sub-page',
      '0xfe002000+0x1000 BAR 2+0x2000',
    ]);
    assert.deepEqual(shown(ranges, rules(0x4000n)).slice(0, 2), [
      '0xfe000000+0x1070 sub-page',
      '0xfe001070+0x8 not-ram',
    ]);
  });
});

suite('windows', () => {
  test('what lies outside is refused, and a page that is partly outside is none', () => {
    const ranges = space((topology, add) => {
      add(0, topology.ram('ram', 0x8000, { memory: pages(0x8000n, 0x1000n) }));
    });
    const windows = [
      { address: 0x1000n, size: 0x1800n },
      { address: 0x4000n, size: 0x2000n },
      { address: 0x10000n, size: 0x1000n },
    ];
    assert.deepEqual(shown(ranges, rules(0x1000n, { windows })), [
      '0x0+0x1000 out-of-window',
      '0x1000+0x1000 ram+0x1000',
      '0x2000+0x800 sub-page',
      '0x2800+0x1800 out-of-window',
      '0x4000+0x2000 ram+0x4000',
      '0x6000+0x2000 out-of-window',
    ]);
  });

  test('the last page of all can be mapped', () => {
    const topology = new MemoryTopology();
    const system = topology.container('system', 1n << 64n);
    const ram = topology.ram('ram', 0x2000, { memory: pages(0x2000n, 0x1000n) });
    system.addSubregion((1n << 64n) - 0x2000n, ram);
    const { flatView } = topology.addressSpace('memory', system);
    assert.deepEqual(shown(flatView, rules(0x1000n)), ['0xffffffffffffe000+0x2000 ram+0x0']);
  });
});

suite("a consumer's rules", () => {
  test('its own reason comes first', () => {
    const ranges = space((topology, add) => {
      add(0, topology.ram('private', 0x1000, { memory: pages(0x1000n, 0x1000n) }));
    });
    const refuse = () => ({ code: 'protected' as const, detail: () => 'private' });
    const { refusals } = mapPages(ranges, rules(0x1000n, { refuse }));
    assert.deepEqual(
      refusals.map(({ code, text }) => [code, text]),
      [['protected', '0x0-0xfff of "private": private']],
    );
  });

  test('mappings are cut at multiples of the largest one', () => {
    const ranges = space((topology, add) => {
      add(0x1000, topology.ram('ram', 0x6000, { memory: pages(0x6000n, 0x1000n) }));
    });
    assert.deepEqual(shown(ranges, rules(0x1000n, { largestMapping: 0x4000n })), [
      '0x1000+0x3000 ram+0x0',
      '0x4000+0x3000 ram+0x3000',
    ]);
  });

  test('a range can be cut elsewhere, at addresses that are no multiples', () => {
    const ranges = space((topology, add) => {
      add(0x1000, topology.ram('ram', 0x6000, { memory: pages(0x6000n, 0x1000n) }));
      add(0x9000, topology.ram('bar', 0x3000, { memory: pages(0x3000n, 0x1000n) }));
    });
    const cuts = ({ region }: FlatRange) =>
      region.name === 'ram' ? { size: 0x2000n, origin: -0x1000n } : { size: 1n << 40n, origin: 0n };
    assert.deepEqual(shown(ranges, rules(0x1000n, { cuts })), [
      '0x1000+0x2000 ram+0x0',
      '0x3000+0x2000 ram+0x2000',
      '0x5000+0x2000 ram+0x4000',
      '0x9000+0x3000 bar+0x0',
    ]);
  });

  test('what fits pages of this process alone has a reason of its own', () => {
    const ranges = space((topology, add) => {
      add(0x1080, topology.ram('odd', 0x1000, { memory: pages(0x1000n, 0x10000n) }));
      add(0x7000, topology.ram('shifted', 0x1000, { memory: pages(0x1000n, 0x10000n) }));
      const memory = HostMemory.at(pages(0x10000n, 0x10000n).hostAddress + 0x80n, 0x8000n);
      add(0x10080, topology.ram('ram', 0x8000, { memory }));
    });
    assert.deepEqual(shown(ranges, rules(0x4000n, { processPageSize: 0x1000n })), [
      '0x1080+0x1000 not-congruent',
      '0x7000+0x1000 iommu-page',
      '0x10080+0xf80 sub-page',
      '0x11000+0x3000 iommu-page',
      '0x14000+0x4000 ram+0x3f80',
      '0x18000+0x80 sub-page',
    ]);
  });

  test('where can be mapped can depend on the range; a transient address is told from others', () => {
    const ranges = space((topology, add) => {
      add(0, topology.ram('low', 0x1000, { memory: pages(0x1000n, 0x1000n) }));
      add(0x4000, topology.ram('other', 0x1000, { memory: pages(0x1000n, 0x1000n) }));
    });
    const windows = ({ region }: FlatRange) => (region.name === 'low' ? [] : ranges);
    assert.deepEqual(shown(ranges, rules(0x1000n, { windows })), [
      '0x0+0x1000 out-of-window',
      '0x4000+0x1000 other+0x0',
    ]);
    const [range] = ranges as [FlatRange];
    const sized = new FlatRange(1n << 63n, (1n << 63n) + 0xfffn, range.region, 0n, 0);
    const below = { windows: [{ address: 0n, size: 1n << 46n }] };
    assert.deepEqual(shown([sized], rules(0x1000n, below)), ['0x8000000000000000+0x1000 sizing']);
  });

  test('every code is documented', () => {
    for (const text of Object.values(refusalCodes)) assert.match(text, /\.$/);
  });
});

suite('Nothing is forgotten, nothing is exposed', () => {
  for (const pageSize of pageSizes) {
    test(`pages of ${pageSize / 1024n} KiB: random views, byte by byte`, (t) => {
      const property = fc.property(someEdits(pageSize), (edits: Edit[]) => {
        const machine = new SmallMachine(pageSize);
        for (const edit of edits) machine.run(edit);
        const ranges = [...machine.memory.flatView.ranges()];
        const { mappings, refusals } = mapPages(ranges, rules(pageSize));
        const parts = [...mappings, ...refusals.map(({ range }) => range)].sort((a, b) =>
          a.address < b.address ? -1 : 1,
        );
        // Together they cover the ranges once: every byte of every range, and no other.
        const joined = (all: readonly { address: bigint; size: bigint }[]): string[] => {
          const out: { start: bigint; end: bigint }[] = [];
          for (const { address, size } of all) {
            const last = out.at(-1);
            assert.ok(last === undefined || last.end <= address, 'overlap');
            if (last?.end === address) last.end = address + size;
            else out.push({ start: address, end: address + size });
          }
          return out.map(({ start, end }) => `${start}-${end}`);
        };
        assert.deepEqual(joined(parts), joined(ranges));
        // A page is mapped exactly if all of it is memory that can be shown there.
        const end = ranges.reduce((most, { last }) => (last > most ? last : most), 0n);
        for (let page = 0n; page <= end; page += pageSize) {
          const expected = pageOf(ranges, page, pageSize);
          const found = mappings.find((it) => page >= it.address && page < it.address + it.size);
          assert.equal(found && found.hostAddress + (page - found.address), expected?.hostAddress);
          assert.equal(found?.readonly, expected?.readonly);
        }
        machine.topology.close();
      });
      fc.assert(property, runs<[Edit[]]>(t, 150, 0.05));
    });
  }
  test('edges in these tests are multiples of the grain', () => {
    assert.equal(0x1000n % grain, 0n);
  });
});
