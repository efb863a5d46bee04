import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { SimulatedVfio, type SimulatedVfioOptions } from '../../lib/simulated/index.js';
import { vfioExtension, vfioPciRegion } from '../../lib/vfio/index.js';
import { rtl8168 } from '../vfio/rtl8168.js';

const nic = '0000:05:00.0';

function openNic(options: SimulatedVfioOptions = {}) {
  const host = new SimulatedVfio({ devices: [rtl8168(nic, 5)], ...options });
  const container = host.openContainer();
  const group = host.openGroup(5);
  group.setContainer(container);
  container.setIommu(vfioExtension.type1v2);
  const device = group.openDevice(nic);
  return { host, container, group, device };
}

suite('the simulated VFIO host', () => {
  test('a mapping and the registers have the same bytes', () => {
    const { host, device } = openNic();
    const memory = device.map(2, 0n, 0x1000n);
    memory.store(0x10n, 4, 0x1234_5678n);
    assert.equal(device.read(2, 0x10n, 2), 0x5678n);
    device.write(2, 0x12n, 0xabcdn, 2);
    assert.equal(memory.load(0x10n, 4), 0xabcd_5678n);
    assert.deepEqual(host.device(nic).accesses, [
      { kind: 'read', region: 2, offset: 0x10n, width: 2, value: 0x5678n },
      { kind: 'write', region: 2, offset: 0x12n, width: 2, value: 0xabcdn },
    ]);
  });

  test("a device's access reaches memory, another device's BAR, or nothing", () => {
    const { host, container, device } = openNic();
    const rw = { read: true, write: true };
    container.mapDma({ iova: 0x1000n, size: 0x2000n, hostAddress: 0x10000n, ...rw, write: false });
    const bar = device.map(2, 0n, 0x1000n);
    container.mapDma({ iova: 0x3000n, size: 0x1000n, hostAddress: bar.hostAddress, ...rw });
    assert.deepEqual(host.dma(nic, 0x1000n, 4n, false), { kind: 'blocked', why: 'not-master' });
    device.write(vfioPciRegion.config, 4n, 6n, 2);
    assert.deepEqual(host.dma(nic, 0x1ff8n, 16n, false), {
      kind: 'reached',
      pieces: [{ address: 0x10ff8n, size: 16n, bar: undefined, isRevoked: false }],
    });
    assert.deepEqual(host.dma(nic, 0x1000n, 4n, true), { kind: 'blocked', why: 'protected' });
    assert.deepEqual(host.dma(nic, 0xffcn, 8n, false), { kind: 'blocked', why: 'unmapped' });
    const peer = host.dma(nic, 0x3010n, 4n, true);
    assert.equal(peer.kind === 'reached' && peer.pieces[0]?.bar?.offset, 0x10n);
  });

  test('without decode a device answers nothing, and its mappings are revoked', () => {
    const { host, container, device } = openNic();
    const memory = device.map(2, 0n, 0x1000n);
    device.write(vfioPciRegion.config, 4n, 0n, 2);
    assert.throws(() => device.read(2, 0n, 4), { errno: 'EIO' });
    assert.equal(device.read(0, 0n, 4), 0n, 'ports have a bit of their own');
    assert.equal(host.revokedBarMaps.length, 1);
    const mapping = { iova: 0n, size: 0x1000n, hostAddress: memory.hostAddress };
    assert.throws(() => container.mapDma({ ...mapping, read: true, write: true }), {
      errno: 'EFAULT',
    });
    device.write(vfioPciRegion.config, 4n, 2n, 2);
    assert.equal(host.revokedBarMaps.length, 0);
    container.mapDma({ ...mapping, read: true, write: true });
  });

  test('a failure that is ordered happens once, at that call of that name', () => {
    const { host, container } = openNic();
    host.order({ ioctl: 'VFIO_IOMMU_MAP_DMA', call: 2, errno: 'ENOMEM' });
    const mapping = { size: 0x1000n, hostAddress: 0x1000n, read: true, write: true };
    container.mapDma({ iova: 0n, ...mapping });
    assert.throws(() => container.mapDma({ iova: 0x1000n, ...mapping }), { errno: 'ENOMEM' });
    container.mapDma({ iova: 0x1000n, ...mapping });
    const maps = host.calls.filter(({ call }) => call === 'VFIO_IOMMU_MAP_DMA');
    assert.deepEqual(
      maps.map(({ errno }) => errno),
      [undefined, 'ENOMEM', undefined],
    );
  });
});
