// That the devices of the table are in the machine, where and how it says.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { suite, test } from 'node:test';
import { devices } from '../devices.js';
import { linkOf, readAttribute, resourceFlag, resources } from '../guest/sysfs-pci.js';

for (const device of devices) {
  suite(device.name, () => {
    test('is the device that the table names', () => {
      const id = ['vendor', 'device'].map((it) => readAttribute(device, it).replace('0x', ''));
      assert.equal(id.join(':'), device.id);
    });

    test('is driven by vfio-pci or as the table says, and its group has a file', () => {
      assert.equal(linkOf(device, 'driver'), device.keepsDriver ? 'virtio-pci' : 'vfio-pci');
      assert.ok(existsSync(`/dev/vfio/${linkOf(device, 'iommu_group')}`));
    });

    if (device.keepsDriver) return;

    test('has the BARs of the table', () => {
      const bars = resources(device).flatMap(({ size, flags }, index) => {
        if (size === 0) return [];
        const space = (flags & resourceFlag.ports) === 0 ? 'memory' : 'ports';
        return [{ index, space, size }];
      });
      const expected = device.bars.map(({ index, space, size }) => ({ index, space, size }));
      assert.deepEqual(bars, expected);
      if (device.bar0At !== undefined) assert.equal(resources(device)[0]?.start, device.bar0At);
    });
  });
}

test('a group is one device, but for the two functions that share one', () => {
  const groups = new Map<string | undefined, string[]>();
  for (const device of devices) {
    const group = linkOf(device, 'iommu_group');
    groups.set(group, [...(groups.get(group) ?? []), device.name]);
  }
  const shared = [...groups.values()].filter((names) => names.length > 1);
  assert.deepEqual(shared, [['edu-in-shared-group', 'rng-in-shared-group']]);
});
