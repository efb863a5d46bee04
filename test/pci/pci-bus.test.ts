import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { commandBit, configRegister } from '../../lib/pci/index.js';
import { decodeAll, PciMachine, program, setCommand } from './pci-machine.js';

suite('One transaction for one config write', () => {
  test('a COMMAND write that shows six BARs, and one that hides them', () => {
    const machine = new PciMachine();
    const pci = machine.add(1, [
      { index: 0, size: 0x1000n },
      { index: 1, size: 0x1000n },
      { index: 2, size: 0x1000n },
      { index: 3, size: 0x1000n },
      { index: 4, size: 0x1000n },
      { index: 5, size: 0x20n, kind: 'io' },
    ]);
    for (const index of [0, 1, 2, 3, 4] as const) {
      program(pci, index, 0xe000_0000n + BigInt(index) * 0x1000n);
    }
    program(pci, 5, 0xc000n);
    assert.equal(machine.commits, 0);
    assert.equal(
      machine.count(() => setCommand(pci, decodeAll)),
      1,
    );
    assert.equal(machine.at(0xe000_4000n), 'device 1 BAR 4');
    assert.equal(machine.atPort(0xc01fn), 'device 1 BAR 5');
    assert.equal(
      machine.count(() => setCommand(pci, commandBit.busMaster)),
      1,
    );
    assert.equal(machine.at(0xe000_4000n), undefined);
    assert.equal(machine.atPort(0xc01fn), undefined);
  });

  test('none for a write that moves nothing', () => {
    const machine = new PciMachine();
    const pci = machine.add(1, [{ index: 0, size: 0x1000n }]);
    program(pci, 0, 0xe000_0000n);
    setCommand(pci, decodeAll);
    for (const write of [
      () => setCommand(pci, decodeAll | commandBit.busMaster),
      () => program(pci, 0, 0xe000_0000n),
      () => pci.writeConfig(configRegister.interruptLine, 1, 11),
      () => pci.writeConfig(configRegister.vendorId, 4, 0),
      () => pci.writeConfig(0xfff, 4, 0),
    ]) {
      assert.equal(machine.count(write), 0);
    }
    assert.equal(
      machine.count(() => program(pci, 0, 0xe000_1000n)),
      1,
    );
  });
});
