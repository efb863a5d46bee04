import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { RamRegion } from '../../lib/index.js';
import { deviceName, dmaMachine } from './dma-machine.js';

/** The written parts, in pages of 4 KiB, which are taken. */
function taken(region: RamRegion): string[] {
  const snapshot = region.dirtyPages.snapshotAndClear('migration', 0, region.size);
  return [...snapshot.ranges()].map(
    ({ offset, size }) => `0x${offset.toString(16)}+0x${size.toString(16)}`,
  );
}

function written(options: Parameters<typeof dmaMachine>[1] = {}, path?: 'ioas') {
  const machine = dmaMachine({}, { dirtyScope: 'written', ...options }, path);
  const { host } = machine;
  const region = machine.ram('pc.ram', 0x80_0000, 0x1000_0000);
  return {
    ...machine,
    region,
    write: (iova: bigint) => host.dma(deviceName, iova, 1n, true),
    requests: () =>
      host.calls
        .splice(0)
        .filter(({ call }) => call === 'VFIO_IOMMU_DIRTY_PAGES')
        .map(({ args, errno }) => `${args['flags']}${errno === undefined ? '' : ` ${errno}`}`),
  };
}

suite('what devices wrote', () => {
  test('is tracked while all memory is watched, and comes to the regions when asked for', () => {
    const { topology, region, write, requests } = written();
    requests();
    topology.startDirtyLog();
    write(0x1000_5123n);
    write(0x1040_0000n);
    assert.deepEqual(taken(region), []);
    topology.syncDirtyLog();
    assert.deepEqual(taken(region), ['0x5000+0x1000', '0x400000+0x1000']);
    topology.syncDirtyLog();
    assert.deepEqual(taken(region), []);
    topology.stopDirtyLog();
    assert.deepEqual(
      requests(),
      ['1', '4', '4', '2'],
      'one bitmap for all pieces that lie together',
    );
  });

  test('is read when a mapping goes', () => {
    const { topology, region, write, io } = written();
    topology.startDirtyLog();
    write(0x1000_5123n);
    io('hole', 0x1000, 0x1000_8000, 1);
    assert.deepEqual(taken(region), ['0x5000+0x1000']);
  });

  test('of devices that do not say what they write is all that they can reach', () => {
    const { topology, system, region, ram } = written({ dirtyScope: 'all' });
    const how = { offset: 0x1000, size: 0x1000, readonly: true };
    const hidden = ram('rom part', 0x4000);
    system.addSubregion(0x5000_0000, topology.alias('pam', hidden, how));
    topology.startDirtyLog();
    topology.syncDirtyLog();
    assert.deepEqual(taken(region), ['0x0+0x800000']);
    assert.deepEqual(taken(hidden), [], 'what devices can only read is never written');
  });

  test('counts as all that can be written where the kernel keeps no account', () => {
    for (const machine of [written({ tracksDirty: false }), written({}, 'ioas')]) {
      const { topology, region, requests, io } = machine;
      topology.startDirtyLog();
      topology.syncDirtyLog();
      assert.deepEqual(taken(region), ['0x0+0x800000']);
      io('hole', 0x1000, 0x1000_8000, 1);
      assert.deepEqual(taken(region), ['0x0+0x200000'], 'of what goes, too');
      assert.deepEqual(requests(), []);
    }
  });

  test('is nothing while nobody watches', () => {
    const { topology, region, requests } = written();
    topology.syncDirtyLog();
    assert.deepEqual([taken(region), requests()], [[], []]);
  });

  test('by way of an IOMMU of the guest belongs to the memory that it leads to', () => {
    const machine = dmaMachine({}, { dirtyScope: 'written' });
    const { topology, system, host, ram } = machine;
    const physical = topology.container('physical', 1n << 64n);
    const target = topology.addressSpace('physical', physical);
    const region = ram('pc.ram', 0x10_0000);
    physical.addSubregion(0x4000_0000, region);
    const iommu = topology.iommu('vtd', 1n << 39n, {
      translate: () => undefined,
      replay: () => undefined,
    });
    system.addSubregion(0, iommu);
    const place = { iova: 0x1000n, size: 0x4000n, address: 0x4000_8000n };
    iommu.notifiers.notify(0, { type: 'map', target, permission: 'read-write', ...place });
    topology.startDirtyLog();
    host.dma(deviceName, 0x3010n, 4n, true);
    topology.syncDirtyLog();
    assert.deepEqual(taken(region), ['0xa000+0x1000']);
  });

  test('a kernel that refuses to track fails the switch', () => {
    const { topology, host } = written();
    host.order({ ioctl: 'VFIO_IOMMU_DIRTY_PAGES', call: 1, errno: 'ENOMEM' });
    assert.throws(() => topology.startDirtyLog(), { code: 'ERR_LISTENER_FAILED', errno: 'ENOMEM' });
    assert.equal(topology.isDirtyLogOn, false);
  });
});
