import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { FlatviewError, HostMemory, MemoryTopology } from '../../lib/index.js';
import { KvmMemorySlots } from '../../lib/kvm/index.js';
import { SimulatedKvm } from '../../lib/simulated/index.js';
import { guest, pages } from './guest.js';

const KIB = 1024;
const MIB = KIB * KIB;

suite('from flat view to slots', () => {
  test('RAM is a slot, a device is not', () => {
    const { ram, io, ioctls, slots } = guest();
    ram('pc.ram', MIB, 0);
    io('uart', 0x1000, 0xfe000000);
    assert.deepEqual(ioctls(), ['set 0 0x0+0x100000']);
    assert.equal(slots.slots.length, 1);
  });

  test('slots hold the addresses of the memory in this process', () => {
    const { ram, kvm } = guest();
    const region = ram('pc.ram', MIB, 0x100000);
    assert.deepEqual(kvm.read(0x100123n), {
      kind: 'memory',
      slot: 0,
      hostAddress: (region.memory?.hostAddress ?? 0n) + 0x123n,
    });
    assert.deepEqual(kvm.read(0x200000n), { kind: 'exit' });
  });

  test('rom, read-only aliases and rom devices are read-only', () => {
    const { topology, system, ram, ioctls } = guest();
    const shared = ram('pc.ram', 0x4000, 0);
    const rom = topology.rom('bios', 0x1000, { memory: pages(0x1000) });
    system.addSubregion(0x10000, rom);
    const pam = topology.alias('pam', shared, { offset: 0x1000, size: 0x1000, readonly: true });
    system.addSubregion(0x20000, pam);
    const ops = { read: () => 0n, write: () => undefined };
    const flash = topology.romDevice('flash', 0x2000, ops, { memory: pages(0x2000) });
    system.addSubregion(0x30000, flash);
    assert.deepEqual(ioctls(), [
      'set 0 0x0+0x4000',
      'set 1 0x10000+0x1000 r',
      'set 2 0x20000+0x1000 r',
      'set 3 0x30000+0x2000 r',
    ]);
    flash.romd = false;
    assert.deepEqual(ioctls(), ['del 3']);
  });

  test('without read-only slots what is read-only exits', () => {
    const { topology, system, memory, slots, ioctls } = guest({}, { readonlyMem: false });
    system.addSubregion(0, topology.rom('bios', 0x1000, { memory: pages(0x1000) }));
    assert.deepEqual(ioctls(), []);
    assert.equal(slots.verdictAt(0n, memory)?.code, 'readonly-unsupported');
  });

  test('a slot is as large as the kernel takes; cuts lie at fixed addresses', () => {
    const huge = 1n << 43n;
    const topology = new MemoryTopology();
    const system = topology.container('system', 1n << 64n);
    const kvm = new SimulatedKvm();
    const slots = new KvmMemorySlots(kvm);
    topology.addressSpace('memory', system).addListener(slots);
    const memory = { closed: false, hostAddress: 1n << 45n, size: huge } as HostMemory;
    Object.setPrototypeOf(memory, HostMemory.prototype);
    system.addSubregion(0x1000, topology.ram('huge', huge, { memory }));
    const cut = 1n << 42n;
    assert.deepEqual(
      slots.slots.map(({ address, size }) => [address, size]),
      [
        [0x1000n, cut - 0x1000n],
        [cut, cut],
        [2n * cut, 0x1000n],
      ],
    );
  });

  test('addresses beyond the processor are refused, and found out by trying', () => {
    const { topology } = guest();
    const kvm = new SimulatedKvm({ guestAddressBits: 39 });
    const system = topology.container('system', 1n << 64n);
    const memory = topology.addressSpace('small', system);
    const slots = new KvmMemorySlots(kvm);
    assert.deepEqual(kvm.slots, []);
    memory.addListener(slots);
    const bar = topology.ram('bar', 0x2000, { memory: pages(0x2000) });
    system.addSubregion((1n << 39n) - 0x1000n, bar);
    assert.deepEqual(
      [...slots.verdicts(memory)].map(({ first, last, code }) => [first, last, code]),
      [
        [(1n << 39n) - 0x1000n, (1n << 39n) - 1n, 'mapped'],
        [1n << 39n, (1n << 39n) + 0xfffn, 'out-of-window'],
      ],
    );
    bar.address = 1n << 63n;
    assert.deepEqual(kvm.slots, []);
  });

  test('trying addresses leaves slots alone that are there', () => {
    const kvm = new SimulatedKvm({ guestAddressBits: 48 });
    const last = (1n << 48n) - 0x1000n;
    const page = { slot: 0, flags: 0, guestAddress: last, size: 0x1000n, hostAddress: 0x1000n };
    kvm.setUserMemoryRegion(page);
    assert.equal(new KvmMemorySlots(kvm).slotLimit, 32764);
    assert.deepEqual(kvm.slots, [page]);
    assert.equal(kvm.calls.filter(({ errno }) => errno === 'EEXIST').length, 1);
  });
});

suite('Left alone: a change costs what it changes', () => {
  test('a BAR that moves is one ioctl', () => {
    const { ram, ioctls } = guest();
    ram('pc.ram', MIB, 0);
    const bar = ram('bar', 0x4000, 0xfe000000);
    ioctls();
    bar.address = 0xfe010000n;
    assert.deepEqual(ioctls(), ['set 1 0xfe010000+0x4000']);
  });

  test('a BAR that is toggled is one delete and one add', () => {
    const { ram, ioctls } = guest();
    const bar = ram('bar', 0x4000, 0xfe000000);
    ioctls();
    bar.enabled = false;
    bar.enabled = true;
    assert.deepEqual(ioctls(), ['del 0', 'set 0 0xfe000000+0x4000']);
  });

  test('off and on in one transaction is nothing', () => {
    const { topology, ram, ioctls } = guest();
    const bar = ram('bar', 0x4000, 0xfe000000);
    ioctls();
    topology.transaction(() => {
      bar.enabled = false;
      bar.enabled = true;
    });
    assert.deepEqual(ioctls(), []);
  });

  test('a hole in RAM cuts its slot once; closing it and opening it again leaves the rest alone', () => {
    const { ram, io, ioctls } = guest();
    ram('pc.ram', MIB, 0);
    const hole = io('vga', 0x20000, 0xa0000, 1);
    assert.deepEqual(ioctls(), [
      'set 0 0x0+0x100000',
      'del 0',
      'set 0 0x0+0xa0000',
      'set 1 0xc0000+0x40000',
    ]);
    hole.enabled = false;
    assert.deepEqual(ioctls(), ['set 2 0xa0000+0x20000']);
    hole.enabled = true;
    assert.deepEqual(ioctls(), ['del 2']);
  });

  test('RAM that grows gets another slot', () => {
    const { topology, system, ioctls } = guest();
    const region = topology.ram('pc.ram', 0x4000, { memory: pages(0x8000) });
    system.addSubregion(0, region);
    region.size = 0x8000n;
    assert.deepEqual(ioctls(), ['set 0 0x0+0x4000', 'set 1 0x4000+0x4000']);
    region.size = 0x4000n;
    assert.deepEqual(ioctls(), ['del 1']);
  });

  test('BARs that swap places: one moves, one is taken away meanwhile', () => {
    const { topology, ram, ioctls } = guest();
    const [a, b] = [ram('a', 0x1000, 0x10000), ram('b', 0x1000, 0x20000)];
    ioctls();
    topology.transaction(() => {
      a.address = 0x20000n;
      b.address = 0x10000n;
    });
    const calls = ioctls();
    assert.equal(calls.length, 3);
    assert.equal(calls.filter((call) => call.startsWith('del')).length, 1);
  });

  test('BARs that shift by one place move one after the other', () => {
    const { topology, ram, ioctls } = guest();
    const bars = Array.from({ length: 4 }, (_, i) => ram(`bar ${i}`, 0x1000, 0x10000 + i * 0x1000));
    ioctls();
    topology.transaction(() => {
      for (const bar of bars) bar.address += 0x1000n;
    });
    assert.deepEqual(ioctls(), [
      'set 3 0x14000+0x1000',
      'set 2 0x13000+0x1000',
      'set 1 0x12000+0x1000',
      'set 0 0x11000+0x1000',
    ]);
  });

  test('256 BARs programmed in one transaction are 256 ioctls', () => {
    const { topology, ram, ioctls } = guest();
    const bars = Array.from({ length: 256 }, (_, i) => ram(`bar ${i}`, 0x1000));
    topology.transaction(() => {
      for (const [i, bar] of bars.entries()) {
        topology.addressSpaces[0]?.root.addSubregion(0xc0000000 + i * 0x10000, bar);
      }
    });
    assert.equal(ioctls().length, 256);
  });

  test('where the embedder forbids moves they are a delete and an add', () => {
    const { ram, ioctls } = guest({ move: false });
    const bar = ram('bar', 0x4000, 0xfe000000);
    ioctls();
    bar.address = 0xfe010000n;
    assert.deepEqual(ioctls(), ['del 0', 'set 0 0xfe010000+0x4000']);
  });

  test('writable memory that becomes read-only is deleted and added', () => {
    const { ram, ioctls } = guest();
    const region = ram('pc.ram', 0x4000, 0);
    ioctls();
    region.readonly = true;
    assert.deepEqual(ioctls(), ['del 0', 'set 0 0x0+0x4000 r']);
  });

  test('the lowest free number is taken', () => {
    const { ram, slots } = guest();
    const regions = [0, 1, 2, 3].map((i) => ram(`ram ${i}`, 0x1000, i * 0x10000));
    regions[2]!.enabled = false;
    regions[0]!.enabled = false;
    ram('new', 0x1000, 0x80000);
    ram('newer', 0x1000, 0x90000);
    ram('newest', 0x1000, 0xa0000);
    assert.deepEqual(
      slots.slots.map(({ region, slot }) => `${region.name} ${slot}`),
      ['ram 1 1', 'ram 3 3', 'new 0', 'newer 2', 'newest 4'],
    );
  });

  test('a listener that is removed leaves no slot', () => {
    const { memory, slots, ram, kvm } = guest();
    ram('pc.ram', 0x4000, 0);
    memory.removeListener(slots);
    assert.deepEqual(kvm.slots, []);
  });
});

suite('private memory', () => {
  test('comes from its guest_memfd, at the offset of the slot in its region', () => {
    const { topology, ram, io, kvm, ioctls } = guest({
      guestMemfd: ({ name }) => (name === 'private' ? { fd: 9, offset: 0x100000n } : undefined),
    });
    const region = ram('private', 0x8000, 0x10000);
    ram('shared', 0x1000, 0x80000);
    io('hole', 0x1000, 0x12000, 1);
    assert.deepEqual(
      kvm.slots.map(({ guestAddress, flags, guestMemfd }) => [guestAddress, flags, guestMemfd]),
      [
        [0x80000n, 0, undefined],
        [0x10000n, 4, { fd: 9, offset: 0x100000n }],
        [0x13000n, 4, { fd: 9, offset: 0x103000n }],
      ],
    );
    ioctls();
    topology.startDirtyLog();
    assert.deepEqual(ioctls(), ['set 1 0x80000+0x1000 d']);
    region.address = 0x20000n;
    assert.equal(ioctls().filter((call) => call.startsWith('del')).length, 2);
    region.readonly = true;
    assert.ok(kvm.slots.every(({ guestMemfd }) => guestMemfd === undefined));
  });
});

suite('no gap is seen', () => {
  function pausing() {
    const log: string[] = [];
    const machine = guest({ pause: () => log.push('pause'), resume: () => log.push('resume') });
    const take = (): string[] => [...log.splice(0), ...machine.ioctls()];
    return { ...machine, log, take };
  }

  test('vCPUs pause where a slot is cut, and not where none overlaps', () => {
    const { ram, io, take } = pausing();
    ram('pc.ram', MIB, 0);
    const bar = ram('bar', 0x4000, 0xfe000000);
    bar.address = 0xfe010000n;
    assert.deepEqual(
      take().filter((line) => !line.startsWith('set')),
      [],
    );
    const hole = io('hole', 0x1000, 0x4000, 1);
    assert.deepEqual(take().slice(0, 2), ['pause', 'resume']);
    hole.enabled = false;
    assert.deepEqual(take(), ['set 3 0x4000+0x1000']);
  });

  test('vCPUs run again when the kernel refuses', () => {
    const { ram, io, kvm, log } = pausing();
    ram('pc.ram', MIB, 0);
    kvm.order({ ioctl: 'KVM_SET_USER_MEMORY_REGION', call: 2, errno: 'ENOMEM' });
    assert.throws(() => io('hole', 0x1000, 0x4000, 1), { code: 'ERR_LISTENER_FAILED' });
    assert.deepEqual(log, ['pause', 'resume']);
  });

  test('a review sees the plan before it is carried out, and can refuse it', () => {
    let most = Number.POSITIVE_INFINITY;
    const { ram, io, ioctls } = guest({
      review: ({ deletes }) => {
        if (deletes.length > most) throw new RangeError('too much');
      },
    });
    ram('pc.ram', MIB, 0);
    ioctls();
    most = 0;
    assert.throws(() => io('hole', 0x1000, 0x4000, 1), /too much/);
    assert.deepEqual(ioctls(), []);
  });
});

suite('out of slots', () => {
  test('the error says how many there are and what took them; nothing has changed', () => {
    const { ram, slots, kvm, memory } = guest({}, { slotCount: 3 });
    for (const i of [0, 1, 2]) ram(`ram ${i}`, 0x1000, i * 0x10000);
    const before = [...slots.slots];
    assert.throws(
      () => ram('one more', 0x1000, 0x80000),
      (error) => {
        assert.ok(error instanceof FlatviewError && error.cause instanceof FlatviewError);
        assert.equal(error.cause.code, 'ERR_OUT_OF_SLOTS');
        assert.match(error.message, /4 memory slots are needed, and the VM has 3/);
        assert.match(error.message, /ram 0 1, ram 1 1, ram 2 1, one more 1/);
        return true;
      },
    );
    assert.deepEqual(slots.slots, before);
    assert.equal(kvm.slots.length, 3);
    assert.equal(memory.lookup(0x80000n), undefined);
  });

  test('slots that were cut are joined before there are too few', () => {
    const { ram, io, ioctls, slots } = guest({}, { slotCount: 3 });
    ram('pc.ram', MIB, 0);
    const hole = io('hole', 0x1000, 0x4000, 1);
    hole.enabled = false;
    assert.equal(slots.slots.length, 3);
    ioctls();
    ram('bar', 0x1000, 0xfe000000);
    assert.deepEqual(ioctls(), [
      'del 0',
      'del 2',
      'del 1',
      'set 0 0x0+0x100000',
      'set 1 0xfe000000+0x1000',
    ]);
  });
});

suite('one object serves one address space', () => {
  test('a second one with memory is refused', () => {
    const { topology, slots, ram } = guest();
    ram('pc.ram', 0x1000, 0);
    const other = topology.addressSpace(
      'other',
      topology.ram('x', 0x1000, { memory: pages(0x1000) }),
    );
    assert.throws(() => other.addListener(slots), /needs slots of its own/);
  });

  test('one that failed at first serves another one then', () => {
    const { topology, memory, slots, kvm } = guest();
    memory.removeListener(slots);
    const ram = topology.ram('pc.ram', 0x1000, { memory: pages(0x1000) });
    const space = topology.addressSpace('other', ram);
    kvm.order({ ioctl: 'KVM_SET_USER_MEMORY_REGION', call: 1, errno: 'ENOMEM' });
    assert.throws(() => space.addListener(slots), { errno: 'ENOMEM' });
    const third = topology.addressSpace('third', topology.alias('window', ram));
    third.addListener(slots);
    assert.equal(kvm.slots.length, 1);
  });

  test('the second address space of KVM has slots of its own', () => {
    const { topology, kvm, ram } = guest();
    const low = ram('pc.ram', 0x1000, 0);
    const smm = topology.container('smm', 1n << 64n);
    smm.addSubregion(0, topology.alias('shown', low));
    smm.addSubregion(0x30000, topology.ram('smram', 0x1000, { memory: pages(0x1000) }));
    const slots = new KvmMemorySlots(kvm, { addressSpaceId: 1, guestAddressLimit: 1n << 46n });
    topology.addressSpace('smm', smm).addListener(slots);
    assert.deepEqual(
      kvm.slots.map(({ slot }) => slot),
      [0, 0x10000, 0x10001],
    );
    assert.equal(kvm.read(0x30000n, { addressSpaceId: 1 }).kind, 'memory');
    assert.equal(kvm.read(0x30000n).kind, 'exit');
  });

  test('an address space that the VM has not is refused', () => {
    const kvm = new SimulatedKvm({ addressSpaceCount: 0 });
    for (const addressSpaceId of [1, -1, 0.5]) {
      assert.throws(() => new KvmMemorySlots(kvm, { addressSpaceId }), {
        code: 'ERR_INVALID_ARGUMENT',
      });
    }
  });
});

suite('Nothing is forgotten: verdicts', () => {
  test('what of memory has no slot is kept, counted and told', async () => {
    const told: string[] = [];
    const { ram, io, slots } = guest({
      onRefusals: ({ refused, resolved }) => {
        for (const { text } of refused) told.push(`+ ${text}`);
        for (const { text } of resolved) told.push(`- ${text}`);
      },
    });
    ram('bar', 0x2000, 0x10000);
    const quirk = io('quirk', 8, 0x11000, 1);
    assert.deepEqual([...slots.refusalCounts], [['sub-page', 1]]);
    assert.equal(slots.refusals[0]?.address, 0x11008n);
    quirk.enabled = false;
    assert.deepEqual([...slots.refusalCounts], []);
    assert.deepEqual(told, []);
    await new Promise((resolve) => setImmediate(resolve));
    const what = '0x11008-0x11fff of "bar": it is a part of a page of 0x1000 bytes';
    assert.deepEqual(told, [`+ ${what}`, `- ${what}`]);
  });

  test('each part of each flat range has one', () => {
    const { ram, io, memory, slots } = guest();
    ram('bar', 0x3000, 0x10000);
    io('quirk', 8, 0x11070, 1);
    io('uart', 8, 0x20000);
    assert.deepEqual(
      [...slots.verdicts(memory)].map(
        ({ first, last, code }) => `${first.toString(16)}-${last.toString(16)} ${code}`,
      ),
      [
        '10000-10fff mapped',
        '11000-1106f sub-page',
        '11070-11077 not-ram',
        '11078-11fff sub-page',
        '12000-12fff mapped',
        '20000-20007 not-ram',
      ],
    );
  });

  test('it says what is asked about, and nothing where nothing is', () => {
    const { ram, topology, memory, slots } = guest();
    ram('pc.ram', 0x1000, 0);
    const verdict = slots.verdictAt(0x123n, memory);
    assert.equal(verdict?.slot?.slot, 0);
    assert.match(
      verdict?.text ?? '',
      /^slot 0: 0x0-0xfff shows 0x[0-9a-f]+ of this process, writable$/,
    );
    assert.equal(slots.verdictAt(0x1000n, memory), undefined);
    assert.equal(
      slots.verdictAt(0n, topology.addressSpace('other', topology.container('c', 1n))),
      undefined,
    );
  });

  test('memory that is not there, or elsewhere in its page, is refused', () => {
    const { topology, system, memory, slots } = guest();
    system.addSubregion(0, topology.ram('none', 0x1000, { backing: 'none' }));
    system.addSubregion(0x10100, topology.ram('askew', 0x2000, { memory: pages(0x2000) }));
    assert.equal(slots.verdictAt(0n, memory)?.code, 'no-host-memory');
    const askew = slots.verdictAt(0x11000n, memory);
    assert.equal(askew?.code, 'not-congruent');
    assert.match(askew?.text ?? '', /0x100 bytes into a page of the guest, but 0x0/);
  });
});
