// How many ioctls a change of the topology comes to, ours and QEMU's: `node dist/benchmarks/kvm-ioctls.js` prints the
// table of docs/kvm.md. Nothing is timed; the kernel is simulated.

import { pathToFileURL } from 'node:url';
import { type MemoryRegion, MemoryTopology } from '../lib/index.js';
import { KvmMemorySlots } from '../lib/kvm/index.js';
import { type MappingPlan, type PageMapping, planCost } from '../lib/mapping/index.js';
import { SimulatedKvm } from '../lib/simulated/index.js';
import { type ChangingMachine, memoryChanges } from './memory-changes.js';
import { QemuListener, qemuSlotRules } from './qemu-listener.js';

/** Both listeners on one machine. */
class Comparison implements ChangingMachine {
  readonly topology = new MemoryTopology();
  readonly system = this.topology.container('system', 1n << 64n);
  readonly #qemu = new QemuListener(qemuSlotRules);
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

  bar(name: string, size: number): MemoryRegion {
    return this.topology.ram(name, size);
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
  const lines = memoryChanges(machine);
  machine.topology.close();
  return [
    "| change | ioctls | QEMU's | RAM unmapped for a moment | QEMU's |",
    '|---|---|---|---|---|',
    ...lines,
  ];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log(`${ioctlTable().join('\n')}\n`);
}
