import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { SimulatedVfio } from '../../lib/simulated/index.js';
import { vfioPciRegion } from '../../lib/vfio/index.js';
import { rtl8168 } from '../vfio/rtl8168.js';
import { openOne, plainDevice, slot } from './vfio-bench.js';

const { config } = vfioPciRegion;
const page = 0x1000n;
const both = { read: true, write: true };

function openNic() {
  return openOne(rtl8168(slot, 5));
}

suite('the simulated VFIO host', () => {
  test('a mapping and the registers have the same bytes', () => {
    const { device, hardware } = openNic();
    const memory = device.map(2, 0n, page);
    memory.store(0x10n, 4, 0x1234_5678n);
    assert.equal(device.read(2, 0x10n, 2), 0x5678n);
    device.write(2, 0x12n, 0xabcdn, 2);
    assert.equal(memory.load(0x10n, 4), 0xabcd_5678n);
    assert.deepEqual(hardware.accesses, [
      { kind: 'read', region: 2, offset: 0x10n, width: 2, value: 0x5678n },
      { kind: 'write', region: 2, offset: 0x12n, width: 2, value: 0xabcdn },
    ]);
  });

  test('a failure that is ordered happens once, at that call of that name, without effect', () => {
    const { host, container } = openNic();
    host.order({ ioctl: 'VFIO_IOMMU_MAP_DMA', call: 2, errno: 'ENOMEM' });
    const mapping = { size: page, hostAddress: page, ...both };
    container.mapDma({ iova: 0n, ...mapping });
    assert.throws(() => container.mapDma({ iova: page, ...mapping }), { errno: 'ENOMEM' });
    assert.equal(host.dmaMappingsOf(slot).length, 1);
    container.mapDma({ iova: page, ...mapping });
    const maps = host.calls.filter(({ call }) => call === 'VFIO_IOMMU_MAP_DMA');
    assert.deepEqual(
      maps.map(({ args, errno }) => [args['iova'], errno]),
      [
        [0n, undefined],
        [page, 'ENOMEM'],
        [page, undefined],
      ],
    );
  });

  test('failures that were ordered can be forgotten', () => {
    const { host, device } = openNic();
    host.order({ ioctl: 'mmap', call: 1, errno: 'EAGAIN' });
    host.cancelFaults();
    device.map(2, 0n, page);
  });

  test('a call on something that is closed is a mistake, and closing twice is none', () => {
    const { host, container, group, device } = openNic();
    for (const it of [device, group, container]) {
      it.close();
      it.close();
    }
    const count = host.calls.length;
    assert.throws(() => device.info(), { code: 'ERR_VFIO_CLOSED' });
    assert.throws(() => group.status(), { code: 'ERR_VFIO_CLOSED' });
    assert.throws(() => container.apiVersion(), { code: 'ERR_VFIO_CLOSED' });
    assert.equal(host.calls.length, count, 'the kernel is not asked');
  });

  test('a mapping on another thread is there when the event loop went on', async () => {
    const { host, container } = openNic();
    const done = container.mapDmaAsync({ iova: 0n, size: page, hostAddress: page, ...both });
    assert.equal(host.dmaMappingsOf(slot).length, 0);
    await done;
    assert.equal(host.dmaMappingsOf(slot).length, 1);
    const again = container.mapDmaAsync({ iova: 0n, size: page, hostAddress: page, ...both });
    await assert.rejects(again, { errno: 'EEXIST' });
  });

  test('devices come and go, but not while they are open', () => {
    const { host, device, group } = openNic();
    assert.throws(() => host.removeDevice(slot), { code: 'ERR_INVALID_ARGUMENT' });
    device.close();
    group.close();
    host.removeDevice(slot);
    assert.throws(() => host.openGroup(5), { errno: 'ENOENT' });
    host.addDevice(plainDevice(page));
    host.openGroup(5);
  });

  test('a description that no host can have is a mistake', () => {
    const host = new SimulatedVfio({ devices: [plainDevice(page)] });
    const at = (hostAddress: bigint, size: bigint) =>
      plainDevice(page, {
        name: '0000:06:00.0',
        bars: [{ index: 0, kind: 'memory', size, hostAddress }],
      });
    const { hostAddress = 0n } = host.device(slot).bars[0] ?? {};
    assert.throws(() => host.addDevice(plainDevice(page)), { code: 'ERR_INVALID_ARGUMENT' });
    assert.throws(() => host.addDevice(at(0x1000n, 24n)), { code: 'ERR_INVALID_ARGUMENT' });
    assert.throws(() => host.addDevice(at(0x1010n, 32n)), { code: 'ERR_INVALID_ARGUMENT' });
    assert.throws(() => host.addDevice(at(hostAddress, 32n)), { code: 'ERR_INVALID_ARGUMENT' });
    host.addDevice(at(hostAddress + page, 32n));
  });

  test('without VFIO or iommufd there are no files of it', () => {
    const device = plainDevice(page, { cdev: 'vfio0' });
    const old = new SimulatedVfio({ devices: [device], iommufd: false });
    assert.throws(() => old.openIommufd(), { errno: 'ENOENT' });
    assert.throws(() => old.openCdev('vfio0'), { errno: 'ENOENT' });
    const future = new SimulatedVfio({ devices: [device], legacy: false });
    assert.throws(() => future.openContainer(), { errno: 'ENOENT' });
    assert.throws(() => future.openGroup(5), { errno: 'ENOENT' });
    future.openCdev('vfio0').bind(future.openIommufd());
  });
});

suite("a simulated device's DMA", () => {
  const masterOn = 6n;

  test('it reaches memory, byte for byte, or nothing', () => {
    const { host, container, device } = openNic();
    container.mapDma({ iova: page, size: page, hostAddress: 0x10000n, read: true, write: false });
    container.mapDma({ iova: 2n * page, size: page, hostAddress: 0x20000n, ...both });
    assert.deepEqual(host.dma(slot, page, 4n, false), { kind: 'blocked', why: 'not-master' });
    device.write(config, 4n, masterOn, 2);
    assert.deepEqual(host.dma(slot, 0x1ff8n, 16n, false), {
      kind: 'reached',
      pieces: [
        { address: 0x10ff8n, size: 8n, bar: undefined, isRevoked: false },
        { address: 0x20000n, size: 8n, bar: undefined, isRevoked: false },
      ],
    });
    assert.deepEqual(host.dma(slot, page, 4n, true), { kind: 'blocked', why: 'protected' });
    assert.deepEqual(host.dma(slot, 0xffcn, 8n, false), { kind: 'blocked', why: 'unmapped' });
    assert.deepEqual(host.dma(slot, 0x2ffcn, 8n, false), { kind: 'blocked', why: 'unmapped' });
    device.close();
    assert.deepEqual(host.dma(slot, page, 4n, false), { kind: 'blocked', why: 'closed' });
  });

  test("it reaches another device's BAR, and is told when that does not answer", () => {
    const { host, container, device } = openNic();
    const bar = device.map(2, 0n, page);
    container.mapDma({ iova: 0n, size: page, hostAddress: bar.hostAddress, ...both });
    device.write(config, 4n, masterOn, 2);
    const piece = { device: host.device(slot), region: 2, offset: 0x10n, isMapped: true };
    assert.deepEqual(host.dma(slot, 0x10n, 4n, true), {
      kind: 'reached',
      pieces: [{ address: bar.hostAddress + 0x10n, size: 4n, bar: piece, isRevoked: false }],
    });
    assert.deepEqual(host.revokedDmaMappingsOf(slot), []);
    device.write(config, 4n, 4n, 2);
    const lost = host.dma(slot, 0x10n, 4n, true);
    assert.equal(lost.kind === 'reached' && lost.pieces[0]?.isRevoked, true);
    assert.equal(host.revokedDmaMappingsOf(slot).length, 1);
  });

  test('by iommufd it goes where the device is attached', () => {
    const host = new SimulatedVfio({ devices: [plainDevice(page, { cdev: 'vfio0' })] });
    const iommufd = host.openIommufd();
    const [first, second] = [iommufd.allocateIoas(), iommufd.allocateIoas()];
    const cdev = host.openCdev('vfio0');
    const device = cdev.bind(iommufd);
    device.write(config, 4n, masterOn, 2);
    assert.deepEqual(host.dma(slot, 0n, 4n, false), { kind: 'blocked', why: 'detached' });
    second.mapDma({ iova: 0n, size: page, hostAddress: page, ...both });
    cdev.attach(first);
    assert.deepEqual(host.dma(slot, 0n, 4n, false), { kind: 'blocked', why: 'unmapped' });
    cdev.attach(second);
    assert.equal(host.dma(slot, 0n, 4n, false).kind, 'reached');
    iommufd.close();
    second.close();
    assert.equal(host.dma(slot, 0n, 4n, false).kind, 'reached', 'the device keeps it');
    device.close();
    assert.throws(() => cdev.detach(), { code: 'ERR_VFIO_CLOSED' });
  });

  test('the devices of a group are attached to the same address space, of one iommufd', () => {
    const devices = [
      plainDevice(page, { cdev: 'vfio0' }),
      plainDevice(page, { cdev: 'vfio1', name: '0000:05:00.1' }),
    ];
    const host = new SimulatedVfio({ devices });
    const [iommufd, other] = [host.openIommufd(), host.openIommufd()];
    const [first, second] = [iommufd.allocateIoas(), iommufd.allocateIoas()];
    const [a, b] = [host.openCdev('vfio0'), host.openCdev('vfio1')];
    a.bind(iommufd);
    assert.throws(() => b.bind(other), { errno: 'EPERM' });
    b.bind(iommufd);
    a.attach(first);
    assert.throws(() => b.attach(second), { errno: 'EINVAL' });
    b.attach(first);
  });

  test('an address space that is closed goes when no device is attached to it any longer', () => {
    const host = new SimulatedVfio({ devices: [plainDevice(page, { cdev: 'vfio0' })] });
    const iommufd = host.openIommufd();
    const ioas = iommufd.allocateIoas();
    iommufd.close();
    const cdev = host.openCdev('vfio0');
    assert.throws(() => cdev.bind(iommufd), { code: 'ERR_VFIO_CLOSED' });
    const again = host.openIommufd();
    const kept = again.allocateIoas();
    cdev.bind(again);
    kept.mapDma({ iova: 0n, size: page, hostAddress: page, ...both });
    cdev.attach(kept);
    kept.close();
    assert.equal(host.lockedMemory, page);
    assert.equal(host.calls.at(-1)?.errno, 'EBUSY');
    cdev.detach();
    assert.equal(host.lockedMemory, 0n);
    ioas.mapDma({ iova: 0n, size: page, hostAddress: page, ...both });
    assert.equal(ioas.unmapAll(), page, 'an address space keeps its iommufd');
    ioas.close();
    assert.throws(() => ioas.unmapAll(), { code: 'ERR_VFIO_CLOSED' });
  });
});

test('what belongs to another host is a mistake', () => {
  const devices = [plainDevice(page, { cdev: 'vfio0' })];
  const [host, other] = [new SimulatedVfio({ devices }), new SimulatedVfio({ devices })];
  assert.throws(() => host.openGroup(5).setContainer(other.openContainer()), {
    code: 'ERR_INVALID_ARGUMENT',
  });
  const cdev = other.openCdev('vfio0');
  assert.throws(() => cdev.bind(host.openIommufd()), { code: 'ERR_INVALID_ARGUMENT' });
  cdev.bind(other.openIommufd());
  const foreign = host.openIommufd().allocateIoas();
  assert.throws(() => cdev.attach(foreign), { code: 'ERR_INVALID_ARGUMENT' });
});
