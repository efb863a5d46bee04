// How many ioctls a change of the topology comes to and how much is pinned again, ours and QEMU's: `node dist/benchmarks/vfio-ioctls.js`
// prints the tables of docs/vfio-dma.md. Nothing is timed; the kernel is simulated.

import { pathToFileURL } from 'node:url';
import {
  HostMemory,
  type MemoryListener,
  type MemoryRegion,
  type MemoryRegionSection,
  MemoryTopology,
} from '../lib/index.js';
import {
  type MappingPlan,
  type MappingRules,
  mapPages,
  type PageMapping,
  type PlanCost,
  planCost,
} from '../lib/mapping/index.js';
import { SimulatedVfio } from '../lib/simulated/index.js';
import { type DmaSpace, dmaSpaceOf, VfioDmaMapper, vfioExtension } from '../lib/vfio/index.js';

const GIB = 1n << 30n;

const rules: MappingRules = {
  pageSize: 0x1000n,
  largestMapping: 1n << 62n,
  kinds: new Set(['ram', 'rom', 'ram-device'] as const),
  canMapReadonly: true,
};

/**
 * What QEMU's listener for VFIO does (hw/vfio: vfio_listener_region_add, vfio_listener_region_del): a section of memory that is gone
 * is one unmap, a new one is one map, of the whole pages within it. It compares nothing.
 */
class QemuMaps implements MemoryListener {
  readonly name = 'as QEMU';
  #deletes: PageMapping[] = [];
  #adds: PageMapping[] = [];

  regionDel(section: MemoryRegionSection): void {
    this.#deletes.push(...mapPages([section], rules).mappings);
  }

  regionAdd(section: MemoryRegionSection): void {
    this.#adds.push(...mapPages([section], rules).mappings);
  }

  /** The cost of what was heard since the last time. */
  take(): PlanCost {
    const plan = { deletes: this.#deletes, moves: [], adds: this.#adds, relogs: [] };
    this.#deletes = [];
    this.#adds = [];
    return planCost(plan);
  }
}

/** The cost of a change, by both listeners. */
interface Costs {
  readonly calls: number;
  readonly bytesPinnedAgain: bigint;
  readonly qemu: PlanCost;
}

/** Both listeners on one machine. */
class Comparison {
  readonly topology = new MemoryTopology();
  readonly system: MemoryRegion = this.topology.container('system', 1n << 64n);
  readonly mapper: VfioDmaMapper;
  readonly #qemu = new QemuMaps();
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
  const { topology, system } = machine;
  system.addSubregion(0, topology.ram('pc.ram', 4n * GIB));
  const barOf = (name: string) =>
    topology.ramDevice(name, 0x4000, { memory: HostMemory.allocate(0x4000) });
  const bar = barOf('bar');
  const hole = topology.io('hole', 0x1000, {});
  hole.enabled = false;
  const bars = Array.from({ length: 256 }, (_, i) => barOf(`bar ${i}`));
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
