import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  type AddressSpace,
  FlatviewError,
  type IoRegion,
  type MemoryListener,
  type MemoryRegion,
  type MemoryRegionSection,
  MemoryTopology,
  type RamRegion,
} from '../../lib/index.js';
import { CallLog } from './call-log.js';
import { stateLines } from './state-lines.js';
import { rangeLine, viewLines } from './view-lines.js';

const WHOLE = 1n << 64n;

/** Keeps account of what it was told: what was added and not taken back. */
class Accountant implements MemoryListener {
  readonly name: string;
  readonly priority: number;
  #entries = new Map<string, number>();
  #entriesAtBegin = this.#entries;
  #open = 0;

  constructor(name: string, priority: number) {
    this.name = name;
    this.priority = priority;
  }

  /** What it believes to be there; an entry that was taken back more often than added shows with its count. */
  get balance(): string[] {
    assert.equal(this.#open, 0, `${this.name} heard as many commits as begins`);
    return [...this.#entries]
      .filter(([, count]) => count !== 0)
      .map(([entry, count]) => (count === 1 ? entry : `${count} x ${entry}`))
      .sort();
  }

  begin(): void {
    assert.equal(this.#open++, 0, `${this.name} heard begin twice`);
    this.#entriesAtBegin = new Map(this.#entries);
  }

  commit(): void {
    assert.equal(this.#open--, 1, `${this.name} heard commit without begin`);
  }

  /** Forgets all that it heard since the begin. */
  protected abandon(): void {
    this.#open = 0;
    this.#entries = this.#entriesAtBegin;
  }

  regionAdd(section: MemoryRegionSection): void {
    this.#enter(`${section.addressSpace.name} ${rangeLine(section)}`, 1);
  }

  regionDel(section: MemoryRegionSection): void {
    this.#enter(`${section.addressSpace.name} ${rangeLine(section)}`, -1);
  }

  logStart(section: MemoryRegionSection, oldMask: number, newMask: number): void {
    this.#enter(`${rangeLine(section)} log ${newMask & ~oldMask}`, 1);
  }

  logStop(section: MemoryRegionSection, oldMask: number, newMask: number): void {
    this.#enter(`${rangeLine(section)} log ${oldMask & ~newMask}`, -1);
  }

  logGlobalStart(): void {
    this.#enter('log of all memory', 1);
  }

  logGlobalStop(): void {
    this.#enter('log of all memory', -1);
  }

  eventfdAdd(_: MemoryRegionSection, { address, fd }: { address: bigint; fd: number }): void {
    this.#enter(`eventfd ${fd} at ${address}`, 1);
  }

  eventfdDel(_: MemoryRegionSection, { address, fd }: { address: bigint; fd: number }): void {
    this.#enter(`eventfd ${fd} at ${address}`, -1);
  }

  coalescedIoAdd(_: MemoryRegionSection, address: bigint, size: bigint): void {
    this.#enter(`coalesced ${size} at ${address}`, 1);
  }

  coalescedIoDel(_: MemoryRegionSection, address: bigint, size: bigint): void {
    this.#enter(`coalesced ${size} at ${address}`, -1);
  }

  #enter(entry: string, count: number): void {
    this.#entries.set(entry, (this.#entries.get(entry) ?? 0) + count);
  }
}

/** Fails at the call of a given number, and keeps account of what it did do. */
class Failing extends Accountant {
  calls = 0;
  failsAt = Number.POSITIVE_INFINITY;
  failedIn: { callback: string; section: MemoryRegionSection | undefined } | undefined;
  readonly error = new Error('no more slots');

  #check(callback: string, section?: MemoryRegionSection): void {
    if (this.calls++ !== this.failsAt) return;
    this.failedIn = { callback, section };
    throw this.error;
  }

  override begin(): void {
    this.#check('begin');
    super.begin();
  }

  /** A commit that fails must leave things as they were before the begin. */
  override commit(): void {
    try {
      this.#check('commit');
    } catch (error) {
      this.abandon();
      throw error;
    }
    super.commit();
  }

  override regionAdd(section: MemoryRegionSection): void {
    this.#check('regionAdd', section);
    super.regionAdd(section);
  }

  override regionDel(section: MemoryRegionSection): void {
    this.#check('regionDel', section);
    super.regionDel(section);
  }

  override logStart(section: MemoryRegionSection, oldMask: number, newMask: number): void {
    this.#check('logStart', section);
    super.logStart(section, oldMask, newMask);
  }

  override logStop(section: MemoryRegionSection, oldMask: number, newMask: number): void {
    this.#check('logStop', section);
    super.logStop(section, oldMask, newMask);
  }

  override logGlobalStart(): void {
    this.#check('logGlobalStart');
    super.logGlobalStart();
  }

  override logGlobalStop(): void {
    this.#check('logGlobalStop');
    super.logGlobalStop();
  }

  override eventfdAdd(section: MemoryRegionSection, it: { address: bigint; fd: number }): void {
    this.#check('eventfdAdd', section);
    super.eventfdAdd(section, it);
  }

  override eventfdDel(section: MemoryRegionSection, it: { address: bigint; fd: number }): void {
    this.#check('eventfdDel', section);
    super.eventfdDel(section, it);
  }

  override coalescedIoAdd(section: MemoryRegionSection, address: bigint, size: bigint): void {
    this.#check('coalescedIoAdd', section);
    super.coalescedIoAdd(section, address, size);
  }

  override coalescedIoDel(section: MemoryRegionSection, address: bigint, size: bigint): void {
    this.#check('coalescedIoDel', section);
    super.coalescedIoDel(section, address, size);
  }
}

interface Machine {
  readonly topology: MemoryTopology;
  readonly system: MemoryRegion;
  readonly ram: RamRegion;
  readonly vga: RamRegion;
  readonly io: IoRegion;
  readonly memory: AddressSpace;
  readonly state: () => string[];
}

function machine(): Machine {
  const topology = new MemoryTopology();
  const system = topology.container('system', WHOLE);
  const ram = topology.ram('ram', 0x4000, { backing: 'none' });
  const vga = topology.ram('vga', 0x1000, { backing: 'none' });
  const io = topology.io('io', 0x1000, {});
  system.addSubregion(0, ram);
  system.addSubregion(0x10000, vga);
  system.addSubregion(0x20000, io);
  vga.setDirtyLog('vga', true);
  io.addIoEventFd({ address: 8n, size: 4, data: undefined, fd: 5 });
  io.addCoalescedRange(0x100, 0x10);
  const memory = topology.addressSpace('memory', system);
  const device = topology.container('device', WHOLE);
  device.addSubregion(0, topology.alias('ram window', ram, { size: 0x1000 }));
  device.addSubregion(0x8000, topology.alias('io window', io));
  topology.addressSpace('device', device);
  const state = (): string[] => stateLines(topology, [system, ram, vga, io, device]);
  return { topology, system, ram, vga, io, memory, state };
}

/** A change of everything that listeners can hear of. */
function changeAll({ topology, system, ram, vga, io }: Machine): void {
  topology.transaction(() => {
    ram.address = 0x1000n;
    ram.readonly = true;
    vga.setDirtyLog('vga', false);
    vga.setDirtyLog('code', true);
    io.removeIoEventFd({ address: 8n, size: 4, data: undefined, fd: 5 });
    io.addIoEventFd({ address: 16n, size: 4, data: undefined, fd: 6 });
    io.clearCoalescedRanges();
    io.addCoalescedRange(0x200, 0x10);
    io.address = 0x30000n;
    const fresh = topology.io('fresh', 0x100, {});
    system.addSubregion(0x20000, fresh);
    topology.addressSpace('own', fresh);
  });
}

interface Witnesses {
  readonly failing: Failing;
  readonly all: readonly Accountant[];
}

/** A listener that can fail, and others around it. */
function addWitnesses({ topology, memory }: Machine): Witnesses {
  const failing = new Failing('failing', 0);
  const all = [new Accountant('before', -1), failing, new Accountant('after', 1)];
  for (const listener of all) topology.addListener(listener);
  const own = new Accountant('own', 0);
  memory.addListener(own);
  failing.calls = 0;
  return { failing, all: [...all, own] };
}

/** How often the listener that can fail is called during a change. */
function countCalls(change: (it: Machine) => void, prepare?: (it: Machine) => void): number {
  const it = machine();
  prepare?.(it);
  const { failing } = addWitnesses(it);
  change(it);
  return failing.calls;
}

function assertFailure(error: unknown, { error: cause, failedIn }: Failing): true {
  assert.ok(error instanceof FlatviewError);
  assert.equal(error.code, 'ERR_LISTENER_FAILED');
  assert.equal(error.listener, 'failing');
  assert.equal(error.cause, cause);
  assert.deepEqual(error.undoFailures ?? [], []);
  assert.match(error.message, /no more slots/);
  assert.ok(failedIn);
  assert.ok(error.message.includes(failedIn.callback), error.message);
  const { section } = failedIn;
  if (section !== undefined) {
    const first = `0x${section.address.toString(16)}`;
    const last = `0x${(section.address + section.size - 1n).toString(16)}`;
    for (const part of [first, last, section.region.name, section.addressSpace.name]) {
      assert.ok(error.message.includes(part), `${part} in: ${error.message}`);
    }
  }
  return true;
}

interface Change {
  readonly prepare?: (it: Machine) => void;
  readonly change: (it: Machine) => void;
}

const changes: Record<string, Change> = {
  'a change of everything': { change: changeAll },
  'the start of the log of all memory': { change: ({ topology }) => topology.startDirtyLog() },
  'the end of the log of all memory': {
    prepare: ({ topology }) => topology.startDirtyLog(),
    change: ({ topology }) => topology.stopDirtyLog(),
  },
  'an ioeventfd': {
    change: ({ io }) => io.addIoEventFd({ address: 0n, size: 0, data: undefined, fd: 9 }),
  },
  'a setter of its own': {
    change: ({ io }) => {
      io.size = 0x800n;
    },
  },
  'a destroyed address space': { change: ({ memory }) => memory.destroy() },
};

for (const [what, { prepare, change }] of Object.entries(changes)) {
  const calls = countCalls(change, prepare);

  suite(`All or nothing: ${what}, of which one listener hears ${calls} calls`, () => {
    for (let failsAt = 0; failsAt < calls; failsAt++) {
      test(`it fails at call ${failsAt + 1}`, () => {
        const it = machine();
        prepare?.(it);
        const { failing, all } = addWitnesses(it);
        const before = it.state();
        const views = it.topology.addressSpaces.map(({ flatView }) => flatView);
        const balances = all.map(({ balance }) => balance);

        failing.failsAt = failsAt;
        assert.throws(
          () => change(it),
          (error) => assertFailure(error, failing),
        );

        assert.deepEqual(it.state(), before, 'the tree and the views are as before');
        const after = it.topology.addressSpaces.map(({ flatView }) => flatView);
        assert.ok(after.every((view, i) => view === views[i]));
        for (const [i, listener] of all.entries()) {
          assert.deepEqual(
            listener.balance,
            balances[i],
            `${listener.name}: all adds up to nothing`,
          );
        }
      });
    }

    test('after a failure the same change can be made', () => {
      const it = machine();
      prepare?.(it);
      const { failing, all } = addWitnesses(it);
      failing.failsAt = 0;
      assert.throws(() => change(it), { code: 'ERR_LISTENER_FAILED' });
      change(it);
      const wanted = machine();
      prepare?.(wanted);
      const witnesses = addWitnesses(wanted);
      change(wanted);
      assert.deepEqual(it.state(), wanted.state());
      assert.deepEqual(
        all.map(({ balance }) => balance),
        witnesses.all.map(({ balance }) => balance),
      );
    });
  });
}

suite('All or nothing: adding and removing listeners', () => {
  test('a listener that fails at any call while it is added hears the opposite, and is not added', () => {
    const calls = (() => {
      const it = machine();
      it.topology.startDirtyLog();
      const failing = new Failing('failing', 0);
      it.topology.addListener(failing);
      return failing.calls;
    })();
    assert.ok(calls > 10);
    for (let failsAt = 0; failsAt < calls; failsAt++) {
      const it = machine();
      it.topology.startDirtyLog();
      const failing = new Failing('failing', 0);
      failing.failsAt = failsAt;
      assert.throws(
        () => it.topology.addListener(failing),
        (error) => assertFailure(error, failing),
      );
      assert.deepEqual(failing.balance, []);
      const { calls: heard } = failing;
      it.io.address = 0x40000n;
      assert.equal(failing.calls, heard, 'it hears nothing more');
      it.topology.addListener(failing);
    }
  });

  test('a listener that fails while it is removed stays, and knows what it knew', () => {
    const it = machine();
    const counting = new Failing('failing', 0);
    it.topology.addListener(counting);
    const known = counting.balance;
    counting.calls = 0;
    it.topology.removeListener(counting);
    const { calls } = counting;
    for (let failsAt = 0; failsAt < calls; failsAt++) {
      const failing = new Failing('failing', 0);
      it.topology.addListener(failing);
      failing.calls = 0;
      failing.failsAt = failsAt;
      assert.throws(
        () => it.topology.removeListener(failing),
        (error) => assertFailure(error, failing),
      );
      assert.deepEqual(failing.balance, known);
      it.topology.removeListener(failing);
      assert.deepEqual(failing.balance, []);
    }
  });
});

suite('All or nothing: more than one thing goes wrong', () => {
  test('a listener that fails while things are taken back does not keep the others from hearing it', () => {
    const { topology, ram, state } = machine();
    const witness = new Accountant('witness', 2);
    const second = new Error('that neither');
    let isBroken = false;
    topology.addListener(witness);
    topology.addListener({
      name: 'broken',
      priority: 1,
      regionAdd: () => {
        if (isBroken) throw new Error('not this');
      },
    });
    topology.addListener({
      name: 'stubborn',
      regionAdd: () => {},
      regionDel: ({ address }) => {
        if (isBroken && address === 0x8000n) throw second;
      },
    });
    const before = state();
    const { balance } = witness;
    isBroken = true;
    assert.throws(
      () => {
        ram.address = 0x8000n;
      },
      (error) => {
        assert.ok(error instanceof FlatviewError);
        assert.equal(error.listener, 'broken');
        const causes = error.undoFailures?.map((it) => (it as FlatviewError).cause) ?? [];
        assert.ok(causes.includes(second));
        return true;
      },
    );
    assert.deepEqual(state(), before);
    assert.deepEqual(witness.balance, balance);
  });

  test('what is thrown need not be an error', () => {
    const { topology, ram } = machine();
    let isArmed = false;
    topology.addListener({
      begin: () => {
        // biome-ignore lint/style/useThrowOnlyError: that is what is tested
        if (isArmed) throw 'a string';
      },
    });
    isArmed = true;
    assert.throws(
      () => {
        ram.address = 0x8000n;
      },
      { code: 'ERR_LISTENER_FAILED', cause: 'a string', message: /a string/ },
    );
  });

  test("a kernel's errno and call are passed on", () => {
    const { topology, ram } = machine();
    let isArmed = false;
    topology.addListener({
      name: 'kvm',
      regionDel: () => {
        if (!isArmed) return;
        throw new FlatviewError('ERR_SYSTEM_CALL', 'no slot', {
          errno: 'ENOSPC',
          syscall: 'KVM_SET_USER_MEMORY_REGION',
        });
      },
    });
    isArmed = true;
    assert.throws(
      () => {
        ram.address = 0x8000n;
      },
      {
        code: 'ERR_LISTENER_FAILED',
        listener: 'kvm',
        errno: 'ENOSPC',
        syscall: 'KVM_SET_USER_MEMORY_REGION',
      },
    );
  });

  test('the opposite is told in reverse order, between begin and commit', () => {
    const { topology, ram, io } = machine();
    const log = new CallLog();
    let isArmed = false;
    topology.addListener(
      log.listener({ name: 'L', only: ['begin', 'regionAdd', 'regionDel', 'commit'] }),
    );
    topology.addListener({
      priority: 1,
      regionAdd: ({ address }) => {
        if (isArmed && address >= 0x40000n) throw new Error('too high');
      },
    });
    log.take();
    isArmed = true;
    assert.throws(() =>
      topology.transaction(() => {
        topology.addressSpaces[1]?.destroy();
        ram.address = 0x8000n;
        io.address = 0x40000n;
      }),
    );
    const inMemory = log.take().slice(0, 10);
    assert.deepEqual(inMemory, [
      'L begin',
      'L regionDel 0x0-0x3fff ram',
      'L regionDel 0x20000-0x20fff io',
      'L regionAdd 0x8000-0xbfff ram',
      'L regionAdd 0x40000-0x40fff io',
      'L regionDel 0x40000-0x40fff io',
      'L regionDel 0x8000-0xbfff ram',
      'L regionAdd 0x20000-0x20fff io',
      'L regionAdd 0x0-0x3fff ram',
      'L commit',
    ]);
  });
});

suite('a listener cannot change anything while it is told', () => {
  const attempts: Record<string, (it: Machine) => void> = {
    'set a property': ({ io }) => {
      io.enabled = false;
    },
    'make a region': ({ topology }) => {
      topology.container('new', 1);
    },
    'add a subregion': ({ system, io }) => system.removeSubregion(io),
    'make an address space': ({ topology, io }) => {
      topology.addressSpace('new', io);
    },
    'destroy an address space': ({ memory }) => memory.destroy(),
    'begin a transaction': ({ topology }) => topology.begin(),
    'run a transaction': ({ topology }) => topology.transaction(() => {}),
    commit: ({ topology }) => topology.commit(),
    'roll back': ({ topology }) => topology.rollback(),
    'add a listener': ({ topology }) => topology.addListener({}),
    'remove a listener': ({ topology }) => topology.removeListener({}),
    'start the log': ({ topology }) => topology.startDirtyLog(),
    'close the topology': ({ topology }) => topology.close(),
  };

  for (const [what, attempt] of Object.entries(attempts)) {
    test(`${what}: refused, and the commit goes on if the listener minds it`, () => {
      const it = machine();
      let tries = 0;
      const tryIt = (): void => {
        assert.throws(() => attempt(it), { code: 'ERR_CHANGE_IN_LISTENER' });
        tries++;
      };
      let isArmed = false;
      const armed = (): void => {
        if (isArmed) tryIt();
      };
      it.topology.addListener({ begin: armed, regionDel: armed, regionAdd: armed, commit: armed });
      isArmed = true;
      it.ram.address = 0x8000n;
      isArmed = false;
      assert.ok(tries >= 4);
      assert.equal(it.memory.lookup(0x8000)?.region, it.ram);
      assert.equal(it.memory.lookup(0x20000)?.region, it.io);
    });
  }

  test('one that lets the refusal out has failed, and all is undone', () => {
    const { topology, ram, io, state } = machine();
    let isArmed = false;
    topology.addListener({
      regionDel: () => {
        if (isArmed) io.enabled = false;
      },
    });
    const before = state();
    isArmed = true;
    assert.throws(
      () => {
        ram.address = 0x8000n;
      },
      (error) => {
        assert.ok(error instanceof FlatviewError);
        assert.equal(error.code, 'ERR_LISTENER_FAILED');
        assert.equal((error.cause as FlatviewError).code, 'ERR_CHANGE_IN_LISTENER');
        return true;
      },
    );
    assert.deepEqual(state(), before);
  });

  test('after a failure changes are possible again', () => {
    const { topology, ram, memory } = machine();
    let isArmed = true;
    const failing: MemoryListener = {
      begin: () => {
        if (isArmed) throw new Error('no');
      },
    };
    assert.throws(() => topology.addListener(failing));
    isArmed = false;
    topology.addListener(failing);
    ram.address = 0x8000n;
    assert.equal(viewLines(memory)[0], '0x8000-0xbfff ram');
  });
});
