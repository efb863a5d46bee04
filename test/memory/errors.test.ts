import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  type AddressLike,
  type AddressSpace,
  type AliasRegion,
  type ErrorCode,
  errorCodes,
  FlatviewError,
  type MemoryRegion,
  MemoryTopology,
  type RamRegion,
} from '../../lib/index.js';
import { CallLog } from './call-log.js';
import { stateLines } from './state-lines.js';
import { viewLines } from './view-lines.js';

const WHOLE = 1n << 64n;

interface Machine {
  readonly topology: MemoryTopology;
  readonly system: MemoryRegion;
  readonly box: MemoryRegion;
  readonly ram: RamRegion;
  readonly window: AliasRegion;
  readonly memory: AddressSpace;
  readonly log: CallLog;
  readonly state: () => string[];
}

/** system > box (at 0x1000) > ram (at 0x200), and a window to ram at 0x10000. */
function machine(): Machine {
  const topology = new MemoryTopology();
  const system = topology.container('system', WHOLE);
  const box = topology.container('box', 0x8000);
  const ram = topology.ram('ram', 0x1000, { backing: 'none' });
  const window = topology.alias('window', ram);
  system.addSubregion(0x1000, box);
  box.addSubregion(0x200, ram);
  system.addSubregion(0x10000, window);
  const memory = topology.addressSpace('memory', system);
  const log = new CallLog();
  topology.addListener(log.listener({ name: 'L' }));
  log.take();
  const state = (): string[] => stateLines(topology, [system, box, ram, window]);
  return { topology, system, box, ram, window, memory, log, state };
}

interface BadCall {
  readonly code: ErrorCode;
  /** What the message must name. */
  readonly says: RegExp;
  /** Prepares what is legal, and returns the call that isn't. */
  readonly given: (it: Machine) => () => unknown;
}

function setAddress(region: MemoryRegion, address: AddressLike): void {
  region.address = address;
}

function setSize(region: MemoryRegion, size: AddressLike): void {
  region.size = size;
}

function setPriority(region: MemoryRegion, priority: number): void {
  region.priority = priority;
}

/** A value that the types don't allow, as it comes from JavaScript. */
function wrong<T>(value: unknown): T {
  return value as T;
}

const structure: Record<string, BadCall> = {
  'a region added twice': {
    code: 'ERR_REGION_MAPPED',
    says: /"ram".*0x200.*0x1000.*"box"/,
    given:
      ({ system, ram }) =>
      () =>
        system.addSubregion(0, ram),
  },
  'a region added twice to the same parent': {
    code: 'ERR_REGION_MAPPED',
    says: /"ram".*"box"/,
    given:
      ({ box, ram }) =>
      () =>
        box.addSubregion(0, ram),
  },
  'a region added to itself': {
    code: 'ERR_REGION_RECURSION',
    says: /"system".*"system"/,
    given:
      ({ system }) =>
      () =>
        system.addSubregion(0, system),
  },
  'a region added under itself': {
    code: 'ERR_REGION_RECURSION',
    says: /"system".*"box"/,
    given:
      ({ system, box }) =>
      () =>
        box.addSubregion(0, system),
  },
  'a region added under itself, further down': {
    code: 'ERR_REGION_RECURSION',
    says: /"system".*"ram"/,
    given:
      ({ system, ram }) =>
      () =>
        ram.addSubregion(0, system),
  },
  'a child added to an alias': {
    code: 'ERR_ALIAS_SUBREGION',
    says: /"window".*0x10000.*"io"/,
    given:
      ({ topology, window }) =>
      () =>
        window.addSubregion(0, topology.io('io', 8, {})),
  },
  'a region removed from one that is not its parent': {
    code: 'ERR_NOT_SUBREGION',
    says: /"ram".*"system"/,
    given:
      ({ system, ram }) =>
      () =>
        system.removeSubregion(ram),
  },
  'an alias to a region of another topology': {
    code: 'ERR_TOPOLOGY_MISMATCH',
    says: /"foreign"/,
    given: ({ topology }) => {
      const foreign = new MemoryTopology().container('foreign', 1);
      return () => topology.alias('alias', foreign);
    },
  },
  'a child of another topology': {
    code: 'ERR_TOPOLOGY_MISMATCH',
    says: /"foreign"/,
    given:
      ({ system }) =>
      () =>
        system.addSubregion(0, new MemoryTopology().container('foreign', 1)),
  },
  'an address space over a region of another topology': {
    code: 'ERR_TOPOLOGY_MISMATCH',
    says: /"foreign"/,
    given: ({ topology }) => {
      const foreign = new MemoryTopology().container('foreign', 1);
      return () => topology.addressSpace('other', foreign);
    },
  },
  'an alias that shows its own parent without end': {
    code: 'ERR_ALIAS_RECURSION',
    says: /"loop"/,
    given:
      ({ topology, system }) =>
      () =>
        system.addSubregion(0, topology.alias('loop', system, { size: WHOLE })),
  },
  'two aliases that lead in a circle': {
    code: 'ERR_ALIAS_RECURSION',
    says: /"(one|two)"/,
    given: ({ topology, system }) => {
      const [left, right] = [topology.container('left', WHOLE), topology.container('right', WHOLE)];
      left.addSubregion(0, topology.alias('one', right));
      right.addSubregion(0, topology.alias('two', left));
      return () => system.addSubregion(0x20000, left);
    },
  },
  'aliases that double the work again and again': {
    code: 'ERR_VIEW_TOO_LARGE',
    says: /"doubled 40"|0x/,
    given: ({ topology, system }) => {
      let inner: MemoryRegion = topology.io('io', 1, {});
      for (let i = 1; i <= 40; i++) {
        const outer = topology.container(`doubled ${i}`, WHOLE);
        outer.addSubregion(0, topology.alias('a', inner));
        outer.addSubregion(0, topology.alias('b', inner));
        inner = outer;
      }
      const outermost = inner;
      return () => system.addSubregion(0x20000, outermost);
    },
  },
  'regions nested too deep': {
    code: 'ERR_TOO_DEEP',
    says: /"nested"|0x/,
    given: ({ topology, system }) => {
      const top = topology.container('nested', WHOLE);
      let parent = top;
      for (let i = 0; i < 5000; i++) {
        const child = topology.container('nested', WHOLE);
        parent.addSubregion(0, child);
        parent = child;
      }
      return () => system.addSubregion(0x20000, top);
    },
  },
  'a region destroyed while it has a parent': {
    code: 'ERR_REGION_BUSY',
    says: /"ram".*"box"/,
    given:
      ({ ram }) =>
      () =>
        ram.destroy(),
  },
  'a region destroyed while it has subregions': {
    code: 'ERR_REGION_BUSY',
    says: /"parent".*"child"/,
    given: ({ topology }) => {
      const parent = topology.container('parent', 8);
      parent.addSubregion(0, topology.io('child', 8, {}));
      return () => parent.destroy();
    },
  },
  'a region destroyed while an alias shows it': {
    code: 'ERR_REGION_BUSY',
    says: /"target".*alias/,
    given: ({ topology }) => {
      const target = topology.io('target', 8, {});
      topology.alias('alias', target);
      return () => target.destroy();
    },
  },
  'a region destroyed while an address space shows it': {
    code: 'ERR_REGION_BUSY',
    says: /"system".*("memory"|"box")/,
    given:
      ({ system }) =>
      () =>
        system.destroy(),
  },
  'a ram device without memory': {
    code: 'ERR_INVALID_ARGUMENT',
    says: /"bar"/,
    given:
      ({ topology }) =>
      () =>
        topology.ramDevice('bar', 0x1000, {}),
  },
};

const destroyed: Record<string, (dead: MemoryRegion, it: Machine) => unknown> = {
  'its address': (dead) => setAddress(dead, 8),
  'its present address': (dead) => setAddress(dead, dead.address),
  'its size': (dead) => setSize(dead, 8),
  'its present size': (dead) => setSize(dead, dead.size),
  'its priority': (dead) => setPriority(dead, 8),
  'its present priority': (dead) => setPriority(dead, dead.priority),
  enabled: (dead) => {
    dead.enabled = false;
  },
  readonly: (dead) => {
    dead.readonly = true;
  },
  nonvolatile: (dead) => {
    dead.nonvolatile = true;
  },
  unmergeable: (dead) => {
    dead.unmergeable = false;
  },
  'its dirty log': (dead) => dead.setDirtyLog('vga', true),
  'an ioeventfd': (dead) => dead.addIoEventFd({ address: 0n, size: 4, data: undefined, fd: 1 }),
  'a coalesced range': (dead) => dead.addCoalescedRange(0, 8),
  'clearing its coalesced ranges': (dead) => dead.clearCoalescedRanges(),
  'adding it': (dead, { system }) => system.addSubregion(0, dead),
  'adding to it': (dead, { topology }) => dead.addSubregion(0, topology.io('io', 8, {})),
  'an alias to it': (dead, { topology }) => {
    topology.alias('alias', dead);
  },
  'an address space over it': (dead, { topology }) => {
    topology.addressSpace('space', dead);
  },
  'destroying it again': (dead) => dead.destroy(),
};

/** Every place that takes an address, an offset or a size, with the values that it must refuse. */
const outside: Record<
  string,
  { call: (it: Machine, value: AddressLike) => unknown; isSize: boolean }
> = {
  'the size of a new region': {
    call: ({ topology }, size) => topology.container('new', size),
    isSize: true,
  },
  'the size of a new ram': {
    call: ({ topology }, size) => topology.ram('new', size, { backing: 'none' }),
    isSize: true,
  },
  'the size of a new alias': {
    call: ({ topology, ram }, size) => topology.alias('new', ram, { size }),
    isSize: true,
  },
  'the offset of a new alias': {
    call: ({ topology, ram }, offset) => topology.alias('new', ram, { offset }),
    isSize: false,
  },
  'the address of a subregion': {
    call: ({ topology, system }, address) =>
      system.addSubregion(address, topology.io('new', 8, {})),
    isSize: false,
  },
  'an address': { call: ({ ram }, address) => setAddress(ram, address), isSize: false },
  'a size': { call: ({ ram }, size) => setSize(ram, size), isSize: true },
  'an alias offset': {
    call: ({ window }, offset) => {
      window.offset = offset;
    },
    isSize: false,
  },
  'the address of find': { call: ({ box }, address) => box.find(address, 1), isSize: false },
  'the size of find': { call: ({ box }, size) => box.find(0, size), isSize: true },
  'the address of present': { call: ({ box }, address) => box.present(address), isSize: false },
  'the address of a lookup': {
    call: ({ memory }, address) => memory.lookup(address),
    isSize: false,
  },
  'the address of a lookup in a view': {
    call: ({ memory }, address) => memory.flatView.lookup(address),
    isSize: false,
  },
  'the start of an iteration': {
    call: ({ memory }, address) => [...memory.flatView.from(address)],
    isSize: false,
  },
  'the offset of a coalesced range': {
    call: ({ ram }, offset) => ram.addCoalescedRange(offset, 1),
    isSize: false,
  },
  'the size of a coalesced range': {
    call: ({ ram }, size) => ram.addCoalescedRange(0, size),
    isSize: true,
  },
  'the offset of an ioeventfd': {
    call: ({ ram }, address) =>
      ram.addIoEventFd({ address: wrong<bigint>(address), size: 4, data: undefined, fd: 1 }),
    isSize: false,
  },
  'the data of an ioeventfd': {
    call: ({ ram }, data) =>
      ram.addIoEventFd({ address: 0n, size: 8, data: wrong<bigint>(data), fd: 1 }),
    isSize: false,
  },
};

const badNumbers: Record<string, { value: unknown; says: RegExp }> = {
  negative: { value: -1n, says: /-0x1\b/ },
  'negative number': { value: -0x10, says: /-0x10\b/ },
  fractional: { value: 1.5, says: /1\.5/ },
  'not a number': { value: Number.NaN, says: /NaN/ },
  infinite: { value: Number.POSITIVE_INFINITY, says: /Infinity/ },
  'a number that is not exact': { value: 2 ** 53, says: /9007199254740992|0x20000000000000/ },
  'larger than any size': { value: WHOLE + 1n, says: /0x10000000000000001/ },
  'a string': { value: '0x1000', says: /string/ },
  null: { value: null, says: /object|null/ },
};

const priorities: Record<string, unknown> = {
  'above int32': 2 ** 31,
  'below int32': -(2 ** 31) - 1,
  fractional: 0.5,
  'not a number': Number.NaN,
  'a bigint': 1n,
  'a string': '1',
};

/** Runs a bad call; it must be refused with the code, and nothing must have changed or been told. */
function assertRefused(it: Machine, code: ErrorCode, says: RegExp, call: () => unknown): void {
  const before = it.state();
  const { addressSpaces } = it.topology;
  const view = it.memory.flatView;
  it.log.take();
  assert.throws(call, (error) => {
    assert.ok(error instanceof FlatviewError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, says);
    return true;
  });
  assert.deepEqual(it.state(), before, 'nothing has changed');
  assert.deepEqual(it.topology.addressSpaces, addressSpaces);
  assert.equal(it.memory.flatView, view);
  assert.deepEqual(it.log.take(), [], 'nobody was told anything');
  it.ram.size = 0x800n;
  assert.deepEqual(viewLines(it.memory), ['0x1200-0x19ff ram', '0x10000-0x107ff ram']);
}

suite('Bad calls throw and change nothing: the tree', () => {
  for (const [what, { code, says, given }] of Object.entries(structure)) {
    test(`${what}: ${code}`, () => {
      const it = machine();
      assertRefused(it, code, says, given(it));
    });
    test(`${what}, inside a transaction: ${code}`, () => {
      const it = machine();
      const call = given(it);
      assertRefused(it, code, says, () => it.topology.transaction(call));
    });
  }
});

suite('Bad calls throw and change nothing: use after destroy', () => {
  for (const [what, call] of Object.entries(destroyed)) {
    test(what, () => {
      const it = machine();
      const dead = it.topology.io('dead', 8, {});
      dead.destroy();
      assertRefused(it, 'ERR_REGION_DESTROYED', /"dead"/, () => call(dead, it));
    });
  }

  test('the offset of a destroyed alias', () => {
    const it = machine();
    const dead = it.topology.alias('dead', it.ram);
    dead.destroy();
    const setOffset = (offset: bigint) => () => {
      dead.offset = offset;
    };
    assertRefused(it, 'ERR_REGION_DESTROYED', /"dead"/, setOffset(8n));
    assert.throws(setOffset(0n), { code: 'ERR_REGION_DESTROYED' });
  });

  const spaceCalls: Record<string, (space: AddressSpace) => unknown> = {
    flatView: (space) => space.flatView,
    lookup: (space) => space.lookup(0),
    addListener: (space) => space.addListener({}),
    'destroy again': (space) => space.destroy(),
  };
  for (const [what, call] of Object.entries(spaceCalls)) {
    test(`an address space: ${what}`, () => {
      const it = machine();
      const space = it.topology.addressSpace('dead', it.box);
      space.destroy();
      assertRefused(it, 'ERR_ADDRESS_SPACE_DESTROYED', /"dead"/, () => call(space));
    });
  }
});

suite('Bad calls throw and change nothing: a closed topology', () => {
  const calls: Record<string, (it: Machine) => unknown> = {
    'a new region': ({ topology }) => topology.container('new', 1),
    'a new alias': ({ topology, ram }) => topology.alias('new', ram),
    'a new address space': ({ topology, ram }) => topology.addressSpace('new', ram),
    'a setter': ({ ram }) => setAddress(ram, 8),
    'a subregion': ({ box, ram }) => box.removeSubregion(ram),
    begin: ({ topology }) => topology.begin(),
    commit: ({ topology }) => topology.commit(),
    rollback: ({ topology }) => topology.rollback(),
    transaction: ({ topology }) => topology.transaction(() => 1),
    'a view': ({ memory }) => memory.flatView,
    'a lookup': ({ memory }) => memory.lookup(0),
    'adding a listener': ({ topology }) => topology.addListener({}),
    'removing a listener': ({ topology }) => topology.removeListener({}),
    'dirty log': ({ topology }) => topology.startDirtyLog(),
    'destroying an address space': ({ memory }) => memory.destroy(),
  };
  for (const [what, call] of Object.entries(calls)) {
    test(what, () => {
      const it = machine();
      it.topology.close();
      assert.throws(() => call(it), { code: 'ERR_TOPOLOGY_CLOSED' });
    });
  }

  test('closing twice does nothing', () => {
    const { topology } = machine();
    topology.close();
    topology.close();
    topology[Symbol.dispose]();
  });
});

suite('Bad calls throw and change nothing: numbers', () => {
  for (const [place, { call, isSize }] of Object.entries(outside)) {
    for (const [kind, { value, says }] of Object.entries(badNumbers)) {
      test(`${place}: ${kind}`, () => {
        const it = machine();
        assertRefused(it, 'ERR_ADDRESS_RANGE', says, () => call(it, wrong<bigint>(value)));
      });
    }
    if (isSize) continue;
    test(`${place}: 2^64`, () => {
      const it = machine();
      assertRefused(it, 'ERR_ADDRESS_RANGE', /0x10000000000000000/, () => call(it, WHOLE));
    });
  }

  for (const [kind, value] of Object.entries(priorities)) {
    test(`a priority: ${kind}`, () => {
      const it = machine();
      const priority = wrong<number>(value);
      assertRefused(it, 'ERR_PRIORITY_RANGE', /"ram"/, () => setPriority(it.ram, priority));
      const io = it.topology.io('io', 8, {});
      assert.throws(() => it.system.addSubregion(0, io, { priority }), {
        code: 'ERR_PRIORITY_RANGE',
      });
      assert.equal(io.parent, undefined);
    });
  }

  test('messages name regions and give addresses in hex', () => {
    const { system, ram, window } = machine();
    assert.throws(() => setAddress(ram, 1n << 70n), {
      message: /"ram".*0x200.*0x1000.*0x400000000000000000/,
    });
    assert.throws(() => system.addSubregion(0xfee0_0000, window), { message: /0x10000/ });
  });
});

suite('Bad calls throw and change nothing: ioeventfds and listeners', () => {
  const good = { address: 0n, size: 4, data: undefined, fd: 1 } as const;
  const bad: Record<string, object> = {
    'a width of 3': { ...good, size: 3 },
    'a width that is a bigint': { ...good, size: 4n },
    'a descriptor below 0': { ...good, fd: -1 },
    'a descriptor that is fractional': { ...good, fd: 1.5 },
  };
  for (const [what, ioeventfd] of Object.entries(bad)) {
    test(`an ioeventfd with ${what}`, () => {
      const it = machine();
      assertRefused(it, 'ERR_INVALID_ARGUMENT', /"ram"/, () =>
        it.ram.addIoEventFd(wrong<typeof good>(ioeventfd)),
      );
    });
  }

  test('an ioeventfd that is not there cannot be removed', () => {
    const it = machine();
    it.ram.addIoEventFd(good);
    const other = { ...good, fd: 2 };
    assertRefused(it, 'ERR_INVALID_ARGUMENT', /"ram".*0x0/, () => it.ram.removeIoEventFd(other));
  });

  test('a listener cannot be added twice, or removed when it is not there', () => {
    const it = machine();
    const listener = { name: 'mine' };
    it.topology.addListener(listener);
    const refused = (call: () => void): void =>
      assert.throws(call, { code: 'ERR_LISTENER_REGISTERED', message: /mine/ });
    refused(() => it.topology.addListener(listener));
    refused(() => it.memory.addListener(listener));
    refused(() => it.memory.removeListener(listener));
    it.topology.removeListener(listener);
    refused(() => it.topology.removeListener(listener));
    it.memory.addListener(listener);
    refused(() => it.topology.addListener(listener));
    refused(() => it.memory.addListener(listener));
  });

  test('listeners are not added or removed within a transaction', () => {
    const it = machine();
    const listener = { name: 'mine' };
    it.topology.addListener(listener);
    const calls: (() => void)[] = [
      () => it.topology.addListener({}),
      () => it.topology.removeListener(listener),
      () => it.memory.addListener({}),
    ];
    for (const call of calls) {
      assertRefused(it, 'ERR_TRANSACTION_OPEN', /transaction/, () => it.topology.transaction(call));
      it.ram.size = 0x1000n;
    }
  });

  test("a listener's priority must be a finite number", () => {
    const { topology } = machine();
    for (const priority of [Number.NaN, Number.POSITIVE_INFINITY, wrong<number>('1')]) {
      assert.throws(() => topology.addListener({ name: 'mine', priority }), {
        code: 'ERR_INVALID_ARGUMENT',
        message: /mine/,
      });
    }
  });
});

suite('FlatviewError', () => {
  test('every code has an explanation', () => {
    for (const [code, text] of Object.entries(errorCodes)) {
      assert.match(code, /^ERR_[A-Z_]+$/);
      assert.match(text, /^[A-Z].*\.$/);
    }
  });

  test('it is an error with a name, a code and a cause', () => {
    const cause = new Error('inner');
    const error = new FlatviewError('ERR_REGION_BUSY', 'busy', { cause });
    assert.ok(error instanceof Error);
    assert.equal(error.name, 'FlatviewError');
    assert.equal(error.code, 'ERR_REGION_BUSY');
    assert.equal(error.message, 'busy');
    assert.equal(error.cause, cause);
    assert.equal('cause' in new FlatviewError('ERR_REGION_BUSY', 'busy'), false);
  });
});
