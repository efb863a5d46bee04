// What the emulated machine has, and what its simulated twin has, is written down in two places: they say the same.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emulatedMachine } from '../vfio/emulated-machine.js';
import { devices, pciName } from './devices.js';

test('no two devices have the same name or the same place', () => {
  for (const key of [devices.map(({ name }) => name), devices.map(pciName)]) {
    assert.equal(new Set(key).size, devices.length);
  }
});

test('the simulated twin has the same devices, at the same places, with the same BARs', () => {
  const hex = (id: number) => id.toString(16).padStart(4, '0');
  const simulated = Object.entries(emulatedMachine).map(([name, device]) => ({
    name,
    place: device.name,
    id: `${hex(device.vendorId)}:${hex(device.deviceId)}`,
    bars: device.bars.map((bar) => `${bar.index} ${bar.kind} ${bar.size}`),
  }));
  const emulated = devices.map((device) => ({
    name: device.name,
    place: pciName(device),
    id: device.id,
    bars: device.bars.map(
      ({ index, space, size }) => `${index} ${space === 'ports' ? 'io' : space} ${size}`,
    ),
  }));
  assert.deepEqual(simulated, emulated);
});
