// One thing at a time is wrong with a host, and that is what is found.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  type Obstacle,
  type ObstacleId,
  obstacleIds,
  type PreflightOptions,
  preflight,
} from '../../../lib/pci/host/index.js';
import type { HostFixture } from '../host-fixture.js';
import { card, resource, resources, smallHost } from '../small-host.js';

const provoked = new Set<ObstacleId>();

/** All that is in the way of the card: the host's obstacles, then its own. */
function obstaclesOf(host: HostFixture, options: PreflightOptions = {}): readonly Obstacle[] {
  const report = preflight({ roots: host.roots, address: card.address, ...options });
  const all = [...report.host.obstacles, ...report.devices.flatMap(({ obstacles }) => obstacles)];
  for (const { id } of all) provoked.add(id);
  return all;
}

/** The one obstacle that is found after `change`. */
function only(change: (host: HostFixture) => void, options: PreflightOptions = {}): Obstacle {
  using host = smallHost();
  change(host);
  const found = obstaclesOf(host, options);
  assert.equal(found.length, 1, found.map(({ id }) => id).join());
  return found[0] ?? assert.fail();
}

function setResources(host: HostFixture, lines: Readonly<Record<number, string>>): void {
  host.write(`${card.folder}/resource`, resources(lines));
}

function setIoMemory(host: HostFixture, ...beside: string[]): void {
  const lines = ['e0000000-e00fffff : PCI Bus 0000:05', '  e0000000-e00000ff : 0000:05:00.0'];
  host.write('/proc/iomem', [...lines, ...beside].join('\n'));
}

function withoutIommu(host: HostFixture): void {
  host.remove('/sys/class/iommu');
  host.remove('/sys/kernel/iommu_groups');
  host.remove(`${card.folder}/iommu_group`);
}

/** Has `driver` have a device in `folder`. */
function bind(host: HostFixture, folder: string, driver: string): void {
  host.link(`${folder}/driver`, `/sys/bus/pci/drivers/${driver}`);
}

/** Puts a second function of the card into its group. */
function addSibling(host: HostFixture, driver: string, classCode = '0x040300'): void {
  const folder = '/sys/kernel/iommu_groups/7/devices/0000:05:00.1';
  host.write(`${folder}/class`, `${classCode}\n`);
  bind(host, folder, driver);
}

suite('What is in the way of a device', () => {
  test('nothing, where nothing is wrong', () => {
    using host = smallHost();
    assert.deepEqual(obstaclesOf(host), []);
    assert.deepEqual(obstaclesOf(host, { guestMemory: 8n << 20n }), []);
  });

  suite('the IOMMU', () => {
    test('no-iommu, although the firmware describes one', () => {
      const found = only(withoutIommu);
      assert.equal(found.id, 'no-iommu');
      assert.match(found.cure?.text ?? '', /intel_iommu=on/);
    });

    test('no-iommu, and AMD or Arm describe one', () => {
      for (const table of ['IVRS', 'IORT']) {
        const found = only((host) => {
          withoutIommu(host);
          host.remove('/sys/firmware/acpi/tables/DMAR');
          host.write(`/sys/firmware/acpi/tables/${table}`, '');
        });
        assert.match(found.cure?.text ?? '', /without iommu=off/);
      }
    });

    test('no-iommu-mode is only a note: VFIO does without', () => {
      const found = only((host) => {
        withoutIommu(host);
        host.write('/sys/module/vfio/parameters/enable_unsafe_noiommu_mode', 'Y\n');
      });
      assert.deepEqual([found.id, found.severity], ['no-iommu-mode', 'note']);
    });

    test('a group that VFIO made up has its node under another name', () => {
      using host = smallHost();
      host.remove('/sys/class/iommu');
      host.write('/sys/module/vfio/parameters/enable_unsafe_noiommu_mode', 'Y\n');
      host.write('/sys/kernel/iommu_groups/7/name', 'vfio-noiommu\n');
      host.remove('/dev/vfio/7');
      assert.deepEqual(
        obstaclesOf(host).map(({ id }) => id),
        ['no-iommu-mode', 'no-group-node'],
      );
      host.write('/dev/vfio/noiommu-7', '');
      assert.deepEqual(
        obstaclesOf(host).map(({ id }) => id),
        ['no-iommu-mode'],
      );
    });

    test('an IOMMU that is in no list shows by its groups', () => {
      using host = smallHost();
      host.remove('/sys/class/iommu');
      assert.deepEqual(obstaclesOf(host), []);
    });

    test('no-interrupt-remapping, or unsafe-interrupts where VFIO was told so', () => {
      const off = (host: HostFixture) => host.write('/sys/kernel/irq/9/chip_name', 'IO-APIC\n');
      const found = only(off);
      assert.equal(found.id, 'no-interrupt-remapping');
      assert.match(found.cure?.commands.join() ?? '', /vfio_iommu_type1 allow_unsafe_interrupts=1/);
      for (const module of ['vfio_iommu_type1', 'iommufd']) {
        const told = only((host) => {
          off(host);
          host.write(`/sys/module/${module}/parameters/allow_unsafe_interrupts`, 'Y\n');
        });
        assert.deepEqual([told.id, told.severity], ['unsafe-interrupts', 'note']);
      }
    });

    test('where no name of an interrupt chip tells, nothing is said', () => {
      using host = smallHost();
      host.write('/sys/kernel/irq/9/chip_name', 'ITS-MSI\n');
      assert.deepEqual(obstaclesOf(host), []);
    });
  });

  suite('VFIO', () => {
    test('no-vfio-driver', () => {
      const found = only((host) => host.remove('/sys/bus/pci/drivers/vfio-pci'));
      assert.equal(found.id, 'no-vfio-driver');
      assert.deepEqual(found.cure?.commands, ['modprobe vfio-pci']);
    });

    test('no-vfio-node, unless there is iommufd', () => {
      assert.equal(only((host) => host.remove('/dev/vfio/vfio')).id, 'no-vfio-node');
      using host = smallHost();
      host.remove('/dev/vfio/vfio');
      host.write('/dev/iommu', '');
      assert.deepEqual(obstaclesOf(host), []);
    });

    test('without /dev, sysfs tells whether the kernel has such devices', () => {
      using host = smallHost();
      const { sys, proc } = host.roots;
      const ids = () => obstaclesOf(host, { roots: { sys, proc } }).map(({ id }) => id);
      assert.deepEqual(ids(), ['no-vfio-node']);
      host.write('/sys/class/misc/vfio/dev', '10:196\n');
      assert.deepEqual(ids(), []);
    });

    test('no-group-node, unless the device has a node of its own', () => {
      const found = only((host) => host.remove('/dev/vfio/7'));
      assert.equal(found.id, 'no-group-node');
      using host = smallHost();
      host.remove('/dev/vfio/7');
      host.write('/dev/vfio/devices/vfio0', '');
      assert.deepEqual(obstaclesOf(host), []);
    });
  });

  suite('the limits', () => {
    test('memory-lock-limit: what can be raised, and what needs root', () => {
      const found = only(() => undefined, { guestMemory: 1n << 30n });
      assert.equal(found.id, 'memory-lock-limit');
      assert.deepEqual(found.cure?.commands, ['ulimit -l 1048576']);
      assert.match(found.cure?.text ?? '', /^allow it, here or .*LimitMEMLOCK=1073741824/);
      const beyond = only(() => undefined, { guestMemory: 2n << 30n });
      assert.match(beyond.cure?.text ?? '', /^allow it, here \(as root\)/);
    });

    test('no limit holds with CAP_IPC_LOCK, or where it is unlimited', () => {
      using host = smallHost();
      host.write('/proc/self/status', 'CapEff:\t0000000000004000\n');
      assert.deepEqual(obstaclesOf(host, { guestMemory: 1n << 30n }), []);
      host.write('/proc/self/status', 'CapEff:\tffffffffffffbfff\n');
      assert.equal(obstaclesOf(host, { guestMemory: 1n << 30n }).length, 1);
      host.write('/proc/self/limits', 'Max locked memory         unlimited   unlimited   bytes\n');
      assert.deepEqual(obstaclesOf(host, { guestMemory: 1n << 30n }), []);
    });

    test('dma-entry-limit: 128 GiB are 65,536 mappings of 2 MiB', () => {
      const unlimited = (host: HostFixture) =>
        host.write(
          '/proc/self/limits',
          'Max locked memory         unlimited   unlimited   bytes\n',
        );
      const found = only(unlimited, { guestMemory: 128n << 30n });
      assert.deepEqual([found.id, found.severity], ['dma-entry-limit', 'note']);
      assert.match(found.cure?.commands.join() ?? '', /dma_entry_limit=65536/);
      using host = smallHost();
      unlimited(host);
      assert.deepEqual(obstaclesOf(host, { guestMemory: (128n << 30n) - (2n << 20n) }), []);
    });
  });

  suite('the driver', () => {
    test('other-driver, with the commands that change it', () => {
      const found = only((host) => {
        host.remove(`${card.folder}/driver`);
        bind(host, card.folder, 'sdhci-pci');
      });
      assert.equal(found.id, 'other-driver');
      assert.deepEqual(found.cure?.commands, [
        'echo vfio-pci > /sys/bus/pci/devices/0000:05:00.0/driver_override',
        'echo 0000:05:00.0 > /sys/bus/pci/devices/0000:05:00.0/driver/unbind',
        'echo 0000:05:00.0 > /sys/bus/pci/drivers_probe',
      ]);
    });

    test('no-driver: there is nothing to unbind from', () => {
      const found = only((host) => {
        host.remove(`${card.folder}/driver`);
        host.write(`${card.folder}/driver_override`, 'pci-stub\n');
      });
      assert.equal(found.id, 'no-driver');
      assert.match(found.text, /only pci-stub may have it/);
      assert.ok(found.cure?.commands.every((command) => !command.includes('unbind')));
    });

    test("VFIO's variants are as good", () => {
      for (const driver of ['mlx5-vfio-pci', 'mlx5_vfio_pci', 'nvgrace-gpu-vfio-pci']) {
        using host = smallHost();
        host.remove(`${card.folder}/driver`);
        bind(host, card.folder, driver);
        assert.deepEqual(obstaclesOf(host), [], driver);
      }
    });

    test('bridge: the root port cannot be given away', () => {
      const found = only(() => undefined, { address: '00:1c.0' });
      assert.equal(found.id, 'bridge');
    });
  });

  suite('the IOMMU group', () => {
    test('group-shared: a driver of the host has a sibling', () => {
      const found = only((host) => addSibling(host, 'snd_hda_intel'));
      assert.equal(found.id, 'group-shared');
      assert.match(found.text, /group 7 .* 0000:05:00\.1 \(snd_hda_intel\)$/);
      assert.match(found.cure?.commands.join() ?? '', /0000:05:00\.1\/driver\/unbind/);
    });

    test('siblings that do no DMA of their own do no harm', () => {
      for (const driver of ['vfio-pci', 'pci-stub']) {
        using host = smallHost();
        addSibling(host, driver);
        assert.deepEqual(obstaclesOf(host), [], driver);
      }
    });

    test('a bridge with a driver of its own: fine before Linux 5.19, not since', () => {
      const shpchp = (release: string) => (host: HostFixture) => {
        addSibling(host, 'shpchp', '0x060400');
        host.write('/proc/sys/kernel/osrelease', `${release}\n`);
      };
      const found = only(shpchp('5.19.0'));
      assert.equal(found.id, 'group-shared');
      assert.deepEqual(found.cure?.commands, [
        'echo 0000:05:00.1 > /sys/bus/pci/devices/0000:05:00.1/driver/unbind',
      ]);
      using host = smallHost();
      shpchp('5.18.19')(host);
      assert.deepEqual(obstaclesOf(host), []);
    });

    test('a sibling on another bus is named, without commands that are for PCI', () => {
      const found = only((host) =>
        bind(host, '/sys/kernel/iommu_groups/7/devices/MSFT0101:00', 'tpm_crb'),
      );
      assert.match(found.text, /MSFT0101:00 \(tpm_crb\)$/);
      assert.deepEqual(found.cure?.commands, []);
    });

    test('no-group, although there is an IOMMU', () => {
      const found = only((host) => host.remove(`${card.folder}/iommu_group`));
      assert.equal(found.id, 'no-group');
    });
  });

  suite('the BARs', () => {
    test('bar-shares-page: with another device', () => {
      const found = only((host) => setIoMemory(host, '  e0000100-e00001ff : 0000:05:00.1'));
      assert.equal(found.id, 'bar-shares-page');
      assert.match(found.cure?.text ?? '', /pci=resource_alignment=12@0000:05:00\.0 /);
    });

    test('bar-shares-page: with what is no PCI device', () => {
      const found = only((host) => setIoMemory(host, '  e0000800-e0000fff : pnp 00:04'));
      assert.equal(found.text, 'BAR 0: pnp 00:04 is in its page 0xe0000000');
    });

    test('what is aligned already stays in the parameter', () => {
      const found = only((host) => {
        setIoMemory(host, '  e0000800-e0000fff : pnp 00:04');
        host.write('/sys/bus/pci/resource_alignment', '12@0000:06:00.0;pci:8086:9c22\n');
      });
      const [first] = found.cure?.commands ?? [];
      assert.equal(
        first,
        "echo '12@0000:06:00.0;pci:8086:9c22;12@0000:05:00.0' > /sys/bus/pci/resource_alignment",
      );
    });

    test('what is said of this device already is replaced, in whatever form', () => {
      for (const entry of ['10@05:00.0', '0000:05:00.0', '9@0:5:0.0']) {
        const found = only((host) => {
          setIoMemory(host, '  e0000800-e0000fff : pnp 00:04');
          host.write('/sys/bus/pci/resource_alignment', `${entry}\n`);
        });
        const [first] = found.cure?.commands ?? [];
        assert.equal(first, "echo '12@0000:05:00.0' > /sys/bus/pci/resource_alignment", entry);
      }
    });

    test('a virtual function has no BARs that could be moved', () => {
      const found = only((host) => {
        setIoMemory(host, '  e0000800-e0000fff : pnp 00:04');
        host.link(`${card.folder}/physfn`, '../0000:05:00.7');
      });
      assert.equal(found.cure, undefined);
    });

    test('bar-not-page-aligned', () => {
      const found = only((host) => {
        setResources(host, { 0: resource(0xe000_0100, 0x100) });
        host.write(
          '/proc/iomem',
          'e0000000-e00fffff : PCI Bus\n  e0000100-e00001ff : 0000:05:00.0',
        );
      });
      assert.equal(found.id, 'bar-not-page-aligned');
    });

    test('bar-beyond-window', () => {
      const found = only((host) =>
        host.write('/proc/iomem', 'e0000000-e00007ff : x\n  e0000000-e00000ff : 0000:05:00.0'),
      );
      assert.equal(found.id, 'bar-beyond-window');
    });

    test('bar-unassigned: the kernel says so, or has it nowhere', () => {
      const said = only((host) => {
        setResources(host, { 0: resource(0, 0x1000, 0x2004_0200) });
      });
      assert.deepEqual([said.id, said.severity], ['bar-unassigned', 'blocks']);
      assert.match(said.cure?.text ?? '', /pci=realloc/);
      const nowhere = only((host) => host.write('/proc/iomem', 'e0000000-e00fffff : PCI Bus\n'));
      assert.equal(nowhere.id, 'bar-unassigned');
    });

    test('kernel-without-sub-page', () => {
      const found = only((host) => host.write('/proc/sys/kernel/osrelease', '4.7.10-generic\n'));
      assert.equal(found.id, 'kernel-without-sub-page');
      using host = smallHost();
      host.write('/proc/sys/kernel/osrelease', '4.8.0\n');
      assert.deepEqual(obstaclesOf(host), []);
    });

    test('neighbours-unknown: what is no PCI device is not shown', () => {
      for (const hidden of [undefined, '00000000-00000000 : PCI Bus\n  00000000-00000000 : x\n']) {
        const found = only((host) => {
          if (hidden === undefined) host.remove('/proc/iomem');
          else host.write('/proc/iomem', hidden);
        });
        assert.deepEqual([found.id, found.severity], ['neighbours-unknown', 'note']);
      }
    });

    test('bars-unknown', () => {
      assert.equal(only((host) => host.remove(`${card.folder}/resource`)).id, 'bars-unknown');
    });

    test('I/O ports and a ROM are no obstacles', () => {
      using host = smallHost();
      setResources(host, {
        0: resource(0xe000_0000, 0x100),
        2: resource(0x2000, 32, 0x4_0101),
        6: resource(0xe001_0000, 0x800, 0x4_6200),
      });
      assert.deepEqual(obstaclesOf(host), []);
    });
  });

  suite('what is worth knowing', () => {
    const note = (change: (host: HostFixture) => void) => {
      const { id, severity } = only(change);
      assert.equal(severity, 'note');
      return id;
    };

    test('host-in-use: the display, a network interface', () => {
      assert.equal(
        note((host) => host.write(`${card.folder}/boot_vga`, '1\n')),
        'host-in-use',
      );
      assert.equal(
        note((host) => host.write(`${card.folder}/net/eth0/mtu`, '1500\n')),
        'host-in-use',
      );
    });

    test('no-reset; a kernel before 5.15 says it by another file', () => {
      assert.equal(
        note((host) => host.remove(`${card.folder}/reset_method`)),
        'no-reset',
      );
      using host = smallHost();
      host.remove(`${card.folder}/reset_method`);
      host.write(`${card.folder}/reset`, '');
      assert.deepEqual(obstaclesOf(host), []);
    });

    test('virtual-functions-in-use', () => {
      assert.equal(
        note((host) => host.write(`${card.folder}/sriov_numvfs`, '4\n')),
        'virtual-functions-in-use',
      );
    });
  });

  test('each obstacle that there is was found by one of these tests', () => {
    assert.deepEqual([...provoked].sort(), Object.keys(obstacleIds).sort());
  });
});
