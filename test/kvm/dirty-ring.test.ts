import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryTopology } from '../../lib/index.js';
import { Kvm, realModeSegment, userMemoryFlag } from '../../lib/kvm/index.js';
import { noKvm } from './real-mode-guest.js';

const real = { skip: noKvm };

test(
  'a dirty ring gives the pages that a guest writes, each once until it is reset',
  real,
  async (t) => {
    using kvm = Kvm.open();
    const dirtyLogRing = 192;
    if (kvm.checkExtension(dirtyLogRing) === 0) return t.skip('no KVM_CAP_DIRTY_LOG_RING');
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
    using vm = kvm.createVm({ dirtyRingEntries: 512 });
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
    const written = [
      { slot: 3, page: 5n },
      { slot: 3, page: 3n },
    ];
    const first = await runOnce();
    assert.deepEqual(first.slice(0, 2), written);
    assert.deepEqual(vcpu.harvestDirtyPages(), []);
    assert.equal(vm.resetDirtyRings(), first.length);
    assert.deepEqual((await runOnce()).slice(0, 2), written);
  },
);
