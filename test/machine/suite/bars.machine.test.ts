// Which BARs may be mapped: what the table says, what the kernel says to who opens the device, and what `flatview preflight` says to
// who only asks, are the same.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { suite, test } from 'node:test';
import { Vfio, vfioExtension } from '../../../lib/vfio/index.js';
import { devices, type EmulatedDevice, pciName } from '../devices.js';
import { linkOf } from '../guest/sysfs-pci.js';

interface Bar {
  readonly index: number;
  readonly size: bigint;
  readonly mappable: boolean;
  readonly holdsMsixTable?: boolean;
}

/** Whose group has no other device: the kernel opens no device whose group another driver has a part of. */
const openable = devices.filter(
  ({ slot }) => devices.filter((it) => it.slot === slot).length === 1,
);

function barsOfKernel(device: EmulatedDevice): Bar[] {
  const vfio = new Vfio();
  const container = vfio.openContainer();
  const group = vfio.openGroup(Number(linkOf(device, 'iommu_group')));
  try {
    group.setContainer(container);
    container.setIommu(vfioExtension.type1v2);
    const opened = group.openDevice(pciName(device));
    try {
      return [0, 1, 2, 3, 4, 5].flatMap((index) => {
        const { size, canMap, isMsixMappable } = opened.regionInfo(index);
        return size === 0n
          ? []
          : [{ index, size, mappable: canMap, holdsMsixTable: isMsixMappable }];
      });
    } finally {
      opened.close();
    }
  } finally {
    group.close();
    container.close();
  }
}

/** By the command, as it is installed. It exits with 1 where something is in the way of any device. */
function preflight(): Map<string, Bar[]> {
  const command = '/app/node_modules/.bin/flatview';
  const report: {
    readonly devices: readonly {
      readonly address: string;
      readonly bars: readonly {
        readonly index: number;
        readonly size: string;
        readonly mmap: boolean;
        readonly certain: boolean;
      }[];
    }[];
  } = JSON.parse(
    execFileSync('sh', ['-c', `${command} preflight --json || [ $? = 1 ]`], { encoding: 'utf8' }),
  );
  return new Map(
    report.devices.map(({ address, bars }) => [
      address,
      bars.map((bar) => {
        assert.ok(bar.certain, `BAR ${bar.index} of ${address}`);
        return { index: bar.index, size: BigInt(bar.size), mappable: bar.mmap };
      }),
    ]),
  );
}

suite('the kernel, to who opens the device', () => {
  for (const device of openable) {
    test(device.name, () => {
      const expected = device.bars.map(({ index, size, mappable, holdsMsixTable = false }) => ({
        index,
        size: BigInt(size),
        mappable,
        holdsMsixTable,
      }));
      assert.deepEqual(barsOfKernel(device), expected);
    });
  }
});

test('preflight, to who only asks', () => {
  const said = preflight();
  for (const device of openable) {
    const expected = device.bars.map(({ index, size, mappable }) => ({
      index,
      size: BigInt(size),
      mappable,
    }));
    assert.deepEqual(said.get(pciName(device)), expected, device.name);
  }
});
