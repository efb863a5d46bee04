import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type AssignedPciDevice, capabilityId, findCapability } from '../../lib/pci/index.js';
import type { SimulatedDeviceDescription } from '../../lib/simulated/index.js';
import { type VfioDevice, vfioPciRegion } from '../../lib/vfio/index.js';
import {
  AssignedMachine,
  codeOf,
  deviceWith,
  nic,
  openDevice,
  patched,
  place,
} from './assigned-machine.js';
import { decodeAll, program, setCommand } from './pci-machine.js';

const base = 0xc000_0000n;
const bar = { index: 0, kind: 'memory', size: 0x4000n } as const;
const msix = { vectors: 4, tableBar: 0, tableOffset: 0x1000n, pendingOffset: 0x2000n } as const;

function assign(
  more: Partial<SimulatedDeviceDescription> = {},
  bars: Parameters<typeof deviceWith>[0] = [bar],
) {
  const machine = new AssignedMachine([deviceWith(bars, { msix, ...more })]);
  const assigned = machine.assign();
  return { machine, assigned, pci: assigned.function, simulated: machine.host.device(nic) };
}

/** The capabilities that a guest finds: identifiers and offsets. */
function chain({ function: pci }: AssignedPciDevice): [number, number][] {
  const found: [number, number][] = [];
  for (let at = pci.readConfig(0x34, 1); at !== 0; at = pci.readConfig(at + 1, 1)) {
    found.push([pci.readConfig(at, 1), at]);
  }
  return found;
}

function extendedChain({ function: pci }: AssignedPciDevice): [number, number][] {
  const found: [number, number][] = [];
  for (let at = 0x100; at !== 0; at = pci.readConfig(at, 4) >>> 20) {
    found.push([pci.readConfig(at, 4) & 0xffff, at]);
  }
  return found;
}

/** `device` with other bytes in its configuration space. */
function withConfig(device: VfioDevice, bytes: readonly (readonly [number, number])[]): VfioDevice {
  const overlay = new Map(
    bytes.flatMap(([at, value]) => [0, 1, 2, 3].map((i) => [at + i, (value >>> (8 * i)) & 0xff])),
  );
  return patched(device, {
    read: (region, offset, width) => {
      const value = device.read(region, offset, width);
      if (region !== vfioPciRegion.config) return value;
      let result = 0n;
      for (let i = 0; i < width; i++) {
        const own = (value >> BigInt(8 * i)) & 0xffn;
        result |= BigInt(overlay.get(Number(offset) + i) ?? own) << BigInt(8 * i);
      }
      return result;
    },
  });
}

suite('the configuration space of an assigned device', () => {
  test('says who the device is, and has BARs of its sizes that are nowhere yet', () => {
    const { pci } = assign();
    assert.equal(pci.readConfig(0, 4), 0x5678_1234);
    assert.equal(pci.readConfig(0x10, 4), 0);
    pci.writeConfig(0x10, 4, 0xffff_ffff);
    assert.equal(pci.readConfig(0x10, 4), 0xffff_c000);
    pci.writeConfig(0x14, 4, 0xffff_ffff);
    assert.equal(pci.readConfig(0x14, 4), 0);
  });

  test('the device decodes what the guest wants it to, from the beginning on', () => {
    const { pci, simulated } = assign();
    assert.equal(simulated.config.isMemoryEnabled, false);
    setCommand(pci, decodeAll);
    assert.equal(simulated.config.isMemoryEnabled, true);
    setCommand(pci, 0);
    assert.equal(simulated.config.isMemoryEnabled, false);
  });

  test('nothing is mapped of a device when it stops decoding: first the slots go, then it hears', () => {
    const { machine, assigned, pci } = assign();
    place(assigned, 0, base);
    const revokedWithSlots: number[] = [];
    machine.memory.addListener({
      regionDel: () => revokedWithSlots.push(machine.host.revokedBarMaps.length),
    });
    setCommand(pci, 0);
    assert.ok(revokedWithSlots.length > 0);
    assert.ok(revokedWithSlots.every((count) => count === 0));
    assert.equal(machine.host.revokedBarMaps.length, 1);
  });

  test('asleep, it decodes nothing, and is put to sleep and woken up as the guest says', () => {
    const { machine, assigned, pci, simulated } = assign();
    place(assigned, 0, base);
    const at = findCapability(pci.config, capabilityId.powerManagement) ?? 0;
    pci.writeConfig(at + 4, 2, 3);
    assert.equal(simulated.config.powerState, 3);
    assert.equal(machine.at(base), undefined);
    pci.writeConfig(at + 4, 2, 0);
    assert.equal(simulated.config.powerState, 0);
    assert.notEqual(machine.at(base), undefined);
  });

  test('a state of power that the device does not offer is not taken', () => {
    const { pci, simulated } = assign();
    const at = findCapability(pci.config, capabilityId.powerManagement) ?? 0;
    pci.writeConfig(at + 4, 2, 1);
    assert.equal(pci.readConfig(at + 4, 2) & 3, 0);
    assert.equal(simulated.config.powerState, 0);
  });

  test('MSI-X is switched here, and the device does not hear of it', () => {
    const { assigned, pci, machine } = assign();
    const at = findCapability(pci.config, capabilityId.msix) ?? 0;
    const calls = machine.host.calls.length;
    pci.writeConfig(at + 2, 2, 0x8000);
    assert.equal(assigned.msix?.enabled, true);
    pci.writeConfig(at + 3, 1, 0);
    assert.equal(assigned.msix?.enabled, false);
    assert.equal(pci.readConfig(at + 2, 2), 3);
    assert.deepEqual(
      machine.host.calls.slice(calls).filter(({ call }) => call === 'pwrite'),
      [],
    );
  });

  test('what is not known here is read from the device at each access, and written there', () => {
    const vendor = { id: 0x09, bytes: Uint8Array.of(8, 1, 2, 3, 4, 5) };
    const { pci, machine } = assign({ capabilities: [vendor] });
    const at = findCapability(pci.config, capabilityId.vendor) ?? 0;
    assert.equal(pci.readConfig(at + 4, 4), 0x0504_0302);
    const calls = machine.host.calls.length;
    pci.writeConfig(at + 4, 4, 0x1234);
    assert.deepEqual(
      machine.host.calls.slice(calls).map(({ call }) => call),
      ['pwrite'],
    );
  });

  test('a capability that is hidden is out of the chain, and its bytes are zeros', () => {
    const capabilities = [
      { id: 0x14, bytes: Uint8Array.of(1, 2, 3, 4, 5, 6) },
      { id: 0x09, bytes: Uint8Array.of(8, 1, 2, 3, 4, 5) },
    ];
    const { assigned, pci } = assign({ capabilities });
    const ids = chain(assigned).map(([id]) => id);
    assert.deepEqual(ids, [0x01, 0x11, 0x09]);
    const [, vendorAt = 0] = chain(assigned).find(([id]) => id === 0x09) ?? [];
    assert.equal(pci.readConfig(vendorAt - 8, 4), 0);
    assert.equal(pci.readConfig(vendorAt - 4, 4), 0);
  });

  test('of extended ones too, also where it is the first', () => {
    const machine = new AssignedMachine([deviceWith([bar], { isExpress: true })]);
    const link = (id: number, next: number): number => id | (1 << 16) | ((next << 20) >>> 0);
    const device = withConfig(openDevice(machine.host), [
      [0x100, link(0x15, 0x140)],
      [0x140, link(0x01, 0x180)],
      [0x180, link(0x10, 0x900)],
      [0x184, 0x1234_5678],
      [0x900, link(0x03, 0)],
    ]);
    const assigned = machine.assign({ device });
    assert.deepEqual(extendedChain(assigned), [
      [0, 0x100],
      [0x01, 0x140],
      [0x03, 0x900],
    ]);
    assert.equal(assigned.function.readConfig(0x184, 4), 0);
  });

  test('a chain that leads into itself, or out of where it can be, ends there', () => {
    const machine = new AssignedMachine([deviceWith([bar], { isExpress: true })]);
    const device = withConfig(openDevice(machine.host), [
      [0x40, 0x5009],
      [0x50, 0x4009],
      [0x100, 0x1001_0001],
    ]);
    const assigned = machine.assign({ device });
    assert.deepEqual(chain(assigned), [
      [0x09, 0x40],
      [0x09, 0x50],
    ]);
    assert.deepEqual(extendedChain(assigned), [[0x01, 0x100]]);
  });

  test('a bridge is refused, and a configuration space of no known size', () => {
    const machine = new AssignedMachine([deviceWith([bar])]);
    const device = openDevice(machine.host);
    const bridge = withConfig(device, [[0x0c, 0x0001_0000]]);
    assert.equal(
      codeOf(() => machine.assign({ device: bridge })),
      'ERR_DEVICE_DESCRIPTION',
    );
    const odd = patched(device, {
      regionInfo: (index) => ({ ...device.regionInfo(index), size: 512n }),
    });
    assert.equal(
      codeOf(() => machine.assign({ device: odd })),
      'ERR_DEVICE_DESCRIPTION',
    );
  });

  test('a ROM is read from the device, and takes no writes', () => {
    const rom = {
      index: 6,
      kind: 'rom',
      size: 0x800n,
      contents: Uint8Array.of(0x55, 0xaa),
    } as const;
    const { machine, assigned, pci } = assign({}, [bar, rom]);
    pci.writeConfig(0x30, 4, 0xd000_0001);
    setCommand(pci, decodeAll);
    assert.equal(machine.memory.read(0xd000_0000n, 2).value, 0xaa55n);
    machine.memory.write(0xd000_0000n, 2, 0n);
    assert.equal(machine.memory.read(0xd000_0000n, 2).value, 0xaa55n);
    assert.equal(assigned.bar(6)?.slowPath.failures, 0);
  });

  test('a device that the kernel cannot read from is refused, and nothing is left mapped', () => {
    const machine = new AssignedMachine([deviceWith([bar])]);
    machine.host.order({ ioctl: 'pread', call: 3, errno: 'EIO' });
    assert.equal(
      codeOf(() => machine.assign()),
      'ERR_SYSTEM_CALL',
    );
    assert.equal(machine.host.barMaps.length, 0);
  });
});

suite('reset and restore of an assigned device', () => {
  test('a reset takes the BARs away, resets the device and masks its vectors', () => {
    const { machine, assigned, pci, simulated } = assign();
    place(assigned, 0, base);
    machine.memory.write(base + 0x100cn, 4, 0n);
    pci.reset();
    assert.equal(machine.at(base), undefined);
    assert.equal(simulated.resetCount, 1);
    assert.equal(assigned.msix?.readTable(12, 4), 1n);
    assert.equal(simulated.config.isMemoryEnabled, false);
  });

  test('a reset of the bus is one commit, and one ioctl for each slot that there is', () => {
    const names = [5, 6, 7, 8].map((bus) => `0000:0${bus}:00.0`);
    const bars = [bar, { index: 2, kind: 'memory', size: 0x1000n }] as const;
    const machine = new AssignedMachine(
      names.map((name, i) => deviceWith(bars, { name, group: i })),
    );
    for (const [i, name] of names.entries()) {
      const assigned = machine.assign({ name });
      program(assigned.function, 0, base + 0x1_0000n * BigInt(i));
      program(assigned.function, 2, base + 0x1_0000n * BigInt(i) + 0x4000n);
      setCommand(assigned.function, decodeAll);
    }
    const slots = machine.kvm.slots.length;
    assert.equal(slots, 8);
    machine.kvm.calls.length = 0;
    assert.equal(
      machine.count(() => machine.bus.reset()),
      1,
    );
    assert.equal(machine.kvm.calls.length, slots);
    assert.equal(machine.kvm.slots.length, 0);
    assert.deepEqual(
      names.map((name) => machine.host.device(name).resetCount),
      [1, 1, 1, 1],
    );
  });

  test('a device that cannot be reset stops decoding all the same', () => {
    const { machine, assigned, pci, simulated } = assign({ canReset: false });
    place(assigned, 0, base);
    pci.reset();
    assert.equal(machine.at(base), undefined);
    assert.equal(simulated.resetCount, 0);
    assert.equal(simulated.config.isMemoryEnabled, false);
    assert.equal(assigned.msix?.readTable(12, 4), 1n);
  });

  test('restored, BARs, MSI-X and the device are as they were, without a write of the guest', () => {
    const { machine, assigned, pci } = assign();
    place(assigned, 0, base);
    machine.memory.write(base + 0x1000n, 8, 0xfee0_0000n);
    machine.memory.write(base + 0x1008n, 8, 0x41n);
    const at = findCapability(pci.config, capabilityId.msix) ?? 0;
    pci.writeConfig(at + 2, 2, 0x8000);
    const state = { bus: machine.bus.save(), device: assigned.save() };

    const copy = new AssignedMachine([deviceWith([bar], { msix })]);
    const sent: number[] = [];
    const handler = { send: (_: number, { data }: { data: number }) => sent.push(data) };
    const restored = copy.assign({ msix: handler });
    restored.restore(state.device);
    copy.bus.restore(state.bus);
    assert.deepEqual(copy.flatLines(), machine.flatLines());
    assert.deepEqual(copy.slotLines(), machine.slotLines());
    assert.equal(copy.host.device(nic).config.isMemoryEnabled, true);
    restored.msix?.fire(0);
    assert.deepEqual(sent, [0x41]);
  });

  test('the state of a device without MSI-X is refused', () => {
    const { assigned } = assign();
    assert.equal(
      codeOf(() => assigned.restore({ msix: undefined, quirks: [] })),
      'ERR_INVALID_ARGUMENT',
    );
  });
});
