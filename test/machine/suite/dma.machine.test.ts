// DMA of a real device, driven by a guest on real KVM through the device's mapped BAR, into RAM that VfioDmaMapper has mapped.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { HostMemory } from '../../../lib/index.js';
import { commandBit } from '../../../lib/pci/index.js';
import type { VfioDmaMapper } from '../../../lib/vfio/index.js';
import { program, Saboteur, setCommand } from '../../pci/pci-machine.js';
import { eduRegister } from '../../vfio/edu-device.js';
import { read, write } from '../guest/access-program.js';
import { awaitTransfer, transferFrom, transferTo } from '../guest/edu-transfer.js';
import { job } from '../guest/job.js';
import { logged } from '../guest/kernel-log.js';
import { PassthroughMachine, ramSize, ways } from '../guest/passthrough-machine.js';

const bar = 0xe000_0000n;
const pageSize = 0x1000n;

/** Addresses of the guest in pieces of their own, of 2 MiB. */
const source = 0x20_0000n;
const target = 0x60_0000n;
const elsewhere = 0xa0_0000n;
/** No memory is there. An edu device has addresses of 28 bits. */
const outside = 0x0f00_0000n;

const noFaultLog = job.iommu === 'amd' && "QEMU's emulated AMD IOMMU logs no faults";

const word = 0x600d_da7a;

/** A machine with an edu device that may do DMA, in whose own memory the guest has put {@link word}. */
async function machineWithEdu(way: 'container' | 'iommufd') {
  const machine = new PassthroughMachine({ way });
  const edu = machine.assign('edu');
  const mapper = machine.mapForDevices();
  program(edu.function, 0, bar);
  setCommand(edu.function, commandBit.memory | commandBit.busMaster);
  await machine.run(write(source, 4, word), ...transferFrom(bar, source, 64), awaitTransfer(bar));
  return { machine, edu, mapper, dma: machine.passthrough.dma };
}

/** Has the device write {@link word} to `address`; what is there then. */
async function put(machine: PassthroughMachine, address: bigint): Promise<number> {
  machine.ram.memory?.store(address, 4, 0n);
  await machine.run(...transferTo(bar, address, 64), awaitTransfer(bar));
  return Number(machine.ram.memory?.load(address, 4));
}

/** A page of this process that can't be written: a device can't be let write it either (EFAULT). */
function readOnlyPage(): bigint {
  const [, start] = readFileSync('/proc/self/maps', 'utf8').match(/^([0-9a-f]+)-\S+ r--p/m) ?? [];
  return BigInt(`0x${start}`);
}

/** Bytes of RAM that devices reach. The parts in which they are mapped are the mapper's to choose. */
function mappedRam({ mappings }: VfioDmaMapper): bigint {
  return mappings
    .filter(({ address }) => address < ramSize)
    .reduce((bytes, { size }) => bytes + size, 0n);
}

for (const { way, skip } of ways) {
  suite(`DMA by ${way}`, { skip }, () => {
    test('the guest has its device copy RAM, without any exit', async () => {
      const { machine } = await machineWithEdu(way);
      using _ = machine;
      const words = Array.from({ length: 32 }, (_, i) => 0x1000_0001 * (i + 1));
      const at = (start: bigint, i: number) => start + 4n * BigInt(i);
      const { values, exits } = await machine.run(
        ...words.map((value, i) => write(at(source, i), 4, value >>> 0)),
        ...transferFrom(bar, source, 128),
        awaitTransfer(bar),
        ...transferTo(bar, target, 128),
        awaitTransfer(bar),
        ...words.map((_, i) => read(at(target, i), 4)),
      );
      assert.deepEqual(
        values,
        words.map((value) => value >>> 0),
      );
      assert.equal(exits, 0);
    });

    test('up to the last byte of RAM, and not behind it', async () => {
      const { machine } = await machineWithEdu(way);
      using _ = machine;
      assert.equal(await put(machine, ramSize - 64n), word);
      await machine.run(...transferTo(bar, ramSize, 64), awaitTransfer(bar));
      assert.equal((await machine.run(read(0n, 4))).values[0], 0);
    });

    test('outside of memory the IOMMU blocks it, and the kernel says so', {
      skip: noFaultLog,
    }, async () => {
      const { machine } = await machineWithEdu(way);
      using _ = machine;
      const address = outside + (way === 'container' ? 0n : 0x10_0000n);
      await machine.run(...transferTo(bar, address, 64), awaitTransfer(bar));
      await logged(
        new RegExp(`DMAR: \\[DMA Write.*\\[00:04\\.0\\] fault addr 0x${address.toString(16)}`),
      );
      // What can be reached is reached as before.
      assert.equal(await put(machine, target), word);
    });

    test('what lies under a hole is not read either', async () => {
      const { machine } = await machineWithEdu(way);
      using _ = machine;
      const secret = 0x5ec2_e700n;
      machine.ram.memory?.store(elsewhere, 4, secret);
      const hole = machine.topology.io('hole', pageSize, {});
      machine.system.addSubregion(elsewhere, hole, { priority: 1 });
      await machine.run(...transferFrom(bar, elsewhere, 64), awaitTransfer(bar));
      assert.notEqual(await put(machine, target), Number(secret));
      machine.system.removeSubregion(hole);
      await machine.run(...transferFrom(bar, elsewhere, 64), awaitTransfer(bar));
      assert.equal(await put(machine, target), Number(secret));
    });

    test('without the bus master bit nothing moves', async () => {
      const { machine, edu } = await machineWithEdu(way);
      using _ = machine;
      setCommand(edu.function, commandBit.memory);
      assert.equal(await put(machine, target), 0);
      setCommand(edu.function, commandBit.memory | commandBit.busMaster);
      assert.equal(await put(machine, target), word);
    });

    test('a hole is closed to it while it is open, and no longer', async () => {
      const { machine } = await machineWithEdu(way);
      using _ = machine;
      const hole = machine.topology.io('hole', pageSize, {});
      for (let round = 0; round < 3; round++) {
        machine.system.addSubregion(target, hole, { priority: 1 });
        assert.equal(await put(machine, target), 0);
        assert.equal(await put(machine, target + pageSize), word);
        assert.equal(await put(machine, target - 64n), word);
        machine.system.removeSubregion(hole);
        assert.equal(await put(machine, target), word);
      }
    });

    test('memory that shows read-only is read, and not written', async () => {
      const { machine } = await machineWithEdu(way);
      using _ = machine;
      const rom = machine.topology.rom('rom', pageSize);
      rom.memory?.store(0n, 4, 0x0123_4567n);
      machine.system.addSubregion(0x80_0000n, rom, { priority: 1 });
      await machine.run(...transferTo(bar, 0x80_0000n, 64), awaitTransfer(bar));
      assert.equal(rom.memory?.load(0n, 4), 0x0123_4567n);
      const { values } = await machine.run(
        ...transferFrom(bar, 0x80_0000n, 64),
        awaitTransfer(bar),
        ...transferTo(bar, target, 64),
        awaitTransfer(bar),
        read(target, 4),
      );
      assert.deepEqual(values, [0x0123_4567]);
    });

    test('a transfer goes through while commits change memory elsewhere', async () => {
      const { machine, edu } = await machineWithEdu(way);
      using _ = machine;
      const hole = machine.topology.io('hole', pageSize, {});
      const slowBar = edu.bar(0)?.slowPath;
      assert.ok(slowBar !== undefined);
      const isUnderWay = () => (slowBar.read(eduRegister.dmaCommand, 4) & 1n) !== 0n;
      machine.ram.memory?.store(target, 4, 0n);
      await machine.run(...transferTo(bar, target, 64));
      let commits = 0;
      while (isUnderWay()) {
        if (hole.parent === undefined) {
          machine.system.addSubregion(elsewhere, hole, { priority: 1 });
        } else machine.system.removeSubregion(hole);
        commits++;
      }
      assert.ok(commits > 0);
      assert.equal(machine.ram.memory?.load(target, 4), BigInt(word));
    });

    test('after a commit that a listener refused all is reached as before', async () => {
      const { machine, mapper } = await machineWithEdu(way);
      using _ = machine;
      const saboteur = new Saboteur();
      machine.memory.addListener(saboteur);
      const hole = machine.topology.io('hole', pageSize, {});
      saboteur.refuses = () => true;
      const open = () => machine.system.addSubregion(target, hole, { priority: 1 });
      assert.throws(open, /refused/);
      saboteur.refuses = undefined;
      assert.equal(hole.parent, undefined);
      assert.equal(mappedRam(mapper), ramSize);
      assert.equal(await put(machine, target), word);
    });

    test('after a commit that the kernel refused in the middle all is reached as before', async () => {
      const { machine, mapper, dma } = await machineWithEdu(way);
      using _ = machine;
      const hole = machine.topology.io('hole', pageSize, {});
      const memory = HostMemory.at(readOnlyPage(), pageSize);
      const bad = machine.topology.ram('bad', pageSize, { memory });
      const call = way === 'container' ? /VFIO_IOMMU_MAP_DMA/ : /IOMMU_IOAS_MAP/;
      assert.throws(
        () =>
          machine.topology.transaction(() => {
            machine.system.addSubregion(target, hole, { priority: 1 });
            machine.system.addSubregion(0x8000_0000n, bad);
          }),
        call,
      );
      assert.equal(hole.parent, undefined);
      assert.equal(await put(machine, target), word);
      assert.equal(await put(machine, target + pageSize), word);
      assert.equal(mappedRam(mapper), ramSize);
      // The kernel has nothing there either.
      const scratch = HostMemory.allocate(pageSize);
      const free = { iova: 0x8000_0000n, size: pageSize, hostAddress: scratch.hostAddress };
      dma?.map({ ...free, read: true, write: true });
      dma?.unmap({ address: free.iova, size: pageSize });
    });

    test('after a commit that KVM refused devices do not keep what guests have not', async () => {
      const { machine, dma } = await machineWithEdu(way);
      using _ = machine;
      const scratch = HostMemory.allocate(pageSize);
      const { hostAddress } = scratch;
      const taken = { slot: 500, flags: 0, guestAddress: 0x8000_0000n, hostAddress };
      machine.vm.setUserMemoryRegion({ ...taken, size: pageSize });
      const hole = machine.topology.io('hole', pageSize, {});
      const more = machine.topology.ram('more', 0x1_0000);
      assert.throws(
        () =>
          machine.topology.transaction(() => {
            machine.system.addSubregion(target, hole, { priority: 1 });
            machine.system.addSubregion(0x8000_0000n, more);
          }),
        /KVM_SET_USER_MEMORY_REGION/,
      );
      machine.vm.setUserMemoryRegion({ ...taken, size: 0n });
      assert.equal(await put(machine, target), word);
      dma?.map({ iova: 0x8000_0000n, size: pageSize, hostAddress, read: true, write: true });
      dma?.unmap({ address: 0x8000_0000n, size: pageSize });
    });
  });
}
