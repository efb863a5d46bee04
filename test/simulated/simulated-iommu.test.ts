import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HostMemory } from '../../lib/index.js';
import { realHostMemory, SimulatedVfio } from '../../lib/simulated/index.js';
import { vfioExtension } from '../../lib/vfio/index.js';
import { openOne, plainDevice, slot } from './vfio-bench.js';

const page = 0x1000n;
const both = { read: true, write: true };
const everywhere = [{ address: 0n, size: 1n << 64n }];

suite('the IOMMU of the simulated host', () => {
  test('there are as many mappings as dma_entry_limit allows', () => {
    const { container } = openOne(plainDevice(page), { entryLimit: 2 });
    assert.equal(container.checkExtension(vfioExtension.dmaCoherent), 1);
    const map = (iova: bigint) =>
      container.mapDma({ iova, size: page, hostAddress: page, ...both });
    map(0n);
    map(page);
    assert.equal(container.iommuInfo().mappingsLeft, 0);
    assert.throws(() => map(2n * page), { errno: 'ENOSPC' });
    assert.throws(() => map(page), { errno: 'EEXIST' });
    container.unmapDma({ address: 0n, size: page });
    map(2n * page);
  });

  test('what is pinned counts against RLIMIT_MEMLOCK, each time; BARs do not', () => {
    const { host, container, device } = openOne(plainDevice(page), { memlockLimit: 3n * page });
    const map = (iova: bigint, size: bigint, hostAddress = 0x10_0000n) =>
      container.mapDma({ iova, size, hostAddress, ...both });
    map(0n, 2n * page);
    assert.throws(() => map(0x10000n, 2n * page), { errno: 'ENOMEM' });
    map(0x20000n, page, device.map(0, 0n, page).hostAddress);
    map(0x10000n, page);
    assert.equal(host.lockedMemory, 3n * page);
    container.unmapDma({ address: 0n, size: 2n * page });
    assert.equal(host.lockedMemory, page);
    container.unmapAll();
    assert.equal(host.lockedMemory, 0n);
  });

  test('an IO address space pins when a device is attached, or not at all', () => {
    const device = plainDevice(page, { cdev: 'vfio0' });
    const host = new SimulatedVfio({ devices: [device], memlockLimit: page });
    const iommufd = host.openIommufd();
    const ioas = iommufd.allocateIoas();
    ioas.mapDma({ iova: 0n, size: page, hostAddress: page, ...both });
    ioas.mapDma({ iova: page, size: page, hostAddress: page, ...both });
    assert.equal(host.lockedMemory, 0n);
    const cdev = host.openCdev('vfio0');
    cdev.bind(iommufd);
    assert.throws(() => cdev.attach(ioas), { errno: 'ENOMEM' });
    assert.equal(host.lockedMemory, 0n);
    ioas.unmapDma({ address: 0n, size: page });
    cdev.attach(ioas);
    assert.equal(host.lockedMemory, page);
    cdev.detach();
    assert.equal(host.lockedMemory, 0n);
  });

  test('mappings go with the last group that is in the container', () => {
    const { host, container, group, device } = openOne(plainDevice(page));
    container.mapDma({ iova: 0n, size: page, hostAddress: page, ...both });
    const bar = device.map(0, 0n, page);
    container.close();
    group.close();
    device.close();
    assert.equal(host.lockedMemory, page, 'a mapped BAR keeps all of it');
    bar.close();
    assert.equal(host.lockedMemory, 0n);
  });

  test('the last page of the 64-bit space is a page as any other, but for its dirty bits', () => {
    const { container } = openOne(plainDevice(page), { iovaRanges: everywhere });
    const last = (1n << 64n) - page;
    container.mapDma({ iova: last, size: page, hostAddress: page, ...both });
    container.setDirtyTracking(true);
    const request = { iova: last, size: page, pageSize: page, bitmap: new BigUint64Array(1) };
    assert.throws(() => container.getDirtyBitmap(request), { errno: 'EINVAL' });
    assert.equal(container.unmapDma({ address: last, size: page }, request), page);
    assert.equal(request.bitmap[0], 1n);
  });

  test('pages that are smaller than those of the host are not offered', () => {
    const large = { pageSize: 0x10000n, pageSizes: 0x4020_1000n };
    const { container } = openOne(plainDevice(0x10000n), large);
    assert.equal(container.iommuInfo().pageSizes, 0x4021_0000n);
    const map = (size: bigint) =>
      container.mapDma({ iova: 0n, size, hostAddress: 0x10000n, ...both });
    assert.throws(() => map(page), { errno: 'EINVAL' });
    map(0x10000n);
  });

  test('pages that are larger than those of the host are what is mapped', () => {
    const { container } = openOne(plainDevice(page), { pageSizes: 0x1_0000n });
    const map = (size: bigint, hostAddress: bigint) =>
      container.mapDma({ iova: 0n, size, hostAddress, ...both });
    assert.throws(() => map(0x1000n, 0x10000n), { errno: 'EINVAL' });
    assert.throws(() => map(0x10000n, 0x11000n), { errno: 'EINVAL' });
    map(0x10000n, 0x10000n);
  });

  test('devices that tell what they write make only that dirty', () => {
    const { host, container, device } = openOne(plainDevice(page), { dirtyScope: 'written' });
    container.mapDma({ iova: 0n, size: 70n * page, hostAddress: page, ...both });
    container.setDirtyTracking(true);
    device.write(7, 4n, 6n, 2);
    host.dma(slot, 2n * page - 4n, 8n, true);
    host.dma(slot, 66n * page, 4n, true);
    host.dma(slot, 5n * page, 4n, false);
    const bitmap = new BigUint64Array(2);
    const request = { iova: 0n, size: 70n * page, pageSize: page, bitmap };
    container.getDirtyBitmap(request);
    assert.deepEqual([...bitmap], [0b110n, 0b100n]);
    bitmap.fill(0n);
    container.getDirtyBitmap(request);
    assert.deepEqual([...bitmap], [0n, 0n], 'it is told once');
  });

  test('an old kernel says less, and does less', () => {
    const { container } = openOne(plainDevice(page), {
      tellsIovaRanges: false,
      tellsMappingsLeft: false,
      tracksDirty: false,
      unmapAll: false,
    });
    assert.deepEqual(container.iommuInfo(), {
      pageSizes: 0x4020_1000n,
      iovaRanges: undefined,
      mappingsLeft: undefined,
      dirtyTracking: undefined,
    });
    assert.equal(container.checkExtension(vfioExtension.unmapAll), 0);
    assert.throws(() => container.unmapAll(), { errno: 'EINVAL' });
    assert.throws(() => container.setDirtyTracking(true), { errno: 'ENOTTY' });
  });

  test('without interrupt remapping VFIO has none of it', () => {
    const device = plainDevice(page, { cdev: 'vfio0' });
    const host = new SimulatedVfio({ devices: [device], interruptRemapping: false });
    const container = host.openContainer();
    const group = host.openGroup(5);
    group.setContainer(container);
    assert.throws(() => container.setIommu(vfioExtension.type1v2), { errno: 'EPERM' });
    group.close();
    const cdev = host.openCdev('vfio0');
    assert.throws(() => cdev.bind(host.openIommufd()), { errno: 'EPERM' });
  });

  test('without an IOMMU there are groups of their own, that map nothing', () => {
    const devices = [
      plainDevice(page, { noIommu: true }),
      plainDevice(page, { name: '0000:06:00.0', group: 6 }),
    ];
    const host = new SimulatedVfio({ devices, noIommu: true });
    assert.throws(() => host.openGroup(5), { errno: 'ENOENT' });
    const container = host.openContainer();
    assert.equal(container.checkExtension(vfioExtension.noIommu), 1);
    const group = host.openGroup(5, { noIommu: true });
    group.setContainer(container);
    assert.equal(container.checkExtension(vfioExtension.type1v2), 0);
    assert.throws(() => host.openGroup(6).setContainer(container), { errno: 'EPERM' });
    assert.throws(() => container.setIommu(vfioExtension.type1v2), { errno: 'ENODEV' });
    container.setIommu(vfioExtension.noIommu);
    assert.throws(() => container.iommuInfo(), { errno: 'ENOTTY' });
    assert.equal(group.openDevice(slot).read(0, 0n, 4), 0n);
  });

  test("the real kernel can be asked what is in the process's memory", () => {
    const memory = HostMemory.allocate(4n * page);
    const { hostAddress } = memory;
    const { container } = openOne(plainDevice(page), { hostMemory: realHostMemory });
    const map = (iova: bigint) => container.mapDma({ iova, size: page, hostAddress, ...both });
    map(0n);
    memory.close();
    assert.throws(() => map(page), { errno: 'EFAULT' });
  });

  test('a BAR that is unmapped is not there, though its bytes are', () => {
    const { container, device } = openOne(plainDevice(2n * page));
    const bar = device.map(0, 0n, page);
    const map = (iova: bigint, size: bigint) =>
      container.mapDma({ iova, size, hostAddress: bar.hostAddress, ...both });
    assert.throws(() => map(0n, 2n * page), { errno: 'EFAULT' });
    map(0n, page);
    bar.close();
    assert.throws(() => map(page, page), { errno: 'EFAULT' });
    assert.equal(container.unmapAll(), page);
  });
});
