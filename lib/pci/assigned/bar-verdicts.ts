import { hex, larger, smaller } from '../../address.js';
import type { AddressSpace } from '../../memory/address-space.js';
import type { ConsumerVerdict } from '../../memory/explain/consumer-verdict.js';
import type { MemoryListener } from '../../memory/listeners/memory-listener.js';
import type { FlatRange } from '../../memory/views/flat-view.js';
import type { OffsetRange } from '../bars/bar.js';
import {
  type BarPlacement,
  outward,
  type SlowPageCode,
  type SlowPages,
  slowPageCodes,
  slowPagesOf,
} from '../bars/bar-page-policy.js';
import type { AssignedBar } from './assigned-bar.js';

/**
 * Every reason for which bytes of an assigned device's BAR are not mapped, in the device's own terms. Codes are stable: programs match
 * `code`, people read `text`.
 *
 * @example
 * ```ts
 * import { type BarVerdictCode, barVerdictCodes } from 'flatview/pci';
 *
 * // Those that go away when the guest's firmware puts BARs elsewhere.
 * const placement: readonly BarVerdictCode[] = ['unaligned', 'neighbour', 'crowded'];
 * placement.map((code) => barVerdictCodes[code]);
 * // => [
 * //   'The guest has the BAR at an address that is not the start of a page.',
 * //   'A part of the page belongs to another BAR.',
 * //   'More BARs share its pages than anybody counts.',
 * // ]
 * ```
 */
export const barVerdictCodes = {
  ...slowPageCodes,
  window: 'A quirk or an emulated table answers.',
  crowded: 'More BARs share its pages than anybody counts.',
  'behind-region': 'The device has nothing there: the BAR is larger than what it shows.',
  'mappings-off': 'The embedder has switched the mappings off, as while an INTx is pending.',
  'map-failed': 'The kernel refused to map it.',
  'msix-page': 'The kernel does not let the pages of the MSI-X table be mapped.',
  'not-mappable': 'The kernel does not let it be mapped.',
} as const;

/** The stable code of a verdict on a part of a BAR that isn't mapped. */
export type BarVerdictCode = keyof typeof barVerdictCodes;

/** A reason, and the part of the BAR that it is for. */
interface Reason extends OffsetRange {
  readonly code: BarVerdictCode | 'mapped';
  readonly text: string;
}

/** A BAR that the guest has somewhere. */
export interface PlacedAssignedBar {
  readonly bar: AssignedBar;
  /** What the page policy looks at; `undefined` where there is too much of it. */
  readonly placement: BarPlacement | undefined;
}

/**
 * Says of an address at which a device's BAR answers whether the device is mapped there, and if not, why: what the listeners that map
 * memory can't know, as all they see is a region that isn't memory. Add it to an address space as a listener, and
 * {@link AddressSpace.explain} has its verdict beside theirs.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { AssignedPciDevice, commandBit, configRegister, PciBus } from 'flatview/pci';
 * import { SimulatedVfio } from 'flatview/simulated';
 *
 * const card = { name: '0000:05:00.0', group: 5, cdev: 'vfio0', vendorId: 0x10ec, deviceId: 0x8168 };
 * const msix = { vectors: 4, tableBar: 4, tableOffset: 0n, pendingOffset: 0x800n } as const;
 * const bars = [
 *   { index: 2, kind: 'memory', size: 0x1000n },
 *   { index: 4, kind: 'memory', size: 0x4000n },
 * ] as const;
 * const host = new SimulatedVfio({ devices: [{ ...card, bars, msix }] });
 * const device = host.openCdev('vfio0').bind(host.openIommufd());
 * const topology = new MemoryTopology();
 * const assigned = new AssignedPciDevice({ topology, device, pageSize: host.pageSize });
 * const pci = topology.container('pci', 1n << 64n);
 * new PciBus({ memory: pci }).add({ device: 1 }, assigned.function);
 * assigned.function.writeConfig(configRegister.bar0 + 4 * 2, 4, 0xfebf_0000);
 * assigned.function.writeConfig(configRegister.command, 2, commandBit.memory);
 *
 * // A quirk of eight bytes, and the page that can't be mapped for its sake.
 * const memory = topology.addressSpace('memory', pci);
 * memory.addListener(assigned.verdicts);
 * memory.explain(0xfebf_0074n).verdicts.map(({ text }) => text); // => ['rtl8168 msix address answers']
 * memory.explain(0xfebf_0000n).verdicts.map(({ code, last }) => [code, last]); // => [['cut', 0xfebf_006fn]]
 * topology.close();
 * ```
 */
export class BarVerdicts implements MemoryListener {
  readonly name: string;
  readonly #bars: () => readonly PlacedAssignedBar[];

  /** @internal @param bars The BARs that are somewhere now. */
  constructor(device: string, bars: () => readonly PlacedAssignedBar[]) {
    this.name = device;
    this.#bars = bars;
  }

  verdictAt(address: bigint, space: AddressSpace): ConsumerVerdict | undefined {
    const range = space.flatView.lookup(address);
    if (range === undefined) return undefined;
    for (const placed of this.#bars()) {
      const start = placed.bar.offsetOf(range.region);
      if (start === undefined) continue;
      return verdictOn(placed, range, start + range.offset, address);
    }
    return undefined;
  }
}

/** @param first Offset in the BAR of the range's first byte. */
function verdictOn(
  placed: PlacedAssignedBar,
  range: FlatRange,
  first: bigint,
  address: bigint,
): ConsumerVerdict {
  const { code, text, offset, size } = reasonAt(placed, range, first + (address - range.address));
  const delta = range.address - first;
  return {
    mapped: code === 'mapped',
    code,
    text,
    first: larger(range.address, offset + delta),
    last: smaller(range.last, offset + size - 1n + delta),
  };
}

function reasonAt(placed: PlacedAssignedBar, { region }: FlatRange, offset: bigint): Reason {
  const { bar, placement } = placed;
  const name = `BAR ${bar.layout.index}`;
  const all = { offset: 0n, size: larger(bar.layout.size, bar.region.size) };
  if (region.kind === 'ram-device') return { ...all, code: 'mapped', text: `${name} is mapped` };
  const window = bar.windows.find((it) => it === region);
  if (window !== undefined) {
    return { ...all, code: 'window', text: `${bar.nameOf(window)} answers` };
  }
  return (
    behindRegion(bar, offset) ??
    unmappedAt(bar, offset) ??
    slowPageAt(bar, placement, offset) ?? {
      ...all,
      code: 'mappings-off',
      text: `the mappings of ${name} are switched off`,
    }
  );
}

function behindRegion(
  { layout, slowPath, region }: AssignedBar,
  offset: bigint,
): Reason | undefined {
  const { size } = slowPath;
  if (offset < size) return undefined;
  const text = `the device has ${hex(size)} bytes at BAR ${layout.index}`;
  return {
    offset: size,
    size: larger(region.size, layout.size) - size,
    code: 'behind-region',
    text,
  };
}

/** Why a byte isn't in an area that is mapped. */
function unmappedAt(bar: AssignedBar, offset: bigint): Reason | undefined {
  const failed = bar.unmapped.find((area) => holds(area, offset));
  if (failed !== undefined) return { ...failed, code: 'map-failed', text: failed.error.message };
  const areas = bar.pages?.areas ?? [];
  if (areas.some((area) => holds(area, offset))) return undefined;
  const start = areas.reduce((at, it) => (it.offset <= offset ? it.offset + it.size : at), 0n);
  const end = areas.find((it) => it.offset > offset)?.offset ?? bar.slowPath.size;
  const gap = { offset: start, size: end - start };
  const { msixPages } = bar;
  if (msixPages !== undefined && holds(msixPages, offset)) {
    const text =
      'the page holds the MSI-X table, and a kernel before Linux 4.16 does not let it be mapped';
    return { ...gap, code: 'msix-page', text };
  }
  return { ...gap, code: 'not-mappable', text: whyNotMappable(bar) };
}

function whyNotMappable({ layout, info, pageSize }: AssignedBar): string {
  const name = `BAR ${layout.index}`;
  if (layout.kind !== 'memory') return `${name} is ${layout.kind}`;
  if (info.canMap) return `the driver leaves these bytes of ${name} out of what can be mapped`;
  return info.size < pageSize
    ? `the kernel does not let ${name} be mapped: it has ${hex(info.size)} bytes, and may share its page of the host with others (pci=resource_alignment= can give it one of its own)`
    : `the kernel does not let ${name} be mapped`;
}

function slowPageAt(
  bar: AssignedBar,
  placement: BarPlacement | undefined,
  offset: bigint,
): Reason | undefined {
  if (placement === undefined) {
    const { size } = bar.layout;
    return { offset: 0n, size, code: 'crowded', text: 'too many BARs share its pages' };
  }
  const pages = slowPagesOf(placement).find((it) => holds(it, offset));
  if (pages === undefined) return undefined;
  const { offset: start, size, code } = pages;
  return { offset: start, size, code, text: slowText[code](pages, placement, bar) };
}

const slowText: Readonly<
  Record<SlowPageCode, (pages: SlowPages, placement: BarPlacement, bar: AssignedBar) => string>
> = {
  unaligned: (_, { address, pageSize }) =>
    `the guest has the BAR at ${hex(address)}, which is not the start of a page of ${hex(pageSize)} bytes`,
  cut: ({ by }, { pageSize }, bar) => {
    const page = outward(by, pageSize);
    const names = bar.windows
      .filter(({ address }) => holds(page, address))
      .map((it) => `${hex(it.address)}-${hex(it.address + it.size - 1n)} ${bar.nameOf(it)}`);
    return `a part of the page is not the device's: ${names.join(', ')}`;
  },
  neighbour: ({ by }, { address }) =>
    `another BAR is in the page, at ${hex(address + by.offset)}-${hex(address + by.offset + by.size - 1n)}`,
  'partly-mapped': ({ by }) =>
    `only ${hex(by.offset)}-${hex(by.offset + by.size - 1n)} around it can be mapped, and no page is whole there`,
  'tail-not-owned': (_, { size, pageSize }) =>
    `it has ${hex(size)} bytes, and the kernel did not say that nobody else is in the rest of its page of ${hex(pageSize)}`,
};

function holds({ offset, size }: OffsetRange, at: bigint): boolean {
  return at >= offset && at < offset + size;
}
