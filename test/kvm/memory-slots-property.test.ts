// Random edits of a small machine in which everything overlaps; after each, the slots of the simulated kernel are
// compared with what the flat view says, page by page.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { FlatviewError } from '../../lib/index.js';
import { KvmMemorySlots, type KvmVm, userMemoryFlag } from '../../lib/kvm/index.js';
import { mapPages, planCost, planMappings } from '../../lib/mapping/index.js';
import { SimulatedKvm } from '../../lib/simulated/index.js';
import { pageOf } from '../mapping/mapped-pages-oracle.js';
import { type Edit, pageCount, SmallMachine, someEdits } from '../mapping/small-machine.js';
import { runs } from '../oracle/runs.js';

const pageSizes = [0x1000n, 0x4000n, 0x10000n];

/** Pages that anything can lie in. */
const lastPage = pageCount + 10n;

/** What the guest finds at each page, in short. */
function pagesOf(kvm: SimulatedKvm): string[] {
  return Array.from({ length: Number(lastPage) }, (_, i) => {
    const address = BigInt(i) * kvm.pageSize;
    const access = kvm.read(address);
    if (access.kind !== 'memory') return access.kind;
    const isReadonly = kvm.write(address, 1, 0n).kind !== 'memory';
    return `${access.hostAddress.toString(16)}${isReadonly ? ' r' : ''}`;
  });
}

/** What the guest is to find, from the flat view. */
function expectedPages(machine: SmallMachine, pageSize: bigint): string[] {
  const ranges = [...machine.memory.flatView.ranges()];
  return Array.from({ length: Number(lastPage) }, (_, i) => {
    const page = pageOf(ranges, BigInt(i) * pageSize, pageSize);
    return page === undefined
      ? 'exit'
      : `${page.hostAddress.toString(16)}${page.readonly ? ' r' : ''}`;
  });
}

/** A VM that says what the guest finds after each slot that is set. */
function watched(kvm: SimulatedKvm, see: () => void): KvmVm {
  return new Proxy(kvm, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        const result = value.apply(target, args);
        if (name === 'setUserMemoryRegion') see();
        return result;
      };
    },
  });
}

function slotLines(kvm: SimulatedKvm): string[] {
  return kvm.slots
    .map(({ slot, flags, guestAddress, size, hostAddress }) =>
      [slot, flags, guestAddress, size, hostAddress].join(' '),
    )
    .sort();
}

/** What the listener believes is what the kernel has, and neither more nor less than what is wanted. */
function assertConsistent(machine: SmallMachine, kvm: SimulatedKvm, slots: KvmMemorySlots): void {
  const { readonly, logDirtyPages } = userMemoryFlag;
  const believed = slots.slots.map((it) =>
    [
      it.slot,
      (it.readonly ? readonly : 0) | (it.dirtyLog ? logDirtyPages : 0),
      it.address,
      it.size,
      it.hostAddress,
    ].join(' '),
  );
  assert.deepEqual([...believed].sort(), slotLines(kvm));
  assert.deepEqual(pagesOf(kvm), expectedPages(machine, kvm.pageSize));
  const { mappings } = mapPages(machine.memory.flatView.ranges(), rulesOf(kvm));
  const plan = planMappings(slots.slots, mappings, { canMove: () => true });
  assert.equal(planCost(plan).calls, 0, 'planned from nothing, there would be something to do');
}

function rulesOf({ pageSize }: KvmVm) {
  return {
    pageSize,
    largestMapping: pageSize << 30n,
    kinds: new Set(['ram', 'rom', 'ram-device', 'rom-device'] as const),
    canMapReadonly: true,
  };
}

function assertVerdicts(machine: SmallMachine, slots: KvmMemorySlots): void {
  const verdicts = [...slots.verdicts(machine.memory)];
  let at = 0;
  for (const range of machine.memory.flatView.ranges()) {
    let next = range.address;
    while (next <= range.last) {
      const verdict = verdicts[at++];
      assert.equal(verdict?.first, next);
      assert.ok(verdict.last <= range.last);
      const alone = slots.verdictAt(next, machine.memory);
      assert.equal(alone?.code, verdict.code);
      assert.deepEqual(alone.slot, verdict.slot);
      next = verdict.last + 1n;
    }
  }
  assert.equal(at, verdicts.length);
  const kept = slots.refusals.map(({ code, address, size }) => `${code} ${address}+${size}`);
  const told = verdicts.flatMap(({ refusal, code, first, last }) =>
    refusal !== undefined && slottedKinds.has(refusal.range.region.kind)
      ? [`${code} ${first}+${last - first + 1n}`]
      : [],
  );
  assert.deepEqual(kept, told, 'what is kept as refused is what verdicts tell of memory');
}

const slottedKinds = new Set(['ram', 'rom', 'ram-device', 'rom-device']);

suite('slots follow the flat view', () => {
  for (const pageSize of pageSizes) {
    test(`pages of ${pageSize / 1024n} KiB: what the guest finds, and that nothing is unmapped but as planned`, (t) => {
      const property = fc.property(someEdits(pageSize), fc.boolean(), (edits: Edit[], move) => {
        const machine = new SmallMachine(pageSize);
        const kvm = new SimulatedKvm({ pageSize });
        const seen: string[][] = [];
        let planned = { calls: 0, bytesInterrupted: 0n, hasGap: false };
        let pauses = 0;
        const vm = watched(kvm, () => seen.push(pagesOf(kvm)));
        const slots = new KvmMemorySlots(vm, {
          move,
          guestAddressLimit: 1n << 46n,
          review: (plan) => {
            planned = planCost(plan);
            assert.ok(move || plan.moves.length === 0);
          },
          pause: () => pauses++,
        });
        machine.memory.addListener(slots);
        assertConsistent(machine, kvm, slots);
        for (const edit of edits) {
          const before = pagesOf(kvm);
          seen.length = 0;
          pauses = 0;
          planned = { calls: 0, bytesInterrupted: 0n, hasGap: false };
          machine.run(edit);
          assertConsistent(machine, kvm, slots);
          assertVerdicts(machine, slots);
          const after = pagesOf(kvm);
          assert.equal(seen.length, planned.calls);
          const interrupted = before.filter(
            (page, i) => page !== 'exit' && page === after[i] && seen.some((it) => it[i] !== page),
          );
          assert.equal(BigInt(interrupted.length) * pageSize, planned.bytesInterrupted);
          const gaps = before.some(
            (page, i) =>
              page !== 'exit' && after[i] !== 'exit' && seen.some((it) => it[i] === 'exit'),
          );
          if (gaps) assert.ok(planned.hasGap && pauses === 1, 'a gap that the guest could see');
        }
        machine.topology.close();
      });
      fc.assert(property, runs<[Edit[], boolean]>(t, 120, 0.05));
    });
  }

  test('with few slots: joined, or refused and all as it was', (t) => {
    const pageSize = 0x1000n;
    const property = fc.property(
      someEdits(pageSize),
      fc.integer({ min: 9, max: 12 }),
      (edits, slotCount) => {
        const machine = new SmallMachine(pageSize);
        const kvm = new SimulatedKvm({ slotCount });
        const slots = new KvmMemorySlots(kvm, { guestAddressLimit: 1n << 46n });
        if (!succeeds(() => machine.memory.addListener(slots))) return;
        for (const edit of edits) {
          const before = slotLines(kvm);
          if (!succeeds(() => machine.run(edit))) assert.deepEqual(slotLines(kvm), before);
          assertConsistent(machine, kvm, slots);
        }
        machine.topology.close();
      },
    );
    fc.assert(property, runs<[Edit[], number]>(t, 200, 0.05));
  });
});

/** Whether `body` does not run out of slots. */
function succeeds(body: () => void): boolean {
  try {
    body();
    return true;
  } catch (error) {
    assert.ok(error instanceof FlatviewError && error.cause instanceof FlatviewError);
    assert.equal(error.cause.code, 'ERR_OUT_OF_SLOTS');
    return false;
  }
}

suite('All or nothing', () => {
  test('an error at any ioctl: tree, view and slots are as before, and go on from there', (t) => {
    const pageSize = 0x1000n;
    const faults = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 20, maxLength: 20 });
    let failures = 0;
    const property = fc.property(someEdits(pageSize), faults, (edits, calls) => {
      const machine = new SmallMachine(pageSize);
      const kvm = new SimulatedKvm();
      const slots = new KvmMemorySlots(kvm, { guestAddressLimit: 1n << 46n });
      machine.memory.addListener(slots);
      for (const [i, edit] of edits.entries()) {
        const before = { slots: slotLines(kvm), view: machine.memory.flatView };
        kvm.order({ ioctl: 'KVM_SET_USER_MEMORY_REGION', call: calls[i] ?? 1, errno: 'ENOMEM' });
        try {
          machine.run(edit);
        } catch (error) {
          assert.ok(error instanceof FlatviewError);
          assert.equal(error.code, 'ERR_LISTENER_FAILED');
          assert.equal(error.errno, 'ENOMEM');
          assert.match(error.syscall ?? '', /^KVM_SET_USER_MEMORY_REGION\(slot 0x/);
          assert.deepEqual(slotLines(kvm), before.slots);
          assert.equal(machine.memory.flatView, before.view);
          failures++;
        }
        kvm.cancelFaults();
        assertConsistent(machine, kvm, slots);
      }
      machine.topology.close();
    });
    fc.assert(property, runs<[Edit[], number[]]>(t, 200, 0.05));
    assert.ok(failures > 100, `only ${failures} failures were tested`);
  });
});
