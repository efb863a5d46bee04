import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { MemTxResult } from '../../lib/index.js';
import { ConfigPorts, ConfigSpace, commandBit, configRegister, ecam } from '../../lib/pci/index.js';
import { flatviewError } from '../memory/machine.js';
import { PciMachine, program } from './pci-machine.js';

const window = 0xb000_0000n;

function withMechanisms() {
  const machine = new PciMachine();
  const mechanism = ecam(machine.bus, { busCount: 2 });
  machine.system.addSubregion(window, mechanism, { priority: 1 });
  const ports = new ConfigPorts(machine.bus);
  machine.ports.addSubregion(0xcf8, ports.region);
  const express = machine.build('express', [{ index: 0, size: 0x1000n }], {
    config: new ConfigSpace(4096),
  });
  machine.bus.add({ bus: 1, device: 2, function: 3 }, express);
  const conventional = machine.build('conventional', [{ index: 0, size: 0x1000n }]);
  machine.bus.add({ device: 5 }, conventional);
  return { machine, ports, express, conventional };
}

const expressAt = window + (1n << 20n) + (2n << 15n) + (3n << 12n);
const conventionalAt = window + (5n << 15n);

suite('ECAM', () => {
  test('a guest reads and writes the registers of each function, in every width', () => {
    const { machine, express } = withMechanisms();
    const { memory } = machine;
    assert.equal(memory.read(expressAt, 4).value, 0x1000_1af4n);
    assert.equal(memory.read(expressAt + 2n, 2).value, 0x1000n);
    assert.equal(memory.read(expressAt + 1n, 1).value, 0x1an);
    assert.equal(memory.read(expressAt + 1n, 2).value, 0x001an);
    assert.equal(memory.read(expressAt, 8).value, 0x1000_1af4n);
    assert.equal(memory.write(expressAt + 0x10n, 4, 0xe000_0000n), MemTxResult.ok);
    assert.equal(
      machine.count(() => memory.write(expressAt + 4n, 2, BigInt(commandBit.memory))),
      1,
    );
    assert.equal(machine.at(0xe000_0000n), 'express BAR 0');
    assert.equal(express.readConfig(configRegister.bar0, 4), 0xe000_0000);
  });

  test('what is not there reads as all ones: functions, and what is behind 256 bytes of a conventional one', () => {
    const { machine } = withMechanisms();
    const { memory } = machine;
    assert.equal(memory.read(window, 4).value, 0xffff_ffffn);
    assert.equal(memory.read(window + 2n, 1).value, 0xffn);
    assert.equal(memory.read(window, 8).value, 0xffff_ffff_ffff_ffffn);
    assert.equal(memory.read(expressAt + 0x100n, 4).value, 0n);
    assert.equal(memory.read(conventionalAt + 0x100n, 4).value, 0xffff_ffffn);
    assert.equal(memory.read(conventionalAt + 0xfen, 4).value, 0xffff_0000n);
    assert.equal(memory.write(window, 4, 0n), MemTxResult.ok);
    assert.equal(memory.write(conventionalAt + 0xffcn, 8, 0n), MemTxResult.ok);
  });

  test('it is as large as the bus numbers that it shows, and can begin with another one than 0', () => {
    const { machine } = withMechanisms();
    assert.equal(ecam(machine.bus).size, 256n << 20n);
    const second = ecam(machine.bus, { firstBus: 1, busCount: 1 });
    assert.equal(second.size, 1n << 20n);
    machine.system.addSubregion(0xd000_0000n, second, { priority: 1 });
    assert.equal(machine.memory.read(0xd001_3000n, 2).value, 0x1af4n);
  });

  test('bus numbers that there are not are refused', () => {
    const { machine } = withMechanisms();
    for (const options of [
      { firstBus: 256 },
      { firstBus: -1 },
      { firstBus: 0.5 },
      { firstBus: 200, busCount: 100 },
      { firstBus: 255, busCount: 2 },
      { busCount: 0 },
      { busCount: -1 },
      { busCount: 0.5 },
      { busCount: Number.NaN },
    ]) {
      assert.throws(() => ecam(machine.bus, options), flatviewError('ERR_INVALID_ARGUMENT'));
    }
    assert.equal(ecam(machine.bus, { firstBus: 255, busCount: 1 }).size, 1n << 20n);
    assert.equal(ecam(machine.bus, { firstBus: 200 }).size, 56n << 20n);
  });
});

suite('Configuration ports', () => {
  const select = (bus: number, device: number, fn: number, register: number): bigint =>
    BigInt(((1 << 31) | (bus << 16) | (device << 11) | (fn << 8) | register) >>> 0);

  test('the address is latched by four bytes; the data are those of the register', () => {
    const { machine, ports, conventional } = withMechanisms();
    const { io } = machine;
    io.write(0xcf8n, 4, select(0, 5, 0, 0));
    assert.equal(io.read(0xcfcn, 4).value, 0x1000_1af4n);
    assert.equal(io.read(0xcfdn, 2).value, 0x001an);
    assert.equal(io.read(0xcffn, 1).value, 0x10n);
    io.write(0xcf8n, 4, select(0, 5, 0, 0x10) | 3n);
    assert.equal(ports.address, Number(select(0, 5, 0, 0x10)));
    assert.equal(io.read(0xcf8n, 4).value, select(0, 5, 0, 0x10));
    io.write(0xcfcn, 4, 0xe000_0000n);
    assert.equal(conventional.readConfig(0x10, 4), 0xe000_0000);
    io.write(0xcf8n, 4, select(1, 2, 3, 0));
    assert.equal(io.read(0xcfcn, 2).value, 0x1af4n);
  });

  test('other widths at the address belong to somebody else; without the enable bit nothing is there', () => {
    const { machine, ports, conventional } = withMechanisms();
    const { io } = machine;
    io.write(0xcf8n, 4, select(0, 5, 0, 0x10));
    io.write(0xcf8n, 2, 0n);
    io.write(0xcf9n, 1, 6n);
    assert.equal(ports.address, Number(select(0, 5, 0, 0x10)));
    assert.equal(io.read(0xcf9n, 1).value, 0xffn);
    assert.equal(io.read(0xcfan, 4).value, 0xffff_ffffn);
    io.write(0xcf8n, 4, select(0, 5, 0, 0x10) & 0x7fff_ffffn);
    io.write(0xcfcn, 4, 0xe000_0000n);
    assert.equal(io.read(0xcfcn, 4).value, 0xffff_ffffn);
    assert.equal(conventional.readConfig(0x10, 4), 0);
    io.write(0xcf8n, 4, select(0, 9, 0, 0));
    assert.equal(io.read(0xcfcn, 2).value, 0xffffn);
    io.write(0xcfcn, 4, 0n);
  });

  test('the latch is state, which can be put back', () => {
    const { machine, ports, conventional } = withMechanisms();
    program(conventional, 0, 0xe000_0000n);
    ports.address = Number(select(0, 5, 0, 0x10));
    assert.equal(machine.io.read(0xcfcn, 4).value, 0xe000_0000n);
    ports.address = -1;
    assert.equal(ports.address, 0x80ff_fffc);
  });
});
