import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  type AddressSpace,
  type MemoryListener,
  type MemoryRegion,
  type MemoryRegionSection,
  MemoryTopology,
  type RamRegion,
} from '../../lib/index.js';
import { CallLog } from './call-log.js';
import { viewLines } from './view-lines.js';

const WHOLE = 1n << 64n;

interface Machine {
  readonly topology: MemoryTopology;
  readonly system: MemoryRegion;
  readonly memory: AddressSpace;
  readonly log: CallLog;
  ram(name: string, address: number, size?: number): RamRegion;
}

function machine(): Machine {
  const topology = new MemoryTopology();
  const system = topology.container('system', WHOLE);
  const memory = topology.addressSpace('memory', system);
  const ram = (name: string, address: number, size = 0x1000): RamRegion => {
    const region = topology.ram(name, size, { backing: 'none' });
    system.addSubregion(address, region);
    return region;
  };
  return { topology, system, memory, log: new CallLog(), ram };
}

suite('the order of calls', () => {
  test('begin, adds and commit go from low priority to high, dels from high to low', () => {
    const { topology, log, ram } = machine();
    const region = ram('ram', 0);
    topology.addListener(log.listener({ name: 'kvm', priority: 10 }));
    topology.addListener(log.listener({ name: 'vfio' }));
    topology.addListener(log.listener({ name: 'early', priority: -3.5 }));
    log.take();
    region.address = 0x1000n;
    assert.deepEqual(log.take(), [
      'early begin',
      'vfio begin',
      'kvm begin',
      'kvm regionDel 0x0-0xfff ram',
      'vfio regionDel 0x0-0xfff ram',
      'early regionDel 0x0-0xfff ram',
      'early regionAdd 0x1000-0x1fff ram',
      'vfio regionAdd 0x1000-0x1fff ram',
      'kvm regionAdd 0x1000-0x1fff ram',
      'early commit',
      'vfio commit',
      'kvm commit',
    ]);
  });

  test('of equal priorities who was added first comes first, and last in dels', () => {
    const { topology, log, memory, ram } = machine();
    const region = ram('ram', 0);
    topology.addListener(log.listener({ name: 'a' }));
    memory.addListener(log.listener({ name: 'b' }));
    topology.addListener(log.listener({ name: 'c' }));
    log.take();
    region.address = 0x1000n;
    const order = log.take().map((call) => call.split(' ').slice(0, 2).join(' '));
    assert.deepEqual(order, [
      'a begin',
      'b begin',
      'c begin',
      'c regionDel',
      'b regionDel',
      'a regionDel',
      'a regionAdd',
      'b regionAdd',
      'c regionAdd',
      'a commit',
      'b commit',
      'c commit',
    ]);
  });

  test('in an address space every del comes before every add, both ascending', () => {
    const { topology, log, ram } = machine();
    const [a, b, c] = [ram('a', 0x3000), ram('b', 0x1000), ram('c', 0x5000)];
    topology.addListener(log.listener({ name: 'L' }));
    log.take();
    topology.transaction(() => {
      a.address = 0x2000n;
      b.address = 0x8000n;
      c.address = 0x0n;
    });
    assert.deepEqual(log.take(), [
      'L begin',
      'L regionDel 0x1000-0x1fff b',
      'L regionDel 0x3000-0x3fff a',
      'L regionDel 0x5000-0x5fff c',
      'L regionAdd 0x0-0xfff c',
      'L regionAdd 0x2000-0x2fff a',
      'L regionAdd 0x8000-0x8fff b',
      'L commit',
    ]);
  });

  test('one address space is done before the next begins, in the order in which they were made', () => {
    const { topology, system, ram } = machine();
    const region = ram('ram', 0);
    const window = topology.alias('window', region);
    const box = topology.container('box', WHOLE);
    box.addSubregion(0x10000, window);
    topology.addressSpace('device', box);
    topology.addressSpace('cpu', system);
    const names: string[] = [];
    const note = ({ addressSpace, address }: MemoryRegionSection): void => {
      names.push(`${addressSpace.name} ${address.toString(16)}`);
    };
    topology.addListener({ regionAdd: note, regionDel: note });
    names.length = 0;
    topology.transaction(() => {
      region.address = 0x4000n;
      window.address = 0x20000n;
    });
    assert.deepEqual(names, [
      'memory 0',
      'memory 4000',
      'device 10000',
      'device 20000',
      'cpu 0',
      'cpu 4000',
    ]);
  });

  test('regionNop comes for every range that stays, among the adds, ascending, low priority first', () => {
    const { topology, log, ram } = machine();
    ram('a', 0x0);
    ram('c', 0x4000);
    const moving = ram('moving', 0x6000);
    const only = ['regionAdd', 'regionDel', 'regionNop'] as const;
    topology.addListener(log.listener({ name: 'high', priority: 1, only }));
    topology.addListener(log.listener({ name: 'low', only }));
    log.take();
    moving.address = 0x2000n;
    assert.deepEqual(log.take(), [
      'high regionDel 0x6000-0x6fff moving',
      'low regionDel 0x6000-0x6fff moving',
      'low regionNop 0x0-0xfff a',
      'high regionNop 0x0-0xfff a',
      'low regionAdd 0x2000-0x2fff moving',
      'high regionAdd 0x2000-0x2fff moving',
      'low regionNop 0x4000-0x4fff c',
      'high regionNop 0x4000-0x4fff c',
    ]);
  });

  test('Left alone: without regionNop a listener hears nothing of ranges that stay', () => {
    const { topology, log, ram } = machine();
    for (let i = 0; i < 100; i++) ram(`r${i}`, i * 0x2000);
    const moving = ram('moving', 0x200_0000);
    topology.addListener(log.listener({ name: 'L' }));
    log.take();
    moving.address = 0x300_0000n;
    assert.deepEqual(log.take(), [
      'L begin',
      'L regionDel 0x2000000-0x2000fff moving',
      'L regionAdd 0x3000000-0x3000fff moving',
      'L commit',
    ]);
  });

  test('a new size is a del and an add; so is a change of read-only, nonvolatile, unmergeable, romd', () => {
    const { topology, log, system } = machine();
    const flash = topology.romDevice('flash', 0x1000, {}, { backing: 'none' });
    system.addSubregion(0, flash);
    topology.addListener(log.listener({ name: 'L', only: ['regionAdd', 'regionDel'] }));
    log.take();
    flash.size = 0x2000n;
    assert.deepEqual(log.take(), ['L regionDel 0x0-0xfff flash', 'L regionAdd 0x0-0x1fff flash']);
    flash.readonly = true;
    assert.deepEqual(log.take(), [
      'L regionDel 0x0-0x1fff flash',
      'L regionAdd 0x0-0x1fff flash ro',
    ]);
    flash.nonvolatile = true;
    flash.unmergeable = true;
    log.take();
    flash.romd = false;
    assert.deepEqual(log.take(), [
      'L regionDel 0x0-0x1fff flash ro nv um',
      'L regionAdd 0x0-0x1fff flash ro nv um',
    ]);
  });

  test('a merge changes its neighbours: they are told as well', () => {
    const { topology, log, system } = machine();
    const ram = topology.ram('ram', 0x3000, { backing: 'none' });
    const parts = [0, 1, 2].map((i) => {
      const part = topology.alias(`part${i}`, ram, { offset: i * 0x1000, size: 0x1000 });
      system.addSubregion(i * 0x1000, part);
      return part;
    });
    topology.addListener(log.listener({ name: 'L', only: ['regionAdd', 'regionDel'] }));
    log.take();
    parts[1]!.readonly = true;
    assert.deepEqual(log.take(), [
      'L regionDel 0x0-0x2fff ram',
      'L regionAdd 0x0-0xfff ram',
      'L regionAdd 0x1000-0x1fff ram+0x1000 ro',
      'L regionAdd 0x2000-0x2fff ram+0x2000',
    ]);
  });
});

suite('dirty logging', () => {
  test('logStart goes from low priority to high, logStop from high to low; the range itself stays', () => {
    const { topology, log, ram } = machine();
    const region = ram('ram', 0);
    topology.addListener(log.listener({ name: 'low' }));
    topology.addListener(log.listener({ name: 'high', priority: 1 }));
    log.take();
    region.setDirtyLog('vga', true);
    region.setDirtyLog('code', true);
    region.setDirtyLog('vga', false);
    const calls = log.take().filter((call) => !/begin|commit/.test(call));
    assert.deepEqual(calls, [
      'low logStart 0x0-0xfff ram 0 1',
      'high logStart 0x0-0xfff ram 0 1',
      'low logStart 0x0-0xfff ram 1 3',
      'high logStart 0x0-0xfff ram 1 3',
      'high logStop 0x0-0xfff ram 3 2',
      'low logStop 0x0-0xfff ram 3 2',
    ]);
  });

  test('bits that come and go at once are told in two calls, after regionNop', () => {
    const { topology, log, ram } = machine();
    const region = ram('ram', 0);
    region.setDirtyLog('vga', true);
    topology.addListener(
      log.listener({
        name: 'L',
        only: ['regionAdd', 'regionDel', 'regionNop', 'logStart', 'logStop'],
      }),
    );
    log.take();
    topology.transaction(() => {
      region.setDirtyLog('vga', false);
      region.setDirtyLog('code', true);
    });
    assert.deepEqual(log.take(), [
      'L regionNop 0x0-0xfff ram',
      'L logStart 0x0-0xfff ram 1 2',
      'L logStop 0x0-0xfff ram 1 2',
    ]);
  });

  test('a range that moves takes its mask along: del and add, no logStart', () => {
    const { topology, log, ram } = machine();
    const region = ram('ram', 0);
    region.setDirtyLog('vga', true);
    const masks: number[] = [];
    topology.addListener(log.listener({ name: 'L' }));
    topology.addListener({
      regionAdd: ({ dirtyLogMask }) => masks.push(dirtyLogMask),
      regionDel: ({ dirtyLogMask }) => masks.push(dirtyLogMask),
    });
    log.take();
    region.address = 0x1000n;
    assert.deepEqual(log.take(), [
      'L begin',
      'L regionDel 0x0-0xfff ram',
      'L regionAdd 0x1000-0x1fff ram',
      'L commit',
    ]);
    assert.deepEqual(masks, [1, 1, 1]);
  });

  test('global logging: logGlobalStart, then every ram hears logStart; and back', () => {
    const { topology, system, log, ram } = machine();
    ram('ram', 0);
    system.addSubregion(0x2000, topology.io('io', 0x1000, {}));
    const local = topology.ram('local', 0x1000, { backing: 'none', migratable: false });
    system.addSubregion(0x4000, local);
    topology.addListener(log.listener({ name: 'low' }));
    topology.addListener(log.listener({ name: 'high', priority: 1 }));
    log.take();
    assert.equal(topology.isDirtyLogOn, false);
    topology.startDirtyLog();
    assert.equal(topology.isDirtyLogOn, true);
    topology.startDirtyLog();
    assert.deepEqual(log.take(), [
      'low logGlobalStart',
      'high logGlobalStart',
      'low begin',
      'high begin',
      'low logStart 0x0-0xfff ram 0 4',
      'high logStart 0x0-0xfff ram 0 4',
      'low commit',
      'high commit',
    ]);
    assert.equal(topology.addressSpaces[0]?.lookup(0)?.dirtyLogMask, 4);
    topology.stopDirtyLog();
    topology.stopDirtyLog();
    assert.equal(topology.isDirtyLogOn, false);
    assert.deepEqual(log.take(), [
      'low begin',
      'high begin',
      'high logStop 0x0-0xfff ram 4 0',
      'low logStop 0x0-0xfff ram 4 0',
      'low commit',
      'high commit',
      'high logGlobalStop',
      'low logGlobalStop',
    ]);
  });

  test('ram that appears while all memory is watched is watched', () => {
    const { topology, memory, log, ram } = machine();
    topology.addListener(log.listener({ name: 'L' }));
    topology.startDirtyLog();
    ram('ram', 0);
    assert.equal(memory.lookup(0)?.dirtyLogMask, 4);
  });

  test('syncDirtyLog asks for every watched range, low priority first; or for those of one region', () => {
    const { topology, log, ram } = machine();
    const [a, b] = [ram('a', 0), ram('b', 0x1000)];
    ram('c', 0x2000);
    a.setDirtyLog('vga', true);
    b.setDirtyLog('code', true);
    const only = ['logSync'] as const;
    topology.addListener(log.listener({ name: 'high', priority: 1, only }));
    topology.addListener(log.listener({ name: 'low', only }));
    topology.syncDirtyLog();
    assert.deepEqual(log.take(), [
      'low logSync 0x0-0xfff a',
      'high logSync 0x0-0xfff a',
      'low logSync 0x1000-0x1fff b',
      'high logSync 0x1000-0x1fff b',
    ]);
    topology.syncDirtyLog(b);
    assert.deepEqual(log.take(), ['low logSync 0x1000-0x1fff b', 'high logSync 0x1000-0x1fff b']);
  });
});

suite('watching written pages again', () => {
  test('clearDirtyLog tells of the part of each watched section of the region', () => {
    const { topology, system, log, ram } = machine();
    const region = ram('a', 0x1000, 0x4000);
    ram('b', 0x5000).setDirtyLog('vga', true);
    const half = topology.alias('half', region, { offset: 0x2000, size: 0x2000 });
    system.addSubregion(0x10000, half);
    topology.addListener(log.listener({ name: 'L', only: ['logClear'] }));
    topology.clearDirtyLog(region, 0, 0x4000);
    assert.deepEqual(log.take(), []);
    region.setDirtyLog('migration', true);
    topology.clearDirtyLog(region, 0x1800, 0x1800);
    assert.deepEqual(log.take(), [
      'L logClear 0x2800-0x3fff a+0x1800',
      'L logClear 0x10000-0x10fff a+0x2000',
    ]);
    assert.throws(() => topology.clearDirtyLog(region, -1, 1), { code: 'ERR_ADDRESS_RANGE' });
  });
});

suite('ioeventfds', () => {
  const fd = (address: bigint, size: 0 | 1 | 2 | 4 | 8, data: bigint | undefined, number: number) =>
    ({ address, size, data, fd: number }) as const;

  test('dels go from low priority to high, adds from high to low, without begin and commit', () => {
    const { topology, system, log } = machine();
    const io = topology.io('io', 0x1000, {});
    system.addSubregion(0x4000, io);
    topology.addListener(log.listener({ name: 'low' }));
    topology.addListener(log.listener({ name: 'high', priority: 1 }));
    log.take();
    io.addIoEventFd(fd(0x10n, 4, 1n, 7));
    assert.deepEqual(log.take(), [
      'high eventfdAdd 0x4000-0x4fff io 0x4010/4=0x1 fd7',
      'low eventfdAdd 0x4000-0x4fff io 0x4010/4=0x1 fd7',
    ]);
    io.removeIoEventFd(fd(0x10n, 4, 1n, 7));
    assert.deepEqual(log.take(), [
      'low eventfdDel 0x4000-0x4fff io 0x4010/4=0x1 fd7',
      'high eventfdDel 0x4000-0x4fff io 0x4010/4=0x1 fd7',
    ]);
  });

  test('they come after all ranges, and follow their region', () => {
    const { topology, system, log } = machine();
    const io = topology.io('io', 0x1000, {});
    system.addSubregion(0x4000, io);
    io.addIoEventFd(fd(0n, 2, undefined, 3));
    topology.addListener(log.listener({ name: 'L' }));
    log.take();
    io.address = 0x8000n;
    assert.deepEqual(log.take(), [
      'L begin',
      'L regionDel 0x4000-0x4fff io',
      'L regionAdd 0x8000-0x8fff io',
      'L eventfdDel 0x4000-0x4fff io 0x4000/2=any fd3',
      'L eventfdAdd 0x8000-0x8fff io 0x8000/2=any fd3',
      'L commit',
    ]);
  });

  test('where nothing else can have changed, ranges are not gone through', () => {
    const { topology, system, log } = machine();
    const io = topology.io('io', 0x1000, {});
    system.addSubregion(0x4000, io);
    const only = ['begin', 'regionNop', 'regionAdd', 'regionDel', 'eventfdAdd', 'commit'] as const;
    topology.addListener(log.listener({ name: 'L', only }));
    log.take();
    io.addIoEventFd(fd(0n, 2, undefined, 3));
    assert.deepEqual(log.take(), ['L eventfdAdd 0x4000-0x4fff io 0x4000/2=any fd3']);
  });

  test('all dels come before all adds: one may take the place of another', () => {
    const { topology, system, log } = machine();
    const [one, other] = [topology.io('one', 0x1000, {}), topology.io('other', 0x1000, {})];
    one.addIoEventFd(fd(0n, 4, undefined, 9));
    one.addIoEventFd(fd(8n, 4, undefined, 8));
    other.addIoEventFd(fd(0n, 4, undefined, 3));
    system.addSubregion(0x4000, one);
    topology.addListener(log.listener({ name: 'L', only: ['eventfdAdd', 'eventfdDel'] }));
    log.take();
    topology.transaction(() => {
      system.removeSubregion(one);
      system.addSubregion(0x4000, other);
    });
    assert.deepEqual(log.take(), [
      'L eventfdDel 0x4000-0x4fff one 0x4000/4=any fd9',
      'L eventfdDel 0x4000-0x4fff one 0x4008/4=any fd8',
      'L eventfdAdd 0x4000-0x4fff other 0x4000/4=any fd3',
    ]);
  });

  test('one of which only a part shows is told, unless it would begin below the first address', () => {
    const { topology, system, log } = machine();
    const io = topology.io('io', 0x1000, {});
    io.addIoEventFd(fd(0x7fen, 4, undefined, 3));
    const window = topology.alias('window', io, { offset: 0x800 });
    system.addSubregion(0x4000, window);
    topology.addListener(log.listener({ name: 'L', only: ['eventfdAdd', 'eventfdDel'] }));
    assert.deepEqual(log.take(), ['L eventfdAdd 0x4000-0x47ff io+0x800 0x3ffe/4=any fd3']);
    window.address = 0n;
    assert.deepEqual(log.take(), ['L eventfdDel 0x4000-0x47ff io+0x800 0x3ffe/4=any fd3']);
  });

  test('one in a part that is covered is gone, and comes back', () => {
    const { topology, system, log } = machine();
    const io = topology.io('io', 0x1000, {});
    system.addSubregion(0, io);
    io.addIoEventFd(fd(0x10n, 4, undefined, 3));
    io.addIoEventFd(fd(0x80n, 4, undefined, 4));
    const cover = topology.io('cover', 0x40, {}, { enabled: false });
    system.addSubregion(0, cover, { priority: 1 });
    topology.addListener(log.listener({ name: 'L', only: ['eventfdAdd', 'eventfdDel'] }));
    log.take();
    cover.enabled = true;
    assert.deepEqual(log.take(), ['L eventfdDel 0x0-0xfff io 0x10/4=any fd3']);
    cover.enabled = false;
    assert.deepEqual(log.take(), ['L eventfdAdd 0x0-0xfff io 0x10/4=any fd3']);
  });

  test('the list is in order: address, width, matching or not, value, descriptor', () => {
    const { topology, system, log } = machine();
    const io = topology.io('io', 0x1000, {});
    system.addSubregion(0, io);
    topology.addListener(log.listener({ name: 'L', only: ['eventfdAdd', 'eventfdDel'] }));
    topology.transaction(() => {
      io.addIoEventFd(fd(0x10n, 4, 2n, 1));
      io.addIoEventFd(fd(0x10n, 4, 1n, 9));
      io.addIoEventFd(fd(0x10n, 4, undefined, 8));
      io.addIoEventFd(fd(0x10n, 2, 5n, 7));
      io.addIoEventFd(fd(0x8n, 8, 5n, 6));
      io.addIoEventFd(fd(0x10n, 4, 1n, 3));
    });
    assert.deepEqual(
      io.ioeventfds.map((it) => it.fd),
      [6, 7, 8, 3, 9, 1],
    );
    assert.deepEqual(
      log.take().map((call) => call.split(' ').at(-1)),
      ['fd6', 'fd7', 'fd8', 'fd3', 'fd9', 'fd1'],
    );
  });

  test('the value is told in the byte order of the guest for a big-endian region', () => {
    const { topology, system, log } = machine();
    const io = topology.io('io', 0x1000, { endianness: 'big' });
    system.addSubregion(0, io);
    topology.addListener(log.listener({ name: 'L', only: ['eventfdAdd', 'eventfdDel'] }));
    io.addIoEventFd(fd(0n, 4, 0x11223344n, 3));
    assert.deepEqual(log.take(), ['L eventfdAdd 0x0-0xfff io 0x0/4=0x44332211 fd3']);
    io.removeIoEventFd(fd(0n, 4, 0x11223344n, 3));
    assert.deepEqual(log.take(), ['L eventfdDel 0x0-0xfff io 0x0/4=0x44332211 fd3']);
  });
});

suite('coalesced ranges', () => {
  test('come after regionAdd, low priority first, and go before regionDel, high priority first', () => {
    const { topology, system, log } = machine();
    const io = topology.io('io', 0x1000, {});
    io.addCoalescedRange(0x100, 0x10);
    topology.addListener(log.listener({ name: 'low' }));
    topology.addListener(log.listener({ name: 'high', priority: 1 }));
    log.take();
    const between = (): string[] => log.take().filter((call) => !/begin|commit/.test(call));
    system.addSubregion(0x4000, io);
    assert.deepEqual(between(), [
      'low regionAdd 0x4000-0x4fff io',
      'high regionAdd 0x4000-0x4fff io',
      'low coalescedIoAdd 0x4000-0x4fff io 0x4100 0x10',
      'high coalescedIoAdd 0x4000-0x4fff io 0x4100 0x10',
    ]);
    system.removeSubregion(io);
    assert.deepEqual(between(), [
      'high coalescedIoDel 0x4000-0x4fff io 0x4100 0x10',
      'low coalescedIoDel 0x4000-0x4fff io 0x4100 0x10',
      'high regionDel 0x4000-0x4fff io',
      'low regionDel 0x4000-0x4fff io',
    ]);
  });

  test('are cut to what shows of the region; where nothing shows, nothing is told', () => {
    const { topology, system, log } = machine();
    const io = topology.io('io', 0x1000, {});
    io.addCoalescedRange(0x0, 0x1000);
    io.addCoalescedRange(0x900, 0);
    system.addSubregion(0, topology.alias('window', io, { offset: 0x800, size: 0x400 }));
    system.addSubregion(0x100, topology.io('cover', 0x100, {}), { priority: 1 });
    const only = ['coalescedIoAdd', 'coalescedIoDel'] as const;
    topology.addListener(log.listener({ name: 'L', only }));
    assert.deepEqual(log.take(), [
      'L coalescedIoAdd 0x0-0xff io+0x800 0x0 0x100',
      'L coalescedIoAdd 0x200-0x3ff io+0xa00 0x200 0x200',
    ]);
  });

  test('of a range that stays, only what is new or gone is told', () => {
    const { topology, system, log } = machine();
    const io = topology.io('io', 0x1000, {});
    system.addSubregion(0x4000, io);
    io.addCoalescedRange(0x0, 0x10);
    const only = ['regionAdd', 'regionDel', 'coalescedIoAdd', 'coalescedIoDel'] as const;
    topology.addListener(log.listener({ name: 'L', only }));
    log.take();
    io.addCoalescedRange(0x20, 0x10);
    assert.deepEqual(log.take(), ['L coalescedIoAdd 0x4000-0x4fff io 0x4020 0x10']);
    assert.deepEqual(io.coalescedRanges, [
      { offset: 0n, size: 0x10n },
      { offset: 0x20n, size: 0x10n },
    ]);
    io.clearCoalescedRanges();
    assert.deepEqual(log.take(), [
      'L coalescedIoDel 0x4000-0x4fff io 0x4000 0x10',
      'L coalescedIoDel 0x4000-0x4fff io 0x4020 0x10',
    ]);
  });
});

suite('adding and removing listeners', () => {
  function populated(): Machine & { readonly io: MemoryRegion } {
    const it = machine();
    it.ram('ram', 0).setDirtyLog('vga', true);
    const io = it.topology.io('io', 0x1000, {});
    it.system.addSubregion(0x4000, io);
    io.addIoEventFd({ address: 8n, size: 4, data: undefined, fd: 5 });
    io.addCoalescedRange(0, 0x10);
    return { ...it, io };
  }

  const present = [
    'L begin',
    'L regionAdd 0x0-0xfff ram',
    'L logStart 0x0-0xfff ram 0 1',
    'L regionAdd 0x4000-0x4fff io',
    'L coalescedIoAdd 0x4000-0x4fff io 0x4000 0x10',
    'L eventfdAdd 0x4000-0x4fff io 0x4008/4=any fd5',
    'L commit',
  ];
  const gone = [
    'L begin',
    'L logStop 0x0-0xfff ram 1 0',
    'L regionDel 0x0-0xfff ram',
    'L coalescedIoDel 0x4000-0x4fff io 0x4000 0x10',
    'L regionDel 0x4000-0x4fff io',
    'L eventfdDel 0x4000-0x4fff io 0x4008/4=any fd5',
    'L commit',
  ];

  test('a new listener hears of all that is there, and one that leaves that all is gone', () => {
    const { topology, log, io } = populated();
    const listener = log.listener({ name: 'L' });
    topology.addListener(listener);
    assert.deepEqual(log.take(), present);
    topology.removeListener(listener);
    assert.deepEqual(log.take(), gone);
    io.address = 0x8000n;
    assert.deepEqual(log.take(), [], 'and then nothing more');
  });

  test('others hear nothing of it', () => {
    const { topology, log } = populated();
    topology.addListener(log.listener({ name: 'other' }));
    log.take();
    const listener = log.listener({ name: 'L' });
    topology.addListener(listener);
    topology.removeListener(listener);
    assert.deepEqual(log.take(), [...present, ...gone]);
  });

  test('while all memory is watched a new listener hears logGlobalStart first', () => {
    const { topology, log } = populated();
    topology.startDirtyLog();
    topology.addListener(log.listener({ name: 'L' }));
    assert.deepEqual(log.take().slice(0, 4), [
      'L begin',
      'L logGlobalStart',
      'L regionAdd 0x0-0xfff ram',
      'L logStart 0x0-0xfff ram 0 5',
    ]);
  });

  test('a listener of one address space hears of no other; begin and commit are for all', () => {
    const { topology, memory, log, io } = populated();
    const ports = topology.container('ports', 0x10000);
    const keyboard = topology.io('keyboard', 8, {});
    ports.addSubregion(0x60, keyboard);
    const portSpace = topology.addressSpace('I/O', ports);
    portSpace.addListener(log.listener({ name: 'ports' }));
    assert.deepEqual(log.take(), [
      'ports begin',
      'ports regionAdd 0x60-0x67 keyboard',
      'ports commit',
    ]);
    const own = log.listener({ name: 'L' });
    memory.addListener(own);
    assert.deepEqual(log.take(), present);
    keyboard.address = 0x70n;
    assert.deepEqual(log.take(), [
      'ports begin',
      'L begin',
      'ports regionDel 0x60-0x67 keyboard',
      'ports regionAdd 0x70-0x77 keyboard',
      'ports commit',
      'L commit',
    ]);
    memory.removeListener(own);
    assert.deepEqual(log.take(), gone);
    io.address = 0x8000n;
    assert.deepEqual(log.take(), ['ports begin', 'ports commit']);
  });

  test('one listener may listen to several address spaces', () => {
    const { topology, memory, log } = populated();
    const box = topology.container('box', 0x1000);
    const io = topology.io('other', 8, {});
    box.addSubregion(0, io);
    const other = topology.addressSpace('other', box);
    const listener = log.listener({ name: 'L' });
    memory.addListener(listener);
    other.addListener(listener);
    log.take();
    io.size = 4n;
    assert.deepEqual(log.take(), [
      'L begin',
      'L regionDel 0x0-0x7 other',
      'L regionAdd 0x0-0x3 other',
      'L commit',
    ]);
    other.removeListener(listener);
    log.take();
    io.size = 8n;
    assert.deepEqual(log.take(), ['L begin', 'L commit']);
  });

  test('a new address space is told as added, a destroyed one as gone', () => {
    const { topology, log, io } = populated();
    topology.addListener(
      log.listener({ name: 'L', only: ['begin', 'regionAdd', 'regionDel', 'commit'] }),
    );
    log.take();
    const own = topology.addressSpace('own', io);
    assert.deepEqual(log.take(), ['L begin', 'L regionAdd 0x4000-0x4fff io', 'L commit']);
    own.destroy();
    assert.deepEqual(log.take(), ['L begin', 'L regionDel 0x4000-0x4fff io', 'L commit']);
  });

  test('the listeners of a destroyed address space hear that all is gone, and then nothing', () => {
    const { topology, memory, log, io } = populated();
    memory.addListener(log.listener({ name: 'L' }));
    log.take();
    memory.destroy();
    const heard = log.take();
    assert.deepEqual(
      heard.filter((call) => /region|eventfd|coalesced/.test(call)),
      gone.filter((call) => /region|eventfd|coalesced/.test(call)),
    );
    assert.equal(heard[0], 'L begin');
    assert.equal(heard.at(-1), 'L commit');
    io.address = 0x8000n;
    topology.addressSpace('another', io);
    assert.deepEqual(log.take(), []);
  });

  test('a listener that has no callbacks is legal', () => {
    const { topology, io } = populated();
    const mute: MemoryListener = {};
    topology.addListener(mute);
    io.address = 0x8000n;
    topology.removeListener(mute);
  });

  test('callbacks are called as methods, also those of a class', () => {
    class Counter implements MemoryListener {
      #adds = 0;
      regionAdd(): void {
        this.#adds++;
      }
      get adds(): number {
        return this.#adds;
      }
    }
    const { topology } = populated();
    const counter = new Counter();
    topology.addListener(counter);
    assert.equal(counter.adds, 2);
  });
});

suite('what a callback sees', () => {
  test('a section says all of its range, and where it is', () => {
    const { topology, system, memory } = machine();
    const ram = topology.ram('ram', 0x4000, { backing: 'none' });
    ram.setDirtyLog('vga', true);
    const window = topology.alias('window', ram, {
      offset: 0x1000,
      size: 0x1000,
      readonly: true,
      nonvolatile: true,
    });
    system.addSubregion(0x8000, window);
    const sections: MemoryRegionSection[] = [];
    topology.addListener({ regionAdd: (section) => sections.push(section) });
    const [section] = sections;
    assert.ok(section);
    assert.equal(section.addressSpace, memory);
    assert.equal(section.region, ram);
    assert.equal(section.address, 0x8000n);
    assert.equal(section.size, 0x1000n);
    assert.equal(section.offset, 0x1000n);
    assert.equal(section.readonly, true);
    assert.equal(section.nonvolatile, true);
    assert.equal(section.unmergeable, false);
    assert.equal(section.romd, true);
    assert.equal(section.dirtyLogMask, 1);
  });

  test('views and lookups are old until the last commit has returned; properties are new', () => {
    const { topology, memory, ram } = machine();
    const region = ram('ram', 0);
    const before = memory.flatView;
    let calls = 0;
    let isWatching = false;
    const check = (): void => {
      if (!isWatching) return;
      assert.equal(memory.flatView, before);
      assert.equal(memory.lookup(0)?.region, region);
      assert.equal(memory.lookup(0x8000), undefined);
      assert.notEqual(region.address, 0n);
      calls++;
    };
    topology.addListener({ begin: check, regionDel: check, regionAdd: check, commit: check });
    isWatching = true;
    region.address = 0x8000n;
    assert.equal(calls, 4);
    assert.deepEqual(viewLines(memory), ['0x8000-0x8fff ram']);
  });
});
