import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { FlatviewError } from '../../lib/index.js';
import {
  addPowerManagement,
  ConfigSpace,
  commandBit,
  configRegister,
  type GuestMessage,
  GuestMessages,
  type PciDevice,
  PciFunction,
} from '../../lib/pci/index.js';
import { decodeAll, layoutOf, PciMachine, program, Saboteur, setCommand } from './pci-machine.js';

/** Where a power management capability is that is the first one. */
const powerState = 0x44;

/** A device that writes down what it hears, and whether the guest sees its BAR at that moment. */
class Witness implements PciDevice {
  readonly heard: string[] = [];
  see: () => boolean = () => false;
  refuses = false;

  writeConfig(offset: number, size: number, value: number): void {
    this.heard.push(`${offset.toString(16)}+${size} ${value.toString(16)} ${this.see()}`);
    if (this.refuses) throw new FlatviewError('ERR_SYSTEM_CALL', 'pwrite failed', { errno: 'EIO' });
  }

  reset(): void {
    this.heard.push(`reset ${this.see()}`);
  }

  take(): string[] {
    return this.heard.splice(0);
  }
}

function witnessed(messages: GuestMessages = new GuestMessages()) {
  const machine = new PciMachine({ messages });
  const witness = new Witness();
  const pci = machine.add(
    1,
    [
      { index: 0, size: 0x1000n },
      { index: 1, size: 0x20n, kind: 'io' },
      { index: 6, size: 0x800n },
    ],
    witness,
  );
  witness.see = () => machine.at(0xe000_0000n) !== undefined;
  program(pci, 0, 0xe000_0000n);
  witness.take();
  return { machine, witness, pci };
}

suite('What the device hears, and when', () => {
  test('of a write that hides memory when it is gone, of one that shows it before it comes', () => {
    const { machine, witness, pci } = witnessed();
    setCommand(pci, commandBit.memory);
    assert.deepEqual(witness.take(), ['4+2 2 false']);
    assert.equal(witness.see(), true);
    setCommand(pci, 0);
    assert.deepEqual(witness.take(), ['4+2 0 false']);
    setCommand(pci, commandBit.memory);
    pci.writeConfig(powerState, 1, 3);
    assert.deepEqual(witness.take(), ['4+2 2 false', '44+1 3 false']);
    pci.writeConfig(powerState, 1, 0);
    assert.deepEqual(witness.take(), ['44+1 0 false']);
    assert.equal(machine.at(0xe000_0000n), 'device 1 BAR 0');
    pci.reset();
    assert.deepEqual(witness.take(), ['reset false']);
  });

  test('of a write that shows memory as ports go, before the memory comes', () => {
    const { machine, witness, pci } = witnessed();
    program(pci, 1, 0xc000n);
    setCommand(pci, commandBit.io);
    witness.take();
    assert.equal(machine.atPort(0xc000n), 'device 1 BAR 1');
    setCommand(pci, commandBit.memory);
    assert.deepEqual(witness.take(), ['4+2 2 false']);
    setCommand(pci, commandBit.io);
    assert.deepEqual(witness.take(), ['4+2 1 false']);
    assert.equal(machine.atPort(0xc000n), 'device 1 BAR 1');
  });

  test('every write, in parts that are aligned', () => {
    const { witness, pci } = witnessed();
    pci.writeConfig(0x41, 4, 0x4433_2211);
    pci.writeConfig(0xff, 2, 0xbbaa);
    pci.writeConfig(0x100, 4, 1);
    assert.deepEqual(witness.take(), [
      '41+1 11 false',
      '42+2 3322 false',
      '44+1 44 false',
      'ff+1 aa false',
    ]);
  });

  test('bits that it keeps are read from it, the others from the registers', () => {
    const reads: string[] = [];
    const config = new ConfigSpace();
    config.set(0x40, 4, 0x1111_1111);
    config.keepElsewhere(0x40, 4, 0x00ff_00f0);
    const device: PciDevice = {
      readConfig: (offset, size) => {
        reads.push(`${offset.toString(16)}+${size}`);
        return 0xaaaa_aaaa;
      },
    };
    const pci = new PciFunction('kept', { config, device });
    assert.equal(pci.readConfig(0x40, 4), 0x11aa_11a1);
    assert.equal(pci.readConfig(0x41, 2), 0xaa11);
    assert.equal(pci.readConfig(0x43, 1), 0x11);
    assert.equal(pci.readConfig(0x3f, 2), 0xa100);
    assert.deepEqual(reads, ['40+4', '42+1', '40+1']);
  });

  test('what it fails to say is all ones, and counted', () => {
    const messages = new GuestMessages();
    const config = new ConfigSpace();
    config.keepElsewhere(0x40, 4, 0xffff_ffff);
    const device: PciDevice = {
      readConfig: () => {
        throw new FlatviewError('ERR_SYSTEM_CALL', 'pread failed', { errno: 'EIO' });
      },
    };
    const machine = new PciMachine({ messages });
    const pci = new PciFunction('broken', { config, device });
    machine.bus.add({ device: 3 }, pci);
    assert.equal(pci.readConfig(0x40, 4), 0xffff_ffff);
    assert.equal(messages.counts(pci).get('device-refused'), 1);
  });

  test('an exception that is none of this package reaches who called', () => {
    const config = new ConfigSpace();
    const device: PciDevice = {
      writeConfig: () => {
        throw new TypeError('a bug');
      },
    };
    const pci = new PciFunction('buggy', { config, device });
    assert.throws(() => pci.writeConfig(4, 2, 0), TypeError);
  });
});

suite('A device that refuses', () => {
  test('to be switched on: its BARs are nowhere, until it has taken that', () => {
    const said: GuestMessage[] = [];
    const { machine, witness, pci } = witnessed(new GuestMessages((message) => said.push(message)));
    const [bar] = pci.bars;
    witness.refuses = true;
    setCommand(pci, commandBit.memory);
    assert.equal(machine.at(0xe000_0000n), undefined);
    assert.equal(pci.readConfig(configRegister.command, 2), commandBit.memory);
    assert.match(bar?.refusal?.message ?? '', /pwrite failed/);
    assert.deepEqual(
      said.map(({ code, text }) => [code, text]),
      [['device-refused', 'the device of device 1 refused: pwrite failed']],
    );
    witness.refuses = false;
    witness.take();
    pci.writeConfig(configRegister.interruptLine, 1, 9);
    assert.deepEqual(witness.take(), ['4+2 2 false', '3c+1 9 false']);
    assert.equal(machine.at(0xe000_0000n), 'device 1 BAR 0');
    assert.equal(bar?.refusal, undefined);
  });

  test('to be switched on: another BAR of it goes on', () => {
    const { machine, witness, pci } = witnessed();
    setCommand(pci, commandBit.memory);
    witness.refuses = true;
    program(pci, 6, 0xd000_0001n);
    assert.equal(machine.at(0xd000_0000n), undefined);
    assert.equal(machine.at(0xe000_0000n), 'device 1 BAR 0');
    program(pci, 0, 0xe000_8000n);
    assert.equal(machine.at(0xe000_8000n), 'device 1 BAR 0');
    assert.equal(machine.at(0xd000_0000n), undefined);
  });

  test('to be switched off: it hears that when its memory is gone all the same', () => {
    const { machine, witness, pci } = witnessed();
    setCommand(pci, commandBit.memory);
    witness.refuses = true;
    setCommand(pci, 0);
    assert.equal(machine.at(0xe000_0000n), undefined);
  });
});

suite('A listener that refuses', () => {
  function sabotaged() {
    const { machine, witness, pci } = witnessed();
    const saboteur = new Saboteur();
    machine.memory.addListener(saboteur);
    const other = machine.add(2, [{ index: 0, size: 0x1000n }]);
    setCommand(other, commandBit.memory);
    witness.take();
    return { machine, witness, pci, saboteur, other };
  }

  test('to let memory go: the device does not hear of it before it is gone', () => {
    const { machine, witness, pci, saboteur, other } = sabotaged();
    setCommand(pci, commandBit.memory);
    saboteur.refuses = () => true;
    witness.take();
    setCommand(pci, 0);
    assert.equal(pci.readConfig(configRegister.command, 2), 0);
    pci.writeConfig(configRegister.interruptLine, 1, 9);
    assert.deepEqual(witness.take(), []);
    assert.equal(machine.at(0xe000_0000n), 'device 1 BAR 0');
    assert.equal(machine.bus.space.refused[0], pci.bars[0]);
    saboteur.refuses = undefined;
    program(other, 0, 0xe100_0000n);
    assert.equal(machine.at(0xe000_0000n), undefined);
    assert.deepEqual(witness.take(), ['4+2 0 false', '3c+1 9 false']);
    assert.deepEqual(machine.bus.space.refused, []);
  });

  test('to let memory go, and then it is to stay: the device hears the last word only', () => {
    const { machine, witness, pci, saboteur } = sabotaged();
    setCommand(pci, commandBit.memory);
    saboteur.refuses = () => true;
    witness.take();
    setCommand(pci, 0);
    setCommand(pci, commandBit.memory | commandBit.busMaster);
    assert.deepEqual(witness.take(), ['4+2 6 true']);
    assert.equal(machine.at(0xe000_0000n), 'device 1 BAR 0');
    assert.deepEqual(machine.bus.space.refused, []);
    assert.equal(pci.bars[0]?.refusal, undefined);
  });

  test('to show memory: the register has what the guest wrote; it comes when something changes', () => {
    const { machine, witness, pci, saboteur, other } = sabotaged();
    saboteur.refuses = () => true;
    setCommand(pci, commandBit.memory);
    assert.deepEqual(witness.take(), ['4+2 2 false']);
    assert.equal(pci.readConfig(configRegister.command, 2), commandBit.memory);
    assert.equal(machine.at(0xe000_0000n), undefined);
    assert.equal(pci.bars[0]?.refusal?.code, 'ERR_LISTENER_FAILED');
    saboteur.refuses = undefined;
    assert.equal(
      machine.count(() => program(other, 0, 0xe100_0000n)),
      2,
    );
    assert.equal(machine.at(0xe000_0000n), 'device 1 BAR 0');
    assert.equal(pci.bars[0]?.refusal, undefined);
  });

  test('a move: the BAR is nowhere, and not where it was', () => {
    const { machine, pci, saboteur } = sabotaged();
    setCommand(pci, commandBit.memory);
    let calls = 0;
    saboteur.refuses = () => calls++ % 2 === 0;
    program(pci, 0, 0xe000_1000n);
    assert.equal(machine.at(0xe000_0000n), undefined);
    assert.equal(machine.at(0xe000_1000n), undefined);
    saboteur.refuses = undefined;
    machine.bus.space.retry();
    assert.equal(machine.at(0xe000_1000n), 'device 1 BAR 0');
  });

  test('one of several BARs: the others are where they are to be', () => {
    const machine = new PciMachine();
    const saboteur = new Saboteur();
    let isBad = false;
    machine.memory.addListener({
      name: 'picky',
      regionAdd: ({ region }) => {
        if (isBad && region.name.endsWith('BAR 1')) throw new Error('no');
      },
    });
    machine.memory.addListener(saboteur);
    const pci = machine.add(
      1,
      [0, 1, 2].map((index) => ({ index: index as 0 | 1 | 2, size: 0x1000n })),
    );
    for (const index of [0, 1, 2] as const)
      program(pci, index, 0xe000_0000n + BigInt(index) * 0x1000n);
    isBad = true;
    setCommand(pci, commandBit.memory);
    assert.deepEqual(
      [0xe000_0000n, 0xe000_1000n, 0xe000_2000n].map((address) => machine.at(address)),
      ['device 1 BAR 0', undefined, 'device 1 BAR 2'],
    );
    isBad = false;
    program(pci, 2, 0xe000_4000n);
    assert.equal(machine.at(0xe000_1000n), 'device 1 BAR 1');
  });

  test('refused and then switched off: nothing is left to be tried again', () => {
    const { machine, pci, saboteur } = sabotaged();
    saboteur.refuses = () => true;
    setCommand(pci, commandBit.memory);
    setCommand(pci, 0);
    assert.deepEqual(machine.bus.space.refused, []);
    assert.equal(pci.bars[0]?.refusal, undefined);
  });

  test('many that were refused are tried again a few at a time, and all at request', () => {
    const machine = new PciMachine();
    const saboteur = new Saboteur();
    machine.memory.addListener(saboteur);
    const functions = Array.from({ length: 20 }, (_, i) =>
      machine.add(i, [{ index: 0, size: 0x1000n }]),
    );
    saboteur.refuses = () => true;
    for (const [i, pci] of functions.entries()) {
      program(pci, 0, 0xe000_0000n + BigInt(i) * 0x1000n);
      setCommand(pci, commandBit.memory);
    }
    assert.equal(machine.bus.space.refused.length, 20);
    saboteur.refuses = undefined;
    assert.equal(
      machine.count(() => program(functions[0] as PciFunction, 0, 0xf000_0000n)),
      5,
    );
    assert.equal(machine.bus.space.refused.length, 15);
    machine.bus.space.retry();
    assert.equal(machine.bus.space.refused.length, 0);
  });
});

suite("The embedder's mistakes with a function", () => {
  test('a guest writes while a transaction is open, or from within a listener', () => {
    const { machine, pci } = witnessed();
    assert.throws(() => machine.topology.transaction(() => setCommand(pci, 2)), {
      code: 'ERR_TRANSACTION_OPEN',
    });
    assert.equal(pci.readConfig(configRegister.command, 2), 0);
    let caught: unknown;
    machine.memory.addListener({
      regionAdd: () => {
        try {
          setCommand(pci, 0);
        } catch (error) {
          caught = error;
        }
      },
    });
    setCommand(pci, decodeAll);
    assert.ok(caught instanceof FlatviewError && caught.code === 'ERR_CHANGE_IN_LISTENER');
    assert.equal(pci.readConfig(configRegister.command, 2), decodeAll);
  });

  test('a function that is on no bus decodes nothing, and its device hears what is written', () => {
    const machine = new PciMachine();
    const witness = new Witness();
    const pci = machine.build('loose', [{ index: 0, size: 0x1000n }], { device: witness });
    program(pci, 0, 0xe000_0000n);
    setCommand(pci, decodeAll);
    pci.reset();
    pci.update();
    assert.deepEqual(witness.take(), ['10+4 e0000000 false', '4+2 3 false', 'reset false']);
  });
});

suite('A function whose registers somebody else changes', () => {
  test('update follows, by one transaction', () => {
    const { machine, pci } = witnessed();
    pci.config.set(configRegister.command, 2, commandBit.memory);
    assert.equal(machine.at(0xe000_0000n), undefined);
    assert.equal(
      machine.count(() => pci.update()),
      1,
    );
    assert.equal(machine.at(0xe000_0000n), 'device 1 BAR 0');
  });

  test('without a header the guest can switch on what the function has, and nothing else', () => {
    const machine = new PciMachine();
    const region = machine.topology.reservation('bar', 0x1000);
    const bars = [{ layout: layoutOf({ index: 0, size: 0x1000n }), backing: { region } }];
    const pci = new PciFunction('bare', { config: new ConfigSpace(), bars });
    machine.bus.add({ device: 1 }, pci);
    pci.writeConfig(configRegister.bar0, 4, 0xe000_0000);
    pci.writeConfig(configRegister.command, 2, 0xffff);
    assert.equal(pci.readConfig(configRegister.command, 2), commandBit.memory);
    assert.equal(region.address, 0xe000_0000n);
    assert.notEqual(region.parent, undefined);
  });

  test('power management at a place that is not in the list', () => {
    const machine = new PciMachine();
    const config = new ConfigSpace();
    const at = addPowerManagement(config, { offset: 0x80 });
    config.set(configRegister.capabilitiesPointer, 1, 0);
    const region = machine.topology.reservation('bar', 0x1000);
    const bars = [{ layout: layoutOf({ index: 0, size: 0x1000n }), backing: { region } }];
    const pci = new PciFunction('hidden', { config, bars, powerManagement: at });
    pci.writeConfig(at + 4, 1, 3);
    assert.equal(pci.powerState, 3);
  });
});
