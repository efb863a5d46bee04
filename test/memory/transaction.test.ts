import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  type AddressSpace,
  type AliasRegion,
  type MemoryRegion,
  MemoryTopology,
  MemTxResult,
  type RamRegion,
} from '../../lib/index.js';
import { CallLog } from './call-log.js';
import { stateLines } from './state-lines.js';
import { viewLines } from './view-lines.js';

const WHOLE = 1n << 64n;

interface Machine {
  readonly topology: MemoryTopology;
  readonly system: MemoryRegion;
  readonly ram: RamRegion;
  readonly window: AliasRegion;
  readonly memory: AddressSpace;
  readonly log: CallLog;
  state(): string[];
}

/** Ram at 0, an alias of its second half at 0x10000, and a listener whose calls so far are forgotten. */
function machine(): Machine {
  const topology = new MemoryTopology();
  const system = topology.container('system', WHOLE);
  const ram = topology.ram('ram', 0x2000, { backing: 'none' });
  const window = topology.alias('window', ram, { offset: 0x1000 });
  system.addSubregion(0, ram);
  system.addSubregion(0x10000, window);
  const memory = topology.addressSpace('memory', system);
  const log = new CallLog();
  topology.addListener(log.listener({ name: 'L' }));
  log.take();
  const state = (): string[] => stateLines(topology, [system, ram, window]);
  return { topology, system, ram, window, memory, log, state };
}

suite('transactions', () => {
  test('listeners hear the sum of the changes, once', () => {
    const { topology, ram, window, memory, log } = machine();
    topology.transaction(() => {
      ram.address = 0x1000n;
      ram.address = 0x4000n;
      window.enabled = false;
      assert.deepEqual(log.take(), []);
    });
    assert.deepEqual(log.take(), [
      'L begin',
      'L regionDel 0x0-0x1fff ram',
      'L regionDel 0x10000-0x10fff ram+0x1000',
      'L regionAdd 0x4000-0x5fff ram',
      'L commit',
    ]);
    assert.deepEqual(viewLines(memory), ['0x4000-0x5fff ram']);
  });

  test('what is changed and changed back is not told', () => {
    const { topology, ram, log } = machine();
    topology.transaction(() => {
      ram.address = 0x4000n;
      ram.address = 0n;
    });
    assert.deepEqual(log.take(), ['L begin', 'L commit']);
  });

  test('inside, properties are new and views are old', () => {
    const { topology, ram, memory } = machine();
    const before = memory.flatView;
    topology.transaction(() => {
      ram.address = 0x4000n;
      assert.equal(ram.address, 0x4000n);
      assert.equal(memory.flatView, before);
      assert.equal(memory.lookup(0n)?.region, ram);
    });
    assert.notEqual(memory.flatView, before);
  });

  test('an address space shows nothing before the transaction that makes it is over', () => {
    const { topology, ram } = machine();
    const another = topology.transaction(() => {
      const space = topology.addressSpace('another', ram);
      assert.deepEqual([...space.flatView], []);
      assert.equal(space.flatView.root, undefined);
      assert.equal(space.lookup(0n), undefined);
      assert.deepEqual(space.read(0n, 4), { value: 0n, result: MemTxResult.decodeError });
      return space;
    });
    assert.deepEqual(viewLines(another), ['0x0-0x1fff ram']);
    assert.equal(another.lookup(0n)?.region, ram);
  });

  test('nor before all listeners have agreed to it', () => {
    const { topology, ram } = machine();
    const spaces: AddressSpace[] = [];
    const shown: boolean[] = [];
    topology.addListener({
      commit: () => {
        for (const space of spaces) shown.push(space.lookup(0n) !== undefined);
      },
    });
    shown.length = 0;
    topology.transaction(() => spaces.push(topology.addressSpace('another', ram)));
    assert.deepEqual(shown, [false]);
    assert.equal(spaces[0]?.lookup(0n)?.region, ram);
  });

  test('a transaction returns what its body returns', () => {
    const { topology } = machine();
    const result = topology.transaction(() => 'result');
    assert.equal(result, 'result');
  });

  test('only the outermost commit acts', () => {
    const { topology, ram, window, log } = machine();
    topology.transaction(() => {
      topology.transaction(() => {
        ram.enabled = false;
      });
      topology.begin();
      window.enabled = false;
      topology.commit();
      assert.deepEqual(log.take(), []);
    });
    assert.deepEqual(log.take(), [
      'L begin',
      'L regionDel 0x0-0x1fff ram',
      'L regionDel 0x10000-0x10fff ram+0x1000',
      'L commit',
    ]);
  });

  test('without a transaction each setter is one of its own', () => {
    const { ram, window, log } = machine();
    ram.enabled = false;
    window.address = 0n;
    // The target of the window is disabled: nothing shows, but QEMU tells of a commit too.
    assert.deepEqual(log.take(), [
      'L begin',
      'L regionDel 0x0-0x1fff ram',
      'L regionDel 0x10000-0x10fff ram+0x1000',
      'L commit',
      'L begin',
      'L commit',
    ]);
  });
});

suite('Nothing pending: nothing called', () => {
  const harmless: Record<string, (it: Machine) => void> = {
    'an empty transaction': ({ topology }) => topology.transaction(() => {}),
    'an empty begin and commit': ({ topology }) => {
      topology.begin();
      topology.begin();
      topology.commit();
      topology.commit();
    },
    'new regions': ({ topology }) => {
      topology.transaction(() => {
        const box = topology.container('box', 0x1000);
        topology.alias('another', box);
      });
    },
    'a transaction that was undone': ({ topology, ram }) => {
      assert.throws(() =>
        topology.transaction(() => {
          ram.address = 0x4000n;
          throw new Error('never mind');
        }),
      );
    },
    'an inner transaction that was undone': ({ topology, ram }) =>
      topology.transaction(() => {
        topology.begin();
        ram.address = 0x4000n;
        topology.rollback();
      }),
    'properties set to what they are': ({ ram, window }) => {
      ram.address = 0n;
      ram.size = 0x2000n;
      ram.priority = 0;
      ram.enabled = true;
      ram.readonly = false;
      window.offset = 0x1000n;
      ram.clearCoalescedRanges();
    },
    'attributes of a disabled region': ({ topology, system }) => {
      const hidden = topology.romDevice('hidden', 0x1000, {}, { backing: 'none', enabled: false });
      system.addSubregion(0x8000, hidden);
      hidden.readonly = true;
      hidden.nonvolatile = true;
      hidden.romd = false;
      hidden.setDirtyLog('vga', true);
      system.removeSubregion(hidden);
    },
    'a failed change': ({ system, ram }) => {
      assert.throws(() => system.addSubregion(0, ram), { code: 'ERR_REGION_MAPPED' });
    },
  };
  for (const [what, change] of Object.entries(harmless)) {
    test(what, () => {
      const it = machine();
      const views = it.memory.flatView;
      change(it);
      assert.deepEqual(it.log.take(), []);
      assert.equal(it.memory.flatView, views);
    });
  }
});

suite('All or nothing: a throw inside takes everything back', () => {
  const changes: Record<string, (it: Machine) => void> = {
    address: ({ ram }) => {
      ram.address = 0x8000n;
    },
    size: ({ ram }) => {
      ram.size = WHOLE;
    },
    priority: ({ ram }) => {
      ram.priority = -1;
    },
    enabled: ({ ram }) => {
      ram.enabled = false;
    },
    readonly: ({ system }) => {
      system.readonly = true;
    },
    nonvolatile: ({ ram }) => {
      ram.nonvolatile = true;
    },
    unmergeable: ({ ram }) => {
      ram.unmergeable = true;
    },
    'alias offset': ({ window }) => {
      window.offset = 0n;
    },
    'dirty log': ({ ram }) => ram.setDirtyLog('vga', true),
    'the log of all memory': ({ topology }) => topology.startDirtyLog(),
    ioeventfd: ({ ram }) => ram.addIoEventFd({ address: 0n, size: 4, data: 1n, fd: 7 }),
    'coalesced range': ({ ram }) => ram.addCoalescedRange(0, 0x100),
    'a new subregion': ({ topology, system }) =>
      system.addSubregion(0, topology.io('io', 0x1000, {})),
    'a removed subregion': ({ system, ram }) => system.removeSubregion(ram),
    'a move to the front': ({ ram }) => {
      ram.address = 8n;
      ram.address = 0n;
    },
    'a new address space': ({ topology, ram }) => {
      topology.addressSpace('another', ram);
    },
    'a destroyed address space': ({ memory }) => memory.destroy(),
    'a destroyed region': ({ system, window }) => {
      system.removeSubregion(window);
      window.destroy();
    },
  };

  function assertUndone(it: Machine, body: () => void): void {
    const before = it.state();
    const view = it.memory.flatView;
    const { addressSpaces } = it.topology;
    const error = new Error('changed my mind');
    assert.throws(
      () =>
        it.topology.transaction(() => {
          body();
          throw error;
        }),
      (thrown) => thrown === error,
    );
    assert.deepEqual(it.state(), before);
    assert.equal(it.memory.flatView, view);
    assert.deepEqual(it.topology.addressSpaces, addressSpaces);
    assert.deepEqual(it.log.take(), []);
    it.ram.size = 0x1000n;
    assert.deepEqual(viewLines(it.memory), ['0x0-0xfff ram'], 'the topology still works');
  }

  for (const [what, change] of Object.entries(changes)) {
    test(what, () => {
      const it = machine();
      assertUndone(it, () => change(it));
    });
  }

  test('all of it, one after the other, each in a transaction of its own', () => {
    const it = machine();
    assertUndone(it, () => {
      for (const change of Object.values(changes)) it.topology.transaction(() => change(it));
    });
  });

  test('an inner transaction is undone alone', () => {
    const { topology, ram, window, memory } = machine();
    topology.transaction(() => {
      ram.address = 0x4000n;
      assert.throws(() =>
        topology.transaction(() => {
          ram.address = 0x8000n;
          window.enabled = false;
          throw new Error('inner');
        }),
      );
      assert.equal(ram.address, 0x4000n);
      assert.equal(window.enabled, true);
    });
    assert.deepEqual(viewLines(memory), ['0x4000-0x5fff ram', '0x10000-0x10fff ram+0x1000']);
  });

  test('what an inner transaction kept is undone with the outer one', () => {
    const it = machine();
    const before = it.state();
    it.topology.begin();
    it.topology.transaction(() => {
      it.ram.address = 0x4000n;
      it.topology.transaction(() => {
        it.ram.size = 0x1000n;
      });
    });
    it.topology.rollback();
    assert.deepEqual(it.state(), before);
    assert.deepEqual(it.log.take(), []);
  });

  test('rollback ends the innermost transaction only', () => {
    const { topology, ram, memory } = machine();
    topology.begin();
    ram.address = 0x4000n;
    topology.begin();
    ram.address = 0x8000n;
    topology.rollback();
    topology.commit();
    assert.equal(ram.address, 0x4000n);
    assert.equal(memory.lookup(0x4000n)?.region, ram);
  });

  test('regions made in a transaction that was undone stay, unused', () => {
    const { topology, system, memory } = machine();
    const made: MemoryRegion[] = [];
    assert.throws(() =>
      topology.transaction(() => {
        const io = topology.io('io', 0x1000, {});
        made.push(io);
        system.addSubregion(0x8000, io, { priority: 3 });
        io.size = 0x2000n;
        throw new Error('never mind');
      }),
    );
    const [io] = made;
    assert.ok(io);
    assert.equal(io.parent, undefined);
    assert.equal(io.size, 0x1000n);
    assert.equal(io.priority, 0);
    system.addSubregion(0x4000, io);
    assert.equal(memory.lookup(0x4000n)?.region, io);
  });

  test('an address space made in a transaction that was undone is destroyed', () => {
    const { topology, ram } = machine();
    topology.begin();
    const space = topology.addressSpace('another', ram);
    topology.rollback();
    assert.equal(space.isDestroyed, true);
    assert.throws(() => space.flatView, { code: 'ERR_ADDRESS_SPACE_DESTROYED' });
    assert.throws(() => space.destroy(), { code: 'ERR_ADDRESS_SPACE_DESTROYED' });
  });

  test('a tree that cannot be rendered is refused as a whole', () => {
    const it = machine();
    const before = it.state();
    const loop = it.topology.alias('loop', it.system);
    assert.throws(
      () =>
        it.topology.transaction(() => {
          it.ram.address = 0x4000n;
          it.system.addSubregion(0, loop);
        }),
      (error: { code?: string; message: string }) =>
        error.code === 'ERR_ALIAS_RECURSION' && /"loop"/.test(error.message),
    );
    assert.deepEqual(it.state(), before);
    assert.deepEqual(it.log.take(), []);
    assert.equal(loop.parent, undefined);
    it.ram.address = 0x8000n;
    assert.deepEqual(viewLines(it.memory), ['0x8000-0x9fff ram', '0x10000-0x10fff ram+0x1000']);
  });
});

suite('a transaction cannot wait', () => {
  test('an asynchronous body is refused and undone', () => {
    const it = machine();
    const before = it.state();
    assert.throws(
      () =>
        // biome-ignore lint/suspicious/useAwait: an async body is the mistake that is tested
        it.topology.transaction(async () => {
          it.ram.address = 0x4000n;
        }),
      { code: 'ERR_TRANSACTION_ASYNC' },
    );
    assert.deepEqual(it.state(), before);
    assert.deepEqual(it.log.take(), []);
  });

  test('so is one that returns another thenable', () => {
    const it = machine();
    // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
    const thenable = { then: () => undefined };
    assert.throws(() => it.topology.transaction(() => thenable), {
      code: 'ERR_TRANSACTION_ASYNC',
    });
  });

  test('what an asynchronous body changes later is a change of its own', async () => {
    const it = machine();
    let later: Promise<void> = Promise.resolve();
    assert.throws(
      () =>
        it.topology.transaction(() => {
          later = Promise.resolve().then(() => {
            it.ram.address = 0x4000n;
          });
          return later;
        }),
      { code: 'ERR_TRANSACTION_ASYNC' },
    );
    await later;
    assert.equal(it.memory.lookup(0x4000n)?.region, it.ram);
  });
});

suite('unbalanced transactions', () => {
  test('commit and rollback need a begin', () => {
    const { topology } = machine();
    assert.throws(() => topology.commit(), { code: 'ERR_TRANSACTION_UNBALANCED' });
    assert.throws(() => topology.rollback(), { code: 'ERR_TRANSACTION_UNBALANCED' });
  });

  test('a body that leaves a transaction open is undone', () => {
    const it = machine();
    const before = it.state();
    const leaveOpen = (): void => {
      it.ram.address = 0x4000n;
      it.topology.begin();
      it.ram.size = 0x1000n;
    };
    assert.throws(() => it.topology.transaction(leaveOpen), { code: 'ERR_TRANSACTION_UNBALANCED' });
    assert.deepEqual(it.state(), before);
    assert.throws(() => it.topology.commit(), { code: 'ERR_TRANSACTION_UNBALANCED' });
  });

  test('a body that commits the transaction it runs in is refused', () => {
    const it = machine();
    const before = it.state();
    const commitTwice = (): void => {
      it.ram.address = 0x4000n;
      it.topology.commit();
    };
    assert.throws(() => it.topology.transaction(commitTwice), {
      code: 'ERR_TRANSACTION_UNBALANCED',
    });
    assert.deepEqual(it.state(), before, 'nothing of the body is left');
    assert.deepEqual(it.log.take(), []);
    assert.throws(() => it.topology.commit(), { code: 'ERR_TRANSACTION_UNBALANCED' });
  });

  test('a body that rolls back the transaction it runs in is refused, and the one around it stays open', () => {
    const it = machine();
    it.topology.begin();
    it.ram.address = 0x4000n;
    assert.throws(() => it.topology.transaction(() => it.topology.rollback()), {
      code: 'ERR_TRANSACTION_UNBALANCED',
    });
    assert.equal(it.ram.address, 0x4000n);
    it.topology.commit();
    assert.equal(it.memory.lookup(0x4000n)?.region, it.ram);
  });
});
