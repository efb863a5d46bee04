// Processor time of a commit with KvmMemorySlots, all of ours together, with a kernel that does nothing:
// `node dist/benchmarks/kvm-planning.js` prints the table of docs/kvm.md.

import { KvmMemorySlots } from '../lib/kvm/index.js';
import { idleKernel } from './idle-kernel.js';
import { type SlotMachine, slotMachine } from './slot-machine.js';

const rounds = 5;
/** Commits in a round, of one change each; those of many changes are made less often. */
const commits = 8000;

/** Where the changes are, above the slots besides. */
const ramAddress = 1n << 40n;
const barSize = 0x4000n;

/** A machine of `count` slots, shown to a kernel that does nothing. */
function machine(count: number): SlotMachine {
  const made = slotMachine(count);
  made.memory.addListener(new KvmMemorySlots(idleKernel, { guestAddressLimit: 1n << 46n }));
  return made;
}

type Toggle = (isOdd: boolean) => void;

function barMoves({ bar }: SlotMachine): Toggle {
  const places = [bar.address, bar.address + 0x2000n] as const;
  return (isOdd) => {
    bar.address = places[isOdd ? 1 : 0];
  };
}

function barIsSwitched({ bar }: SlotMachine): Toggle {
  return (isOdd) => {
    bar.enabled = !isOdd;
  };
}

function barsMove(barCount: number) {
  return ({ topology, system }: SlotMachine): Toggle => {
    const bars = Array.from({ length: barCount }, (_, i) => topology.ram(`more ${i}`, barSize));
    topology.transaction(() => {
      for (const [i, bar] of bars.entries()) {
        system.addSubregion(ramAddress + BigInt(i) * barSize, bar);
      }
    });
    return (isOdd) =>
      topology.transaction(() => {
        const start = isOdd ? 2n * ramAddress : ramAddress;
        for (const [i, bar] of bars.entries()) bar.address = start + BigInt(i) * barSize;
      });
  };
}

function holesOpen(holeCount: number) {
  return ({ topology, system }: SlotMachine): Toggle => {
    const holes = Array.from({ length: holeCount }, (_, i) => topology.io(`hole ${i}`, 0x1000, {}));
    topology.transaction(() => {
      system.addSubregion(ramAddress, topology.ram('ram', 1n << 32n));
      for (const [i, hole] of holes.entries()) {
        hole.enabled = false;
        system.addSubregion(ramAddress + BigInt(i) * 0x20_0000n, hole, { priority: 1 });
      }
    });
    return (isOdd) =>
      topology.transaction(() => {
        for (const hole of holes) hole.enabled = isOdd;
      });
  };
}

/** Microseconds of processor time of a commit: the best of some rounds, after one to warm up. */
function measure(
  count: number,
  prepare: (machine: SlotMachine) => Toggle,
  changes: number,
): number {
  const it = machine(count);
  const change = prepare(it);
  const times = Array.from({ length: rounds + 1 }, () => {
    const repeats = Math.max(20, Math.floor(commits / changes));
    const start = process.cpuUsage();
    for (let i = 1; i <= repeats; i++) change(i % 2 === 1);
    const { user, system } = process.cpuUsage(start);
    return (user + system) / repeats;
  });
  it.topology.close();
  return Math.min(...times.slice(1));
}

console.log(
  '| slots besides | a BAR moves | is switched off or on | a hole in RAM opens or closes | 256 BARs move at once | 6,000 BARs move at once | 1,000 holes open or close at once |',
);
console.log('|---|---|---|---|---|---|---|');
for (const count of [10, 1000, 10_000]) {
  const times = [
    measure(count, barMoves, 1),
    measure(count, barIsSwitched, 1),
    measure(count, holesOpen(1), 1),
    measure(count, barsMove(256), 256),
    measure(count, barsMove(6000), 6000),
    measure(count, holesOpen(1000), 1000),
  ];
  console.log(`| ${[count, ...times.map((time) => time.toFixed(1))].join(' | ')} |`);
}
console.log();
