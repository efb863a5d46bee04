import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { FlatRange } from '../../lib/index.js';
import { type AssignedPciDevice, configRegister } from '../../lib/pci/index.js';
import {
  AssignedMachine,
  codeOf,
  deviceWith,
  nic,
  openDevice,
  patched,
  place,
  withoutMsixMappable,
} from './assigned-machine.js';
import { decodeAll, program, Saboteur, setCommand } from './pci-machine.js';

const base = 0xc000_0000n;
const small = 0x100n;

/** What shows from `base` on: kind, start and size of each range, relative to it. */
function shown(machine: AssignedMachine): string[] {
  return Array.from(machine.memory.flatView.ranges(), lineOf);
}

function lineOf({ region, address, size }: FlatRange): string {
  return `${region.kind} ${(address - base).toString(16)}+${size.toString(16)}`;
}

function slotSizes(machine: AssignedMachine): bigint[] {
  return machine.kvm.slots.map(({ size }) => size);
}

function baseSize(assigned: AssignedPciDevice, index: 0 | 1 | 2 = 0): bigint | undefined {
  return assigned.bar(index)?.region.size;
}

for (const pageSize of [0x1000n, 0x4000n, 0x1_0000n]) {
  const P = pageSize;
  const smallBar = { index: 0, kind: 'memory', size: small } as const;
  const otherBar = { index: 1, kind: 'memory', size: small } as const;
  const hex = (value: bigint): string => value.toString(16);

  suite(`an assigned BAR, pages of ${P / 1024n} KiB`, () => {
    function machineWith(...bars: Parameters<typeof deviceWith>[0]): AssignedMachine {
      return new AssignedMachine([deviceWith(bars)], { pageSize });
    }

    test('vector 1: a small BAR at the start of a page is one range of a page, and a slot', () => {
      const machine = machineWith(smallBar);
      const assigned = machine.assign();
      place(assigned, 0, base);
      assert.deepEqual(shown(machine), [`ram-device 0+${hex(P)}`]);
      assert.deepEqual(slotSizes(machine), [P]);
      assert.equal(assigned.bar(0)?.region.priority, 0);
    });

    test('vector 2: elsewhere in a page it is slow, has its own size and no slot', () => {
      const machine = machineWith(smallBar);
      const assigned = machine.assign();
      place(assigned, 0, base + small);
      assert.deepEqual(shown(machine), ['io 100+100']);
      assert.deepEqual(slotSizes(machine), []);
      assert.equal(baseSize(assigned), small);
    });

    test('vector 3, and the trap of the base that is never shrunk: moved off the page it is small again', () => {
      const machine = machineWith(smallBar);
      const assigned = machine.assign();
      place(assigned, 0, base);
      assert.equal(baseSize(assigned), P);
      program(assigned.function, 0, base + small);
      assert.equal(baseSize(assigned), small);
      assert.equal(assigned.bar(0)?.region.priority, 1);
      assert.deepEqual(shown(machine), ['io 100+100']);
      assert.deepEqual(slotSizes(machine), []);
    });

    test('vectors 4 and 5: another BAR in the page, and the page when it has gone', () => {
      const machine = machineWith(smallBar, otherBar);
      const assigned = machine.assign();
      place(assigned, 0, base);
      place(assigned, 1, base + P / 2n);
      assert.deepEqual(shown(machine), ['io 0+100', `io ${hex(P / 2n)}+100`]);
      assert.deepEqual(slotSizes(machine), []);
      machine.host.device(nic).bytesOf(1).store(0n, 4, 0x1234n);
      assert.equal(machine.memory.read(base + P / 2n, 4).value, 0x1234n);
      program(assigned.function, 1, base + 64n * P);
      assert.deepEqual(slotSizes(machine), [P, P]);
    });

    test('vector 6: nothing shows while memory decode is off', () => {
      const machine = machineWith(smallBar);
      const assigned = machine.assign();
      place(assigned, 0, base);
      setCommand(assigned.function, 0);
      assert.deepEqual(shown(machine), []);
      assert.deepEqual(slotSizes(machine), []);
      setCommand(assigned.function, decodeAll);
      assert.deepEqual(slotSizes(machine), [P]);
    });

    test('vector 7, and the trap of a tail that nobody promised: a BAR that shares its host page is never grown', () => {
      const machine = machineWith(
        { ...smallBar, hostAddress: 0x8000_0000n },
        { ...otherBar, hostAddress: 0x8000_0000n + small },
      );
      const assigned = machine.assign();
      place(assigned, 0, base);
      assert.deepEqual(shown(machine), ['io 0+100']);
      assert.equal(baseSize(assigned), small);
      assert.equal(machine.host.barMaps.length, 0);
    });

    test('vector 8: 32 KiB are a page of 64 KiB, and whole pages of others', () => {
      const machine = machineWith({ index: 0, kind: 'memory', size: 0x8000n });
      place(machine.assign(), 0, base);
      const size = P > 0x8000n ? P : 0x8000n;
      assert.deepEqual(shown(machine), [`ram-device 0+${hex(size)}`]);
    });

    test('vector 9: a small BAR with the MSI-X table is not mapped by a kernel that keeps its pages', () => {
      const msix = { vectors: 2, tableBar: 0, tableOffset: 0n, pendingOffset: 0x80n } as const;
      const machine = new AssignedMachine([deviceWith([smallBar], { msix })], { pageSize });
      const device = withoutMsixMappable(openDevice(machine.host), {
        bar: 0,
        first: 0n,
        last: 31n,
      });
      const assigned = machine.assign({ device });
      place(assigned, 0, base);
      assert.equal(machine.host.barMaps.length, 0);
      assert.deepEqual(slotSizes(machine), []);
      assert.equal(baseSize(assigned), small);
    });

    test('vector 10: a small area elsewhere than at the beginning is not grown', () => {
      const machine = machineWith({ ...smallBar, sparseAreas: [{ offset: 0x80n, size: 0x80n }] });
      const assigned = machine.assign();
      place(assigned, 0, base);
      assert.deepEqual(shown(machine), ['io 0+100']);
      assert.equal(baseSize(assigned), small);
    });

    test('vector 11, and the trap of growing by events: restored where it was, it is grown without a write', () => {
      const machine = machineWith(smallBar);
      place(machine.assign(), 0, base);
      const state = machine.bus.save();
      const copy = machineWith(smallBar);
      copy.assign();
      copy.bus.restore(state);
      assert.deepEqual(shown(copy), shown(machine));
      assert.deepEqual(slotSizes(copy), [P]);
    });

    test('plugged in where its registers say, it is grown at once, and again after it was out', () => {
      const machine = machineWith(smallBar);
      const assigned = machine.assign();
      place(assigned, 0, base);
      const removed = machine.bus.remove({ device: 1 });
      assert.deepEqual(shown(machine), []);
      machine.bus.add({ device: 7 }, removed);
      assert.deepEqual(slotSizes(machine), [P]);
    });

    test('vector 12: while a BAR of 64 bits is sized, upper half first, nothing is left at the end of the space', () => {
      const machine = machineWith({ ...smallBar, is64Bit: true });
      const assigned = machine.assign();
      place(assigned, 0, base);
      const { bar0 } = configRegister;
      const pci = assigned.function;
      pci.writeConfig(bar0 + 4, 4, 0xffff_ffff);
      pci.writeConfig(bar0, 4, 0xffff_ffff);
      assert.equal(pci.readConfig(bar0, 4), 0xffff_ff04);
      for (const { guestAddress } of machine.kvm.slots) assert.ok(guestAddress < 1n << 46n);
      pci.writeConfig(bar0, 4, Number(base));
      pci.writeConfig(bar0 + 4, 4, 0);
      assert.deepEqual(shown(machine), [`ram-device 0+${hex(P)}`]);
      assert.deepEqual(slotSizes(machine), [P]);
    });

    test('what the policy does not know of wins over the tail, and the page is shown to nobody', () => {
      const machine = machineWith(smallBar);
      const assigned = machine.assign();
      machine.pci.addSubregion(base + small, machine.topology.io('unknown', 0x10, {}), {
        priority: 1,
      });
      place(assigned, 0, base);
      assert.equal(machine.at(base + small), 'unknown');
      assert.deepEqual(slotSizes(machine), []);
      assert.equal(machine.memory.read(base, 4).result, 0);
    });

    test('areas that share a page are mapped once, and a page that they fill is a slot', () => {
      const half = P / 4n;
      const sparseAreas = [
        { offset: half, size: P - half },
        { offset: 0n, size: 0n },
        { offset: 0n, size: half },
      ];
      const machine = machineWith({ index: 0, kind: 'memory', size: 2n * P, sparseAreas });
      // Drivers with areas of less than a page let whole pages be mapped that hold them.
      const device = openDevice(machine.host);
      const plain = machine.host.device(nic).bytesOf(0);
      const maps: bigint[][] = [];
      const assigned = machine.assign({
        device: patched(device, {
          map: (_, offset, size) => {
            maps.push([offset, size]);
            return plain;
          },
        }),
      });
      place(assigned, 0, base);
      assert.deepEqual(maps, [[0n, P]]);
      assert.deepEqual(shown(machine), [`ram-device 0+${hex(P)}`, `io ${hex(P)}+${hex(P)}`]);
      assert.deepEqual(slotSizes(machine), [P]);
    });

    test('areas that overlap are refused, and nothing is left mapped', () => {
      const sparseAreas = [
        { offset: 0n, size: P },
        { offset: P - 1n, size: P },
      ];
      const machine = machineWith({ index: 0, kind: 'memory', size: 4n * P, sparseAreas });
      assert.equal(
        codeOf(() => machine.assign()),
        'ERR_DEVICE_DESCRIPTION',
      );
      assert.equal(machine.host.barMaps.length, 0);
    });

    test('an area that the kernel refuses to map is slow, others are not, and the reason is kept', () => {
      const sparseAreas = [
        { offset: 0n, size: P },
        { offset: 2n * P, size: P },
      ];
      const machine = machineWith({ index: 0, kind: 'memory', size: 4n * P, sparseAreas });
      machine.host.order({ ioctl: 'mmap', call: 1, errno: 'ENOMEM' });
      const assigned = machine.assign();
      place(assigned, 0, base);
      assert.deepEqual(slotSizes(machine), [P]);
      assert.deepEqual(
        assigned.bar(0)?.unmapped.map(({ offset, size, error }) => [offset, size, error.errno]),
        [[0n, P, 'ENOMEM']],
      );
      machine.memory.addListener(assigned.verdicts);
      const { verdicts } = machine.memory.explain(base);
      const verdict = verdicts.find(({ listener }) => listener === nic);
      assert.equal(verdict?.code, 'map-failed');
      assert.equal(verdict.last - verdict.first + 1n, P);
    });

    test('a window makes its page slow before it is there, and the page is mapped when it has gone', () => {
      const machine = machineWith({ index: 0, kind: 'memory', size: 4n * P });
      const assigned = machine.assign();
      place(assigned, 0, base);
      const seen: string[][] = [];
      machine.memory.addListener({
        regionAdd: () => undefined,
        commit: () => seen.push(shown(machine)),
      });
      const ops = { read: () => 0x77 };
      const window = assigned.bar(0)?.addWindow({ name: 'late', offset: P + 8n, size: 4n, ops });
      seen.push(shown(machine));
      for (const lines of seen) {
        for (const line of lines.filter((it) => it.startsWith('ram-device'))) {
          const [, start = '', size = ''] = /ram-device (\w+)\+(\w+)/.exec(line) ?? [];
          assert.equal(BigInt(`0x${start}`) % P, 0n, line);
          assert.equal(BigInt(`0x${size}`) % P, 0n, line);
        }
      }
      assert.equal(machine.memory.read(base + P + 8n, 4).value, 0x77n);
      assert.equal(machine.kvm.read(base + P).kind, 'exit');
      assert.equal(machine.kvm.read(base + 2n * P).kind, 'memory');
      if (window !== undefined) assigned.bar(0)?.removeWindow(window);
      assert.deepEqual(shown(machine), [`ram-device 0+${hex(4n * P)}`]);
      assert.equal(machine.kvm.read(base + P).kind, 'memory');
    });

    test('a window is neither added nor removed within a transaction, and only where there is room', () => {
      const machine = machineWith({ index: 0, kind: 'memory', size: P });
      const bar = machine.assign().bar(0);
      const add = (offset: bigint) => bar?.addWindow({ name: 'w', offset, size: 4n, ops: {} });
      const inTransaction = (body: () => unknown): string | undefined =>
        machine.topology.transaction(() => codeOf(body));
      assert.equal(
        inTransaction(() => add(0n)),
        'ERR_TRANSACTION_OPEN',
      );
      const window = add(0n);
      assert.ok(window !== undefined);
      assert.equal(
        inTransaction(() => bar?.removeWindow(window)),
        'ERR_TRANSACTION_OPEN',
      );
      for (const offset of [-1n, P - 3n, P])
        assert.equal(
          codeOf(() => add(offset)),
          'ERR_ADDRESS_RANGE',
        );
      assert.deepEqual(bar?.windows, [window]);
      bar?.removeWindow(window);
      assert.deepEqual(bar?.windows, []);
    });

    test('a window that a listener refuses changes nothing', () => {
      const machine = machineWith({ index: 0, kind: 'memory', size: 4n * P });
      const assigned = machine.assign();
      place(assigned, 0, base);
      const before = machine.treeLines();
      const saboteur = new Saboteur();
      machine.memory.addListener(saboteur);
      for (const failing of [1, 2]) {
        let commits = 0;
        saboteur.refuses = () => ++commits === failing;
        const add = () => assigned.bar(0)?.addWindow({ name: 'w', offset: P, size: 4n, ops: {} });
        assert.equal(codeOf(add), 'ERR_LISTENER_FAILED');
        saboteur.refuses = undefined;
        assert.deepEqual(machine.treeLines(), before);
        assert.deepEqual(
          slotSizes(machine).reduce((sum, size) => sum + size, 0n),
          4n * P,
        );
      }
    });

    test('the mappings are switched off and on for all BARs in one commit, and nothing grows or shrinks', () => {
      const machine = machineWith(smallBar, { index: 1, kind: 'memory', size: P });
      const assigned = machine.assign();
      place(assigned, 0, base);
      place(assigned, 1, base + P);
      const commits = machine.count(() => {
        assigned.mappingsEnabled = false;
      });
      assert.equal(commits, 1);
      assert.deepEqual(slotSizes(machine), []);
      assert.equal(baseSize(assigned), P);
      assert.equal(machine.memory.read(base + P - 4n, 4).value, 0xffff_ffffn);
      assigned.mappingsEnabled = true;
      assert.deepEqual(slotSizes(machine), [P, P]);
    });

    test('KVM refuses the slot of a grown page: the BAR is left out, and comes when something else changes', () => {
      const machine = machineWith(smallBar);
      const assigned = machine.assign();
      program(assigned.function, 0, base);
      // The bus tries all BARs together, then each by itself.
      for (const call of [1, 2]) {
        machine.kvm.order({ ioctl: 'KVM_SET_USER_MEMORY_REGION', call, errno: 'ENOMEM' });
      }
      setCommand(assigned.function, decodeAll);
      assert.deepEqual(shown(machine), []);
      assert.deepEqual(slotSizes(machine), []);
      assert.equal(baseSize(assigned), small);
      machine.bus.space.retry();
      assert.deepEqual(slotSizes(machine), [P]);
    });

    test('closed, nothing is left mapped, and no region of it', () => {
      const machine = machineWith(smallBar, otherBar);
      const before = machine.treeLines();
      const assigned = machine.assign();
      place(assigned, 0, base);
      assert.equal(
        codeOf(() => assigned.close()),
        'ERR_REGION_BUSY',
      );
      machine.bus.remove({ device: 1 });
      assigned.close();
      assert.deepEqual(machine.treeLines(), before);
      assert.equal(machine.host.barMaps.length, 0);
    });
  });
}
