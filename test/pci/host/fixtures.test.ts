// Real machines, and what their kernels said.

import assert from 'node:assert/strict';
import { after, suite, test } from 'node:test';
import { type BarReport, type PreflightReport, preflight } from '../../../lib/pci/host/index.js';
import { fixtureText, HostFixture } from '../host-fixture.js';

function barOf(report: PreflightReport, address: string, index: number): BarReport {
  const device = report.devices.find((one) => one.device.address === address);
  return device?.bars.find(({ bar }) => bar.index === index) ?? assert.fail(`${address} ${index}`);
}

/** Device, region, size and whether vfio-pci reported VFIO_REGION_INFO_FLAG_MMAP. */
function regionsOf(file: string) {
  return fixtureText('emulated-q35', file)
    .split('\n')
    .filter((line) => /^[0-9a-f]{4}:/.test(line))
    .map((line) => {
      const [address = '', index = '', size = '', mmap = ''] = line.split(' ');
      return { address, index: Number(index), size: BigInt(size), mmap: mmap === '1' };
    });
}

suite('An emulated PC with a real kernel', () => {
  const pc = HostFixture.of('emulated-q35');
  after(() => pc[Symbol.dispose]());

  test('each verdict on mmap is what vfio-pci answered', () => {
    const report = preflight({ roots: pc.roots });
    const regions = regionsOf('vfio-regions.txt');
    assert.equal(regions.length, 33);
    assert.ok(regions.some(({ mmap }) => mmap) && regions.some(({ mmap }) => !mmap));
    for (const { address, index, size, mmap } of regions) {
      const { bar, verdict } = barOf(report, address, index);
      assert.equal(bar.size, size, `${address} ${index}`);
      assert.equal(verdict.code === 'mappable', mmap, `${address} ${index}: ${verdict.text}`);
      assert.equal(verdict.certain, true);
    }
    assert.deepEqual(report.problems, []);
  });

  test('without /proc/iomem the verdicts are the same, but none on small BARs is certain', () => {
    using machine = HostFixture.of('emulated-q35');
    machine.remove('/proc/iomem');
    const report = preflight({ roots: machine.roots });
    for (const { address, index, mmap } of regionsOf('vfio-regions.txt')) {
      const { bar, verdict } = barOf(report, address, index);
      assert.equal(verdict.code === 'mappable', mmap, `${address} ${index}: ${verdict.text}`);
      assert.equal(verdict.certain, !mmap || bar.size >= 4096n, `${address} ${index}`);
    }
  });

  test('two BARs in one page: the first has a neighbour, the second no page of its own', () => {
    const report = preflight({ roots: pc.roots });
    const first = barOf(report, '0000:00:10.0', 0);
    assert.equal(first.verdict.code, 'page-shared');
    assert.deepEqual(first.place?.neighbours, [
      {
        first: 0x4000_0100n,
        last: 0x4000_01ffn,
        name: '0000:00:11.0 BAR 0',
        device: '0000:00:11.0',
      },
    ]);
    const second = barOf(report, '0000:00:11.0', 0);
    assert.equal(second.verdict.code, 'not-page-aligned');
    assert.equal(second.place?.neighbours[0]?.device, '0000:00:10.0');
  });

  test('the device that goes makes the page whole, as the kernel showed', () => {
    using machine = HostFixture.of('emulated-q35');
    machine.remove('/sys/bus/pci/devices/0000:00:11.0');
    const iomem = fixtureText('emulated-q35', 'host.txt')
      .split('\n')
      .filter((line) => /^\| *[0-9a-f]+-[0-9a-f]+ : /.test(line) && !line.endsWith('0000:00:11.0'))
      .map((line) => line.slice(1));
    machine.write('/proc/iomem', iomem.join('\n'));
    const report = preflight({ roots: machine.roots });
    assert.equal(barOf(report, '0000:00:10.0', 0).verdict.code, 'mappable');
  });

  test('the cure that is named is the one that worked on the machine', () => {
    const [device] = preflight({ roots: pc.roots, address: '00:10.0' }).devices;
    const cure = device?.obstacles.find(({ id }) => id === 'bar-shares-page')?.cure;
    assert.deepEqual(cure?.commands, [
      "echo '12@0000:00:10.0' > /sys/bus/pci/resource_alignment",
      'echo 1 > /sys/bus/pci/devices/0000:00:10.0/remove',
      'echo 1 > /sys/bus/pci/rescan',
      'echo vfio-pci > /sys/bus/pci/devices/0000:00:10.0/driver_override',
      'echo 0000:00:10.0 > /sys/bus/pci/drivers_probe',
    ]);
    const cured = regionsOf('vfio-regions-aligned.txt').filter(({ size }) => size === 4096n);
    assert.deepEqual(
      cured.map(({ address, mmap }) => [address, mmap]),
      ['0000:00:10.0', '0000:00:11.0', '0000:02:01.0', '0000:02:02.0'].map((one) => [one, true]),
    );
  });

  test('what vfio-pci reserved for an open device is nobody else in its page', () => {
    using machine = HostFixture.of('emulated-q35');
    machine.write('/proc/iomem', fixtureText('emulated-q35', 'iomem-while-open.txt'));
    const { verdict, place } = barOf(preflight({ roots: machine.roots }), '0000:00:05.0', 0);
    assert.equal(verdict.code, 'mappable');
    assert.deepEqual(place?.neighbours, []);
  });

  test('64 KiB pages: what had a page of its own no longer has', () => {
    const report = preflight({ roots: pc.roots, pageSize: 0x1_0000n });
    const codes = (address: string, index: number) => barOf(report, address, index).verdict.code;
    assert.equal(codes('0000:00:04.0', 0), 'mappable');
    assert.equal(codes('0000:00:05.0', 0), 'not-page-aligned');
    assert.equal(codes('0000:00:0b.0', 0), 'mappable');
    assert.equal(codes('0000:00:0b.0', 3), 'page-shared');
    assert.equal(codes('0000:00:10.0', 0), 'page-shared');
    assert.equal(codes('0000:00:14.1', 4), 'mappable', '16 KiB alone at the start of 64');
    assert.equal(codes('0000:01:00.1', 0), 'not-page-aligned');
    const [device] = preflight({
      roots: pc.roots,
      address: '00:0b.0',
      pageSize: 0x1_0000n,
    }).devices;
    const cure = device?.obstacles.find(({ id }) => id === 'bar-shares-page')?.cure;
    assert.match(cure?.text ?? '', /pci=resource_alignment=16@0000:00:0b\.0 /);
  });

  test('groups: alone, two functions of which the host uses one, and a bridge with what is behind it', () => {
    const { devices } = preflight({ roots: pc.roots });
    const of = (address: string) =>
      devices.find(({ device }) => device.address === address) ?? assert.fail(address);
    assert.deepEqual(
      of('0000:00:05.0').group?.members.map(({ name }) => name),
      ['0000:00:05.0'],
    );
    assert.match(
      of('0000:00:14.0').obstacles.find(({ id }) => id === 'group-shared')?.text ?? '',
      /group 14 .* 0000:00:14\.1 \(virtio-pci\)$/,
    );
    const behind = of('0000:02:01.0');
    assert.equal(behind.device.parent, '0000:00:17.0');
    assert.equal(behind.group?.members.length, 3);
    assert.ok(behind.obstacles.every(({ id }) => id !== 'group-shared'));
  });

  test('an IOMMU with interrupt remapping, its limits, and a virtual function', () => {
    const { host, devices } = preflight({ roots: pc.roots });
    assert.deepEqual(host.iommu, {
      present: true,
      units: ['dmar0'],
      firmwareTables: ['DMAR'],
      interruptRemapping: 'on',
    });
    assert.equal(host.pageSize, 4096n);
    assert.equal(host.vfio.dmaEntryLimit, 65535);
    assert.deepEqual(host.memoryLock, { soft: 8n << 20n, hard: 8n << 20n, exempt: true });
    assert.deepEqual(host.obstacles, []);
    const virtual = devices.find(({ device }) => device.address === '0000:01:00.1');
    assert.equal(virtual?.device.physicalFunction, '0000:01:00.0');
    assert.deepEqual(virtual?.device.resetMethods, ['flr']);
  });
});

suite('A ThinkPad T60 with an old kernel', () => {
  test('two controllers share a page; Linux 2.6 would map neither anyway', () => {
    using machine = HostFixture.of('thinkpad-t60');
    const old = preflight({ roots: machine.roots });
    assert.equal(barOf(old, '0000:00:1d.7', 0).verdict.code, 'old-kernel');
    machine.write('/proc/sys/kernel/osrelease', '6.1.0\n');
    const report = preflight({ roots: machine.roots });
    assert.equal(barOf(report, '0000:00:1d.7', 0).verdict.code, 'page-shared');
    assert.equal(barOf(report, '0000:00:1d.7', 0).place?.neighbours[0]?.name, '0000:00:1f.2 BAR 5');
    assert.equal(barOf(report, '0000:00:1f.2', 5).verdict.code, 'not-page-aligned');
  });

  test('64 KiB pages: the sound controller is in that page, too', () => {
    using machine = HostFixture.of('thinkpad-t60');
    machine.write('/proc/sys/kernel/osrelease', '6.1.0\n');
    const report = preflight({ roots: machine.roots, pageSize: 0x1_0000n });
    const { verdict, place } = barOf(report, '0000:00:1b.0', 0);
    assert.equal(verdict.code, 'page-shared');
    assert.deepEqual(
      place?.neighbours.map(({ device }) => device),
      ['0000:00:1d.7', '0000:00:1f.2'],
    );
  });
});

suite('A microVM in a cloud', () => {
  test('no IOMMU, no VFIO, and the firmware describes none', () => {
    using machine = HostFixture.of('cloud-microvm');
    const { host, devices } = preflight({ roots: machine.roots });
    assert.deepEqual(
      host.obstacles.map(({ id }) => id),
      ['no-iommu', 'no-vfio-driver'],
    );
    assert.match(host.obstacles[0]?.cure?.text ?? '', /^the firmware describes none: switch on/);
    assert.equal(devices.length, 6);
    for (const { device, bars } of devices.slice(1)) {
      assert.equal(bars[0]?.verdict.code, 'mappable', device.address);
    }
  });
});
