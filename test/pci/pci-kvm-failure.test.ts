// A kernel that refuses what a guest's config write needs: the guest notices nothing but a BAR that isn't there.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { FlatviewError, HostMemory } from '../../lib/index.js';
import { KvmMemorySlots } from '../../lib/kvm/index.js';
import {
  type BarIndex,
  ConfigSpace,
  commandBit,
  configRegister,
  type GuestMessage,
  GuestMessages,
  layHeader,
  PciFunction,
} from '../../lib/pci/index.js';
import { SimulatedKvm, type SimulatedKvmOptions } from '../../lib/simulated/index.js';
import { layoutOf, PciMachine, program, setCommand } from './pci-machine.js';

const set = 'KVM_SET_USER_MEMORY_REGION';
const size = 0x2000n;

/** A function whose BARs are memory of this process, so that each is a slot. */
function withSlots(
  t: { after(fn: () => void): void },
  bars: number,
  options: SimulatedKvmOptions = {},
) {
  const said: GuestMessage[] = [];
  const machine = new PciMachine({ messages: new GuestMessages((message) => said.push(message)) });
  const kvm = new SimulatedKvm(options);
  const slots = new KvmMemorySlots(kvm, { guestAddressLimit: 1n << 46n });
  machine.memory.addListener(slots);
  const config = new ConfigSpace();
  layHeader(config, { vendorId: 0x8086, deviceId: 1 });
  const memories = Array.from({ length: bars }, () => HostMemory.allocate(size));
  const pci = new PciFunction('card', {
    config,
    bars: memories.map((memory, i) => ({
      layout: layoutOf({ index: i as BarIndex, size }),
      backing: { region: machine.topology.ramDevice(`BAR ${i}`, size, { memory }) },
    })),
  });
  machine.bus.add({ device: 1 }, pci);
  for (const { layout } of pci.bars) program(pci, layout.index, placeOf(layout.index));
  t.after(() => {
    machine.topology.close();
    for (const memory of memories) memory.close();
  });
  /** Which BARs the guest reaches without an exit. */
  const mapped = () =>
    pci.bars.map(({ layout }) => kvm.read(placeOf(layout.index)).kind === 'memory');
  /** Which BARs the flat view shows where they are to be. */
  const shown = () => pci.bars.map(({ layout }) => machine.at(placeOf(layout.index)) !== undefined);
  return { machine, kvm, slots, pci, said, mapped, shown };
}

function placeOf(index: number): bigint {
  return 0xe000_0000n + BigInt(index) * size;
}

suite('A guest writes COMMAND and the kernel refuses a slot', () => {
  test('any one of the ioctls, once: all BARs are there in the end', (t) => {
    for (let call = 1; call <= 3; call++) {
      const { kvm, pci, mapped, said, machine } = withSlots(t, 3);
      kvm.order({ ioctl: set, call, errno: 'EEXIST' });
      setCommand(pci, commandBit.memory);
      assert.deepEqual(mapped(), [true, true, true]);
      assert.deepEqual(machine.bus.space.refused, []);
      assert.deepEqual(said, []);
    }
  });

  test('again and again for one BAR: the others are there; it says why, and comes at the next change', (t) => {
    const { kvm, pci, mapped, shown, said, machine } = withSlots(t, 3);
    // The second slot fails with all three, and again by itself.
    kvm.order({ ioctl: set, call: 2, errno: 'ENOMEM' });
    kvm.order({ ioctl: set, call: 5, errno: 'ENOMEM' });
    setCommand(pci, commandBit.memory);
    assert.deepEqual(mapped(), [true, false, true]);
    assert.deepEqual(shown(), mapped());
    assert.equal(pci.readConfig(configRegister.command, 2), commandBit.memory);
    const refused = pci.bars[1];
    assert.equal(refused?.refusal?.errno, 'ENOMEM');
    assert.equal(refused.decode.address, placeOf(1));
    assert.deepEqual(machine.bus.space.refused, [refused]);
    assert.match(said[0]?.text ?? '', /^BAR 1 of card is not where it decodes: .*ENOMEM/);
    assert.equal(machine.bus.messages.counts(refused.backing.region).get('bar-refused'), 1);
    pci.writeConfig(configRegister.interruptLine, 1, 5);
    assert.deepEqual(mapped(), [true, true, true]);
    assert.equal(refused.refusal, undefined);
  });

  test('for a move: the BAR is nowhere, and not where it was', (t) => {
    const { kvm, pci, machine } = withSlots(t, 1);
    setCommand(pci, commandBit.memory);
    // The move fails; deleting the slot works; the new one fails.
    kvm.order({ ioctl: set, call: 1, errno: 'EINVAL' });
    kvm.order({ ioctl: set, call: 3, errno: 'ENOMEM' });
    program(pci, 0, 0xe100_0000n);
    assert.equal(machine.at(placeOf(0)), undefined);
    assert.equal(machine.at(0xe100_0000n), undefined);
    assert.equal(kvm.slots.length, 0);
    assert.equal(pci.readConfig(configRegister.bar0, 4), 0xe100_0000);
    machine.bus.space.retry();
    assert.equal(machine.at(0xe100_0000n), 'BAR 0');
    assert.equal(kvm.slots.length, 1);
  });

  test('for switching off: the BAR stays, and goes at the next change', (t) => {
    const { kvm, pci, mapped, shown } = withSlots(t, 1);
    setCommand(pci, commandBit.memory);
    for (const call of [1, 2, 3, 4]) kvm.order({ ioctl: set, call, errno: 'EIO' });
    setCommand(pci, 0);
    assert.deepEqual([mapped(), shown()], [[true], [true]]);
    kvm.cancelFaults();
    pci.writeConfig(configRegister.interruptLine, 1, 5);
    assert.deepEqual([mapped(), shown()], [[false], [false]]);
  });
});

suite('A guest that uses up the slots', () => {
  test('BARs beyond the last slot are nowhere, until there is room; nothing throws', (t) => {
    const { kvm, pci, mapped, slots, machine } = withSlots(t, 6, { slotCount: 4 });
    setCommand(pci, commandBit.memory);
    assert.deepEqual(mapped(), [true, true, true, true, false, false]);
    assert.equal(slots.slots.length, 4);
    for (const bar of machine.bus.space.refused) {
      const cause = bar.refusal?.cause;
      assert.ok(cause instanceof FlatviewError && cause.code === 'ERR_OUT_OF_SLOTS');
    }
    // Two BARs are moved over others, and give up their slots.
    program(pci, 0, placeOf(2));
    program(pci, 1, placeOf(2));
    assert.equal(machine.bus.space.refused.length, 0);
    assert.equal(kvm.slots.length, 4);
    assert.deepEqual(mapped(), [false, false, true, true, true, true]);
  });
});
