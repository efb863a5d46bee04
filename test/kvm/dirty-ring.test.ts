import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryTopology, type RamRegion } from '../../lib/index.js';
import {
  type DirtyPage,
  Kvm,
  KvmMemorySlots,
  kvmCapability,
  realModeSegment,
  userMemoryFlag,
} from '../../lib/kvm/index.js';
import { noKvm } from './real-mode-guest.js';

const real = { skip: noKvm };

/**
 * The page that the guest runs from. Where the processor walks nested page tables, the kernel may map it writable when the
 * guest first reads it, and tells of it then (make_spte in arch/x86/kvm/mmu/spte.c): more is said than was written, never less.
 */
const codePage = 1n;

test(
  'a dirty ring gives the pages that a guest writes, each once until it is reset',
  real,
  async (t) => {
    using kvm = Kvm.open();
    if (kvm.checkExtension(kvmCapability.dirtyLogRing) === 0)
      return t.skip('no KVM_CAP_DIRTY_LOG_RING');
    const topology = new MemoryTopology();
    const ram = topology.ram('ram', 0x1_0000n).memory!;
    ram.copyIn(
      0x1000,
      Uint8Array.from([
        ...[0xc6, 0x06, 0x10, 0x50, 1], //  mov byte [0x5010], 1
        ...[0xc6, 0x06, 0x10, 0x30, 1], //  mov byte [0x3010], 1
        ...[0xc6, 0x06, 0x20, 0x50, 1], //  mov byte [0x5020], 1
        0xf4, //                            hlt
      ]),
    );
    using vm = kvm.createVm({ dirtyRingEntries: 1024 });
    const flags = userMemoryFlag.logDirtyPages;
    const place = { guestAddress: 0n, size: 0x1_0000n, hostAddress: ram.hostAddress };
    vm.setUserMemoryRegion({ slot: 3, flags, ...place });
    const vcpu = vm.createVcpu(0);
    const runOnce = async () => {
      vcpu.setSpecialRegisters({ cs: realModeSegment(0) });
      vcpu.setRegisters({ rip: 0x1000n, rflags: 2n });
      assert.equal((await vcpu.run()).kind, 'halt');
      return vcpu.harvestDirtyPages();
    };
    const stores = (entries: readonly DirtyPage[]) =>
      entries.filter(({ page }) => page !== codePage).slice(0, 2);
    const written = [
      { slot: 3, page: 5n },
      { slot: 3, page: 3n },
    ];
    const first = await runOnce();
    assert.deepEqual(stores(first), written);
    assert.deepEqual(vcpu.harvestDirtyPages(), []);
    assert.equal(vm.resetDirtyRings(), first.length);
    assert.deepEqual(stores(await runOnce()), written);
  },
);

test(
  'what the dirty rings say comes to the regions: when somebody asks, and before a slot goes',
  real,
  async (t) => {
    using kvm = Kvm.open();
    if (kvm.checkExtension(kvmCapability.dirtyLogRing) === 0)
      return t.skip('no KVM_CAP_DIRTY_LOG_RING');
    const topology = new MemoryTopology();
    const system = topology.container('system', 1n << 64n);
    const memory = topology.addressSpace('memory', system);
    const ram = topology.ram('ram', 0x8000n);
    const vram = topology.ram('vram', 0x4000n);
    system.addSubregion(0, ram);
    system.addSubregion(0x8000, vram);
    using vm = kvm.createVm({ memory, dirtyRingEntries: 1024 });
    let emptied = 0;
    const slots = new KvmMemorySlots(vm, {
      emptyDirtyRings: () => {
        emptied++;
        for (const each of vm.vcpus) {
          for (const { slot, page } of each.harvestDirtyPages()) slots.markWritten(slot, page);
        }
        vm.resetDirtyRings();
      },
    });
    memory.addListener(slots);
    ram.setDirtyLog('migration', true);
    vram.setDirtyLog('migration', true);
    memory.writeBytes(
      0x1000n,
      Uint8Array.from([
        ...[0xc6, 0x06, 0x10, 0x50, 1], //  mov byte [0x5010], 1
        ...[0xc6, 0x06, 0x10, 0x30, 1], //  mov byte [0x3010], 1
        ...[0xc6, 0x06, 0x10, 0xa0, 1], //  mov byte [0xa010], 1
        0xf4, //                            hlt
      ]),
    );
    const vcpu = vm.createVcpu(0);
    const runOnce = async () => {
      vcpu.setSpecialRegisters({ cs: realModeSegment(0) });
      vcpu.setRegisters({ rip: 0x1000n, rflags: 2n });
      assert.equal((await vcpu.run()).kind, 'halt');
    };
    const written = (region: RamRegion) => {
      const snapshot = region.dirtyPages.snapshotAndClear('migration', 0, region.size);
      return [...snapshot.ranges()]
        .filter(({ offset }) => offset / 4096n !== codePage)
        .map(({ offset, size }) => `${offset / 4096n}+${size / 4096n}`);
    };
    // What the program's own bytes were written with.
    written(ram);
    written(vram);

    await runOnce();
    assert.deepEqual([written(ram), written(vram), emptied], [[], [], 0]);
    topology.syncDirtyLog();
    assert.deepEqual([written(ram), written(vram)], [['3+1', '5+1'], ['2+1']]);

    // The rings were reset: the same pages are told of again.
    await runOnce();
    const before = emptied;
    vram.enabled = false;
    assert.equal(emptied, before + 1, 'the rings are emptied before the slot goes');
    assert.equal(slots.slots.length, 1);
    assert.deepEqual([written(ram), written(vram)], [['3+1', '5+1'], ['2+1']]);
    topology.close();
  },
);
