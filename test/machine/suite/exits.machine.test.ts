// What each access of a guest to a BAR costs: exits as KVM counts them.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { place } from '../../pci/assigned-machine.js';
import { eduId, eduRegister } from '../../vfio/edu-device.js';
import { exitsPerAccess, type MeasuredPlace } from '../exits-per-access.js';
import { type GuestAccess, read } from '../guest/access-program.js';
import { PassthroughMachine, ways } from '../guest/passthrough-machine.js';

const base = 0xe000_0000n;
const accesses = 64;

/** "Capabilities" of an SD host controller: constant. */
const capabilities = 0x40n;

/** Has the guest read at an address; what it gave, and exits for each read. */
async function measure(machine: PassthroughMachine, address: bigint) {
  const reads: GuestAccess[] = Array.from({ length: accesses }, () => read(address, 4));
  const { values, exits } = await machine.run(...reads);
  const [value] = values;
  assert.ok(values.every((it) => it === value));
  return { value, exitsEach: exits / accesses };
}

async function expectExits(machine: PassthroughMachine, where: MeasuredPlace, address: bigint) {
  const { value, exitsEach } = await measure(machine, address);
  assert.equal(exitsEach, exitsPerAccess[where].exits, where);
  const why = machine.memory.explain(address).verdicts.map(({ code }) => code);
  const reason = exitsPerAccess[where].because.match(/`(.*)`/)?.[1];
  if (reason !== undefined) assert.ok(why.includes(reason), `${where}: ${why}`);
  return value;
}

for (const { way, skip } of ways) {
  suite(`exits, by ${way}`, { skip }, () => {
    test('of a BAR of pages, with and without a quirk', async () => {
      using machine = new PassthroughMachine({ way });
      const edu = machine.assign('edu');
      machine.memory.addListener(edu.verdicts);
      place(edu, 0, base);
      assert.equal(await expectExits(machine, 'page', base + eduRegister.id), Number(eduId));
      const window = edu.bar(0)?.addWindow({
        ...{ name: 'quirk', offset: 0x20n, size: 8n },
        ops: { read: () => 0x5an },
      });
      assert.equal(await expectExits(machine, 'quirk', base + eduRegister.id), Number(eduId));
      assert.equal((await machine.run(read(base + 0x20n, 4))).values[0], 0x5a);
      await expectExits(machine, 'besideQuirk', base + 0x1000n);
      assert.ok(window !== undefined);
      edu.bar(0)?.removeWindow(window);
      assert.equal(await expectExits(machine, 'page', base + eduRegister.id), Number(eduId));
    });

    test('of a BAR that is smaller than a page', async () => {
      using machine = new PassthroughMachine({ way });
      const sdhci = machine.assign('sdhci');
      machine.memory.addListener(sdhci.verdicts);
      place(sdhci, 0, base);
      const value = await expectExits(machine, 'aligned', base + capabilities);
      assert.notEqual(value, 0);
      place(sdhci, 0, base + 0x800n);
      assert.equal(await expectExits(machine, 'unaligned', base + 0x800n + capabilities), value);
      place(sdhci, 0, base);
      assert.equal(await expectExits(machine, 'aligned', base + capabilities), value);
      const ohci = machine.assign('ohci');
      place(ohci, 0, base + 0x800n);
      assert.equal(await expectExits(machine, 'shared', base + capabilities), value);
      place(ohci, 0, base + 0x1000n);
      assert.equal(await expectExits(machine, 'aligned', base + capabilities), value);
    });
  });
}
