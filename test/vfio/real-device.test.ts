// Devices of the real kernel, as the emulated machine has them: what the conformance cases don't say, as it takes a device that does
// something.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { HostMemory } from '../../lib/index.js';
import { EventFd } from '../../lib/kvm/index.js';
import {
  Passthrough,
  type PassthroughOptions,
  vfioPciIrq,
  vfioPciRegion,
} from '../../lib/vfio/index.js';
import { EduDevice, eduId, eduRegister } from './edu-device.js';
import { hasIommufd, locate, noVfio } from './real-machine.js';
import { says } from './says.js';

const { bar0, config } = vfioPciRegion;
const mebibyte = 1n << 20n;
const both = { read: true, write: true };

const ways: readonly NonNullable<PassthroughOptions['way']>[] = ['container', 'iommufd'];
const edu = () => locate('edu').address;

for (const way of ways) {
  const noWay = way === 'iommufd' && !hasIommufd && 'there is no /dev/iommu here';
  suite(`real devices by ${way}`, { skip: noVfio || noWay }, () => {
    test('registers answer, read and written as a file and in memory', () => {
      using all = new Passthrough({ way });
      using device = all.open(edu());
      assert.equal(all.way, way);
      assert.equal(device.name, edu());
      assert.equal(device.read(bar0, eduRegister.id, 4), eduId);
      device.write(bar0, eduRegister.liveness, 0x1234_5678n, 4);
      assert.equal(device.read(bar0, eduRegister.liveness, 4), 0xedcb_a987n);
      using bar = device.map(bar0, 0n, mebibyte);
      assert.equal(bar.load(eduRegister.id, 4), eduId);
      assert.equal(bar.load(eduRegister.liveness, 4), 0xedcb_a987n);
      bar.store(eduRegister.liveness, 4, 0n);
      assert.equal(device.read(bar0, eduRegister.liveness, 4), 0xffff_ffffn);
    });

    test("memory of a device takes no copies, and lies as the device's does", () => {
      using all = new Passthrough({ way });
      using display = all.open(locate('display').address);
      const { size } = display.regionInfo(bar0);
      using whole = display.map(bar0, 0n, size);
      using part = display.map(bar0, 0x3000n, 0x2000n);
      assert.equal(whole.hostAddress % size, 0n);
      assert.equal(part.hostAddress % size, 0x3000n);
      assert.deepEqual([part.isDevice, part.isLent, part.fd], [true, false, undefined]);
      part.store(0n, 8, 0x1122_3344_5566_7788n);
      assert.equal(whole.load(0x3000n, 8), 0x1122_3344_5566_7788n);
      assert.equal(whole.load(0x3003n, 1), 0x55n);
      assert.equal(display.read(bar0, 0x3000n, 8), 0x1122_3344_5566_7788n);
      const refusal = says('ERR_INVALID_ARGUMENT', undefined, /^region 0 of .* is a device's/);
      assert.throws(() => part.window(0n, 8n), refusal);
      assert.throws(() => part.copyOut(0n, new Uint8Array(8)), refusal);
      assert.throws(() => part.copyIn(0n, new Uint8Array(8)), refusal);
      assert.throws(() => part.discard(0n, 0x1000n), refusal);
      part.close();
      assert.throws(() => part.load(0n, 4), says('ERR_MEMORY_CLOSED', undefined, /is closed/));
    });

    test('a device reads and writes memory where it is mapped, and nowhere else', async () => {
      using all = new Passthrough({ way });
      using device = all.open(edu());
      using memory = HostMemory.allocate(0x4000n);
      const bytes = memory.window(0n, 0x4000n);
      bytes.set(Array.from({ length: 256 }, (_, i) => i));
      const space = all.dma;
      assert(space !== undefined);
      const { hostAddress } = memory;
      space.map({ iova: 0x10_0000n, size: 0x1000n, hostAddress, read: true, write: false });
      const second = { size: 0x1000n, hostAddress: hostAddress + 0x1000n };
      await space.mapAsync({ iova: 0x20_0000n, ...second, ...both });
      const copier = new EduDevice(device);
      await copier.take(0x10_0000n, 256);
      await copier.put(0x20_0000n, 256);
      assert.deepEqual(bytes.subarray(0x1000, 0x1100), bytes.subarray(0, 256));
      // What is mapped for reading only, or not at all, stays as it is.
      await copier.put(0x10_0800n, 256);
      await copier.put(0x30_0000n, 256);
      assert.equal(bytes[0x800 + 17], 0);
      assert.equal(space.unmap({ address: 0x20_0000n, size: 0x1000n }), 0x1000n);
      bytes.fill(0, 0x1000, 0x2000);
      await copier.put(0x20_0000n, 256);
      assert.equal(bytes[0x1000 + 17], 0);
    });

    test('devices of several groups share the mappings', async () => {
      using all = new Passthrough({ way });
      using first = all.open(locate('sdhci').address);
      using memory = HostMemory.allocate(0x1000n);
      const bytes = memory.window(0n, 0x1000n);
      all.dma?.map({ iova: 0n, size: 0x1000n, hostAddress: memory.hostAddress, ...both });
      // The device that comes later sees them, too.
      using device = all.open(edu());
      bytes.fill(7, 0, 64);
      const copier = new EduDevice(device);
      await copier.take(0n, 64);
      await copier.put(0x800n, 64);
      assert.equal(bytes[0x800 + 63], 7);
      assert.equal(first.info().isPci, true);
    });

    test('interrupts arrive on an eventfd', async () => {
      using all = new Passthrough({ way });
      using device = all.open(edu());
      using interrupt = EventFd.create();
      device.setIrqEventFds(vfioPciIrq.msi, 0, [interrupt.fd]);
      new EduDevice(device);
      device.write(bar0, eduRegister.raiseInterrupt, 1n, 4);
      let count = interrupt.take();
      while (count === 0n) {
        await setImmediate();
        count = interrupt.take();
      }
      assert.equal(count, 1n);
      device.triggerIrqs(vfioPciIrq.msi, 0, 1);
      assert.equal(interrupt.take(), 1n);
      device.setIrqEventFds(vfioPciIrq.msi, 0, []);
      assert.throws(
        () => device.triggerIrqs(vfioPciIrq.msi, 0, 1),
        says('ERR_SYSTEM_CALL', 'EINVAL', /^VFIO_DEVICE_SET_IRQS\(index 0x1/),
      );
      assert.throws(
        () => device.triggerIrqs(vfioPciIrq.msi, 0, 0),
        says('ERR_INVALID_ARGUMENT', undefined, /the count is 0/),
      );
    });

    test('the event loop goes on while memory is pinned', async () => {
      using all = new Passthrough({ way });
      using _device = all.open(edu());
      using memory = HostMemory.allocate(128n * mebibyte, { transparentHugePages: false });
      const space = all.dma;
      assert(space !== undefined);
      let isMapped = false;
      const { size, hostAddress } = memory;
      const mapped = space.mapAsync({ iova: 0n, size, hostAddress, ...both }).then(() => {
        isMapped = true;
      });
      let turns = 0;
      while (!isMapped) {
        turns++;
        await setImmediate();
      }
      await mapped;
      assert(turns > 2, `the event loop turned ${turns} times`);
      assert.equal(space.unmapAll(), size);
    });

    test('all can be closed while memory is being pinned', async () => {
      using memory = HostMemory.allocate(128n * mebibyte, { transparentHugePages: false });
      const all = new Passthrough({ way });
      const device = all.open(edu());
      const { size, hostAddress } = memory;
      const mapped = all.dma?.mapAsync({ iova: 0n, size, hostAddress, ...both });
      await setImmediate();
      all.close();
      device.close();
      await mapped;
      // The kernel has let go of all of it.
      using again = new Passthrough({ way });
      using _device = again.open(edu());
      again.dma?.map({ iova: 0n, size: mebibyte, hostAddress, ...both });
    });

    test('a device is reset where it can be', () => {
      using all = new Passthrough({ way });
      using device = all.open(locate('e1000e').address);
      assert.equal(device.info().canReset, true);
      device.write(config, 0x3cn, 0x55n, 1);
      device.reset();
      assert.equal(device.read(config, 0n, 4), 0x10d3_8086n);
    });

    test('a group with a driver of the host in it is refused by name', () => {
      using all = new Passthrough({ way });
      const pattern = way === 'container' ? /0000:00:14.1 is driven by virtio-pci/ : /BIND_IOMMUFD/;
      assert.throws(() => all.open(locate('edu-in-shared-group').address), pattern);
    });
  });
}
