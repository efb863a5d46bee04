import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { SimulatedVfio } from '../../lib/simulated/index.js';
import { vfioExtension, vfioPciIrq, vfioPciRegion } from '../../lib/vfio/index.js';
import { rtl8168 } from '../vfio/rtl8168.js';
import { openOne, plainDevice, slot } from './vfio-bench.js';

const { config } = vfioPciRegion;
const { intx, msi, msix } = vfioPciIrq;
const page = 0x1000n;

suite('the regions of a simulated device', () => {
  test('an access is as wide as it was made, where it is aligned', () => {
    const { device, hardware } = openOne(plainDevice(page));
    device.read(0, 8n, 8);
    device.read(0, 6n, 4);
    device.write(0, 1n, 0x0807_0605_0403_0201n, 8);
    const seen = hardware.accesses.map(({ offset, width, value }) => [offset, width, value]);
    assert.deepEqual(seen, [
      [8n, 8, 0n],
      [6n, 2, 0n],
      [8n, 2, 0n],
      [1n, 1, 1n],
      [2n, 2, 0x0302n],
      [4n, 4, 0x0706_0504n],
      [8n, 1, 8n],
    ]);
    assert.equal(device.read(0, 1n, 8), 0x0807_0605_0403_0201n);
  });

  test('before Linux 6.10 eight bytes are two accesses of four', () => {
    const { device, hardware } = openOne(plainDevice(page), { wideAccess: false });
    device.write(0, 0n, 0x0000_0002_0000_0001n, 8);
    const seen = hardware.accesses.map(({ offset, width, value }) => [offset, width, value]);
    assert.deepEqual(seen, [
      [0n, 4, 1n],
      [4n, 4, 2n],
    ]);
  });

  test('a write over the end is short, and the device has seen a part', () => {
    const { device, hardware } = openOne(plainDevice(16n));
    assert.throws(() => device.write(0, 14n, 0x4433_2211n, 4), { errno: 'EIO' });
    assert.deepEqual(hardware.accesses, [
      { kind: 'write', region: 0, offset: 14n, width: 2, value: 0x2211n },
    ]);
  });

  test('code of the device answers what does not go through a mapping', () => {
    const { device, hardware } = openOne(
      plainDevice(page, {
        bars: [
          {
            index: 0,
            kind: 'memory',
            size: page,
            registers: ({ bytes }) => ({
              read: (offset) => offset + 1n,
              write: (offset, value, width) => bytes.store(offset, width, ~value),
            }),
          },
        ],
      }),
    );
    assert.equal(device.read(0, 0x20n, 4), 0x21n);
    device.write(0, 0x20n, 0n, 4);
    assert.equal(device.map(0, 0n, page).load(0x20n, 4), 0xffff_ffffn);
    assert.equal(hardware.bytesOf(0).load(0x20n, 4), 0xffff_ffffn);
  });

  test('the MSI-X table is hidden from reads and writes, a mapping shows it', () => {
    const { device, hardware } = openOne(rtl8168(slot, 5));
    const memory = device.map(4, 0n, 0x4000n);
    memory.store(0n, 4, 0xfee0_0000n);
    assert.equal(device.read(4, 0n, 4), 0xffff_ffffn);
    device.write(4, 0n, 0n, 4);
    assert.equal(memory.load(0n, 4), 0xfee0_0000n);
    assert.deepEqual(hardware.accesses, []);
    assert.equal(device.read(4, 0x40n, 4), 0n, 'four vectors end here');
  });

  test("the back door of an RTL8168 moves words of the device's own table", () => {
    const { device } = openOne(rtl8168(slot, 5));
    device.write(2, 0x70n, 0xfee0_1000n, 4);
    device.write(2, 0x74n, 0x8000_f004n, 4);
    assert.equal(device.read(2, 0x74n, 4), 0xf004n, 'the latch is cleared');
    device.write(2, 0x70n, 0n, 4);
    device.write(2, 0x74n, 0x8000_0004n, 4);
    assert.equal(device.read(2, 0x70n, 4), 0xfee0_1000n);
  });

  test('only sparse areas are mapped, in whole pages', () => {
    const areas = [
      { offset: 0x2000n, size: 0x1000n },
      { offset: 0x4000n, size: 0x800n },
      { offset: 0n, size: 0n },
    ];
    const bars = [{ index: 0, kind: 'memory', size: 0x8000n, sparseAreas: areas }] as const;
    const { device } = openOne(plainDevice(page, { bars }));
    assert.deepEqual(device.regionInfo(0).sparseAreas, areas);
    device.map(0, 0x2000n, page);
    device.map(0, 0x4000n, page);
    assert.throws(() => device.map(0, 0n, page), { errno: 'EINVAL' });
    assert.throws(() => device.map(0, 0x2000n, 2n * page), { errno: 'EINVAL' });
  });

  test('a host of 64 KiB pages maps these, and aligns them', () => {
    const { device } = openOne(plainDevice(0x8000n), { pageSize: 0x10000n });
    assert.equal(device.regionInfo(0).canMap, true);
    assert.throws(() => device.map(0, 0n, 0x8000n), { errno: 'EINVAL' });
    assert.equal(device.map(0, 0n, 0x10000n).hostAddress % 0x10000n, 0n);
  });

  test('whether a small BAR has its page for itself is decided when the device is opened', () => {
    const { host, device, group } = openOne(plainDevice(256n));
    const { hostAddress = 0n } = host.device(slot).bars[0] ?? {};
    const neighbour = plainDevice(256n, {
      name: '0000:06:00.0',
      bars: [{ index: 0, kind: 'memory', size: 16n, hostAddress: hostAddress + 0xff0n }],
    });
    host.addDevice(neighbour);
    assert.equal(device.regionInfo(0).canMap, true);
    device.close();
    const again = group.openDevice(slot);
    assert.equal(again.regionInfo(0).canMap, false);
    host.removeDevice('0000:06:00.0');
    assert.equal(group.openDevice(slot).regionInfo(0).canMap, false, 'it is open all the time');
  });

  test('ports, ROMs and unaligned BARs are never mapped', () => {
    const bars = [
      { index: 0, kind: 'io', size: 0x100n },
      { index: 1, kind: 'memory', size: 0x100n, hostAddress: 0x9000_0100n },
      { index: 6, kind: 'rom', size: 0x1_0000n },
    ] as const;
    const { device } = openOne(plainDevice(page, { bars }));
    for (const index of [0, 1, 6]) assert.equal(device.regionInfo(index).canMap, false);
    assert.equal(device.read(6, 0n, 4), 0n);
    device.write(config, 0x30n, 0xffff_ffffn, 4);
    assert.equal(device.read(config, 0x30n, 4), 0xffff_0001n, 'with the bit that enables it');
    assert.equal(device.regionInfo(6).canWrite, false);
    assert.throws(() => device.write(6, 0n, 0n, 4), { errno: 'EINVAL' });
  });

  test("a mapping is a device's memory: accesses have a width", () => {
    const { device } = openOne(plainDevice(page));
    const memory = device.map(0, 0n, page);
    assert.equal(memory.isDevice, true);
    assert.throws(() => memory.window(0n, 4n), { code: 'ERR_INVALID_ARGUMENT' });
  });

  test('a reset brings back what a BAR held at first', () => {
    const contents = Uint8Array.of(1, 2, 3, 4);
    const bars = [{ index: 0, kind: 'memory', size: page, contents }] as const;
    const { device, hardware } = openOne(plainDevice(page, { bars }));
    assert.equal(device.read(0, 0n, 4), 0x0403_0201n);
    device.write(0, 0n, 0n, 8);
    device.write(0, 0x10n, 1n, 8);
    device.reset();
    assert.equal(device.read(0, 0n, 8), 0x0403_0201n);
    assert.equal(device.read(0, 0x10n, 8), 0n);
    assert.equal(hardware.resetCount, 1);
  });
});

suite('the config space of a simulated device', () => {
  const powerAt = 0x44n;

  test('without decode memory does not answer, and its mappings are revoked until it does', () => {
    const { host, device } = openOne(rtl8168(slot, 5));
    device.map(2, 0n, page);
    device.write(config, 4n, 0n, 2);
    assert.throws(() => device.read(2, 0n, 4), { errno: 'EIO' });
    assert.equal(device.read(0, 0n, 4), 0n, 'ports have a bit of their own');
    assert.deepEqual(
      host.revokedBarMaps.map(({ region, offset }) => [region, offset]),
      [[2, 0n]],
    );
    device.write(config, 4n, 2n, 2);
    assert.equal(host.revokedBarMaps.length, 0);
  });

  test('asleep in D3hot a device does not answer, nor is it a bus master', () => {
    const { host, device, hardware } = openOne(plainDevice(page));
    device.map(0, 0n, page);
    device.write(config, 4n, 6n, 2);
    assert.equal(device.read(config, 0x34n, 1), 0x40n);
    device.write(config, powerAt, 3n, 2);
    assert.equal(hardware.config.powerState, 3);
    assert.throws(() => device.read(0, 0n, 4), { errno: 'EIO' });
    assert.equal(host.revokedBarMaps.length, 1);
    assert.deepEqual(host.dma(slot, 0n, 4n, false), { kind: 'blocked', why: 'not-master' });
    device.write(config, powerAt, 2n, 2);
    assert.equal(hardware.config.powerState, 3, 'there is no D2');
    device.write(config, powerAt, 0n, 2);
    assert.equal(device.read(0, 0n, 4), 0n);
    assert.equal(device.read(config, powerAt, 2), 8n);
  });

  test('a reset wakes the device', () => {
    const { device, hardware } = openOne(plainDevice(page));
    device.write(config, powerAt, 3n, 2);
    device.reset();
    assert.equal(hardware.config.powerState, 0);
  });

  test('capabilities are chained, and say what the device has', () => {
    const capabilities = [{ id: 9, bytes: Uint8Array.of(4, 0xaa) }];
    const { device } = openOne({ ...rtl8168(slot, 5), capabilities });
    const chain: [bigint, bigint][] = [];
    for (let at = device.read(config, 0x34n, 1); at !== 0n; ) {
      chain.push([at, device.read(config, at, 1)]);
      at = device.read(config, at + 1n, 1);
    }
    assert.deepEqual(
      chain.map(([, id]) => id),
      [1n, 5n, 0x10n, 0x11n, 9n],
    );
    const at = (id: bigint): bigint => chain.find(([, it]) => it === id)?.[0] ?? 0n;
    assert.equal(device.read(config, at(0x11n) + 2n, 2), 3n, 'four vectors');
    assert.equal(device.read(config, at(0x11n) + 4n, 4), 4n, 'table at the start of BAR 4');
    assert.equal(device.read(config, at(0x11n) + 8n, 4), 0x804n);
    assert.equal(device.read(config, at(9n) + 3n, 1), 0xaan);
    device.write(config, at(9n) + 3n, 0n, 1);
    assert.equal(device.read(config, at(9n) + 3n, 1), 0xaan);
    assert.equal(device.read(config, 6n, 2) & 0x10n, 0x10n);
  });

  test('who opens it next finds it as at first', () => {
    const { group, device } = openOne(plainDevice(page));
    const before = device.read(config, 0x10n, 4);
    device.write(config, 0x10n, 0n, 4);
    device.write(config, 4n, 4n, 2);
    const second = group.openDevice(slot);
    assert.equal(second.read(config, 0x10n, 4), 0n, 'both are the same device');
    device.close();
    second.close();
    const third = group.openDevice(slot);
    assert.equal(third.read(config, 0x10n, 4), before);
    assert.equal(third.read(config, 4n, 2), 2n);
  });
});

suite('the interrupts of a simulated device', () => {
  test('the number of MSI vectors in use is fixed, that of MSI-X grows', () => {
    const { device } = openOne({ ...rtl8168(slot, 5), msiVectors: 4 });
    device.setIrqEventFds(msi, 0, [70]);
    assert.throws(() => device.setIrqEventFds(msi, 1, [71]), { errno: 'EINVAL' });
    device.setIrqEventFds(msi, 0, []);
    device.setIrqEventFds(msix, 0, [70]);
    device.setIrqEventFds(msix, 3, [71]);
    assert.equal(device.irqInfo(msix).isFixedCount, false);
  });

  test('that no interrupt is named, or no descriptor, is a mistake', () => {
    const { device } = openOne(plainDevice(page));
    const mistake = { code: 'ERR_INVALID_ARGUMENT' };
    assert.throws(() => device.triggerIrqs(intx, 0, 0), mistake);
    assert.throws(() => device.maskIrqs(intx, 0, 0, true), mistake);
    assert.throws(() => device.setIrqEventFds(intx, 0, [-1]), mistake);
  });

  test('INTx is masked when it fires, and fires again when it is unmasked while asserted', () => {
    const told: number[] = [];
    const { device, hardware } = openOne(plainDevice(page), { signal: (fd) => told.push(fd) });
    device.setIrqEventFds(intx, 0, [70]);
    hardware.irqs.setIntx(true);
    hardware.irqs.setIntx(true);
    assert.deepEqual(told, [70]);
    device.maskIrqs(intx, 0, 1, false);
    assert.deepEqual(told, [70, 70]);
    hardware.irqs.setIntx(false);
    device.maskIrqs(intx, 0, 1, false);
    assert.deepEqual(told, [70, 70]);
    assert.deepEqual(hardware.irqs.signalled, told);
  });

  test('a vector that the device raises signals its own eventfd, until the device is closed', () => {
    const { device, hardware, group } = openOne(rtl8168(slot, 5));
    device.setIrqEventFds(msix, 1, [71, 72]);
    hardware.irqs.raise(msix, 2);
    hardware.irqs.raise(msix, 0);
    assert.deepEqual(hardware.irqs.signalled, [72]);
    device.close();
    assert.deepEqual(hardware.irqs.eventFdsOf(msix), []);
    group.close();
  });
});

test('a group that is not viable becomes so when the other driver lets go', () => {
  const sibling = plainDevice(page, { name: '0000:05:00.1', driver: 'nouveau' });
  const host = new SimulatedVfio({ devices: [plainDevice(page), sibling] });
  const container = host.openContainer();
  const group = host.openGroup(5);
  assert.equal(group.status().viable, false);
  assert.throws(() => group.setContainer(container), { errno: 'EPERM' });
  host.removeDevice('0000:05:00.1');
  host.addDevice({ ...sibling, driver: 'none' });
  assert.equal(group.status().viable, true);
  group.setContainer(container);
  container.setIommu(vfioExtension.type1v2);
  assert.throws(() => group.openDevice('0000:05:00.1'), { errno: 'ENODEV' });
});
