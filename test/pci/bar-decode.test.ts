import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  type BarDecode,
  type BarIndex,
  type BarLayout,
  ConfigSpace,
  commandBit,
  configRegister,
  type DecodeRules,
  decodeBar,
  PciFunction,
} from '../../lib/pci/index.js';
import { flatviewError } from '../memory/machine.js';
import { runs } from '../oracle/runs.js';
import { layoutOf, PciMachine } from './pci-machine.js';

const rules: DecodeRules = { memoryEnd: 1n << 64n, ioEnd: 0x1_0000n, allowsZero: false };

const all = commandBit.io | commandBit.memory;

/** The registers of a function with one BAR, made as a function makes them, with `command` and D0. */
function registers(layout: BarLayout, command: number = all): ConfigSpace {
  const { topology } = new PciMachine();
  const config = new ConfigSpace();
  config.makeWritable(configRegister.command, 2, 0xffff);
  config.write(configRegister.command, 2, command);
  const region = topology.reservation('bar', layout.size);
  new PciFunction('function', { config, bars: [{ layout, backing: { region } }] });
  return config;
}

function registerAt(index: BarIndex): number {
  return index === 6 ? configRegister.rom : configRegister.bar0 + 4 * index;
}

/** Where a BAR decodes when the guest writes `low` and `high`. */
function decoded(
  layout: BarLayout,
  low: number,
  high = 0,
  {
    command = all,
    powerState = 0,
    ...other
  }: Partial<DecodeRules> & {
    command?: number;
    powerState?: number;
  } = {},
): bigint | string | undefined {
  const config = registers(layout, command);
  config.write(registerAt(layout.index), 4, low);
  if (layout.is64Bit) config.write(registerAt(layout.index) + 4, 4, high);
  return said(decodeBar(config, layout, powerState, { ...rules, ...other }));
}

function said({ address, reason }: BarDecode): bigint | string | undefined {
  return reason ?? address;
}

const memory32 = layoutOf({ index: 0, size: 0x1000n });
const memory64 = layoutOf({ index: 2, size: 0x1000n, is64Bit: true });
const io = layoutOf({ index: 1, size: 0x20n, kind: 'io' });
const rom = layoutOf({ index: 6, size: 0x800n });

suite('BAR decode: enables', () => {
  test('memory, I/O and ROM follow their bits', () => {
    assert.equal(decoded(memory32, 0xe000_0000), 0xe000_0000n);
    assert.equal(decoded(io, 0xc000), 0xc000n);
    assert.equal(decoded(rom, 0xd000_0001), 0xd000_0000n);
    assert.equal(decoded(memory32, 0xe000_0000, 0, { command: commandBit.io }), 'memory-off');
    assert.equal(decoded(memory64, 0, 8, { command: commandBit.io }), 'memory-off');
    assert.equal(decoded(io, 0xc000, 0, { command: commandBit.memory }), 'io-off');
    assert.equal(decoded(rom, 0xd000_0001, 0, { command: commandBit.io }), 'memory-off');
    assert.equal(decoded(rom, 0xd000_0000), 'rom-off');
  });

  test('nothing decodes in D1, D2 and D3', () => {
    for (const powerState of [1, 2, 3]) {
      for (const layout of [memory32, memory64, io, rom]) {
        assert.equal(decoded(layout, 0xc001, 0, { powerState }), 'asleep');
      }
    }
  });
});

suite('BAR decode: addresses at the ends', () => {
  test('at zero nothing was given, unless the machine allows it', () => {
    for (const layout of [memory32, memory64, io]) {
      assert.equal(decoded(layout, 0), 'at-zero');
      assert.equal(decoded(layout, 0, 0, { allowsZero: true }), 0n);
    }
    assert.equal(decoded(rom, 1), 'at-zero');
    assert.equal(decoded(rom, 1, 0, { allowsZero: true }), 0n);
  });

  test('bits below the size are no part of the address', () => {
    assert.equal(decoded(memory32, 0xe000_0fff), 0xe000_0000n);
    assert.equal(decoded(memory32, 0x0000_0fff), 'at-zero');
    assert.equal(decoded(io, 0xc01f), 0xc000n);
  });

  test('the last place below 4 GiB is no place for 32 bits, and one for 64', () => {
    assert.equal(decoded(memory32, 0xffff_e000), 0xffff_e000n);
    assert.equal(decoded(memory32, 0xffff_f000), 'sizing');
    assert.equal(decoded(rom, 0xffff_f801), 'sizing');
    assert.equal(decoded(memory64, 0xffff_f000), 0xffff_f000n);
    assert.equal(decoded(memory64, 0, 1), 0x1_0000_0000n);
  });

  test('what begins beyond the end of the bus is nowhere; what reaches beyond it is cut there', () => {
    assert.equal(decoded(io, 0x1_0000), 'beyond-bus');
    assert.equal(decoded(io, 0xffe0), 0xffe0n);
    assert.equal(decoded(memory64, 0, 0x40, { memoryEnd: 0x40_0000_0000n }), 'beyond-bus');
    assert.equal(decoded(memory32, 0x1000, 0, { memoryEnd: 0x1800n }), 0x1000n);
    assert.equal(decoded(io, 0xc000, 0, { ioEnd: 0n }), 'beyond-bus');
  });
});

suite('BAR decode: sizing', () => {
  test('all ones read back as the size, and decode nowhere', () => {
    for (const [layout, mask] of [
      [memory32, 0xffff_f000],
      [io, 0xffff_ffe1],
      [rom, 0xffff_f801],
      [layoutOf({ index: 0, size: 1n << 31n }), 0x8000_0000],
      [layoutOf({ index: 0, size: 16n, isPrefetchable: true }), 0xffff_fff8],
    ] as const) {
      const config = registers(layout);
      config.write(registerAt(layout.index), 4, 0xffff_ffff);
      assert.equal(config.read(registerAt(layout.index), 4), mask);
      assert.equal(said(decodeBar(config, layout, 0, rules)), 'sizing');
    }
  });

  test('64 bits in halves, in either order: nowhere while the upper half is all ones', () => {
    for (const size of [0x1000n, 1n << 31n, 1n << 32n, 1n << 33n, 1n << 40n, 1n << 63n]) {
      const layout = layoutOf({ index: 0, size, is64Bit: true });
      const config = registers(layout);
      config.write(0x14, 4, 0xffff_ffff);
      assert.equal(
        said(decodeBar(config, layout, 0, rules)),
        'sizing',
        `upper half first, ${size}`,
      );
      config.write(0x10, 4, 0xffff_ffff);
      assert.equal(said(decodeBar(config, layout, 0, rules)), 'sizing');
      const mask = (BigInt(config.read(0x14, 4)) << 32n) | BigInt(config.read(0x10, 4) & ~0xf);
      assert.equal(BigInt.asUintN(64, mask), BigInt.asUintN(64, -size));
      config.write(0x10, 4, 0);
      assert.equal(
        said(decodeBar(config, layout, 0, rules)),
        'sizing',
        `lower half restored first`,
      );
    }
    const large = layoutOf({ index: 0, size: 1n << 31n, is64Bit: true });
    assert.equal(decoded(large, 0xffff_ffff, 1), 0x1_8000_0000n, 'one bit of ones is an address');
  });
});

/** QEMU's rule (hw/pci: pci_bar_address), in its order, with what this package adds: D-states, and the end of a bus. */
function expected(
  layout: BarLayout,
  low: bigint,
  high: bigint,
  command: number,
  allowsZero: boolean,
) {
  const { kind, size, is64Bit } = layout;
  if ((command & (kind === 'io' ? 1 : 2)) === 0) return undefined;
  if (kind === 'rom' && (low & 1n) === 0n) return undefined;
  const value = is64Bit ? (high << 32n) | low : low;
  const address = value - (value % size);
  const last = address + size - 1n;
  if (last <= address || (address === 0n && !allowsZero)) return undefined;
  if (last >= 0xffff_ffffn && !is64Bit) return undefined;
  if (last === 0xffff_ffff_ffff_ffffn) return undefined;
  if (kind === 'io' && address > 0xffffn) return undefined;
  return address;
}

const powersFrom = (smallest: number, largest: number) =>
  fc.integer({ min: smallest, max: largest }).map((power) => 1n << BigInt(power));

const anyLayout: fc.Arbitrary<BarLayout> = fc.oneof(
  powersFrom(4, 31).map((size) => layoutOf({ index: 0, size })),
  powersFrom(4, 63).map((size) => layoutOf({ index: 0, size, is64Bit: true })),
  powersFrom(2, 31).map((size) => layoutOf({ index: 0, size, kind: 'io' })),
  powersFrom(11, 24).map((size) => layoutOf({ index: 6, size })),
);

const anyWord = fc.oneof(
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.constantFrom(0, 1, 0x1000, 0xffff_ffff, 0xffff_f000, 0xffff_fffe, 0x7fff_ffff),
);

suite('BAR decode: property', () => {
  test("any registers give what QEMU's rule gives, but for an upper half of all ones", (t) => {
    let addresses = 0;
    fc.assert(
      fc.property(
        anyLayout,
        fc.tuple(anyWord, anyWord),
        fc.nat(3),
        fc.boolean(),
        (layout, [low, high], command, allowsZero) => {
          const found = decoded(layout, low, high, { command, allowsZero });
          if (found === 'sizing' && layout.is64Bit) return;
          const address = typeof found === 'bigint' ? found : undefined;
          assert.equal(address, expected(layout, BigInt(low), BigInt(high), command, allowsZero));
          if (address !== undefined) addresses++;
        },
      ),
      runs<[BarLayout, [number, number], number, boolean]>(t, 2000, 0.1),
    );
    assert.ok(addresses > 100, `only ${addresses} decoded`);
  });
});

suite('BAR layouts that PCI does not have', () => {
  for (const [why, specs] of [
    ['a size that is no power of two', [{ index: 0, size: 0x1800n }]],
    ['no size', [{ index: 0, size: 0n }]],
    ['memory of less than 16 bytes', [{ index: 0, size: 8n }]],
    ['ports of less than 4 bytes', [{ index: 0, size: 2n, kind: 'io' }]],
    ['a ROM of less than 2 KiB', [{ index: 6, size: 0x400n }]],
    ['a ROM that is not number 6', [{ index: 0, size: 0x800n, kind: 'rom' }]],
    ['memory that is number 6', [{ index: 6, size: 0x800n, kind: 'memory' }]],
    ['4 GiB in 32 bits', [{ index: 0, size: 1n << 32n }]],
    ['64 bits at the last register', [{ index: 5, size: 0x1000n, is64Bit: true }]],
    ['64-bit ports', [{ index: 0, size: 4n, kind: 'io', is64Bit: true }]],
    ['prefetchable ports', [{ index: 0, size: 4n, kind: 'io', isPrefetchable: true }]],
    ['a seventh BAR', [{ index: 7 as BarIndex, size: 0x10n, kind: 'memory' }]],
    [
      'the upper half of another one',
      [
        { index: 0, size: 0x1000n, is64Bit: true },
        { index: 1, size: 0x1000n },
      ],
    ],
    [
      'the same number twice',
      [
        { index: 3, size: 0x1000n },
        { index: 3, size: 0x1000n },
      ],
    ],
  ] as const) {
    test(why, () => {
      const machine = new PciMachine();
      assert.throws(() => machine.build('odd', specs), flatviewError('ERR_BAR_LAYOUT', /of odd/));
    });
  }
});
