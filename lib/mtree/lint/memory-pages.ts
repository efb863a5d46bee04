import { hex } from '../../address.js';
import type { FlatRange } from '../../memory/flat-view.js';
import type { MemoryRegion } from '../../memory/memory-region.js';
import { assumedConsumers } from '../map/assumed-consumers.js';
import type { Consumer } from '../map/consumer.js';
import type { MapVerdict } from '../map/page-map.js';
import { isRefusedMemory } from '../map/verdict-sweep.js';
import { named, namedAll, unitOf } from './device.js';
import { type Finding, findingIn, type Severity } from './finding.js';
import type { LintRuleId } from './rules.js';
import { rangesWithin, type Survey, type SurveyedView } from './survey.js';
import type { Work } from './work.js';

/** A refusal, and the range that it concerns. */
interface RefusedMemory {
  readonly verdict: MapVerdict;
  readonly range: FlatRange;
}

/** Pages with memory of which no slot of KVM can be made, on a host with pages of `pageSize` bytes. */
export function* slotlessMemory(
  { views }: Survey,
  pageSize: bigint,
  work: Work,
): Generator<Finding> {
  const [kvm] = consumers(pageSize);
  for (const view of views) {
    let page = -1n;
    for (const refused of refusedBy(kvm, view, work)) {
      if (refused.verdict.code === 'not-congruent') yield unalignedFinding(view, refused, pageSize);
      if (refused.verdict.code !== 'sub-page') continue;
      const { first } = refused.verdict;
      if (first - (first % pageSize) === page) continue;
      page = first - (first % pageSize);
      yield pageFinding(view, page, pageSize, refused.range);
    }
  }
}

/**
 * Memory that VFIO's listener leaves out. It concerns somebody only where a device is assigned, which shows by mapped
 * memory of a device.
 */
export function* dmaSkippedMemory(
  { views, shown }: Survey,
  pageSize: bigint,
  work: Work,
): Generator<Finding> {
  const [, vfio] = consumers(pageSize);
  const isAssigned = [...shown].some(({ kind }) => kind === 'ram-device');
  for (const view of views) {
    for (const { verdict, range } of refusedBy(vfio, view, work)) {
      const { first, last, code } = verdict;
      const { region } = range;
      yield findingIn(view, {
        id: 'dma-skipped',
        severity: isAssigned && region.kind !== 'ram-device' ? 'warning' : 'note',
        first,
        last,
        regions: [region],
        text: `${hex(last - first + 1n)} bytes of ${named(region)}: ${skipReasons[code] ?? code}`,
      });
    }
  }
}

const skipReasons: Readonly<Record<string, string>> = {
  'sub-page': 'no whole page of it shows here',
  'not-congruent': 'its address and its offset lie differently within a page',
  'out-of-window': 'the upper half of the addresses is left out (a BAR that is being sized)',
};

function consumers(pageSize: bigint): readonly [kvm: Consumer, vfio: Consumer] {
  return assumedConsumers(pageSize) as unknown as readonly [Consumer, Consumer];
}

function* refusedBy(consumer: Consumer, view: SurveyedView, work: Work): Generator<RefusedMemory> {
  for (const verdict of consumer.verdictsOn(view.space)) {
    work.step();
    const range = isRefusedMemory(verdict) ? view.view.lookup(verdict.first) : undefined;
    if (range !== undefined) yield { verdict, range };
  }
}

/** A slot that isn't congruent is refused by the kernel, unless no whole page of it is left after rounding. */
function unalignedFinding(
  view: SurveyedView,
  { verdict: { first, last }, range }: RefusedMemory,
  pageSize: bigint,
): Finding {
  const firstPage = first + ((pageSize - (first % pageSize)) % pageSize);
  const hasPage = firstPage + pageSize - 1n <= last;
  const [address, offset] = [first % pageSize, (range.offset + first - range.address) % pageSize];
  return findingIn(view, {
    id: 'not-congruent',
    severity: hasPage ? 'warning' : 'note',
    first,
    last,
    regions: [range.region],
    text: `${named(range.region)} begins ${hex(address)} bytes into a page of the guest, with a byte that is ${hex(offset)} into one of the host`,
  });
}

function pageFinding(
  view: SurveyedView,
  page: bigint,
  pageSize: bigint,
  { region }: FlatRange,
): Finding {
  const last = page + pageSize - 1n;
  const parts = rangesWithin(view, page, last);
  const others = [...new Set(parts.map((part) => part.region))].filter((it) => it !== region);
  const { id, text } = splitBy(region, others, parts.length);
  return findingIn(view, {
    id,
    severity: pageSeverity([region, ...others], pageSize),
    first: page,
    last,
    regions: [region, ...others],
    text,
  });
}

/** Who is to blame that a page isn't whole. */
function splitBy(
  region: MemoryRegion,
  others: readonly MemoryRegion[],
  pieces: number,
): { readonly id: LintRuleId; readonly text: string } {
  if (others.length === 0 && pieces > 1) {
    const text = `${named(region)} shows in ${pieces} pieces that are not alike (read-only, or of other offsets)`;
    return { id: 'split-page', text };
  }
  if (others.length === 0) {
    const text = `${named(region)}, of ${hex(region.size)} bytes, shows in a part of the page only`;
    return { id: 'partial-page', text };
  }
  const strangers = others.filter((other) => unitOf(other) !== unitOf(region));
  const id = strangers.length > 0 ? 'shared-page' : 'split-page';
  const verb = id === 'shared-page' ? 'shares the page with' : 'is cut by';
  return { id, text: `${named(region)} ${verb} ${namedAll(others)}: ${pieces} pieces` };
}

/**
 * A page of a device's memory is there to be fast. RAM that is smaller than a page was never meant to be mapped; a
 * piece of a larger one was.
 */
function pageSeverity(regions: readonly MemoryRegion[], pageSize: bigint): Severity {
  const isMeant = ({ kind, size }: MemoryRegion) =>
    kind === 'ram-device' || ((kind === 'ram' || kind === 'rom') && size >= pageSize);
  return regions.some(isMeant) ? 'warning' : 'note';
}
