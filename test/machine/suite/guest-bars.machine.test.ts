// BARs of real VFIO in a guest on real KVM, while it moves them: what reaches the device is QEMU's word.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { commandBit, configRegister, ecam } from '../../../lib/pci/index.js';
import { place } from '../../pci/assigned-machine.js';
import { setCommand } from '../../pci/pci-machine.js';
import { eduId, eduRegister } from '../../vfio/edu-device.js';
import { emulatedMachine } from '../../vfio/emulated-machine.js';
import { device } from '../devices.js';
import { type GuestWidth, read, write } from '../guest/access-program.js';
import { type DeviceAccess, tracedAccesses } from '../guest/device-trace.js';
import { PassthroughMachine, ways } from '../guest/passthrough-machine.js';

const base = 0xe000_0000n;
const widths: readonly GuestWidth[] = [1, 2, 4];
const pageSize = 0x1000n;
const memoryOn = commandBit.memory;

/** Registers of an SD host controller: "Argument 1" keeps what is written, "Capabilities" is constant. */
const argument = 8;
const capabilities = 0x40;

const pattern = 0x1234_5678;

/** What is to reach the device when the guest does what {@link touch} has it do. */
function expectedTrace(constant: number): DeviceAccess[] {
  return [
    ...widths.map((width) => ({ kind: 'read' as const, width, offset: capabilities })),
    ...widths.map((width) => ({ kind: 'write' as const, width, offset: argument })),
  ].map(({ kind, width, offset }) => {
    const value = kind === 'read' ? constant : pattern;
    return { kind, width, offset, value: Number(BigInt.asUintN(8 * width, BigInt(value))) };
  });
}

/** Reads and writes in each width; exits for each access. What reached the device is checked. */
async function touch(machine: PassthroughMachine, address: bigint): Promise<number> {
  let exits = 0;
  let values: readonly number[] = [];
  const trace = await tracedAccesses(async () => {
    const result = await machine.run(
      ...widths.map((width) => read(address + BigInt(capabilities), width)),
      ...widths.map((width) => write(address + BigInt(argument), width, pattern)),
    );
    ({ exits, values } = result);
  });
  const constant = values.at(-1) ?? 0;
  assert.notEqual(constant, 0);
  assert.deepEqual(trace, expectedTrace(constant));
  const expectedValues = expectedTrace(constant).filter(({ kind }) => kind === 'read');
  assert.deepEqual(
    values,
    expectedValues.map(({ value }) => value),
  );
  return exits / (2 * widths.length);
}

for (const { way, skip } of ways) {
  suite(`BARs by ${way}`, { skip }, () => {
    test('each access arrives once, in its width, wherever the BAR is', async () => {
      using machine = new PassthroughMachine({ way });
      const sdhci = machine.assign('sdhci');
      // Grown, shrunk, grown elsewhere, shrunk there, and grown once more.
      for (const [address, exits] of [
        [base, 0],
        [base + 0x100n, 1],
        [base + 0x1000n, 0],
        [base + 0x1f00n, 1],
        [base, 0],
      ] as const) {
        place(sdhci, 0, address);
        assert.equal(await touch(machine, address), exits, address.toString(16));
        const slot = machine.slots.verdictAt(address, machine.memory);
        assert.equal(slot?.mapped, exits === 0);
      }
    });

    test('by the mapping, too, where the embedder wants that', async () => {
      using machine = new PassthroughMachine({ way });
      const sdhci = machine.assign('sdhci', { slowPath: 'mapping' });
      place(sdhci, 0, base + 0x100n);
      assert.equal(await touch(machine, base + 0x100n), 1);
    });

    test('next to another BAR in the same page, which comes and goes', async () => {
      using machine = new PassthroughMachine({ way });
      const sdhci = machine.assign('sdhci');
      const ohci = machine.assign('ohci');
      place(sdhci, 0, base);
      assert.equal(await touch(machine, base), 0);
      place(ohci, 0, base + 0x200n);
      assert.equal(await touch(machine, base), 1);
      // HcRevision (OpenHCI 1.0a, 7.1.1): the neighbour answers, too.
      assert.equal((await machine.run(read(base + 0x200n, 4))).values[0], 0x10);
      setCommand(ohci.function, 0);
      assert.equal(await touch(machine, base), 0);
      setCommand(ohci.function, memoryOn);
      assert.equal(await touch(machine, base), 1);
      machine.bus.remove({ device: 9 });
      assert.equal(await touch(machine, base), 0);
    });

    test('over a BAR of pages: one of its pages is slow, and no other', async () => {
      using machine = new PassthroughMachine({ way });
      const edu = machine.assign('edu');
      const sdhci = machine.assign('sdhci');
      place(edu, 0, base);
      place(sdhci, 0, base + 0x3400n);
      assert.equal(await touch(machine, base + 0x3400n), 1);
      const { values, exits } = await machine.run(
        read(base + eduRegister.id, 4),
        read(base + 0x2ffcn, 4),
        read(base + 0x4000n, 4),
      );
      assert.equal(values[0], Number(eduId));
      assert.equal(exits, 0);
      assert.equal((await machine.run(read(base + 0x3000n, 4))).exits, 1);
      setCommand(sdhci.function, 0);
      assert.equal((await machine.run(read(base + 0x3000n, 4))).exits, 0);
    });

    test('the guest itself moves it, by ECAM, within one program', async () => {
      using machine = new PassthroughMachine({ way });
      const sdhci = machine.assign('sdhci');
      const window = 0xb000_0000n;
      machine.system.addSubregion(window, ecam(machine.bus));
      const config = window + (BigInt(device('sdhci').slot) << 15n);
      const moveTo = (address: bigint) =>
        write(config + BigInt(configRegister.bar0), 4, Number(address));
      const trace = await tracedAccesses(async () => {
        const { values, exits } = await machine.run(
          moveTo(base),
          write(config + BigInt(configRegister.command), 2, commandBit.memory),
          ...[write(base + 8n, 4, 1), read(base + 8n, 4)],
          moveTo(base + 0x1000n),
          ...[read(base + 0x1008n, 4), write(base + 0x1008n, 4, 2)],
          moveTo(base + 0x1800n),
          ...[read(base + 0x1808n, 4), write(base + 0x1808n, 4, 3)],
          moveTo(base),
          read(base + 8n, 4),
        );
        assert.deepEqual(values, [1, 1, 2, 3]);
        // Five writes of registers, and two accesses while it lay within a page.
        assert.equal(exits, 7);
      });
      assert.deepEqual(
        trace.map(({ kind, width, offset, value }) => `${kind} ${width} ${offset} ${value}`),
        [
          ...['write 4 8 1', 'read 4 8 1', 'read 4 8 1', 'write 4 8 2'],
          ...['read 4 8 2', 'write 4 8 3', 'read 4 8 3'],
        ],
      );
      assert.equal(sdhci.function.bars[0]?.address, base);
    });

    test('that share a page of the host are reached by the file', async () => {
      using machine = new PassthroughMachine({ way });
      const first = machine.assign('sdhci-shared-start');
      const second = machine.assign('sdhci-shared-behind');
      machine.memory.addListener(first.verdicts);
      place(first, 0, base);
      place(second, 0, base + 0x1000n);
      assert.equal(await touch(machine, base), 1);
      assert.equal(await touch(machine, base + 0x1000n), 1);
      const codes = machine.memory.explain(base).verdicts.map(({ code }) => code);
      assert.ok(codes.includes('not-mappable'), String(codes));
    });

    test('a quirk takes its page with it, and gives it back', async () => {
      using machine = new PassthroughMachine({ way });
      const sdhci = machine.assign('sdhci');
      place(sdhci, 0, base);
      const heard: string[] = [];
      const window = sdhci.bar(0)?.addWindow({
        ...{ name: 'quirk', offset: 0x80n, size: 8n },
        ops: {
          read: (offset, size) => {
            heard.push(`read ${size} at ${offset}`);
            return 0xa5n;
          },
          write: (offset, value, size) => {
            heard.push(`write ${size} at ${offset}: ${value}`);
          },
        },
      });
      assert.ok(window !== undefined);
      assert.equal(await touch(machine, base), 1);
      const trace = await tracedAccesses(async () => {
        const { values } = await machine.run(read(base + 0x84n, 4), write(base + 0x80n, 2, 7));
        assert.deepEqual(values, [0xa5]);
      });
      assert.deepEqual(trace, []);
      assert.deepEqual(heard, ['read 4 at 4', 'write 2 at 0: 7']);
      sdhci.bar(0)?.removeWindow(window);
      assert.equal(await touch(machine, base), 0);
    });

    test('decode off: nothing arrives, and nothing of the mapping is touched', async () => {
      using machine = new PassthroughMachine({ way });
      const sdhci = machine.assign('sdhci');
      const mapper = machine.mapForDevices();
      place(sdhci, 0, base);
      assert.equal(await touch(machine, base), 0);
      for (let round = 0; round < 3; round++) {
        setCommand(sdhci.function, 0);
        assert.equal(machine.memory.lookup(base), undefined);
        assert.ok(mapper.mappings.every(({ address }) => address < base));
        const trace = await tracedAccesses(async () => {
          const { exits } = await machine.run(read(base + 0x40n, 4), write(base + 8n, 4, pattern));
          assert.equal(exits, 2);
        });
        assert.deepEqual(trace, []);
        setCommand(sdhci.function, memoryOn);
        assert.equal(await touch(machine, base), 0);
      }
    });

    test('decode goes off and on while the guest reads all the time', async () => {
      using machine = new PassthroughMachine({ way });
      const edu = machine.assign('edu');
      machine.mapForDevices();
      place(edu, 0, base);
      const flag = 0x9000n;
      const polling = machine.run({ kind: 'poll', address: base, flag }, read(base, 4));
      for (let round = 0; round < 50; round++) {
        setCommand(edu.function, 0);
        setCommand(edu.function, memoryOn);
        await setImmediate();
      }
      machine.memory.write(flag, 4, 1n);
      assert.deepEqual((await polling).values, [Number(eduId)]);
    });

    for (const name of ['e1000e', 'nvme', 'xhci'] as const) {
      test(`of the pages of ${name} only those of its MSI-X table come to this process`, async () => {
        using machine = new PassthroughMachine({ way });
        const { msix } = emulatedMachine[name];
        assert.ok(msix !== undefined);
        const assigned = machine.assign(name);
        const bar = assigned.bar(msix.tableBar);
        assert.ok(bar !== undefined);
        place(assigned, msix.tableBar, base);
        const ofMsix = [msix.tableOffset, msix.pendingOffset].map((offset) => offset / pageSize);
        for (let page = 0n; page * pageSize < bar.layout.size; page++) {
          const { exits } = await machine.run(read(base + page * pageSize, 4));
          assert.equal(exits, ofMsix.includes(page) ? 1 : 0, `page ${page}`);
        }
        // The message of the first vector: the guest's, not the kernel's.
        const message = base + msix.tableOffset;
        const { values } = await machine.run(
          write(message, 4, 0xfee0_0000),
          write(message + 8n, 4, 0x31),
          read(message, 4),
          read(message + 8n, 4),
        );
        assert.deepEqual(values, [0xfee0_0000, 0x31]);
      });
    }

    test('moving and switching many times leaves nothing behind', async () => {
      using machine = new PassthroughMachine({ way });
      const sdhci = machine.assign('sdhci');
      const mapper = machine.mapForDevices();
      place(sdhci, 0, base);
      const mappings = mapper.mappings.length;
      const slots = machine.slots.slots.length;
      for (let step = 1; step <= 50; step++) place(sdhci, 0, base + BigInt(step) * 0x80n * 2n);
      place(sdhci, 0, base);
      assert.equal(mapper.mappings.length, mappings);
      assert.equal(machine.slots.slots.length, slots);
      assert.equal(await touch(machine, base), 0);
    });
  });
}
