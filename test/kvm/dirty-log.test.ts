import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type DirtyLogClient, HostMemory, type RamRegion } from '../../lib/index.js';
import { guest, pages } from './guest.js';

/** The written parts that a client takes, in pages. */
function take(region: RamRegion, client: DirtyLogClient = 'vga'): string[] {
  const snapshot = region.dirtyPages.snapshotAndClear(client, 0, region.size);
  return [...snapshot.ranges()].map(({ offset, size }) => `${offset / 4096n}+${size / 4096n}`);
}

suite('the dirty log', () => {
  test('watching is a flag of the slot, switched in place', () => {
    const { ram, ioctls } = guest();
    const vram = ram('vram', 0x4000, 0x10000);
    ioctls();
    vram.setDirtyLog('vga', true);
    vram.setDirtyLog('migration', true);
    vram.setDirtyLog('vga', false);
    vram.setDirtyLog('migration', false);
    assert.deepEqual(ioctls(), ['set 0 0x10000+0x4000 d', 'set 0 0x10000+0x4000']);
  });

  test('what the guest wrote comes to who watches, at its place in the region', () => {
    const { topology, system, ram, kvm } = guest();
    const vram = ram('vram', 0x80000, 0x100000);
    const other = ram('other', 0x10000, 0x400000);
    const window = topology.alias('window', vram, { offset: 0x10000, size: 0x10000 });
    system.addSubregion(0x200000, window);
    vram.setDirtyLog('vga', true);
    for (const address of [0x100000n, 0x101ffcn, 0x102000n, 0x203008n, 0x400000n]) {
      kvm.write(address, 4, 1n);
    }
    topology.syncDirtyLog();
    assert.deepEqual(take(vram), ['0+3', '19+1']);
    assert.deepEqual(take(vram), []);
    assert.deepEqual(take(other), []);
    topology.syncDirtyLog();
    assert.deepEqual(take(vram), []);
  });

  test('the log of all memory watches every slot', () => {
    const { topology, ram, kvm, ioctls } = guest();
    const region = ram('pc.ram', 0x4000, 0);
    ram('more', 0x4000, 0x10000);
    ioctls();
    topology.startDirtyLog();
    assert.deepEqual(ioctls(), ['set 0 0x0+0x4000 d', 'set 1 0x10000+0x4000 d']);
    kvm.write(0x1000n, 1, 1n);
    topology.syncDirtyLog(region);
    assert.deepEqual(take(region, 'migration'), ['1+1']);
    topology.stopDirtyLog();
    assert.equal(ioctls().at(-1), 'set 1 0x10000+0x4000');
  });

  test('nothing that was written is lost when a slot is cut, moved, or goes', () => {
    const { topology, ram, io, kvm } = guest();
    const region = ram('pc.ram', 0x10000, 0);
    region.setDirtyLog('migration', true);
    kvm.write(0x3000n, 4, 1n);
    const hole = io('hole', 0x1000, 0x8000, 1);
    kvm.write(0x4000n, 4, 1n);
    kvm.write(0x9000n, 4, 1n);
    region.address = 0x100000n;
    kvm.write(0x105000n, 4, 1n);
    hole.enabled = false;
    region.enabled = false;
    topology.syncDirtyLog();
    assert.deepEqual(take(region, 'migration'), ['3+3', '9+1']);
  });

  test('vCPUs pause when a watched slot goes, so that no write is missed', () => {
    let pauses = 0;
    const { ram } = guest({ pause: () => pauses++ });
    const region = ram('pc.ram', 0x4000, 0);
    region.enabled = false;
    region.enabled = true;
    assert.equal(pauses, 0);
    region.setDirtyLog('vga', true);
    region.enabled = false;
    assert.equal(pauses, 1);
  });

  test('a page that two pieces share is marked in both', () => {
    const { topology, system, kvm } = guest();
    const host = pages(0x2000);
    const piece = (name: string, start: bigint, size: number): RamRegion => {
      const memory = HostMemory.at(host.hostAddress + start, size, host);
      const region = topology.ramDevice(name, size, { memory });
      system.addSubregion(0x10000n + start, region);
      region.setDirtyLog('vga', true);
      return region;
    };
    const [a, b] = [piece('a', 0n, 0x800), piece('b', 0x800n, 0x1800)];
    kvm.write(0x10000n, 4, 1n);
    topology.syncDirtyLog();
    assert.deepEqual([take(a), take(b)], [['0+1'], ['0+1']]);
  });

  test('a log that cannot be read fails the sync, and is still there', () => {
    const { topology, ram, kvm } = guest();
    const region = ram('vram', 0x4000, 0);
    region.setDirtyLog('vga', true);
    kvm.write(0x1000n, 4, 1n);
    kvm.order({ ioctl: 'KVM_GET_DIRTY_LOG', call: 1, errno: 'EFAULT' });
    assert.throws(() => topology.syncDirtyLog(), { code: 'ERR_LISTENER_FAILED', errno: 'EFAULT' });
    topology.syncDirtyLog();
    assert.deepEqual(take(region), ['1+1']);
  });
});

suite('dirty rings', () => {
  function ringing() {
    let emptied = 0;
    const machine = guest(
      {
        emptyDirtyRings: () => {
          emptied++;
          for (const { slot, page } of machine.kvm.takeDirtyRing()) {
            machine.slots.markWritten(slot, page);
          }
        },
      },
      { dirtyRing: true },
    );
    return { ...machine, emptied: () => emptied };
  }

  test('their entries come to the regions, and nobody reads logs of slots', () => {
    const { topology, ram, kvm, ioctls } = ringing();
    const [a, b] = [ram('a', 0x4000, 0x10000), ram('b', 0x4000, 0x20000)];
    topology.startDirtyLog();
    ioctls();
    kvm.write(0x11000n, 4, 1n);
    kvm.write(0x23000n, 4, 1n);
    topology.syncDirtyLog();
    assert.deepEqual([take(a, 'migration'), take(b, 'migration')], [['1+1'], ['3+1']]);
    assert.deepEqual(ioctls(), []);
  });

  test('they are emptied before a watched slot goes, as its number is used again', () => {
    const { ram, kvm, slots, emptied } = ringing();
    const a = ram('a', 0x4000, 0x10000);
    a.setDirtyLog('vga', true);
    kvm.write(0x12000n, 4, 1n);
    a.enabled = false;
    assert.equal(emptied(), 1);
    assert.deepEqual(take(a), ['2+1']);
    const b = ram('b', 0x4000, 0x10000);
    b.setDirtyLog('vga', true);
    assert.deepEqual(take(b), []);
    slots.markWritten(0x10000, 1n);
    slots.markWritten(7, 1n);
    assert.deepEqual(take(b), []);
    b.setDirtyLog('vga', false);
    b.enabled = false;
    assert.equal(emptied(), 1);
  });
});

suite('manual protection', () => {
  test('all is written at first; a part is watched again when it is cleared, and nothing else', () => {
    const { topology, ram, kvm } = guest({ manualDirtyLog: true });
    const region = ram('pc.ram', 0x100000, 0x100000);
    region.setDirtyLog('migration', true);
    topology.syncDirtyLog();
    assert.deepEqual(take(region, 'migration'), ['0+256']);
    topology.clearDirtyLog(region, 0x10000, 0x81000);
    topology.syncDirtyLog();
    assert.deepEqual(take(region, 'migration'), ['0+16', '145+111']);
    kvm.write(0x120000n, 4, 1n);
    topology.clearDirtyLog(region, 0, 0x100000);
    topology.syncDirtyLog();
    assert.deepEqual(take(region, 'migration'), ['32+1']);
  });

  test('a page written between reading and clearing is not lost', () => {
    const { topology, ram, kvm } = guest({ manualDirtyLog: true });
    const region = ram('pc.ram', 0x4000, 0);
    region.setDirtyLog('migration', true);
    topology.syncDirtyLog();
    topology.clearDirtyLog(region, 0, 0x4000);
    topology.syncDirtyLog();
    take(region, 'migration');
    kvm.write(0x1000n, 4, 1n);
    topology.clearDirtyLog(region, 0, 0x4000);
    topology.syncDirtyLog();
    assert.deepEqual(take(region, 'migration'), ['1+1']);
  });

  test('what has nothing to clear costs no ioctl', () => {
    const { topology, ram, ioctls } = guest({ manualDirtyLog: true });
    const region = ram('pc.ram', 0x4000, 0);
    region.setDirtyLog('migration', true);
    topology.syncDirtyLog();
    ioctls();
    topology.clearDirtyLog(region, 0, 0x4000);
    topology.clearDirtyLog(region, 0, 0x4000);
    assert.deepEqual(ioctls(), ['KVM_CLEAR_DIRTY_LOG']);
  });

  test('an old kernel watches at once', () => {
    const { topology, ram, kvm, ioctls } = guest(
      { manualDirtyLog: true },
      { manualDirtyLogProtect: 0 },
    );
    const region = ram('pc.ram', 0x4000, 0);
    region.setDirtyLog('migration', true);
    kvm.write(0n, 4, 1n);
    topology.syncDirtyLog();
    ioctls();
    topology.clearDirtyLog(region, 0, 0x4000);
    assert.deepEqual(ioctls(), []);
    assert.deepEqual(take(region, 'migration'), ['0+1']);
  });
});
