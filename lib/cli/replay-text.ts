import type { Explanation } from '../memory/explain/explain.js';
import type { MemoryRegion } from '../memory/regions/memory-region.js';
import { explanationLines } from '../mtree/explanation-text.js';
import {
  type ChangeOfHands,
  quantile,
  type RecordedStep,
  type ReplayMeasures,
} from '../mtree/recording/index.js';
import { tableLines } from './text-table.js';

/** How much there is at one step. */
export interface Extent {
  readonly regions: number;
  readonly addressSpaces: number;
  readonly flatViews: number;
  readonly ranges: number;
}

/** What a recording holds, and what replaying it came to. */
export interface ReplaySummary {
  readonly started: Date;
  readonly isTruncated: boolean;
  readonly first: Extent;
  readonly last: Extent;
  readonly alone: ReplayMeasures;
  readonly listening: ReplayMeasures;
}

export function summaryLines(summary: ReplaySummary): string[] {
  const { started, isTruncated, first, last, alone, listening } = summary;
  const { steps, duration } = listening;
  const ranges = ascending(listening.rangesChanged);
  const most = quantile(ranges, 1);
  const mostAt = most === 0 ? '' : ` (step ${listening.rangesChanged.indexOf(most) + 1})`;
  return [
    `Recorded from ${started.toISOString()}: ${counted(steps, 'step')} in ${(duration / 1000).toFixed(3)} s${isTruncated ? ', then the file is cut off' : ''}`,
    ...tableLines([
      ['  at the beginning', extentText(first)],
      ['  in the end', extentText(last)],
      [
        '  ranges changed',
        `${quantile(ranges, 0.5)} a step (median), ${quantile(ranges, 0.99)} (p99), ${most} at most${mostAt}`,
      ],
      ['  a commit', `${timesText(alone)} without listeners`],
      ['', `${timesText(listening)} with one that counts ranges`],
    ]),
  ];
}

/** For programs, as `docs/recording.md` describes it. */
export function summaryJson(summary: ReplaySummary): object {
  const { started, isTruncated, first, last, alone, listening } = summary;
  const ranges = ascending(listening.rangesChanged);
  return {
    started: started.toISOString(),
    steps: listening.steps,
    milliseconds: listening.duration,
    truncated: isTruncated,
    first: extentJson(first),
    last: extentJson(last),
    ranges_changed: {
      median: quantile(ranges, 0.5),
      p99: quantile(ranges, 0.99),
      most: quantile(ranges, 1),
    },
    commit_microseconds: { alone: timesJson(alone), listening: timesJson(listening) },
  };
}

/** `step 7 at 1.204 s, "guest wrote BAR 0"` */
export function stepText({ number, time, label }: RecordedStep): string {
  const place = `step ${number} at ${(time / 1000).toFixed(3)} s`;
  return label === undefined ? place : `${place}, ${printable(label)}`;
}

export function stepJson({ number, line, time, label }: RecordedStep): object {
  return { step: number, line, milliseconds: time, label };
}

/** `step ..., : from RAM to BAR` */
export function handsText({ step, before, after }: ChangeOfHands): string {
  return `${stepText(step)}: ${ownerText(before)} -> ${ownerText(after)}`;
}

export function handsJson({ step, before, after }: ChangeOfHands): object {
  return { ...stepJson(step), before: ownerJson(before), after: ownerJson(after) };
}

/** The two explanations around a change of hands. */
export function* bisectLines(
  hands: ChangeOfHands,
  before: readonly string[],
  after: readonly string[],
): Generator<string, void> {
  yield handsText(hands);
  yield '';
  yield 'Before:';
  for (const line of before) yield `  ${line}`.trimEnd();
  yield '';
  yield 'After:';
  for (const line of after) yield `  ${line}`.trimEnd();
}

/** An explanation, or that there is no such address space at that step. */
export function explanationOrNone(explanation: Explanation | undefined): readonly string[] {
  return explanation ? explanationLines(explanation) : ['There is no such address space.'];
}

function ownerText(region: MemoryRegion | undefined): string {
  return region === undefined ? 'nothing' : `${region.name} (${region.kind})`;
}

function ownerJson(region: MemoryRegion | undefined): object | null {
  return region === undefined
    ? null
    : { region: region.name, kind: region.kind, owner: region.owner };
}

function extentText({ regions, addressSpaces, flatViews, ranges }: Extent): string {
  return `${counted(regions, 'region')}, ${counted(addressSpaces, 'address space')}, ${counted(flatViews, 'flat view')} of ${counted(ranges, 'range')}`;
}

function extentJson({ regions, addressSpaces, flatViews, ranges }: Extent): object {
  return { regions, address_spaces: addressSpaces, flat_views: flatViews, ranges };
}

function timesText({ microseconds }: ReplayMeasures): string {
  const [median, p99] = [0.5, 0.99].map((share) => quantile(microseconds, share).toFixed(1));
  return `${median} µs (median), ${p99} µs (p99)`;
}

function timesJson({ microseconds }: ReplayMeasures): object {
  return { median: quantile(microseconds, 0.5), p99: quantile(microseconds, 0.99) };
}

function counted(count: number, what: string): string {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;
}

function ascending(numbers: readonly number[]): readonly number[] {
  return numbers.toSorted((a, b) => a - b);
}

/** In quotes, with what a terminal would obey written out. */
function printable(text: string): string {
  const escaped = JSON.stringify(text);
  return escaped.replace(/[\u007f-\u009f]/g, (it) => `\\u00${it.charCodeAt(0).toString(16)}`);
}
