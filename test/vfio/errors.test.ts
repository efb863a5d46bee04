import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedVfio } from '../../lib/simulated/index.js';
import { type DmaMapping, Vfio, type VfioCall, vfioIoctlError } from '../../lib/vfio/index.js';
import { vfioRefusal } from '../../lib/vfio/vfio-ioctl-error.js';
import { noNativeAddon } from '../native-addon.js';
import { nullHost } from './null-host.js';
import { says } from './says.js';

const mapping: DmaMapping = {
  iova: 0x1000n,
  size: 0x2000n,
  hostAddress: 0x7000n,
  read: true,
  write: false,
};

const invalid = (pattern: RegExp) => says('ERR_INVALID_ARGUMENT', undefined, pattern);
const closed = (pattern: RegExp) => says('ERR_VFIO_CLOSED', undefined, pattern);
const otherKind = (pattern: RegExp) => says('ERR_SYSTEM_CALL', 'ENOTTY', pattern);

test('what is not there says what to load', { skip: noNativeAddon }, () => {
  const nowhere = new Vfio({ devfs: '/nowhere' });
  const absent = (pattern: RegExp) => says('ERR_SYSTEM_CALL', 'ENOENT', pattern);
  assert.throws(
    () => nowhere.openContainer(),
    absent(/^open\(\/nowhere\/vfio\/vfio\) failed with ENOENT: .*modprobe vfio-pci/),
  );
  assert.throws(
    () => nowhere.openGroup(26),
    absent(/^open\(\/nowhere\/vfio\/26\).*driver_override/),
  );
  assert.throws(
    () => nowhere.openGroup(26, { noIommu: true }),
    absent(/^open\(\/nowhere\/vfio\/noiommu-26\)/),
  );
  assert.throws(() => nowhere.openIommufd(), absent(/^open\(\/nowhere\/iommu\).*CONFIG_IOMMUFD/));
  assert.throws(
    () => nowhere.openCdev('vfio3'),
    absent(/^open\(\/nowhere\/vfio\/devices\/vfio3\).*CONFIG_VFIO_DEVICE_CDEV/),
  );
});

test('a file of another kind is told by each call', { skip: noNativeAddon }, (t) => {
  const host = nullHost(t);
  const container = host.openContainer();
  assert.throws(
    () => container.apiVersion(),
    otherKind(/^VFIO_GET_API_VERSION\(\) failed with ENOTTY: .*something else than/),
  );
  assert.throws(
    () => container.checkExtension(3),
    otherKind(/^VFIO_CHECK_EXTENSION\(extension 0x3\)/),
  );
  assert.throws(() => container.setIommu(3), otherKind(/^VFIO_SET_IOMMU\(type 0x3\)/));
  assert.throws(() => container.iommuInfo(), otherKind(/^VFIO_IOMMU_GET_INFO\(\)/));
  assert.throws(
    () => container.mapDma(mapping),
    otherKind(/^VFIO_IOMMU_MAP_DMA\(iova 0x1000, size 0x2000, vaddr 0x7000, flags 0x1\)/),
  );
  const range = { address: 0x1000n, size: 0x2000n };
  assert.throws(
    () => container.unmapDma(range),
    otherKind(/^VFIO_IOMMU_UNMAP_DMA\(iova 0x1000, size 0x2000\)/),
  );
  const bitmap = new BigUint64Array(1);
  assert.throws(
    () => container.unmapDma(range, { pageSize: 0x1000n, bitmap }),
    otherKind(/^VFIO_IOMMU_UNMAP_DMA\(.*flags 0x1, bitmap.pgsize 0x1000\)/),
  );
  assert.throws(() => container.unmapAll(), otherKind(/^VFIO_IOMMU_UNMAP_DMA\(flags 0x2\)/));
  assert.throws(
    () => container.setDirtyTracking(true),
    otherKind(/^VFIO_IOMMU_DIRTY_PAGES\(flags 0x1\)/),
  );
  assert.throws(
    () => container.getDirtyBitmap({ iova: 0n, size: 0x1000n, pageSize: 0x1000n, bitmap }),
    otherKind(/^VFIO_IOMMU_DIRTY_PAGES\(flags 0x4, iova 0x0/),
  );

  const group = host.openGroup(26);
  assert.equal(group.group, 26);
  assert.throws(() => group.status(), otherKind(/^VFIO_GROUP_GET_STATUS\(\)/));
  assert.throws(
    () => group.setContainer(container),
    otherKind(/^VFIO_GROUP_SET_CONTAINER\(container 0x/),
  );
  assert.throws(() => group.unsetContainer(), otherKind(/^VFIO_GROUP_UNSET_CONTAINER\(\)/));
  assert.throws(
    () => group.openDevice('0000:05:00.0'),
    otherKind(/^VFIO_GROUP_GET_DEVICE_FD\(0000:05:00.0\)/),
  );
  host.openGroup(27, { noIommu: true }).close();

  const iommufd = host.openIommufd();
  assert.throws(() => iommufd.allocateIoas(), otherKind(/^IOMMU_IOAS_ALLOC\(\)/));
  const cdev = host.openCdev('vfio0');
  assert.throws(() => cdev.bind(iommufd), otherKind(/^VFIO_DEVICE_BIND_IOMMUFD\(iommufd 0x/));
  assert.throws(() => cdev.detach(), otherKind(/^VFIO_DEVICE_DETACH_IOMMUFD_PT\(\)/));
});

test('a mapping that is made on another thread is refused by its promise', {
  skip: noNativeAddon,
}, async (t) => {
  const container = nullHost(t).openContainer();
  await assert.rejects(
    container.mapDmaAsync(mapping),
    otherKind(/^VFIO_IOMMU_MAP_DMA\(iova 0x1000/),
  );
  const wrong = { ...mapping, size: -1n };
  await assert.rejects(container.mapDmaAsync(wrong), invalid(/VFIO_IOMMU_MAP_DMA: argument 3/));
  // A refusal doesn't stop the next.
  await assert.rejects(container.mapDmaAsync(mapping), otherKind(/vaddr 0x7000/));
});

test('a container that is closed while it maps ends what it has begun, and refuses the rest', {
  skip: noNativeAddon,
}, async (t) => {
  const container = nullHost(t).openContainer();
  const outcomes = Promise.allSettled([1, 2, 3].map(() => container.mapDmaAsync(mapping)));
  // The first is on its thread by now.
  await Promise.resolve();
  container.close();
  const codes = (await outcomes).map((it) => it.status === 'rejected' && it.reason.code);
  assert.deepEqual(codes, ['ERR_SYSTEM_CALL', 'ERR_VFIO_CLOSED', 'ERR_VFIO_CLOSED']);
});

test('all closes in any order, once or more often, and says so afterwards', {
  skip: noNativeAddon,
}, (t) => {
  const host = nullHost(t);
  const container = host.openContainer();
  const group = host.openGroup(26);
  const iommufd = host.openIommufd();
  const cdev = host.openCdev('vfio0');
  for (const opened of [iommufd, container, cdev, group, container, iommufd, group, cdev]) {
    opened.close();
    opened[Symbol.dispose]();
  }
  assert.throws(() => container.apiVersion(), closed(/^the VFIO container is closed$/));
  assert.throws(() => group.status(), closed(/^IOMMU group 26 is closed$/));
  assert.throws(() => iommufd.allocateIoas(), closed(/^the iommufd is closed$/));
  assert.throws(() => cdev.detach(), closed(/^vfio0 is closed$/));
  assert.throws(() => host.openGroup(26).setContainer(container), closed(/container is closed/));
  assert.throws(() => host.openCdev('vfio0').bind(iommufd), closed(/iommufd is closed/));
});

test('arguments of the wrong type or size are refused before the kernel is asked', {
  skip: noNativeAddon,
}, (t) => {
  const host = nullHost(t);
  const container = host.openContainer();
  const wrong = (change: object) => () => container.mapDma({ ...mapping, ...change });
  assert.throws(wrong({ iova: 1n << 64n }), invalid(/^VFIO_IOMMU_MAP_DMA: argument 2/));
  assert.throws(wrong({ size: '1' }), invalid(/argument 3/));
  assert.throws(wrong({ read: 1 }), invalid(/argument 5/));
  assert.throws(() => container.setIommu(-1), invalid(/^VFIO_SET_IOMMU: argument 2/));
  const range = { iova: 0n, size: 65n * 0x1000n };
  const dirty = (pageSize: bigint, words: number) => () =>
    container.getDirtyBitmap({ ...range, pageSize, bitmap: new BigUint64Array(words) });
  assert.throws(dirty(0x1000n, 1), invalid(/less than a bit for each page/));
  assert.throws(dirty(0n, 2), invalid(/power of two/));
  assert.throws(dirty(0x3000n, 2), invalid(/power of two/));
  assert.throws(dirty(0x1000n, 2), otherKind(/VFIO_IOMMU_DIRTY_PAGES/));

  for (const group of [-1, 1.5, Number.NaN, '../26' as unknown as number]) {
    assert.throws(() => host.openGroup(group), invalid(/is no IOMMU group/));
  }
  for (const name of ['../vfio/vfio', 'a/b', 5 as unknown as string]) {
    assert.throws(() => host.openCdev(name), invalid(/is no name such as vfio0/));
  }
  assert.throws(() => host.openGroup(26).openDevice(5 as unknown as string), invalid(/a string/));
});

test('what belongs to another host is refused', { skip: noNativeAddon }, (t) => {
  const host = nullHost(t);
  const simulated = new SimulatedVfio({ devices: [] });
  assert.throws(
    () => host.openGroup(26).setContainer(simulated.openContainer()),
    invalid(/^what IOMMU group 26 shall join is no container of this kernel/),
  );
  const cdev = host.openCdev('vfio0');
  assert.throws(() => cdev.bind(simulated.openIommufd()), invalid(/no iommufd of this kernel/));
  assert.throws(
    () => cdev.attach(simulated.openIommufd().allocateIoas()),
    invalid(/no IOAS of this kernel/),
  );
});

test('a refusal says the likely cause and the cure', () => {
  const message = (call: VfioCall, errno: string, args: Record<string, bigint> | string = {}) =>
    vfioIoctlError(call, args, errno).message;
  assert.match(message('VFIO_SET_IOMMU', 'EPERM'), /interrupt remapping/);
  assert.match(message('VFIO_GROUP_SET_CONTAINER', 'EPERM'), /not viable/);
  assert.match(message('VFIO_IOMMU_MAP_DMA', 'ENOMEM'), /ulimit -l/);
  assert.match(message('VFIO_IOMMU_MAP_DMA', 'ENOSPC'), /dma_entry_limit/);
  assert.match(message('IOMMU_IOAS_MAP', 'EFAULT'), /read-only.*BAR/);
  assert.match(message('open', 'EBUSY', '/dev/vfio/26'), /opened once/);
  assert.match(message('open', 'EPERM', '/dev/vfio/noiommu-3'), /CAP_SYS_RAWIO/);
  assert.match(
    message('pread', 'EIO', { region: 0n }),
    /^pread\(region 0x0\).*memory decode is off/,
  );
  // An errno that nobody knows here is told all the same.
  assert.equal(message('VFIO_DEVICE_RESET', 'EDOM'), 'VFIO_DEVICE_RESET() failed with EDOM');
});

test('too much locked memory says how much may be', () => {
  const refusal = (call: string) => vfioRefusal({ call, arguments: '', errno: 12 }).message;
  for (const call of ['VFIO_IOMMU_MAP_DMA', 'IOMMU_IOAS_MAP']) {
    assert.match(
      refusal(call),
      /ENOMEM: .*; this process (may lock \d+ bytes|has no limit) \(.*locked \d+ KiB/,
    );
  }
  assert.doesNotMatch(refusal('VFIO_SET_IOMMU'), /this process/);
});

test('errors that Node.js has no name for have one', () => {
  const errnoOf = (errno: number) =>
    vfioRefusal({ call: 'VFIO_GROUP_SET_CONTAINER', arguments: '', errno }).errno;
  assert.deepEqual([77, 35, 22].map(errnoOf), ['EBADFD', 'EDEADLK', 'EINVAL']);
});
