import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { AddressSpace, IommuPermission, IommuRegion } from '../../lib/index.js';
import { type IommuEvent, type IommuNotifier, RamDiscardManager } from '../../lib/index.js';
import type { SimulatedVfioOptions } from '../../lib/simulated/index.js';
import type { VfioDmaMapperOptions } from '../../lib/vfio/index.js';
import { pages } from '../kvm/guest.js';
import { dmaMachine } from './dma-machine.js';

interface Entry {
  readonly iova: bigint;
  readonly size: bigint;
  readonly address: bigint;
  readonly permission: IommuPermission;
}

/** A machine whose device sees an IOMMU of the guest, which leads to 16 MiB of RAM and a device. */
function guestIommu(
  options: VfioDmaMapperOptions = {},
  kernel: SimulatedVfioOptions = {},
  size = 1n << 39n,
) {
  const machine = dmaMachine(options, kernel);
  const { topology, system } = machine;
  const physical = topology.container('physical', 1n << 64n);
  const target: AddressSpace = topology.addressSpace('physical', physical);
  const ram = topology.ram('pc.ram', 0x100_0000, { memory: pages(0x100_0000) });
  physical.addSubregion(0, ram);
  physical.addSubregion(0xfe00_0000, topology.io('uart', 0x1000, {}));
  physical.addSubregion(0xfd00_0000, topology.rom('bios', 0x1000, { memory: pages(0x1000) }));
  const table: Entry[] = [];
  const region: IommuRegion = topology.iommu('vtd', size, {
    translate: () => undefined,
    replay: (notifier: IommuNotifier) => {
      for (const entry of table) region.notifiers.notifyOne(notifier, mapEvent(entry));
    },
  });
  const mapEvent = (entry: Entry): IommuEvent => ({ type: 'map', target, ...entry });
  const hostOf = (address: bigint): bigint => (ram.memory?.hostAddress ?? 0n) + address;
  return {
    ...machine,
    physical,
    target,
    guestRam: ram,
    region,
    table,
    hostOf,
    /** Shows the IOMMU to the device. */
    plug: () => system.addSubregion(0, region),
    map(
      iova: bigint,
      mapSize: bigint,
      address: bigint,
      permission: IommuPermission = 'read-write',
    ) {
      const entry = { iova, size: mapSize, address, permission };
      table.push(entry);
      region.notifiers.notify(0, mapEvent(entry));
    },
    unmap(iova: bigint, unmapSize: bigint) {
      region.notifiers.notify(0, { type: 'unmap', iova, size: unmapSize });
    },
  };
}

suite('row 7: an IOMMU of the guest', () => {
  test('maps what is translated already, and what is from then on; unmaps by notification', () => {
    const { map, unmap, plug, ioctls, access, hostOf, table } = guestIommu();
    map(0x1000n, 0x1000n, 0x5000n);
    plug();
    assert.deepEqual(ioctls(), ['map 0x1000+0x1000 rw']);
    map(0x4000n, 0x2000n, 0x8000n);
    assert.deepEqual(ioctls(), ['map 0x4000+0x2000 rw']);
    assert.equal(access(0x5010n), hostOf(0x9010n));
    unmap(0x1000n, 0x1000n);
    assert.deepEqual(ioctls(), ['unmap 0x1000+0x1000']);
    assert.equal(access(0x1000n), 'unmapped');
    assert.equal(table.length, 2);
  });

  test("in the translation's permission, and no more than the memory's own", () => {
    const { map, plug, access, ioctls } = guestIommu();
    plug();
    map(0x1000n, 0x1000n, 0x5000n, 'read');
    map(0x2000n, 0x1000n, 0x5000n, 'write');
    map(0x3000n, 0x1000n, 0xfd00_0000n, 'read-write');
    assert.deepEqual(ioctls(), [
      'map 0x1000+0x1000 r',
      'map 0x2000+0x1000 w',
      'map 0x3000+0x1000 r',
    ]);
    assert.equal(access(0x1000n, true), 'protected');
    assert.equal(access(0x2000n, false), 'protected');
    map(0x1000n, 0x1000n, 0x5000n, 'none');
    assert.deepEqual(ioctls(), ['unmap 0x1000+0x1000']);
  });

  test('that goes takes its maps along, and nothing else: no range of 2^64 bytes is unmapped', () => {
    const { map, plug, region, ioctls, mapper, unmap } = guestIommu({}, {}, 1n << 64n);
    plug();
    map(0x1000n, 0x1000n, 0x5000n);
    map(0x10_0000n, 0x1000n, 0x6000n);
    ioctls();
    region.enabled = false;
    assert.deepEqual(ioctls(), ['unmap 0x1000+0x1000', 'unmap 0x100000+0x1000']);
    assert.equal(region.notifiers.wanted.size, 0);
    map(0x3000n, 0x1000n, 0x5000n);
    unmap(0x3000n, 0x1000n);
    assert.deepEqual([ioctls(), mapper.mappings], [[], []]);
    region.enabled = true;
    assert.equal(mapper.mappings.length, 3);
  });

  test('the last page of the 64-bit space', () => {
    const iovaRanges = [{ address: 0n, size: 1n << 64n }];
    const { map, unmap, plug, ioctls, access, hostOf } = guestIommu({}, { iovaRanges }, 1n << 64n);
    plug();
    map(0xffff_ffff_ffff_f000n, 0x1000n, 0x5000n);
    assert.equal(access(0xffff_ffff_ffff_ffffn), hostOf(0x5fffn));
    unmap(0n, 1n << 64n);
    assert.deepEqual(ioctls(), [
      'map 0xfffffffffffff000+0x1000 rw',
      'unmap 0xfffffffffffff000+0x1000',
    ]);
  });

  test('in place of RAM, in one commit, and back', () => {
    const { system, topology, guestRam, region, ioctls, map, access, hostOf } = guestIommu();
    const bypass = topology.alias('bypass', guestRam, { offset: 0, size: 0x20_0000 });
    system.addSubregion(0, bypass);
    map(0x1000n, 0x1000n, 0x5000n);
    ioctls();
    topology.transaction(() => {
      bypass.enabled = false;
      system.addSubregion(0, region);
    });
    assert.deepEqual(ioctls(), ['unmap 0x0+0x200000', 'map 0x1000+0x1000 rw']);
    topology.transaction(() => {
      bypass.enabled = true;
      region.enabled = false;
    });
    assert.equal(access(0x1000n), hostOf(0x1000n));
  });

  test('verdicts: what is translated, what is not, and where a translation leads to no memory', () => {
    const { map, plug, mapper, memory } = guestIommu();
    plug();
    map(0x1000n, 0x1000n, 0x5000n);
    map(0x2000n, 0x1000n, 0xfe00_0000n);
    map(0x3000n, 0x1000n, 0x7777_0000n);
    assert.deepEqual(
      [...mapper.verdicts(memory)].map(({ first, code }) => `0x${first.toString(16)} ${code}`),
      [
        '0x0 untranslated',
        '0x1000 mapped',
        '0x2000 not-ram',
        '0x3000 not-ram',
        '0x4000 untranslated',
      ],
    );
    assert.match(
      mapper.verdictAt(0x3000n, memory)?.text ?? '',
      /of "vtd": the guest's IOMMU leads to 0x77770000 of address space "physical", where nothing answers/,
    );
    assert.equal(memory.explain(0x2abcn).verdicts[0]?.code, 'not-ram');
  });

  test('a section of it that starts elsewhere: an IOVA is an offset within the region', () => {
    const { system, topology, region, map, access, hostOf } = guestIommu();
    const window = topology.alias('window', region, { offset: 0x10_0000, size: 0x10_0000 });
    system.addSubregion(0x8000_0000n, window);
    map(0xf_f000n, 0x2000n, 0x5000n);
    assert.equal(access(0x8000_0000n), hostOf(0x6000n));
    assert.equal(access(0x8000_1000n), 'unmapped');
  });

  test('pages of the guest that are smaller than the host’s are mapped where they make whole ones', () => {
    const kernel = { pageSize: 0x1_0000n, pageSizes: 0x1_0000n };
    const { map, plug, ioctls, mapper } = guestIommu({}, kernel);
    plug();
    for (let i = 0n; i < 16n; i++) map(0x10_0000n + i * 0x1000n, 0x1000n, 0x2_0000n + i * 0x1000n);
    assert.deepEqual(ioctls(), ['map 0x100000+0x10000 rw']);
    map(0x20_0000n, 0x1000n, 0x5_0000n);
    assert.deepEqual([...mapper.refusalCounts], [['sub-page', 1]]);
  });

  test('an IOMMU that cannot say what it translates fails the commit', () => {
    const { topology, system, mapper } = guestIommu();
    const mute = topology.iommu('mute', 1n << 40n, { translate: () => undefined });
    assert.throws(() => system.addSubregion(0, mute), /too many pages: the IOMMU needs a replay/);
    assert.equal(mute.notifiers.wanted.size, 0);
    assert.deepEqual(mapper.mappings, []);
  });

  test('a commit that fails unregisters; the next one starts anew', () => {
    const { map, plug, region, host, mapper, topology, system } = guestIommu();
    map(0x1000n, 0x1000n, 0x5000n);
    host.order({ ioctl: 'VFIO_IOMMU_MAP_DMA', call: 1, errno: 'ENOMEM' });
    const more = topology.ram('more', 0x1000, { memory: pages(0x1000) });
    assert.throws(
      () =>
        topology.transaction(() => {
          plug();
          system.addSubregion(1n << 38n, more, { priority: 1 });
          host.order({ ioctl: 'VFIO_IOMMU_MAP_DMA', call: 2, errno: 'ENOMEM' });
        }),
      { code: 'ERR_LISTENER_FAILED' },
    );
    assert.equal(region.notifiers.wanted.size, 0);
    host.cancelFaults();
    plug();
    assert.equal(mapper.mappings.length, 1);
  });
});

suite("The guest can't hurt: nonsense of its IOMMU", () => {
  test('is counted and kept as refusals; nothing throws', () => {
    const { map, unmap, plug, mapper, ioctls } = guestIommu();
    plug();
    map(0x1000n, 0x1000n, 0xfe00_0000n);
    map(0x2800n, 0x1000n, 0x5000n);
    map(0x5000n, 0x123n, 0x6000n);
    map(0x7000n, 0n, 0x6000n);
    map(0x9000n, 0x1000n, 0xffff_ffff_ffff_f800n);
    unmap(0xf0_0000n, 0x1000n);
    unmap(0xf0_0000n, 0x1000n);
    assert.deepEqual(ioctls(), []);
    assert.deepEqual(mapper.translationCounts, {
      maps: 4,
      unmaps: 2,
      overlapping: 0,
      idle: 2,
      dropped: 0,
      failed: 0,
    });
    assert.deepEqual(Object.fromEntries(mapper.refusalCounts), {
      'not-ram': 2,
      'not-congruent': 1,
      'sub-page': 1,
    });
  });

  test('an IOVA that is mapped again reaches the new place alone', () => {
    const { map, plug, mapper, ioctls, access, hostOf } = guestIommu();
    plug();
    map(0x1000n, 0x3000n, 0x5000n);
    map(0x2000n, 0x1000n, 0x9000n);
    assert.deepEqual(
      [access(0x1000n), access(0x2000n), access(0x3000n)],
      [hostOf(0x5000n), hostOf(0x9000n), hostOf(0x7000n)],
    );
    assert.equal(mapper.translationCounts.overlapping, 1);
    assert.deepEqual(ioctls(), [
      'map 0x1000+0x3000 rw',
      'unmap 0x1000+0x3000',
      'map 0x1000+0x1000 rw',
      'map 0x2000+0x1000 rw',
      'map 0x3000+0x1000 rw',
    ]);
  });

  test('a part of a large page that is unmapped: the rest stays', () => {
    const log: string[] = [];
    const { map, unmap, plug, access, hostOf } = guestIommu({ quiesce: () => log.push('quiesce') });
    plug();
    map(0x20_0000n, 0x20_0000n, 0x40_0000n);
    unmap(0x20_1000n, 0x1000n);
    assert.equal(access(0x20_1000n), 'unmapped');
    assert.equal(access(0x20_2000n), hostOf(0x40_2000n));
    assert.deepEqual(log, ['quiesce'], 'the kernel can not cut a mapping');
  });

  test('what the kernel refuses is a refusal, and tried again on request', () => {
    const { map, plug, host, mapper, memory } = guestIommu();
    plug();
    host.order({ ioctl: 'VFIO_IOMMU_MAP_DMA', call: 1, errno: 'ENOMEM' });
    map(0x1000n, 0x1000n, 0x5000n);
    assert.equal(mapper.verdictAt(0x1000n, memory)?.code, 'errno');
    mapper.retry();
    assert.equal(mapper.verdictAt(0x1000n, memory)?.code, 'mapped');
  });

  test('an unmap that the kernel refuses is counted, and made up for by the next change', () => {
    const { map, unmap, plug, host, mapper, access } = guestIommu();
    plug();
    map(0x1000n, 0x1000n, 0x5000n);
    host.order({ ioctl: 'VFIO_IOMMU_UNMAP_DMA', call: 1, errno: 'EIO' });
    unmap(0x1000n, 0x1000n);
    assert.equal(mapper.translationCounts.failed, 1);
    assert.notEqual(access(0x1000n), 'unmapped');
    map(0x9000n, 0x1000n, 0x5000n);
    assert.equal(access(0x1000n), 'unmapped');
  });

  test('more translations than there can be mappings: refused, and mapped when others go', () => {
    const { map, unmap, plug, mapper, access } = guestIommu({}, { entryLimit: 4 });
    plug();
    for (let i = 0n; i < 6n; i++) map(0x10_0000n * i, 0x1000n, 0x1000n * i);
    assert.deepEqual([...mapper.refusalCounts], [['budget', 2]]);
    assert.equal(access(0x50_0000n), 'unmapped');
    unmap(0n, 0x1000n);
    unmap(0x10_0000n, 0x1000n);
    assert.deepEqual([...mapper.refusalCounts], []);
    assert.notEqual(access(0x50_0000n), 'unmapped');
  });

  test('what is kept is bounded; what was dropped is asked for again by a retry', () => {
    const { map, unmap, plug, mapper, table } = guestIommu({}, { entryLimit: 4 });
    plug();
    for (let i = 0n; i < 100n; i++) map(0x10_0000n * i, 0x1000n, 0x1000n * i);
    assert.equal(mapper.mappings.length + mapper.refusals.length, 8);
    assert.equal(mapper.translationCounts.dropped, 92);
    for (let i = 0n; i < 98n; i++) unmap(0x10_0000n * i, 0x1000n);
    table.splice(0, 98);
    assert.equal(mapper.mappings.length, 0);
    mapper.retry();
    assert.equal(mapper.mappings.length, 2);
  });

  test('memory that was discarded is not pinned by a translation', () => {
    const { physical, topology, map, plug, mapper, memory, ioctls } = guestIommu();
    const region = topology.ram('virtio-mem', 0x20_0000, { memory: pages(0x20_0000) });
    const manager = new RamDiscardManager(region, { granularity: 0x10_0000 });
    manager.populate(0, 0x10_0000);
    physical.addSubregion(0x1_0000_0000n, region);
    plug();
    map(0n, 0x20_0000n, 0x1_0000_0000n);
    assert.deepEqual(ioctls(), ['map 0x0+0x100000 rw']);
    assert.equal(mapper.verdictAt(0x10_0000n, memory)?.code, 'discarded');
  });

  test('a target address space that is gone is nothing', () => {
    const { map, plug, target, mapper } = guestIommu();
    plug();
    target.destroy();
    map(0x1000n, 0x1000n, 0x5000n);
    assert.deepEqual([...mapper.refusalCounts], [['not-ram', 1]]);
  });
});
