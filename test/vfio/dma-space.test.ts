import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { HostMemory } from '../../lib/index.js';
import { SimulatedVfio, type SimulatedVfioOptions } from '../../lib/simulated/index.js';
import { type DmaSpace, dmaSpaceOf, vfioExtension } from '../../lib/vfio/index.js';
import { emulatedMachine } from './emulated-machine.js';
import { says } from './says.js';

const { edu } = emulatedMachine;
const { type1, type1v2 } = vfioExtension;
const page = 0x1000n;
const mebibyte = 1n << 20n;
const both = { read: true, write: true };

function containerSpace(t: TestContext, iommuType: number, options: SimulatedVfioOptions = {}) {
  const host = new SimulatedVfio({ devices: [edu], ...options });
  const container = host.openContainer();
  const group = host.openGroup(edu.group);
  group.setContainer(container);
  container.setIommu(iommuType);
  t.after(() => {
    group.close();
    container.close();
  });
  return { host, space: dmaSpaceOf(container, { iommuType }) };
}

/** Maps two pieces, as devices may see them. */
function mapTwo(t: TestContext, space: DmaSpace): void {
  const memory = HostMemory.allocate(2n * mebibyte);
  t.after(() => memory.close());
  const { hostAddress } = memory;
  space.map({ iova: 0n, size: mebibyte, hostAddress, ...both });
  space.map({ iova: 4n * mebibyte, size: mebibyte, hostAddress: hostAddress + mebibyte, ...both });
}

test('a container of type1v2 refuses to cut a mapping, one of type1 takes it whole', (t) => {
  const { space } = containerSpace(t, type1v2);
  assert.deepEqual([space.label, space.hostPageSize], ['VFIO container', page]);
  assert.deepEqual([space.partialUnmap, space.mapsDeviceMemory], ['refused', true]);
  mapTwo(t, space);
  const refusal = says('ERR_SYSTEM_CALL', 'EINVAL', /^VFIO_IOMMU_UNMAP_DMA/);
  assert.throws(() => space.unmap({ address: 0n, size: page }), refusal);
  assert.equal(space.unmap({ address: 0n, size: 2n * mebibyte }), mebibyte);

  const { space: old } = containerSpace(t, type1);
  assert.equal(old.partialUnmap, 'widened');
  mapTwo(t, old);
  assert.equal(old.unmap({ address: 0n, size: page }), mebibyte);
});

test('what a container can map is asked of the kernel each time', async (t) => {
  const { space } = containerSpace(t, type1v2);
  const { granule, pageSizes, iovaRanges, mappingsLeft } = space.limits();
  assert.deepEqual([granule, pageSizes, mappingsLeft], [page, 0x4020_1000n, 65535]);
  assert.deepEqual(iovaRanges?.[0], { address: 0n, size: 0xfee0_0000n });
  mapTwo(t, space);
  assert.equal(space.limits().mappingsLeft, 65533);
  const { hostAddress } = HostMemory.allocate(page);
  await space.mapAsync({ iova: 8n * mebibyte, size: page, hostAddress, ...both });
  assert.equal(space.limits().mappingsLeft, 65532);
  const again = space.mapAsync({ iova: 8n * mebibyte, size: page, hostAddress, ...both });
  await assert.rejects(again, says('ERR_SYSTEM_CALL', 'EEXIST', /overlaps/));
});

test('everything is unmapped, by a kernel that has no call for it, too', (t) => {
  for (const unmapAll of [true, false]) {
    const { host, space } = containerSpace(t, type1v2, { unmapAll });
    mapTwo(t, space);
    assert.equal(space.unmapAll(), 2n * mebibyte);
    assert.equal(space.unmapAll(), 0n);
    assert.deepEqual(host.dmaMappingsOf(edu.name), []);
  }
});

test('a container keeps account of what devices wrote, between start and stop', (t) => {
  const { space } = containerSpace(t, type1v2);
  mapTwo(t, space);
  const tracking = space.dirtyTracking;
  assert(tracking !== undefined);
  assert.deepEqual([tracking.pageSizes, tracking.largestBitmapBytes], [page, 0x1000_0000n]);
  const bitmap = new BigUint64Array(4);
  const request = { iova: 0n, size: mebibyte, pageSize: page, bitmap };
  const off = says('ERR_SYSTEM_CALL', 'EINVAL', /^VFIO_IOMMU_DIRTY_PAGES.*dirty tracking is off/);
  assert.throws(() => tracking.read(request), off);
  tracking.start();
  tracking.read(request);
  assert.equal(bitmap[3], (1n << 64n) - 1n);
  bitmap.fill(0n);
  assert.equal(space.unmap({ address: 0n, size: mebibyte }, { pageSize: page, bitmap }), mebibyte);
  assert.equal(bitmap[0], (1n << 64n) - 1n);
  tracking.stop();
  assert.throws(() => tracking.read({ ...request, iova: 4n * mebibyte }), off);
});

test("an IOAS can map anything until a device brings its IOMMU's limits", (t) => {
  const host = new SimulatedVfio({ devices: [edu] });
  const iommufd = host.openIommufd();
  const ioas = iommufd.allocateIoas();
  const cdev = host.openCdev(edu.cdev ?? '');
  t.after(() => {
    cdev.close();
    ioas.close();
    iommufd.close();
  });
  const space = dmaSpaceOf(ioas);
  assert.equal(space.label, `IOAS ${ioas.id}`);
  assert.deepEqual([space.partialUnmap, space.mapsDeviceMemory], ['refused', false]);
  assert.equal(space.dirtyTracking, undefined);
  assert.deepEqual(space.limits(), {
    granule: 1n,
    pageSizes: undefined,
    iovaRanges: [{ address: 0n, size: 1n << 64n }],
    mappingsLeft: undefined,
  });
  cdev.bind(iommufd);
  cdev.attach(ioas);
  const { granule, iovaRanges } = space.limits();
  assert.equal(granule, page);
  assert.deepEqual(iovaRanges?.[0], { address: 0n, size: 0xfee0_0000n });
  mapTwo(t, space);
  const refusal = says('ERR_SYSTEM_CALL', 'ENOENT', /nothing is mapped there, or the range cuts/);
  assert.throws(() => space.unmap({ address: 0n, size: page }), refusal);
  assert.throws(() => space.unmap({ address: 2n * mebibyte, size: page }), refusal);
  assert.equal(space.unmapAll(), 2n * mebibyte);
  assert.equal(space.unmapAll(), 0n);
});
