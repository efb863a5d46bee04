// How many ioctls a change of the topology comes to and how much is pinned again, ours and QEMU's: `node dist/benchmarks/vfio-ioctls.js`
// prints the tables of docs/vfio-dma.md. Nothing is timed; the kernel is simulated.

import { pathToFileURL } from 'node:url';
import { HostMemory, type MemoryRegion, MemoryTopology } from '../lib/index.js';
import {
  type MappingPlan,
  type PageMapping,
  type PlanCost,
  planCost,
} from '../lib/mapping/index.js';
import { SimulatedVfio } from '../lib/simulated/index.js';
import { type DmaSpace, dmaSpaceOf, VfioDmaMapper, vfioExtension } from '../lib/vfio/index.js';
import { type ChangingMachine, memoryChanges } from './memory-changes.js';
import { QemuListener, qemuDmaRules } from './qemu-listener.js';

const GIB = 1n << 30n;

/** The cost of a change, by both listeners. */
interface Costs {
  readonly calls: number;
  readonly bytesPinnedAgain: bigint;
  readonly qemu: PlanCost;
}

/** Both listeners on one machine. */
class Comparison implements ChangingMachine {
  readonly topology = new MemoryTopology();
  readonly system: MemoryRegion = this.topology.container('system', 1n << 64n);
  readonly mapper: VfioDmaMapper;
  readonly #qemu = new QemuListener(qemuDmaRules);
  readonly #host: SimulatedVfio;
  #plan: MappingPlan<PageMapping> | undefined;

  constructor() {
    const { host, dma } = openHost();
    this.#host = host;
    const memory = this.topology.addressSpace('memory', this.system);
    this.mapper = new VfioDmaMapper(dma, {
      review: (plan) => {
        this.#plan = plan;
      },
    });
    memory.addListener(this.mapper);
    memory.addListener(this.#qemu);
  }

  /** The ioctls are those that were made, not those that were planned. */
  costs(change: () => void): Costs {
    this.#qemu.take();
    this.#host.calls.length = 0;
    this.#plan = undefined;
    this.topology.transaction(change);
    return {
      calls: this.#host.calls.length,
      bytesPinnedAgain: this.#plan === undefined ? 0n : planCost(this.#plan).bytesInterrupted,
      qemu: this.#qemu.take(),
    };
  }

  bar(name: string, size: number): MemoryRegion {
    return this.topology.ramDevice(name, size, { memory: HostMemory.allocate(size) });
  }

  row(what: string, change: () => void): string {
    const { calls, bytesPinnedAgain, qemu } = this.costs(change);
    const bytes = [bytesPinnedAgain, qemu.bytesInterrupted].map(amount);
    return `| ${[what, calls, qemu.calls, ...bytes].join(' | ')} |`;
  }
}

function openHost(): { readonly host: SimulatedVfio; readonly dma: DmaSpace } {
  const device = { name: '0000:01:00.0', group: 1, vendorId: 1, deviceId: 1, bars: [] };
  const host = new SimulatedVfio({
    devices: [device],
    iovaRanges: [{ address: 0n, size: 1n << 57n }],
  });
  const container = host.openContainer();
  const group = host.openGroup(1);
  group.setContainer(container);
  container.setIommu(vfioExtension.type1v2);
  return { host, dma: dmaSpaceOf(container) };
}

function amount(bytes: bigint): string {
  if (bytes === 0n) return 'none';
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = Number(bytes) / 1024;
  while (value >= 1023.95 && units.length > 1) {
    value /= 1024;
    units.shift();
  }
  return `${value.toFixed(1)} ${units[0]}`;
}

/** What changes come to, as lines of Markdown. */
export function ioctlTable(): string[] {
  const machine = new Comparison();
  const lines = memoryChanges(machine);
  machine.topology.close();
  return [
    "| change | ioctls | QEMU's | RAM pinned again | QEMU's |",
    '|---|---|---|---|---|',
    ...lines,
  ];
}

/** What a hole of one page in all of a guest's RAM comes to, as lines of Markdown. */
export function holeTable(): string[] {
  const lines = [1n, 4n, 64n, 1024n].map((gib) => {
    const machine = new Comparison();
    const { topology, system, mapper } = machine;
    const ram = topology.ram('pc.ram', gib * GIB);
    const boot = machine.costs(() => system.addSubregion(0, ram));
    const mappings = mapper.mappings.length;
    const hole = topology.io('hole', 0x1000, {});
    const opened = machine.costs(() => {
      system.addSubregion((gib * GIB) / 2n + 0x12_3000n, hole, { priority: 1 });
    });
    const cells = [
      amount(gib * GIB),
      amount(mapper.mappings[0]?.size ?? 0n),
      mappings,
      boot.calls,
      opened.calls,
      amount(opened.bytesPinnedAgain),
      amount(opened.qemu.bytesInterrupted),
    ];
    topology.close();
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '| RAM | pieces of | mappings | ioctls to map it | ioctls for the hole | pinned again | whole section unmapped and mapped |',
    '|---|---|---|---|---|---|---|',
    ...lines,
  ];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log(`${ioctlTable().join('\n')}\n\n${holeTable().join('\n')}\n`);
}
