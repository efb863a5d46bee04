// Left alone: random changes of the topology under a running guest that checks memory all the while.
//
// FLATVIEW_COMMITS sets the number of changes, FLATVIEW_SEED repeats those of an earlier run.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { MemoryRegion } from '../../lib/index.js';
import { KvmMemorySlots } from '../../lib/kvm/index.js';
import { mapPages, planCost, planMappings } from '../../lib/mapping/index.js';
import { testSeed } from '../oracle/seed.js';
import { dataAddress, type Guest, makeGuest, noKvm } from './real-mode-guest.js';

const commits = Number(process.env['FLATVIEW_COMMITS'] ?? 500);
const seed = testSeed();

const pageSize = 0x1000;
/** RAM of one region. The guest checks each even page of it; what changes are odd pages, and what lies behind it. */
const ram = { start: 0x2_0000, end: 0x8_0000 };
const oddPages = (ram.end - ram.start) / pageSize / 2;
const bars = { start: ram.end, pages: 0x40 };

const passes = dataAddress;
const stopRequest = dataAddress + 4n;
const counter = 4n;

/** The first and the last word of a checked page hold its own segment; each pass counts up in it. */
const checkAllPages = [
  ...[0xb8, 0x00, 0x20], //                     1: mov ax, 0x2000
  ...[0x8e, 0xc0], //                           2: mov es, ax
  ...[0x26, 0x39, 0x06, 0x00, 0x00], //         cmp es:[0], ax
  ...[0x75, 0x21], //                           jne 3f
  ...[0x26, 0x39, 0x06, 0xfe, 0x0f], //         cmp es:[0xffe], ax
  ...[0x75, 0x1a], //                           jne 3f
  ...[0x26, 0x66, 0xff, 0x06, 0x04, 0x00], //   inc dword es:[4]
  ...[0x05, 0x00, 0x02], //                     add ax, 0x200
  ...[0x3d, 0x00, 0x80], //                     cmp ax, 0x8000
  ...[0x72, 0xe2], //                           jb 2b
  ...[0x66, 0xff, 0x06, 0x00, 0x20], //         inc dword [passes]
  ...[0x80, 0x3e, 0x04, 0x20, 0x00], //         cmp byte [stopRequest], 0
  ...[0x74, 0xd3], //                           je 1b
  0xf4, //                                      3: hlt
];

/** The pages that the guest checks, as their segments. */
const checkedPages = Array.from(
  { length: oddPages },
  (_, i) => (ram.start + 2 * i * pageSize) >> 4,
);

/** Numbers of a sequence that `seed` fixes. */
function numbersFrom(start: number): (bound: number) => number {
  let state = start >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

/** What opens and closes holes in RAM, a page large or less, and what moves about. */
function addChanging({ topology, system }: Guest): {
  holes: MemoryRegion[];
  cards: MemoryRegion[];
} {
  const holes = [0x1000n, 0x1000n, 0x1000n, 0x1000n, 0x800n, 0x10n].map((size, i) =>
    topology.io(`hole ${i}`, size, {}),
  );
  const cards = [0x1000n, 0x1000n, 0x1000n, 0x2000n, 0x4000n, 0x1_0000n].map((size, i) =>
    topology.ram(`card ${i}`, size),
  );
  topology.transaction(() => {
    for (const hole of holes) system.addSubregion(ram.start + pageSize, hole, { priority: 2 });
    for (const card of cards) system.addSubregion(bars.start, card, { priority: 1 });
  });
  return { holes, cards };
}

function oneChange(
  { topology }: Guest,
  { holes, cards }: ReturnType<typeof addChanging>,
  below: (bound: number) => number,
): void {
  const pick = (regions: MemoryRegion[]) => regions[below(regions.length)] as MemoryRegion;
  const oddPage = () => ram.start + (1 + 2 * below(oddPages)) * pageSize;
  const changes = [
    () => {
      const hole = pick(holes);
      hole.enabled = !hole.enabled;
    },
    () => {
      pick(holes).address = oddPage();
    },
    () => {
      // Anywhere, also in the middle of a page, and over one another.
      pick(cards).address = bars.start + below(bars.pages) * pageSize + (below(8) === 0 ? 0x80 : 0);
    },
    () => {
      cards[0]!.address = oddPage();
    },
    () => {
      const card = pick(cards);
      card.enabled = !card.enabled;
    },
  ];
  const some = Array.from({ length: 1 + below(3) }, () => changes[below(changes.length)]!);
  topology.transaction(() => {
    for (const change of some) change();
  });
}

test(`${commits} changes under a running guest: no lost byte, no exit for what stays mapped, and the slots planned from scratch`, {
  skip: noKvm,
}, async (t) => {
  t.diagnostic(`FLATVIEW_COMMITS=${commits} FLATVIEW_SEED=${seed}`);
  const guest = makeGuest(checkAllPages);
  const { memory, system, topology, vcpu, vm } = guest;
  vm.setUserMemoryRegion({ slot: 0, flags: 0, guestAddress: 0n, size: 0n, hostAddress: 0n });
  system.addSubregion(ram.start, topology.ram('checked', ram.end - ram.start));
  let pauses = 0;
  const slots = new KvmMemorySlots(vm, {
    pause: () => {
      pauses++;
      vm.pauseVcpus();
    },
    resume: () => vm.resumeVcpus(),
  });
  memory.addListener(slots);
  for (const segment of checkedPages) {
    memory.write(segment * 16, 2, BigInt(segment));
    memory.write(segment * 16 + pageSize - 2, 2, BigInt(segment));
  }
  const changing = addChanging(guest);
  const below = numbersFrom(seed);

  const run = vcpu.run();
  for (let commit = 0; commit < commits; commit++) {
    oneChange(guest, changing, below);
    assertPlannedFromScratch(guest, slots);
    if (commit % 10 === 0) await anotherPass(guest);
  }
  memory.write(stopRequest, 1, 1n);
  const { kind, registers } = await run;

  assert.equal(kind, 'halt');
  assert.equal(registers.general.rax & 0xffffn, 0x8000n, 'the segment of the page that is wrong');
  const passed = memory.read(passes, 4).value;
  for (const segment of checkedPages) {
    const counted = memory.read(BigInt(segment * 16) + counter, 4).value;
    assert.equal(counted, passed, `page at segment 0x${segment.toString(16)}`);
  }
  assert.equal(vcpu.statistics().get('mmio_exits'), 0n);
  assert.ok(pauses > commits / 20, `RAM was cut only ${pauses} times`);
  t.diagnostic(`${passed} passes over ${checkedPages.length} pages, ${pauses} pauses`);
  guest.close();
});

/** The guest has checked all pages once more. */
async function anotherPass({ memory, vcpu }: Guest): Promise<void> {
  const passed = () => memory.read(passes, 4).value;
  for (const before = passed(); passed() === before; await setImmediate()) {
    assert.ok(vcpu.isRunning, 'the guest found something wrong, and has stopped');
  }
}

function assertPlannedFromScratch({ memory, vm }: Guest, slots: KvmMemorySlots): void {
  const { mappings } = mapPages(memory.flatView.ranges(), {
    pageSize: vm.pageSize,
    largestMapping: vm.pageSize << 30n,
    kinds: new Set(['ram', 'rom', 'ram-device', 'rom-device'] as const),
    canMapReadonly: true,
  });
  const plan = planMappings(slots.slots, mappings, { canMove: () => true });
  assert.equal(planCost(plan).calls, 0, 'planned from nothing, there would be something to do');
}
