// What is measured, and at which sizes.

import { bootTrace } from './trace/boot.js';
import { flatTree, freePage } from './trace/flat-tree.js';
import { barShift, pciMachine } from './trace/pci-machine.js';
import { Random } from './trace/random.js';
import { subPageCycle } from './trace/sub-page-bar.js';
import type { Call, Trace } from './trace/trace.js';
import type { Bar } from './trace/tree-builder.js';

/**
 * How a trace is measured.
 *
 * - `steps`: repeated; the result is what one step costs.
 * - `whole`: made once in a fresh process; the result is what all steps together cost.
 * - `again`: the same, in a process that has done it many times before.
 * - `lookups`: the result is what one lookup costs.
 * - `memory`: the result is what one region costs in bytes.
 */
export type Measure = 'steps' | 'whole' | 'again' | 'lookups' | 'memory';

/** One line of the results: a scenario at one size. */
export interface Case {
  readonly scenario: string;
  /** Regions or devices, or the number of the recorded boot. */
  readonly size: number;
  readonly sizeText: string;
  readonly listeners: number;
  readonly measure: Measure;
  /** Whether a part of the steps can stand for all, where all would take too long. */
  readonly isUniform: boolean;
  /** Whether `--quick` includes it. */
  readonly isQuick: boolean;
  /**
   * What QEMU can do here. `relaxed`: only without its limit of sections. `slow`: that, and a step takes many seconds,
   * so that one has to do. `skipped`: the same, and a similar case shows it.
   */
  readonly qemu: 'stock' | 'relaxed' | 'slow' | 'skipped';
  /** About how many ranges all views have together. */
  readonly ranges: number;
  trace(): Trace;
}

export interface Scenario {
  readonly name: string;
  /** What is done, as a heading. */
  readonly title: string;
  /** What the figures mean. */
  readonly unit: string;
  readonly cases: readonly Case[];
}

type CaseParts = Pick<Case, 'size' | 'trace'> & Partial<Case>;

const seed = 2016;
const regionCounts = [10, 100, 1000, 2900, 10_000, 100_000] as const;
const quickRegionCounts: readonly number[] = [10, 1000];
const deviceCounts = [32, 256, 1024] as const;
const quickDeviceCounts: readonly number[] = [32, 256];
const listenerCounts = [0, 2] as const;
const lookupCount = 1 << 16;
/** Of those who take many seconds at the largest size, these are enough. */
const slowScenarios: readonly string[] = ['bar-move', 'full-render', 'memory'];
/** At most so many BARs are moved in turn before the first one's turn comes again. */
const maxMovedBars = 512;

const boots = [
  'pc-seabios',
  'q35-seabios-rp',
  'q35-linux',
  'pseries-slof',
  'arm-virt-uboot',
  'riscv-virt-uboot',
] as const;

export const scenarios: readonly Scenario[] = [
  {
    name: 'bar-move',
    title: 'One BAR moved, and back',
    unit: 'per commit',
    cases: regionCounts.map((size) => flatCase('bar-move', size, () => barMoves(size))),
  },
  {
    name: 'bar-toggle',
    title: 'One BAR disabled, and enabled',
    unit: 'per commit',
    cases: regionCounts.map((size) => flatCase('bar-toggle', size, () => barToggles(size))),
  },
  {
    name: 'sub-page',
    title: 'One BAR smaller than a page expanded to a page, and back',
    unit: 'per commit',
    cases: regionCounts.map((size) => flatCase('sub-page', size, () => subPageCycles(size))),
  },
  {
    name: 'pci-bar-move',
    title: 'One BAR of one PCI device moved, and back',
    unit: 'per commit',
    cases: pciCases('pci-bar-move', (bars) =>
      bars.flatMap((bar) => [[moveTo(bar, bar.address + barShift)], [moveTo(bar, bar.address)]]),
    ),
  },
  {
    name: 'pci-sub-page',
    title: 'One PCI BAR smaller than a page expanded to a page, and back',
    unit: 'per commit',
    cases: pciCases('pci-sub-page', (bars) =>
      bars.filter(({ nested }) => nested !== undefined).flatMap(subPageCycle),
    ),
  },
  {
    name: 'program-bars',
    title: 'A guest programs every BAR of every PCI device once, in a fresh process',
    unit: 'in all',
    cases: deviceCounts.map((size) => ({
      ...pciCase('program-bars', size, 0),
      measure: 'whole',
      isUniform: true,
      trace: () =>
        pciTrace(size, 0, (bars) => bars.map((bar) => [moveTo(bar, bar.address + barShift)])),
    })),
  },
  {
    name: 'boot',
    title:
      'A recorded boot of a guest: firmware and kernel program the machine, in a fresh process',
    unit: 'in all',
    cases: boots.map((_, number) => bootCase('boot', number, 'whole')),
  },
  {
    name: 'boot-again',
    title: 'The same boots in a process that has booted machines before',
    unit: 'in all',
    cases: boots.map((_, number) => bootCase('boot-again', number, 'again')),
  },
  {
    name: 'full-render',
    title: 'The whole tree hidden and shown: everything is rendered from nothing',
    unit: 'for both commits',
    cases: regionCounts.map((size) => flatCase('full-render', size, () => fullRender(size))),
  },
  ...[1, 16, 256].map((run): Scenario => {
    const name = run === 1 ? 'lookup-random' : `lookup-${run}`;
    const where = run === 1 ? 'each at a random address' : `${run} in a row within one page`;
    return {
      name,
      title: `Lookups, ${where}, half of them hits`,
      unit: 'per lookup',
      cases: regionCounts.map((size) => ({
        ...flatCase(name, size, () => lookups(size, run)),
        measure: 'lookups',
      })),
    };
  }),
  {
    name: 'memory',
    title: 'Memory of a region, with all that makes it show',
    unit: 'bytes per region',
    cases: [10_000, 100_000].map((size) => ({
      ...flatCase('memory', size, () => ({ ...flatBuild(size), steps: [], lookups: [] })),
      measure: 'memory',
      isQuick: size === 10_000,
    })),
  },
];

/** A tree with next to nothing in it, for what a process needs anyway. */
export function smallestTrace(): Trace {
  return { ...flatBuild(1), steps: [], lookups: [] };
}

function defaults(scenario: string, parts: CaseParts): Case {
  return {
    scenario,
    sizeText: parts.size.toLocaleString('en'),
    listeners: 0,
    measure: 'steps',
    isUniform: false,
    isQuick: true,
    qemu: 'stock',
    ranges: parts.size,
    ...parts,
  };
}

/** Two listeners: a machine's KVM slots and a device's DMA. */
function bootCase(scenario: string, number: number, measure: Measure): Case {
  const sequence = boots[number] ?? '';
  const listeners = 2;
  return {
    ...defaults(scenario, {
      size: number,
      trace: () => bootTrace(`boot-${sequence}`, listeners),
    }),
    sizeText: sequence,
    listeners,
    measure,
    isQuick: number < 3,
    ranges: 1000,
  };
}

/** QEMU's limit lies at 4,096 sections; a page with several ranges needs one more section than ranges. */
function qemuAt(size: number, whenSlow: Case['qemu']): Case['qemu'] {
  if (size > 10_000) return whenSlow;
  return size > 2900 ? 'relaxed' : 'stock';
}

function flatCase(scenario: string, size: number, trace: () => Trace): Case {
  return {
    ...defaults(scenario, { size, trace }),
    isQuick: quickRegionCounts.includes(size),
    qemu: qemuAt(size, slowScenarios.includes(scenario) ? 'slow' : 'skipped'),
    ranges: size * 1.25,
  };
}

function pciCase(scenario: string, size: number, listeners: number): Omit<Case, 'trace'> {
  return {
    ...defaults(scenario, { size, trace: smallestTrace }),
    listeners,
    isQuick: quickDeviceCounts.includes(size),
    qemu: size > 500 ? 'relaxed' : 'stock',
    ranges: size * 7,
  };
}

function pciCases(scenario: string, steps: (bars: readonly Bar[]) => Call[][]): Case[] {
  return deviceCounts.flatMap((size) =>
    listenerCounts.map((listeners) => ({
      ...pciCase(scenario, size, listeners),
      trace: () => pciTrace(size, listeners, (bars) => steps(bars.slice(0, maxMovedBars))),
    })),
  );
}

/** A trace on the PCI machine; `steps` gets its BARs in random order. */
function pciTrace(
  devices: number,
  listeners: number,
  steps: (bars: readonly Bar[]) => Call[][],
): Trace {
  const random = new Random(seed);
  const { builder, bars } = pciMachine(devices, random);
  const listen = Array.from({ length: listeners }, (): Call => ['listen', 0]);
  return {
    build: [...builder.calls, ...listen],
    steps: steps(random.shuffled(bars)),
    lookups: [],
  };
}

function moveTo({ region }: Bar, address: bigint): Call {
  return ['address', region, address];
}

function flatBuild(count: number): Pick<Trace, 'build'> {
  return { build: flatTree({ count, random: new Random(seed) }).builder.calls };
}

/** A trace on the flat tree; `steps` gets some of its BARs in random order. */
function flatTrace(
  count: number,
  steps: (bars: readonly Bar[], random: Random) => Call[][],
  withSubPageBars = false,
): Trace {
  const random = new Random(seed);
  const { builder, bars } = flatTree({ count, random, withSubPageBars });
  return { build: builder.calls, steps: steps(random.shuffled(bars), random), lookups: [] };
}

function barMoves(count: number): Trace {
  return flatTrace(count, (bars, random) =>
    bars
      .slice(0, maxMovedBars)
      .flatMap((bar) => [[moveTo(bar, freePage(count, random))], [moveTo(bar, bar.address)]]),
  );
}

function barToggles(count: number): Trace {
  return flatTrace(count, (bars) =>
    bars
      .slice(0, maxMovedBars)
      .flatMap(({ region }): Call[][] => [[['enabled', region, 0]], [['enabled', region, 1]]]),
  );
}

function subPageCycles(count: number): Trace {
  const cycles = (bars: readonly Bar[]) =>
    bars.filter(({ nested }) => nested !== undefined).flatMap(subPageCycle);
  return flatTrace(count, cycles, true);
}

function fullRender(count: number): Trace {
  const { builder, root } = flatTree({ count, random: new Random(seed) });
  const step: Call[] = [
    ['enabled', root, 0],
    ['enabled', root, 1],
  ];
  return { build: builder.calls, steps: [step], lookups: [] };
}

/** Looks up `run` addresses in one page, then in another one; every second page is free. */
function lookups(count: number, run: number): Trace {
  const random = new Random(seed);
  const pages = Array.from({ length: lookupCount / run }, () => random.below(count * 2));
  const addresses = pages.flatMap((page) =>
    Array.from({ length: run }, () => BigInt(page * 0x1000 + random.below(0x1000))),
  );
  return { ...flatBuild(count), steps: [], lookups: addresses };
}
