import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  addCapability,
  addExtendedCapability,
  addMsix,
  addPowerManagement,
  addVendorCapability,
  ConfigSpace,
  capabilityId,
  configRegister,
  findCapability,
  powerStateAt,
} from '../../lib/pci/index.js';
import { flatviewError } from '../memory/machine.js';

/** The list, as a guest walks it: identifiers and offsets. */
function list(config: ConfigSpace): [number, number][] {
  const found: [number, number][] = [];
  let at = config.read(configRegister.capabilitiesPointer, 1);
  for (; at !== 0; at = config.read(at + 1, 1)) found.push([config.read(at, 1), at]);
  return found;
}

suite('Capabilities: the list', () => {
  test('what is added is found, the last one first, at multiples of four', () => {
    const config = new ConfigSpace();
    assert.equal(config.read(configRegister.status, 2) & 0x10, 0);
    const vendor = addVendorCapability(config, Uint8Array.of(1, 2, 3));
    const pm = addPowerManagement(config);
    const msix = addMsix(config, {
      vectors: 4,
      table: { bar: 2, offset: 0x1000 },
      pendingBits: { bar: 2, offset: 0x1800 },
      offset: 0xf0,
    });
    assert.equal(config.read(configRegister.status, 2) & 0x10, 0x10);
    assert.deepEqual(list(config), [
      [capabilityId.msix, msix],
      [capabilityId.powerManagement, pm],
      [capabilityId.vendor, vendor],
    ]);
    assert.deepEqual([vendor, pm, msix], [0x40, 0x48, 0xf0]);
    assert.equal(findCapability(config, capabilityId.vendor), vendor);
    assert.equal(findCapability(config, capabilityId.express), undefined);
  });

  test('a list that ends nowhere is given up', () => {
    const config = new ConfigSpace();
    config.set(configRegister.capabilitiesPointer, 1, 0x40);
    config.set(0x41, 1, 0x40);
    assert.equal(findCapability(config, 7), undefined);
    config.set(configRegister.capabilitiesPointer, 1, 0xff);
    assert.equal(findCapability(config, 7), undefined);
  });

  test('where there is no room, or another one, it is refused and nothing changes', () => {
    const config = new ConfigSpace();
    addCapability(config, { id: 1, size: 0xb0 });
    const before = config.save();
    for (const capability of [
      { id: 2, size: 0x20 },
      { id: 2, size: 4, offset: 0x80 },
      { id: 2, size: 4, offset: 0xf2 },
      { id: 2, size: 4, offset: 0x3c },
      { id: 2, size: 8, offset: 0xfc },
    ]) {
      assert.throws(() => addCapability(config, capability), flatviewError('ERR_INVALID_ARGUMENT'));
      assert.deepEqual(config.save(), before);
    }
    assert.equal(addCapability(config, { id: 2, size: 0x10 }), 0xf0);
  });

  test('what its header has no bits for, or is smaller than its header, is refused and nothing changes', () => {
    const config = new ConfigSpace(4096);
    addCapability(config, { id: 1, size: 8 });
    addExtendedCapability(config, { id: 1, size: 8 }, 15);
    const before = config.save();
    const refused = flatviewError('ERR_INVALID_ARGUMENT');
    for (const wrong of [
      ...[-1, 0, 1, 2.5, Number.NaN].map((size) => ({ id: 2, size })),
      ...[-1, 0x100, 0x109, 1.5].map((id) => ({ id, size: 4 })),
    ]) {
      assert.throws(() => addCapability(config, wrong), refused);
    }
    for (const [id, size, version] of [
      ...[-4, 0, 3, 4.5].map((bytes) => [2, bytes, 1] as const),
      ...[-1, 0x1_0000, 0.5].map((number) => [number, 4, 1] as const),
      ...[-1, 16, 17, 1.5].map((number) => [2, 4, number] as const),
    ]) {
      assert.throws(() => addExtendedCapability(config, { id, size }, version), refused);
    }
    assert.deepEqual(config.save(), before);
    assert.throws(() => addCapability(config, { id: 0x109, size: 4 }), /0x109: not 0 to 0xff/);
    addCapability(config, { id: 0xff, size: 2 });
    addExtendedCapability(config, { id: 0xffff, size: 4 }, 15);
    assert.equal(list(config).length, 2);
  });

  test('extended ones begin at 0x100, each pointing to the next', () => {
    const config = new ConfigSpace(4096);
    const early = { id: 3, size: 12, offset: 0x140 };
    assert.throws(
      () => addExtendedCapability(config, early, 1),
      flatviewError('ERR_INVALID_ARGUMENT'),
    );
    assert.equal(addExtendedCapability(config, { id: 1, size: 0x48 }, 2), 0x100);
    assert.equal(addExtendedCapability(config, { id: 0xb, size: 0x10 }, 1), 0x148);
    assert.equal(addExtendedCapability(config, { id: 3, size: 12, offset: 0xff0 }, 1), 0xff0);
    assert.equal(config.read(0x100, 4), 0x1482_0001);
    assert.equal(config.read(0x148, 4), 0xff01_000b);
    assert.equal(config.read(0xff0, 4), 0x0001_0003);
    const conventional = new ConfigSpace();
    assert.throws(
      () => addExtendedCapability(conventional, { id: 1, size: 4 }, 1),
      flatviewError('ERR_INVALID_ARGUMENT'),
    );
  });
});

suite('Capabilities: power management', () => {
  test('D1 and D2 are entered only where they are offered; asking for another state changes none', () => {
    for (const [options, states] of [
      [{}, [0, 0, 0, 3]],
      [{ d1: true }, [0, 1, 1, 3]],
      [{ d1: true, d2: true }, [0, 1, 2, 3]],
    ] as const) {
      const config = new ConfigSpace();
      const at = addPowerManagement(config, options);
      const seen = [0, 1, 2, 3].map((state) => {
        config.write(at + 4, 1, state);
        return powerStateAt(config, at);
      });
      assert.deepEqual(seen, states);
      config.write(at + 4, 2, 0xffff);
      assert.equal(config.read(at + 4, 2), 0x010b);
    }
  });
});

suite('Capabilities: MSI-X', () => {
  test('where the table is and how many vectors can only be read; the two enables can be written', () => {
    const config = new ConfigSpace();
    const at = addMsix(config, {
      vectors: 2048,
      table: { bar: 1, offset: 0x2000 },
      pendingBits: { bar: 5, offset: 0x8 },
    });
    for (let offset = 0; offset < 12; offset += 4) config.write(at + offset, 4, 0xffff_ffff);
    assert.equal(config.read(at + 2, 2), 0xc7ff);
    assert.equal(config.read(at + 4, 4), 0x2001);
    assert.equal(config.read(at + 8, 4), 0xd);
  });

  test('what MSI-X does not have is refused', () => {
    const place = { bar: 0, offset: 0 } as const;
    const behind = { bar: 0, offset: 0x10 } as const;
    for (const wrong of [
      { vectors: 0 },
      { vectors: 2049 },
      { table: { bar: 6, offset: 0 } as const },
      { pendingBits: { bar: 0, offset: 0x14 } as const },
      { pendingBits: place },
      { pendingBits: { bar: 0, offset: 8 } as const },
      { table: { bar: 0, offset: 8 } as const },
      { vectors: 2 },
    ]) {
      const msix = { vectors: 1, table: place, pendingBits: behind, ...wrong };
      assert.throws(() => addMsix(new ConfigSpace(), msix), flatviewError('ERR_INVALID_ARGUMENT'));
    }
    addMsix(new ConfigSpace(), { vectors: 1, table: place, pendingBits: behind });
  });
});
