import { hex } from '../../address.js';
import { mapPages } from '../../mapping/map-pages.js';
import type { MappingRules } from '../../mapping/mapping-rules.js';
import type { RefusalCode } from '../../mapping/refusal.js';
import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import type { FlatRange } from '../../memory/views/flat-view.js';
import { dmaRules, slotRules } from '../assumed-rules.js';
import { isBar, isWithin, named, namedAll, unitOf } from './device.js';
import { type Finding, findingIn, type Severity } from './finding.js';
import type { LintRuleId } from './rules.js';
import { rangesWithin, type Survey, type SurveyedView } from './survey.js';
import type { Work } from './work.js';

/** A part of a range that is memory and isn't mapped. */
interface RefusedMemory {
  readonly code: RefusalCode;
  readonly range: FlatRange;
}

/**
 * Pages with memory of which no slot of KVM can be made, on a host with pages of `pageSize` bytes. A piece without a
 * whole page is silently left out, wherever it lies; a larger one that isn't congruent is refused by the kernel
 * (QEMU: kvm_align_section).
 */
export function* slotlessMemory(
  { views }: Survey,
  pageSize: bigint,
  work: Work,
): Generator<Finding | Work> {
  const rules = slotRules(pageSize);
  for (const view of views) {
    let told = -1n;
    for (const { code, range } of yield* refusedBy(rules, view, work)) {
      const { address: first, last } = range;
      if (code === 'not-congruent' && holdsPage(first, last, pageSize)) {
        yield unalignedFinding(view, range, pageSize);
        continue;
      }
      for (let page = first - (first % pageSize); page <= last; page += pageSize) {
        if (page > told) yield pageFinding(view, page, pageSize, range);
        told = page;
      }
    }
  }
}

function holdsPage(first: bigint, last: bigint, pageSize: bigint): boolean {
  const firstPage = first + ((pageSize - (first % pageSize)) % pageSize);
  return firstPage + pageSize - 1n <= last;
}

/**
 * Memory that VFIO's listener leaves out. It concerns somebody only where a device is assigned, which shows by mapped
 * memory of a device. RAM that is smaller than a page, such as a TPM's, is nothing that devices access.
 */
export function* dmaSkippedMemory(
  { views, shown }: Survey,
  pageSize: bigint,
  work: Work,
): Generator<Finding | Work> {
  const rules = dmaRules(pageSize);
  const isAssigned = [...shown].some(({ kind }) => kind === 'ram-device');
  for (const view of views) {
    for (const { code, range } of yield* refusedBy(rules, view, work)) {
      const { address: first, last, region } = range;
      const isRam = region.kind !== 'ram-device' && region.size >= pageSize;
      yield findingIn(view, {
        id: 'dma-skipped',
        severity: isAssigned && isRam ? 'warning' : 'note',
        first,
        last,
        regions: [region],
        text: `${hex(last - first + 1n)} bytes of ${named(region)}: ${skipReasons[code] ?? code}`,
      });
    }
  }
}

const skipReasons: Partial<Record<RefusalCode, string>> = {
  'sub-page': 'no whole page of it shows here',
  'not-congruent': 'its address and its offset lie differently within a page',
  'out-of-window': 'the upper half of the addresses is left out (a BAR that is being sized)',
};

function* refusedBy(
  rules: MappingRules,
  view: SurveyedView,
  work: Work,
): Generator<Work, RefusedMemory[]> {
  const refused: RefusedMemory[] = [];
  for (const { code, range } of mapPages(view.ranges, rules).refusals) {
    if (work.step()) yield work;
    if (code !== 'not-ram' && code !== 'romd-off') refused.push({ code, range });
  }
  return refused;
}

function unalignedFinding(view: SurveyedView, range: FlatRange, pageSize: bigint): Finding {
  const { address, last, region, offset } = range;
  const [guest, host] = [hex(address % pageSize), hex(offset % pageSize)];
  return findingIn(view, {
    id: 'not-congruent',
    severity: 'warning',
    first: address,
    last,
    regions: [region],
    text: `${named(region)} begins ${guest} bytes into a page of the guest, with a byte that is ${host} into one of the host`,
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
  const showing = parts.filter((part) => !isBackground(part.region, region));
  const others = [...new Set(showing.map((part) => part.region))].filter((it) => it !== region);
  const { id, text } = splitBy(region, others, showing.length);
  return findingIn(view, {
    id,
    severity: pageSeverity([region, ...others], pageSize),
    first: page,
    last,
    regions: [region, ...others],
    text,
  });
}

/** Whether `other` is what shows where a bus has nothing: it is nobody's neighbour. */
function isBackground(other: MemoryRegion, region: MemoryRegion): boolean {
  const unit = unitOf(region);
  return other !== unit && isWithin(unit, other);
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
 * A page of a device's memory is there to be fast, and so is RAM in a BAR, of whatever size. Other RAM that is smaller than a page was
 * never meant to be mapped; a piece of a larger one was.
 */
function pageSeverity(regions: readonly MemoryRegion[], pageSize: bigint): Severity {
  const isMeant = (region: MemoryRegion) => {
    const { kind, size } = region;
    if (kind === 'ram-device') return true;
    return (kind === 'ram' || kind === 'rom') && (size >= pageSize || isBar(unitOf(region)));
  };
  return regions.some(isMeant) ? 'warning' : 'note';
}
