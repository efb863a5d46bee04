// What `flatview preflight` says of devices from files alone, against what the kernel does when they are opened.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { suite, test } from 'node:test';
import { Passthrough } from '../../../lib/vfio/index.js';
import { device, devices, type EmulatedDevice, pciName } from '../devices.js';

const command = path.resolve(import.meta.dirname, '../../../bundle/cli/main.js');

/** What the report says of a device, as far as the tests read it: docs/preflight.md. */
interface DeviceReport {
  readonly address: string;
  readonly clear: boolean;
  readonly bars: readonly {
    readonly index: number;
    readonly mmap: boolean;
    readonly verdict: string;
  }[];
}

/** By address. */
function reports(): Map<string, DeviceReport> {
  // It exits with 1, as some devices can't be given away.
  const { stdout } = spawnSync(process.execPath, [command, 'preflight', '--json'], {
    encoding: 'utf8',
  });
  const { devices: all }: { devices: DeviceReport[] } = JSON.parse(stdout);
  return new Map(all.map((report) => [report.address, report]));
}

const before = reports();

function reportOn(name: string): DeviceReport | undefined {
  return before.get(pciName(device(name)));
}

suite('preflight', () => {
  test('says the same of BARs when devices are open: the rest of their pages is nobody else', () => {
    using all = new Passthrough();
    const isAlone = ({ slot }: EmulatedDevice) =>
      devices.filter((it) => it.slot === slot).length === 1;
    const opened = devices.filter(isAlone).map((it) => all.open(pciName(it)));
    const open = reports();
    for (const device of opened) {
      const bars = before.get(device.name)?.bars ?? [];
      assert.notEqual(bars.length, 0);
      assert.deepEqual(open.get(device.name)?.bars, bars);
      for (const { index, mmap, verdict } of bars) {
        const { canMap } = device.regionInfo(index);
        assert.equal(canMap, mmap, `${device.name}, BAR ${index}: ${verdict}`);
      }
      device.close();
    }
  });

  test('names what keeps two BARs that share a page from being mapped', () => {
    const verdicts = ['sdhci-shared-start', 'sdhci-shared-behind'].map((name) =>
      reportOn(name)?.bars.map(({ verdict }) => verdict),
    );
    assert.deepEqual(verdicts, [['page-shared'], ['not-page-aligned']]);
  });

  for (const name of ['edu-in-shared-group', 'rng-in-shared-group']) {
    test(`${name} can't be given away, as its group is not viable`, () => {
      assert.equal(reportOn(name)?.clear, false);
      using all = new Passthrough({ way: 'container' });
      assert.throws(() => all.open(pciName(device(name))), /virtio-pci/);
    });
  }

  test('a device that is ready is', () => {
    assert.equal(reportOn('edu')?.clear, true);
  });
});
