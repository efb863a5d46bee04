// What a guest's write to a configuration space comes to, ours and QEMU's: `node dist/benchmarks/pci-writes.js` prints the tables of
// docs/pci.md. Counts are exact and a test keeps them; the times are the processor's, and printed only.

import { pathToFileURL } from 'node:url';
import { HostMemory, type MemoryRegion, MemoryTopology, type RamRegion } from '../lib/index.js';
import { KvmMemorySlots, type KvmVm } from '../lib/kvm/index.js';
import {
  type BarIndex,
  ConfigSpace,
  commandBit,
  configRegister,
  layHeader,
  type PciBar,
  PciBus,
  PciFunction,
} from '../lib/pci/index.js';
import { SimulatedKvm } from '../lib/simulated/index.js';
import { idleKernel } from './idle-kernel.js';
import { QemuListener, qemuSlotRules } from './qemu-listener.js';

/** What a change of the tree came to. */
interface Cost {
  readonly commits: number;
  readonly ranges: number;
  readonly ioctls: number;
}

const pageSize = 0x1000n;
const first = 0xe000_0000n;

/** A bus whose BARs are memory of this process, each a slot of `vm`. */
class Machine {
  readonly topology = new MemoryTopology();
  readonly pci = this.topology.container('pci', 1n << 40n);
  readonly memory = this.topology.addressSpace('memory', this.pci);
  readonly bus = new PciBus({ memory: this.pci });
  readonly #bytes = HostMemory.allocate(0x1_0000);
  readonly #heard = { commits: 0, ranges: 0 };

  constructor(vm: KvmVm) {
    this.memory.addListener(new KvmMemorySlots(vm, { guestAddressLimit: 1n << 46n }));
    this.memory.addListener({
      name: 'counter',
      regionAdd: () => this.#heard.ranges++,
      regionDel: () => this.#heard.ranges++,
      commit: () => this.#heard.commits++,
    });
  }

  /** A function with BARs of `size`, which may be grown to a page where they are smaller. */
  add(id: number, size: bigint, count: number, is64Bit = false): PciFunction {
    const config = new ConfigSpace();
    layHeader(config, { vendorId: 1, deviceId: 1 });
    const bars = Array.from({ length: count }, (_, i) => ({
      layout: {
        index: (is64Bit ? 2 * i : i) as BarIndex,
        kind: 'memory' as const,
        size,
        is64Bit,
        isPrefetchable: false,
      },
      backing: this.#backing(size),
    }));
    const pci = new PciFunction(`function ${id}`, { config, bars });
    this.bus.add({ bus: id >> 8, device: (id >> 3) & 31, function: id & 7 }, pci);
    return pci;
  }

  /** What `change` came to; `ioctls` says how many there were so far. */
  cost(change: () => void, ioctls: () => number): Cost {
    const before = { ...this.#heard, ioctls: ioctls() };
    change();
    return {
      commits: this.#heard.commits - before.commits,
      ranges: this.#heard.ranges - before.ranges,
      ioctls: ioctls() - before.ioctls,
    };
  }

  close(): void {
    this.topology.close();
    this.#bytes.close();
  }

  #backing(size: bigint) {
    const region: RamRegion = this.topology.ramDevice('BAR', size, { memory: this.#bytes });
    if (size >= pageSize) return { region };
    return {
      region,
      pages: { areas: [{ offset: 0n, size }], ownsWholePage: true, cuts: [] },
      applyPlan: (plan: { readonly size: bigint }) => {
        region.size = plan.size;
      },
    };
  }
}

function program(pci: PciFunction, start: bigint, distance: bigint): void {
  for (const { layout } of pci.bars)
    moveBar(pci, layout.index, start + distance * BigInt(layout.index));
}

/** Both halves, where there are two. */
function moveBar(pci: PciFunction, index: number, address: bigint): void {
  const register = configRegister.bar0 + 4 * index;
  pci.writeConfig(register, 4, Number(address & 0xffff_ffffn));
  const bar = pci.bars.find(({ layout }) => layout.index === index);
  if (bar?.layout.is64Bit) pci.writeConfig(register + 4, 4, Number(address >> 32n));
}

function setCommand(pci: PciFunction, value: number): void {
  pci.writeConfig(configRegister.command, 2, value);
}

/**
 * What QEMU does about BARs that decode elsewhere than before, or no longer (hw/pci: pci_update_mappings; hw/vfio:
 * vfio_sub_page_bar_update_mapping): each is taken out and put in by itself, and after that each small one is made as large as a page,
 * or not, by one more transaction.
 */
function likeQemu(
  container: MemoryRegion,
  bars: readonly PciBar[],
  placeOf: (bar: PciBar) => bigint | undefined,
) {
  for (const bar of bars) {
    const { region } = bar.backing;
    const to = placeOf(bar);
    if (region.parent !== undefined) container.removeSubregion(region);
    if (to !== undefined) container.addSubregion(to, region, { priority: 1 });
  }
  for (const bar of bars) if (bar.layout.size < pageSize) likeVfio(container, bar, placeOf(bar));
}

function likeVfio(
  container: MemoryRegion,
  { backing, layout }: PciBar,
  to: bigint | undefined,
): void {
  const { region } = backing;
  const isGrown = to !== undefined && to % pageSize === 0n;
  container.topology.transaction(() => {
    region.size = isGrown ? pageSize : layout.size;
    if (!isGrown) return;
    container.removeSubregion(region);
    container.addSubregion(to, region);
  });
}

/** A write of the guest, and what it leads to in a machine that follows it. */
interface Scenario {
  readonly what: string;
  readonly size: bigint;
  readonly count: number;
  readonly is64Bit?: boolean;
  /** Whether the BARs decode before it. */
  readonly decodes: boolean;
  write(pci: PciFunction): void;
  /** How QEMU's machine follows: one list of places for each write. */
  readonly places: readonly ((bar: PciBar) => bigint | undefined)[];
}

const apart = 0x1_0000n;
const placeOf = ({ layout }: PciBar): bigint => first + apart * BigInt(layout.index);
const nowhere = (): undefined => undefined;
const moved =
  (to: bigint) =>
  (bar: PciBar): bigint =>
    bar.layout.index === 0 ? to : placeOf(bar);
const show = (pci: PciFunction): void => setCommand(pci, commandBit.memory);
const hide = (pci: PciFunction): void => setCommand(pci, 0);

const scenarios: readonly Scenario[] = [
  {
    what: 'COMMAND shows six BARs',
    size: apart,
    count: 6,
    decodes: false,
    write: show,
    places: [placeOf],
  },
  {
    what: 'COMMAND hides them',
    size: apart,
    count: 6,
    decodes: true,
    write: hide,
    places: [nowhere],
  },
  {
    what: 'one of them moves',
    size: apart,
    count: 6,
    decodes: true,
    write: (pci) => moveBar(pci, 0, first + 0x100_0000n),
    places: [moved(first + 0x100_0000n)],
  },
  {
    what: 'a 64-bit BAR moves, by two writes',
    size: apart,
    count: 3,
    is64Bit: true,
    decodes: true,
    write: (pci) => moveBar(pci, 0, 0x8_1000_0000n),
    places: [moved(0x1000_0000n), moved(0x8_1000_0000n)],
  },
  {
    what: 'COMMAND shows six BARs of 256 bytes',
    size: 0x100n,
    count: 6,
    decodes: false,
    write: show,
    places: [placeOf],
  },
  {
    what: 'COMMAND hides them',
    size: 0x100n,
    count: 6,
    decodes: true,
    write: hide,
    places: [nowhere],
  },
  {
    what: 'one of them moves to another page',
    size: 0x100n,
    count: 6,
    decodes: true,
    write: (pci) => moveBar(pci, 0, first + 0x100_0000n),
    places: [moved(first + 0x100_0000n)],
  },
  {
    what: 'one of them moves within its page',
    size: 0x100n,
    count: 6,
    decodes: true,
    write: (pci) => moveBar(pci, 0, first + 0x100n),
    places: [moved(first + 0x100n)],
  },
];

function measure(scenario: Scenario): { readonly ours: Cost; readonly theirs: Cost } {
  const { size, count, is64Bit = false, decodes, write, places } = scenario;
  const kvm = new SimulatedKvm();
  const machine = new Machine(kvm);
  const pci = machine.add(0, size, count, is64Bit);
  program(pci, first, apart);
  if (decodes) show(pci);
  const ours = machine.cost(
    () => write(pci),
    () => kvm.calls.length,
  );
  machine.close();

  const other = new Machine(idleKernel);
  const qemu = new QemuListener(qemuSlotRules);
  other.memory.addListener(qemu);
  const { bars } = other.add(0, size, count, is64Bit);
  if (decodes) likeQemu(other.pci, bars, placeOf);
  let calls = 0;
  const theirs = other.cost(
    () => {
      for (const place of places) {
        const changed = bars.filter((bar) => place(bar) !== bar.address);
        likeQemu(other.pci, changed, place);
      }
    },
    () => {
      calls += qemu.take().calls;
      return calls;
    },
  );
  other.close();
  return { ours, theirs };
}

/** The table of counts, as lines of Markdown. */
export function pciWriteTable(): string[] {
  const rows = scenarios.map((scenario) => {
    const { ours, theirs } = measure(scenario);
    const cells = [
      ours.commits,
      theirs.commits,
      ours.ranges,
      theirs.ranges,
      ours.ioctls,
      theirs.ioctls,
    ];
    return `| ${[scenario.what, ...cells].join(' | ')} |`;
  });
  return [
    "| the guest's write | commits | QEMU's | ranges that listeners hear of | QEMU's | ioctls | QEMU's |",
    '|---|---|---|---|---|---|---|',
    ...rows,
  ];
}

/** Microseconds of processor time that a write takes, on a bus with so many functions of six BARs. */
function timeOfWrites(
  functions: number,
  size: bigint,
): { readonly toggle: number; readonly move: number } {
  const machine = new Machine(idleKernel);
  const all = Array.from({ length: functions }, (_, id) => machine.add(id, size, 6));
  for (const [i, pci] of all.entries()) {
    program(pci, 0x8000_0000n + apart * 8n * BigInt(i), apart);
    show(pci);
  }
  const pci = all[functions >> 1] as PciFunction;
  const place = pci.bars[0]?.address ?? 0n;
  const time = (rounds: number, body: (round: number) => void): number => {
    for (let round = 0; round < rounds / 4; round++) body(round);
    const start = process.cpuUsage();
    for (let round = 0; round < rounds; round++) body(round);
    const { user, system } = process.cpuUsage(start);
    return (user + system) / rounds;
  };
  const toggle = time(4000, (round) => setCommand(pci, round % 2 === 0 ? 0 : commandBit.memory));
  const move = time(4000, (round) =>
    moveBar(pci, 0, round % 2 === 0 ? first + 0x1000_0000n : place),
  );
  machine.close();
  return { toggle, move };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log(`${pciWriteTable().join('\n')}\n`);
  console.log(
    '| BARs on the bus, each of | COMMAND shows or hides six, µs | one moves, µs |\n|---|---|---|',
  );
  for (const size of [apart, 0x100n]) {
    for (const functions of [2, 16, 128, 1024]) {
      const { toggle, move } = timeOfWrites(functions, size);
      console.log(
        `| ${functions * 6}, ${size} bytes | ${toggle.toFixed(0)} | ${move.toFixed(0)} |`,
      );
    }
  }
}
