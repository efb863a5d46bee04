// How many ioctls a change of the topology comes to, ours and QEMU's: `node dist/benchmarks/kvm-ioctls.js` prints the
// table of docs/kvm.md. Nothing is timed; the kernel is simulated.

import { pathToFileURL } from 'node:url';
import { MemoryTopology } from '../lib/index.js';
import { KvmMemorySlots } from '../lib/kvm/index.js';
import { type MappingPlan, type PageMapping, planCost } from '../lib/mapping/index.js';
import { SimulatedKvm } from '../lib/simulated/index.js';
import { QemuSlots } from './qemu-slots.js';

/** Both listeners on one machine. */
class Comparison {
  readonly topology = new MemoryTopology();
  readonly system = this.topology.container('system', 1n << 64n);
  readonly #qemu = new QemuSlots();
  readonly #kvm = new SimulatedKvm();
  #plan: MappingPlan<PageMapping> | undefined;

  constructor() {
    const memory = this.topology.addressSpace('memory', this.system);
    const slots = new KvmMemorySlots(this.#kvm, {
      guestAddressLimit: 1n << 46n,
      review: (plan) => {
        this.#plan = plan;
      },
    });
    memory.addListener(slots);
    memory.addListener(this.#qemu);
  }

  /** A row of the table. The ioctls are those that were made, not those that were planned. */
  row(what: string, change: () => void): string {
    this.#qemu.take();
    this.#kvm.calls.length = 0;
    this.#plan = undefined;
    this.topology.transaction(change);
    const theirs = this.#qemu.take();
    const interrupted = this.#plan === undefined ? 0n : planCost(this.#plan).bytesInterrupted;
    const cells = [what, this.#kvm.calls.length, theirs.calls];
    return `| ${[...cells, amount(interrupted), amount(theirs.bytesInterrupted)].join(' | ')} |`;
  }
}

function amount(bytes: bigint): string {
  return bytes === 0n ? 'none' : `${(Number(bytes) / 2 ** 30).toFixed(1)} GiB`;
}

/** The table, as lines of Markdown. */
export function ioctlTable(): string[] {
  const machine = new Comparison();
  const { topology, system } = machine;
  system.addSubregion(0, topology.ram('pc.ram', 4n << 30n));
  const bar = topology.ram('bar', 0x4000);
  const hole = topology.io('hole', 0x1000, {});
  hole.enabled = false;
  const bars = Array.from({ length: 256 }, (_, i) => topology.ram(`bar ${i}`, 0x4000));
  topology.transaction(() => {
    system.addSubregion(0x2_0000_0000, bar);
    system.addSubregion(0x8000_0000, hole, { priority: 1 });
    for (const each of bars) each.enabled = false;
    for (const each of bars) system.addSubregion(0x3_0000_0000, each);
  });
  const program = (start: bigint) => {
    for (const [i, each] of bars.entries()) {
      each.address = start + BigInt(i) * 0x4000n;
      each.enabled = true;
    }
  };
  const move = () => {
    bar.address += 0x4000n;
  };
  const toggle = (region: { enabled: boolean }) => () => {
    region.enabled = !region.enabled;
  };
  const lines = [
    machine.row('a BAR moves', move),
    machine.row('a BAR is switched off', toggle(bar)),
    machine.row('and on', toggle(bar)),
    machine.row('a BAR is switched off and on in one transaction', () => {
      toggle(bar)();
      toggle(bar)();
    }),
    machine.row('a hole opens in 4 GiB of RAM, the first time', toggle(hole)),
    machine.row('it closes', toggle(hole)),
    machine.row('it opens again', toggle(hole)),
    machine.row('256 BARs are programmed in one transaction', () => program(0x3_0000_0000n)),
    machine.row('and moved in another one', () => program(0x4_0000_0000n)),
  ];
  topology.close();
  return [
    "| change | ioctls | QEMU's | RAM unmapped for a moment | QEMU's |",
    '|---|---|---|---|---|',
    ...lines,
  ];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log(`${ioctlTable().join('\n')}\n`);
}
