// A real BAR whose device stops decoding memory while it is mapped: every access of ours to it is SIGBUS then.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemTxResult } from '../../../lib/index.js';
import { commandBit, configRegister } from '../../../lib/pci/index.js';
import { vfioPciRegion } from '../../../lib/vfio/index.js';
import { flatviewError } from '../../memory/machine.js';
import { device as deviceOfTable, pciName } from '../devices.js';
import { read } from '../guest/access-program.js';
import { PassthroughMachine, ways } from '../guest/passthrough-machine.js';

const pageSize = 0x1000n;
/** Where the guest finds a part of the BAR that is too small for a slot. */
const piece = { address: 0xe000_0000n, size: 0x100n };

/** Registers of an SD host controller: "Argument 1" keeps what is written, "Capabilities" is constant. */
const argument = 8n;
const capabilities = 0x40n;

for (const { way, skip } of ways) {
  test(`a BAR that does not answer, by ${way}`, { skip }, async (t) => {
    using machine = new PassthroughMachine({ way });
    const device = machine.passthrough.open(pciName(deviceOfTable('sdhci')));
    const bar = device.map(0, 0n, pageSize);
    t.after(() => {
      bar.close();
      device.close();
    });
    const decode = (on: boolean): void => {
      const bits = on ? BigInt(commandBit.memory) : 0n;
      device.write(vfioPciRegion.config, BigInt(configRegister.command), bits, 2);
    };
    const region = machine.topology.ramDevice('piece', piece.size, { memory: bar });
    machine.system.addSubregion(piece.address, region);
    const seenByGuest = async (): Promise<number | undefined> =>
      (await machine.run(read(piece.address + capabilities, 4))).values[0];

    decode(true);
    const constant = bar.load(capabilities, 4);
    assert.notEqual(constant, 0n);
    bar.store(argument, 4, 0x1234_5678n);
    assert.equal(await seenByGuest(), Number(constant));

    decode(false);
    const noAnswer = flatviewError('ERR_MEMORY_BUS_ERROR');
    for (const width of [1, 2, 4] as const) {
      assert.throws(() => bar.load(capabilities, width), noAnswer);
      assert.throws(() => bar.store(argument, width, 0n), noAnswer);
    }
    assert.deepEqual(machine.memory.read(piece.address + capabilities, 4), {
      value: 0xffff_ffffn,
      result: MemTxResult.error,
    });
    assert.equal(machine.memory.write(piece.address + argument, 4, 0n), MemTxResult.error);
    assert.equal(bar.busErrors, 8);
    assert.equal(await seenByGuest(), 0xffff_ffff, 'on the thread of the vCPU');

    decode(true);
    assert.equal(bar.load(capabilities, 4), constant);
    assert.equal(bar.load(argument, 4), 0x1234_5678n, 'nothing was written meanwhile');
    assert.equal(await seenByGuest(), Number(constant));
    machine.system.removeSubregion(region);
  });
}
