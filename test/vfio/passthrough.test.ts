import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { HostMemory } from '../../lib/index.js';
import { SimulatedVfio } from '../../lib/simulated/index.js';
import { type DmaSpace, locatePciDevice, Passthrough } from '../../lib/vfio/index.js';
import { emulatedMachine } from './emulated-machine.js';
import { says } from './says.js';
import { type SysfsDevice, sysfsOf } from './sysfs-fixture.js';

const machine: readonly SysfsDevice[] = Object.values(emulatedMachine).map(
  ({ name, group, cdev, driver = 'vfio-pci' }) => ({
    name,
    group,
    driver,
    ...(cdev === undefined || driver !== 'vfio-pci' ? {} : { cdev }),
  }),
);
const edu = '0000:00:04.0';
const sdhci = '0000:00:05.0';
const shared = '0000:00:14.0';

const unready = (pattern: RegExp) => says('ERR_PASSTHROUGH', undefined, pattern);

/** A passthrough on the simulated machine, with another sysfs than its own where `devices` say so. */
function passthrough(
  t: TestContext,
  options: { way?: 'iommufd' | 'container'; devices?: readonly SysfsDevice[] } = {},
): Passthrough {
  const host = new SimulatedVfio({ devices: Object.values(emulatedMachine) });
  const { devices = machine, way } = options;
  const made = new Passthrough({
    host,
    sysfs: sysfsOf(t, devices),
    ...(way === undefined ? {} : { way }),
  });
  t.after(() => made.close());
  return made;
}

function spaceOf({ dma }: Passthrough): DmaSpace {
  assert(dma !== undefined);
  return dma;
}

function mapAndUnmap(t: TestContext, space: DmaSpace): void {
  const memory = HostMemory.allocate(0x4000n);
  t.after(() => memory.close());
  const { hostAddress } = memory;
  const access = { read: true, write: true };
  space.map({ iova: 0x10_0000n, size: 0x2000n, hostAddress, ...access });
  space.map({ iova: 0x20_0000n, size: 0x2000n, hostAddress: hostAddress + 0x2000n, ...access });
  assert.equal(space.unmap({ address: 0x10_0000n, size: 0x2000n }), 0x2000n);
  assert.equal(space.unmapAll(), 0x2000n);
  assert.equal(space.unmapAll(), 0n);
}

test('where a device is, by any way to write its address', (t) => {
  const sysfs = sysfsOf(t, machine);
  const location = locatePciDevice('00:04.0', sysfs);
  assert.deepEqual(location, {
    address: edu,
    driver: 'vfio-pci',
    isVfio: true,
    group: 4,
    groupDevices: [{ address: edu, driver: 'vfio-pci' }],
    noIommu: false,
    cdev: 'vfio04.0',
  });
  assert.deepEqual(locatePciDevice('0000:00:04.0', sysfs), location);
  assert.deepEqual(locatePciDevice(shared, sysfs).groupDevices, [
    { address: shared, driver: 'vfio-pci' },
    { address: '0000:00:14.1', driver: 'virtio-pci' },
  ]);
  const wrong = says('ERR_INVALID_ARGUMENT', undefined, /is no address of a PCI device/);
  for (const address of ['', '5', '00:04', '00:04.8', '../00:04.0', '00:04.0/..', 'g0:04.0']) {
    assert.throws(() => locatePciDevice(address, sysfs), wrong);
  }
  assert.throws(
    () => locatePciDevice('0a:00.0', sysfs),
    unready(/^0000:0a:00.0: there is no such/),
  );
});

test('iommufd where the host has it: devices share one DMA space', (t) => {
  const all = passthrough(t);
  assert.deepEqual([all.way, all.dma], [undefined, undefined]);
  const device = all.open(edu);
  assert.equal(all.way, 'iommufd');
  const space = spaceOf(all);
  all.open(sdhci);
  assert.equal(all.dma, space);
  assert.equal(device.read(0, 0n, 4) >= 0n, true);
  assert.deepEqual([space.partialUnmap, space.mapsDeviceMemory], ['refused', false]);
  assert.equal(space.limits().granule, 0x1000n);
  mapAndUnmap(t, space);
});

test('a container where it is asked for, or nothing else is there', (t) => {
  const asked = passthrough(t, { way: 'container' });
  const old = passthrough(t, {
    devices: machine.map((device) => ({ ...device, isCdevWithoutFile: true })),
  });
  for (const all of [asked, old]) {
    const device = all.open(edu);
    all.open(sdhci);
    assert.equal(all.way, 'container');
    assert.equal(device.name, edu);
    const space = spaceOf(all);
    assert.deepEqual([space.partialUnmap, space.mapsDeviceMemory], ['refused', true]);
    assert.equal(space.limits().mappingsLeft, 65535);
    assert.equal(space.dirtyTracking?.pageSizes, 0x1000n);
    mapAndUnmap(t, space);
  }
});

test('a device that is refused leaves those that are open as they are', (t) => {
  for (const way of ['iommufd', 'container'] as const) {
    const all = passthrough(t, { way });
    const device = all.open(edu);
    assert.throws(() => all.open('0000:00:1f.0'), unready(/no such PCI device/));
    assert.throws(() => all.open(shared), /not viable|VFIO_DEVICE_BIND_IOMMUFD/);
    assert.equal(all.way, way);
    assert.equal(device.info().isPci, true);
    mapAndUnmap(t, spaceOf(all));
  }
});

test('a first device that is refused leaves nothing open', (t) => {
  const all = passthrough(t, { way: 'container' });
  assert.throws(
    () => all.open(shared),
    unready(/^IOMMU group 20 is not viable: 0000:00:14.1 is driven by virtio-pci; .*another slot/),
  );
  assert.equal(all.way, undefined);
  // Its group would be busy.
  assert.throws(() => all.open(shared), unready(/not viable/));
  assert.equal(all.open(edu).name, edu);
});

test('what the host must change is said', (t) => {
  const device = { name: edu, group: 4 };
  const open = (changed: SysfsDevice, way?: 'iommufd') => () =>
    passthrough(t, { devices: [changed], ...(way === undefined ? {} : { way }) }).open(edu);
  assert.throws(
    open({ ...device, driver: 'nvme' }),
    unready(
      /is bound to nvme, not to vfio-pci: echo vfio-pci >\S+driver_override; echo \S+ >\S+unbind; echo \S+ >\S+drivers_probe$/,
    ),
  );
  assert.throws(
    open(device),
    unready(/is bound to no driver.*driver_override; echo \S+ >\S+drivers_probe$/),
  );
  assert.throws(
    open({ name: edu, driver: 'vfio-pci' }),
    unready(/has no IOMMU group: .*intel_iommu=on/),
  );
  assert.throws(
    open({ ...device, driver: 'vfio-pci', noIommu: true }),
    unready(/has no IOMMU: it would reach all memory of the host/),
  );
  assert.throws(
    open({ ...device, driver: 'vfio-pci' }, 'iommufd'),
    unready(/can't be opened by iommufd/),
  );
});

test('a variant driver of VFIO is one, too', (t) => {
  const device = { name: edu, group: 4, driver: 'mlx5_vfio_pci' };
  assert.equal(locatePciDevice(edu, sysfsOf(t, [device])).isVfio, true);
});

test('without an IOMMU a device is opened for who says so, and nothing can be mapped', (t) => {
  const description = { ...emulatedMachine.edu, noIommu: true };
  const host = new SimulatedVfio({ devices: [description], noIommu: true });
  const sysfs = sysfsOf(t, [{ name: edu, group: 4, driver: 'vfio-pci', noIommu: true }]);
  using all = new Passthrough({ host, sysfs, allowNoIommu: true });
  using device = all.open(edu);
  assert.deepEqual([all.way, all.dma], ['container', undefined]);
  assert.equal(device.info().isPci, true);
});

test('it and its devices close in any order, once or more often', (t) => {
  for (const way of ['iommufd', 'container'] as const) {
    const first = passthrough(t, { way });
    const device = first.open(edu);
    first.close();
    first.close();
    assert.equal(device.info().regionCount, 9);
    device.close();
    assert.throws(() => first.open(edu), says('ERR_VFIO_CLOSED', undefined, /is closed/));
    const second = passthrough(t, { way });
    second.open(edu).close();
    second[Symbol.dispose]();
  }
});
