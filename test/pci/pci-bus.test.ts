import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { FlatviewError, MemoryTopology } from '../../lib/index.js';
import {
  addressText,
  type BarBacking,
  type BarPagePlan,
  type BarPages,
  ConfigSpace,
  commandBit,
  configRegister,
  PciBus,
  type PciDevice,
  PciFunction,
} from '../../lib/pci/index.js';
import { flatviewError } from '../memory/machine.js';
import { viewLines } from '../memory/view-lines.js';
import { runs } from '../oracle/runs.js';
import {
  type BarSpec,
  decodeAll,
  layoutOf,
  PciMachine,
  program,
  Saboteur,
  setCommand,
} from './pci-machine.js';

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

  test('also where memory comes as ports go, and the other way round', () => {
    const machine = new PciMachine();
    const pci = machine.add(1, [
      { index: 0, size: 0x1000n },
      { index: 1, size: 0x20n, kind: 'io' },
    ]);
    program(pci, 0, 0xe000_0000n);
    program(pci, 1, 0xc000n);
    setCommand(pci, commandBit.io);
    assert.equal(
      machine.count(() => setCommand(pci, commandBit.memory)),
      1,
    );
    assert.deepEqual(
      [machine.at(0xe000_0000n), machine.atPort(0xc000n)],
      ['device 1 BAR 0', undefined],
    );
    assert.equal(
      machine.count(() => setCommand(pci, commandBit.io)),
      1,
    );
    assert.deepEqual(
      [machine.at(0xe000_0000n), machine.atPort(0xc000n)],
      [undefined, 'device 1 BAR 1'],
    );
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

  test('a BAR that is being sized while it decodes is nowhere, and is back with its address', () => {
    const machine = new PciMachine();
    const pci = machine.add(1, [{ index: 2, size: 0x1000n, is64Bit: true }]);
    program(pci, 2, 0x8_0000_0000n);
    setCommand(pci, decodeAll);
    assert.equal(
      machine.count(() => pci.writeConfig(0x1c, 4, 0xffff_ffff)),
      1,
    );
    assert.equal(
      machine.count(() => pci.writeConfig(0x18, 4, 0xffff_ffff)),
      0,
    );
    assert.deepEqual(viewLines(machine.memory), []);
    assert.equal(
      machine.count(() => pci.writeConfig(0x18, 4, 0)),
      0,
    );
    assert.equal(
      machine.count(() => pci.writeConfig(0x1c, 4, 8)),
      1,
    );
    assert.equal(machine.at(0x8_0000_0000n), 'device 1 BAR 2');
  });
});

suite('BARs that overlap', () => {
  test('the one that came last is on top; of one function the one with the higher number', () => {
    const machine = new PciMachine();
    const [one, other] = [1, 2].map((device) =>
      machine.add(device, [
        { index: 0, size: 0x1000n },
        { index: 1, size: 0x1000n },
      ]),
    ) as [PciFunction, PciFunction];
    for (const pci of [one, other]) {
      program(pci, 0, 0xe000_0000n);
      program(pci, 1, 0xe000_0000n);
      setCommand(pci, commandBit.memory);
    }
    assert.equal(machine.at(0xe000_0000n), 'device 2 BAR 1');
    program(one, 0, 0xe100_0000n);
    program(one, 0, 0xe000_0000n);
    assert.equal(machine.at(0xe000_0000n), 'device 1 BAR 0');
    setCommand(one, 0);
    assert.equal(machine.at(0xe000_0000n), 'device 2 BAR 1');
  });

  test('RAM wins over a BAR that the guest puts there', () => {
    const machine = new PciMachine({ allowsZero: true });
    machine.system.addSubregion(0, machine.topology.ram('pc.ram', 0x10_0000, { backing: 'none' }));
    setCommand(machine.add(1, [{ index: 0, size: 0x40_0000n }]), commandBit.memory);
    assert.equal(machine.at(0n), 'pc.ram');
    assert.equal(machine.at(0x10_0000n), 'device 1 BAR 0');
  });
});

suite('Hot-plug', () => {
  test('a function that decodes is there at once, and gone at once', () => {
    const machine = new PciMachine();
    const pci = machine.build('card', [{ index: 0, size: 0x1000n }]);
    program(pci, 0, 0xe000_0000n);
    setCommand(pci, commandBit.memory);
    assert.equal(
      machine.count(() => machine.bus.add({ device: 4 }, pci)),
      1,
    );
    assert.equal(machine.at(0xe000_0000n), 'card BAR 0');
    assert.equal(machine.bus.readConfig(4 << 3, 0, 2), 0x1af4);
    assert.equal(
      machine.count(() => assert.equal(machine.bus.remove({ device: 4 }), pci)),
      1,
    );
    assert.equal(machine.at(0xe000_0000n), undefined);
    assert.equal(machine.bus.readConfig(4 << 3, 0, 2), 0xffff);
    machine.bus.add({ bus: 7, device: 31, function: 7 }, pci);
    assert.equal(machine.bus.readConfig(0x7ff, 0, 2), 0x1af4);
    assert.equal(machine.at(0xe000_0000n), 'card BAR 0');
  });

  test('a listener refuses: nothing is plugged in or out', () => {
    const machine = new PciMachine();
    const saboteur = new Saboteur();
    machine.memory.addListener(saboteur);
    const pci = machine.build('card', [{ index: 0, size: 0x1000n }]);
    program(pci, 0, 0xe000_0000n);
    setCommand(pci, commandBit.memory);
    saboteur.refuses = () => true;
    const refusal = flatviewError('ERR_LISTENER_FAILED');
    assert.throws(() => machine.bus.add({ device: 4 }, pci), refusal);
    assert.equal(machine.bus.functions.size, 0);
    saboteur.refuses = undefined;
    machine.bus.add({ device: 4 }, pci);
    saboteur.refuses = () => true;
    assert.throws(() => machine.bus.remove({ device: 4 }), refusal);
    assert.equal(machine.bus.functions.size, 1);
    assert.equal(machine.at(0xe000_0000n), 'card BAR 0');
  });
});

suite("The embedder's mistakes with a bus", () => {
  test('a place that there is not, or that is taken; a function that is on a bus', () => {
    const machine = new PciMachine();
    const { bus } = machine;
    const pci = machine.build('card', []);
    for (const address of [
      { device: 32 },
      { device: -1 },
      { device: 0, function: 8 },
      { bus: 256, device: 0 },
      { device: 0.5 },
    ]) {
      assert.throws(() => bus.add(address, pci), flatviewError('ERR_PCI_ADDRESS'));
    }
    bus.add({ device: 31, function: 3 }, pci);
    assert.throws(
      () => bus.add({ device: 31, function: 3 }, machine.build('other', [])),
      flatviewError('ERR_PCI_ADDRESS', /^other can't be at 00:1f\.3: card is$/),
    );
    assert.throws(() => bus.add({ device: 1 }, pci), flatviewError('ERR_PCI_ADDRESS', /already/));
    assert.throws(() => bus.remove({ device: 1 }), flatviewError('ERR_PCI_ADDRESS', /00:01\.0/));
    assert.deepEqual([...bus.functions.values()], [pci]);
  });

  test('a region that is mapped, shows twice, is of another size or topology', () => {
    const machine = new PciMachine();
    const { topology, bus } = machine;
    const layout = layoutOf({ index: 0, size: 0x1000n });
    const second = layoutOf({ index: 1, size: 0x1000n });
    const region = topology.reservation('region', 0x1000);
    const mapped = topology.reservation('mapped', 0x1000);
    machine.system.addSubregion(0, mapped);
    for (const [code, bars] of [
      ['ERR_REGION_MAPPED', [{ layout, backing: { region: mapped } }]],
      [
        'ERR_REGION_MAPPED',
        [
          { layout, backing: { region } },
          { layout: second, backing: { region } },
        ],
      ],
      ['ERR_BAR_LAYOUT', [{ layout, backing: { region: topology.reservation('small', 0x800) } }]],
      [
        'ERR_TOPOLOGY_MISMATCH',
        [{ layout, backing: { region: new MemoryTopology().reservation('alien', 0x1000) } }],
      ],
    ] as const) {
      const pci = new PciFunction('wrong', { config: new ConfigSpace(), bars });
      assert.throws(() => bus.add({ device: 1 }, pci), flatviewError(code));
    }
    assert.equal(bus.functions.size, 0);
    assert.equal(machine.commits, 1);
  });

  test('pages of an odd size; containers of two topologies', () => {
    const { pci } = new PciMachine();
    for (const pageSize of [0n, 0x800n, 0x3000n]) {
      assert.throws(
        () => new PciBus({ memory: pci, pageSize }),
        flatviewError('ERR_INVALID_ARGUMENT'),
      );
    }
    assert.throws(
      () => new PciBus({ memory: pci, io: new PciMachine().ports }),
      flatviewError('ERR_TOPOLOGY_MISMATCH'),
    );
  });

  test('a bus is changed within a transaction', () => {
    const machine = new PciMachine();
    const pci = machine.add(1, []);
    for (const change of [
      () => machine.bus.add({ device: 2 }, machine.build('other', [])),
      () => machine.bus.remove({ device: 1 }),
      () => machine.bus.restore(machine.bus.save()),
      () => machine.bus.reset(),
      () => pci.update(),
    ]) {
      assert.throws(
        () => machine.topology.transaction(change),
        flatviewError('ERR_TRANSACTION_OPEN'),
      );
    }
    assert.equal(machine.bus.functions.get(8), pci);
  });
});

suite('A reset of the bus', () => {
  const specs: readonly BarSpec[] = [
    { index: 0, size: 0x1000n },
    { index: 1, size: 0x80n, kind: 'io' },
    { index: 2, size: 0x4000n, is64Bit: true },
  ];
  const functions = 8;

  /** Functions that decode memory and ports, and one that decodes ports alone. */
  function decoding(machine: PciMachine, device: PciDevice = {}): PciFunction[] {
    const found = Array.from({ length: functions }, (_, i) => {
      const pci = machine.add(i, specs, device);
      program(pci, 0, 0xe000_0000n + 0x1000n * BigInt(i));
      program(pci, 1, 0xc000n + 0x80n * BigInt(i));
      program(pci, 2, 0x10_0000_0000n + 0x4000n * BigInt(i));
      setCommand(pci, decodeAll);
      return pci;
    });
    const ports = machine.add(functions, [{ index: 0, size: 0x80n, kind: 'io' }], device);
    program(ports, 0, 0xd000n);
    setCommand(ports, decodeAll);
    return [...found, ports];
  }

  test('is one commit', () => {
    const machine = new PciMachine();
    decoding(machine);
    const reset = (): void => machine.bus.reset();
    assert.equal(machine.count(reset), 1);
    assert.deepEqual(viewLines(machine.memory), []);
    assert.deepEqual(viewLines(machine.io), []);
    assert.equal(machine.count(reset), 0, 'nothing is left to go');
  });

  test('no device hears of it before the BARs of all are gone', () => {
    const machine = new PciMachine();
    const seen: string[][] = [];
    decoding(machine, { reset: () => seen.push(viewLines(machine.memory)) });
    machine.bus.reset();
    assert.deepEqual(
      seen,
      Array.from({ length: functions + 1 }, () => []),
    );
  });

  test('a BAR that a listener keeps keeps its own device waiting, and no other', () => {
    const machine = new PciMachine();
    let resets = 0;
    const [first] = decoding(machine, { reset: () => resets++ });
    const kept = first?.bars[0]?.backing.region;
    machine.memory.addListener({
      name: 'keeper',
      regionDel: ({ region }) => {
        if (region === kept && keeps) throw new Error('kept');
      },
    });
    let keeps = true;
    machine.bus.reset();
    assert.equal(resets, functions);
    assert.equal(machine.at(0xe000_0000n), kept?.name);
    assert.equal(machine.at(0xe000_1000n), undefined);
    keeps = false;
    machine.bus.space.retry();
    assert.equal(resets, functions + 1);
    assert.equal(machine.at(0xe000_0000n), undefined);
  });

  test('what decodes by the registers of the first day comes after its device has heard', () => {
    const machine = new PciMachine();
    const config = new ConfigSpace();
    const heard: (string | undefined)[] = [];
    const at = (): string | undefined => machine.at(0xe000_0000n);
    const device = { reset: () => heard.push(at()) };
    config.set(configRegister.command, 2, commandBit.memory);
    const pci = machine.build('on at first', [{ index: 0, size: 0x1000n }], { config, device });
    machine.bus.add({ device: 1 }, pci);
    program(pci, 0, 0xe000_0000n);
    assert.equal(at(), 'on at first BAR 0');
    machine.bus.reset();
    assert.deepEqual(heard, [undefined]);
    assert.equal(pci.bars[0]?.decode.reason, 'at-zero');
  });
});

suite('Save and restore', () => {
  const specs: readonly BarSpec[] = [
    { index: 0, size: 0x1000n },
    { index: 1, size: 0x80n, kind: 'io' },
    { index: 2, size: 0x4000n, is64Bit: true },
    { index: 6, size: 0x1000n },
  ];

  function twoDevices() {
    const machine = new PciMachine();
    return { machine, functions: [machine.add(1, specs), machine.add(2, specs)] };
  }

  /** Two devices that decode, all BARs over each other. */
  function crowded() {
    const { machine, functions } = twoDevices();
    for (const pci of functions) {
      for (const { layout } of pci.bars) program(pci, layout.index, 0x4001n);
      setCommand(pci, decodeAll);
    }
    return { machine, functions };
  }

  interface Write {
    readonly device: number;
    readonly offset: number;
    readonly size: number;
    readonly value: number;
  }

  const anyWrite: fc.Arbitrary<Write> = fc.record({
    device: fc.nat(1),
    offset: fc.oneof(fc.constantFrom(0x04, 0x10, 0x14, 0x18, 0x1c, 0x30, 0x44), fc.nat(0xff)),
    size: fc.constantFrom(1, 2, 4),
    value: fc.oneof(
      fc.constantFrom(0, 1, 2, 3, 7, 0x1000, 0x2000, 0x4000, 0x4001, 0xffff_ffff),
      fc.nat(0x10000),
    ),
  });

  function written(writes: readonly Write[]): PciMachine {
    const { machine, functions } = crowded();
    for (const { device, offset, size, value } of writes) {
      functions[device]?.writeConfig(offset, size, value);
    }
    machine.commits = 0;
    return machine;
  }

  test('after any writes, the same map, without a write, by one transaction; and the same again', (t) => {
    let restacked = 0;
    const writes = fc.array(anyWrite, { maxLength: 40 });
    fc.assert(
      fc.property(writes, writes, (some, others) => {
        const one = written(some);
        const state = structuredClone(one.bus.save());
        const two = written(others);
        two.bus.restore(state);
        assert.ok(two.commits <= 1);
        assert.deepEqual(viewLines(two.memory), viewLines(one.memory));
        assert.deepEqual(viewLines(two.io), viewLines(one.io));
        assert.deepEqual(two.bus.save(), state);
        const ids = state.stacking.map(({ requesterId }) => requesterId);
        if (ids.some((id, i) => id < (ids[i - 1] ?? 0))) restacked++;
      }),
      runs<[Write[], Write[]]>(t, 300, 0.05),
    );
    assert.ok(restacked > 10, `only ${restacked} in another order than the functions`);
  });

  test('the state of other functions is refused, and a listener refuses: nothing changes', () => {
    const { machine, functions } = twoDevices();
    program(functions[0] as PciFunction, 0, 0xe000_0000n);
    setCommand(functions[0] as PciFunction, commandBit.memory);
    const before = machine.bus.save();
    const view = viewLines(machine.memory);
    const { stacking } = before;
    const alien = new PciMachine();
    alien.add(1, specs);
    for (const state of [
      alien.bus.save(),
      {
        functions: [...before.functions, { requesterId: 99, config: new Uint8Array(256) }],
        stacking,
      },
      {
        functions: before.functions.map((it) => ({ ...it, config: new Uint8Array(256) })),
        stacking,
      },
    ]) {
      assert.throws(() => machine.bus.restore(state), flatviewError('ERR_INVALID_ARGUMENT'));
      assert.deepEqual(machine.bus.save(), before);
    }
    machine.bus.reset();
    assert.equal(machine.at(0xe000_0000n), undefined);
    const saboteur = new Saboteur();
    machine.memory.addListener(saboteur);
    saboteur.refuses = () => true;
    const reset = machine.bus.save();
    assert.throws(() => machine.bus.restore(before), flatviewError('ERR_LISTENER_FAILED'));
    assert.deepEqual(machine.bus.save(), reset);
    saboteur.refuses = undefined;
    machine.bus.restore(before);
    assert.deepEqual(viewLines(machine.memory), view);
  });
});

suite('Restoring a bus: the devices', () => {
  /** A device that writes down what it hears, and refuses to be restored with memory on while `refuses` is set. */
  function withDevices() {
    const machine = new PciMachine();
    const heard: string[] = [];
    const refuses = new Set<string>();
    const functions = ['a', 'b'].map((name, i) => {
      const device: PciDevice = {
        restored: () => {
          const shows = machine.at(placeAt(i)) !== undefined;
          heard.push(`${name} ${pci.readConfig(4, 2)} ${shows}`);
          if (refuses.has(name)) throw new FlatviewError('ERR_SYSTEM_CALL', 'pwrite failed');
        },
      };
      const pci = machine.build(name, [{ index: 0, size: 0x1000n }], { device });
      machine.bus.add({ device: i }, pci);
      program(pci, 0, placeAt(i));
      return pci;
    }) as [PciFunction, PciFunction];
    return { machine, heard, refuses, functions };
  }

  const placeAt = (i: number): bigint => 0xe000_0000n + BigInt(i) * 0x1000n;

  test('hear of it before their memory comes, and when it is gone', () => {
    const { machine, heard, functions } = withDevices();
    setCommand(functions[0], commandBit.memory);
    const state = machine.bus.save();
    setCommand(functions[0], 0);
    setCommand(functions[1], commandBit.memory);
    machine.bus.restore(state);
    assert.deepEqual(heard, ['a 2 false', 'b 0 false']);
    assert.equal(machine.at(placeAt(0)), 'a BAR 0');
  });

  test('one that refuses fails it: registers, map and the other device are as before', () => {
    for (const [name, expected] of [
      ['a', ['a 2 false', 'a 0 false']],
      ['b', ['a 2 false', 'b 0 false', 'a 0 false', 'b 2 true']],
    ] as const) {
      const { machine, heard, refuses, functions } = withDevices();
      setCommand(functions[0], commandBit.memory);
      const state = machine.bus.save();
      setCommand(functions[0], 0);
      setCommand(functions[1], commandBit.memory);
      const before = machine.bus.save();
      refuses.add(name);
      assert.throws(() => machine.bus.restore(state), {
        code: 'ERR_SYSTEM_CALL',
        message: 'pwrite failed; 1 more failed while it was undone',
      });
      assert.deepEqual(heard, expected);
      assert.deepEqual(machine.bus.save(), before);
      assert.equal(machine.at(placeAt(0)), undefined);
      assert.equal(machine.at(placeAt(1)), 'b BAR 0');
    }
  });
});

/** A backing that can be mapped, and writes its plans down. */
function mappable(machine: PciMachine, name: string, size: bigint, plans: string[]): BarBacking {
  const region = machine.topology.ramDevice(name, size, { backing: 'none' });
  const pages: BarPages = { areas: [{ offset: 0n, size }], ownsWholePage: true, cuts: [] };
  return {
    region,
    pages,
    applyPlan: (plan: BarPagePlan) => {
      region.size = plan.size;
      plans.push(`${name} ${plan.size.toString(16)} ${plan.priority} ${plan.slowPages.length}`);
    },
  };
}

suite('The page policy is asked', () => {
  const page = 0xe000_0000n;

  function twoSmall() {
    const machine = new PciMachine();
    const plans: string[] = [];
    const layout = layoutOf({ index: 0, size: 0x100n });
    const functions = ['a', 'b', 'c'].map((name, i) => {
      const backing = mappable(machine, name, 0x100n, plans);
      const pci = new PciFunction(name, { config: new ConfigSpace(), bars: [{ layout, backing }] });
      pci.config.makeWritable(configRegister.command, 2, 0xffff);
      machine.bus.add({ device: i }, pci);
      return pci;
    }) as [PciFunction, PciFunction, PciFunction];
    return { machine, plans, functions };
  }

  test('of what shares a page with what moved, at both places, in the same transaction, and of nothing else', () => {
    const { machine, plans, functions } = twoSmall();
    const [a, b, c] = functions;
    program(c, 0, page + 0x8000n);
    setCommand(c, commandBit.memory);
    program(a, 0, page);
    assert.equal(
      machine.count(() => setCommand(a, commandBit.memory)),
      1,
    );
    assert.deepEqual(plans.splice(0), ['c 1000 0 0', 'a 1000 0 0']);
    assert.equal(a.bars[0]?.backing.region.priority, 0);
    assert.equal(machine.at(page + 0xfffn), 'a');
    program(b, 0, page + 0x800n);
    assert.equal(
      machine.count(() => setCommand(b, commandBit.memory)),
      1,
    );
    assert.deepEqual(plans.splice(0).sort(), ['a 100 1 1', 'b 100 1 1']);
    assert.equal(a.bars[0]?.backing.region.priority, 1);
    assert.equal(machine.at(page + 0xfffn), undefined);
    assert.equal(
      machine.count(() => program(b, 0, page + 0x1000n)),
      1,
    );
    assert.deepEqual(plans.splice(0).sort(), ['a 1000 0 0', 'b 1000 0 0']);
    assert.equal(machine.at(page + 0x1fffn), 'b');
  });

  test('when it is gone: it is as large as it was, and can be plugged in elsewhere', () => {
    const { machine, plans, functions } = twoSmall();
    const [a] = functions;
    program(a, 0, page);
    setCommand(a, commandBit.memory);
    machine.bus.remove({ device: 0 });
    assert.deepEqual(plans, ['a 1000 0 0', 'a 100 1 0']);
    machine.bus.add({ device: 9 }, a);
    assert.equal(machine.at(page + 0xfffn), 'a');
  });

  test('of a restored bus, without a write', () => {
    const one = twoSmall();
    program(one.functions[0], 0, page);
    setCommand(one.functions[0], commandBit.memory);
    const two = twoSmall();
    two.machine.bus.restore(one.machine.bus.save());
    assert.equal(two.machine.at(page + 0xfffn), 'a');
  });

  test('in vain where more BARs share the page than any guest has a use for: the slow path everywhere', () => {
    const { machine, functions } = twoSmall();
    const [a] = functions;
    program(a, 0, page);
    setCommand(a, commandBit.memory);
    for (let device = 0; device < 200; device++) {
      const pci = machine.build(`crowd ${device}`, [{ index: 0, size: 0x10n }]);
      machine.bus.add({ bus: 1 + (device >> 5), device: device & 31 }, pci);
      program(pci, 0, page + 0x100n + 0x10n * BigInt(device));
      setCommand(pci, commandBit.memory);
    }
    const plan = a.bars[0]?.plan;
    assert.deepEqual(plan, {
      size: 0x100n,
      priority: 1,
      slowPages: [{ offset: 0n, size: 0x100n }],
    });
  });

  test('a change that a listener refuses leaves plans as they were', () => {
    const { machine, functions } = twoSmall();
    const [a, b] = functions;
    program(a, 0, page);
    setCommand(a, commandBit.memory);
    const saboteur = new Saboteur();
    machine.memory.addListener(saboteur);
    program(b, 0, page + 0x800n);
    saboteur.refuses = () => true;
    setCommand(b, commandBit.memory);
    assert.equal(a.bars[0]?.plan.size, 0x1000n);
    assert.equal(machine.at(page + 0xfffn), 'a');
    // What was refused is nobody's neighbour: the policy is asked again, and says the same.
    saboteur.refuses = undefined;
    a.update();
    assert.equal(a.bars[0]?.plan.size, 0x1000n);
    machine.bus.space.retry();
    assert.equal(a.bars[0]?.plan.size, 0x100n);
    assert.equal(machine.at(page + 0x800n), 'b');
  });

  test('of no more BARs than share a page with what moved, however many there are', () => {
    const machine = new PciMachine();
    let asked = 0;
    const functions = Array.from({ length: 256 }, (_, i) => {
      const bars = ([0, 1, 2, 3, 4, 5] as const).map((index) => {
        const backing = mappable(machine, `BAR ${index} of ${i}`, 0x100n, []);
        const { pages } = backing;
        const counted = Object.defineProperty({ ...backing }, 'pages', {
          get: () => {
            asked++;
            return pages;
          },
        });
        return { layout: layoutOf({ index, size: 0x100n }), backing: counted };
      });
      const pci = new PciFunction(`function ${i}`, { config: new ConfigSpace(), bars });
      pci.config.makeWritable(configRegister.command, 2, 0xffff);
      machine.bus.add({ device: i >> 3, function: i & 7 }, pci);
      for (const { layout } of bars) {
        program(pci, layout.index, page + BigInt(8 * i + layout.index) * 0x1000n);
      }
      setCommand(pci, commandBit.memory);
      return pci;
    });
    const [pci] = functions;
    assert.ok(pci);
    asked = 0;
    program(pci, 0, page + 0x0200_0000n);
    const byMove = asked;
    setCommand(pci, 0);
    setCommand(pci, commandBit.memory);
    assert.ok(byMove <= 3 && asked <= 30, `${byMove}, ${asked}`);
  });
});

suite('Requester IDs', () => {
  test('one of more than 16 bits is none', () => {
    assert.equal(addressText(0xffff), 'ff:1f.7');
    for (const id of [-1, 0x1_0000, 0x1_2345, 0.5, Number.NaN]) {
      assert.throws(() => addressText(id), flatviewError('ERR_PCI_ADDRESS'));
    }
  });
});
