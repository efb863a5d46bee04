// The results as tables in Markdown, which a terminal shows as well.

import { markdownTable } from 'markdown-table';
import type { CaseResult, SideResult } from '../measure.js';
import { type Measure, type Scenario, scenarios } from '../scenarios.js';
import type { Statistics } from '../statistics.js';
import { formatCount, formatRatio, formatStatistics } from './quantity.js';

/** Said below tables in which the marks occur. */
export const marks = {
  relaxed: '\\* QEMU without its limit of 4,096 sections an address space; as it is, it aborts.',
  sampled: '† From a part of the steps: all of them would take too long.',
} as const;

/** One line that says what a case cost. */
export function caseLine(result: CaseResult): string {
  const { measure = 'steps' } =
    scenarios.find(({ name }) => name === result.scenario)?.cases[0] ?? {};
  const costs = Object.entries(result.sides).map(
    ([name, side]) => `${name} ${costCell(side, measure)}`,
  );
  return `${result.scenario}, ${sizeOf(result)}: ${costs.join('; ')}`;
}

/** A column: its heading, and what stands in a row; all empty ones are left out. */
interface Column {
  readonly heading: string;
  cell(result: CaseResult): string;
}

/** The table of a scenario, with its title as a heading. */
export function scenarioTable(scenario: Scenario, results: readonly CaseResult[]): string {
  const columns = columnsFor(scenario).filter(({ cell }) => results.some((it) => cell(it) !== ''));
  const rows = results.map((result) => columns.map(({ cell }) => cell(result)));
  const align = columns.map((_, index) => (index === 0 ? 'l' : 'r'));
  const table = markdownTable([columns.map(({ heading }) => heading), ...rows], { align });
  return [
    `### ${scenario.title}`,
    `\`${scenario.name}\`; ${scenario.unit}; median (lowest to highest).`,
    table,
    ...Object.values(marks).filter((mark) => isMarked(rows, mark)),
  ].join('\n\n');
}

function isMarked(rows: readonly (readonly string[])[], mark: string): boolean {
  const sign = mark.startsWith('†') ? '†' : '\\*';
  return rows.some((row) => row.some((cell) => cell.endsWith(sign)));
}

function columnsFor({ cases }: Scenario): Column[] {
  const measure = cases[0]?.measure ?? 'steps';
  return [
    { heading: 'size', cell: sizeOf },
    { heading: 'QEMU', cell: (it) => qemuCell(it, measure) },
    { heading: 'flatview', cell: ({ sides }) => costCell(sides.flatview, measure) },
    { heading: 'ratio', cell: ({ sides }) => ratioCell(sides.qemu?.cost, sides.flatview?.cost) },
    {
      heading: 'in CPU time',
      cell: ({ sides }) => ratioCell(sides.qemu?.cpu, sides.flatview?.cpu),
    },
    { heading: 'engine alone', cell: ({ sides }) => costCell(sides.engine, measure) },
    { heading: 'ratio', cell: ({ sides }) => ratioCell(sides.qemu?.cost, sides.engine?.cost) },
    { heading: 'in CPU time', cell: ({ sides }) => ratioCell(sides.qemu?.cpu, sides.engine?.cpu) },
    { heading: 'instructions: QEMU', cell: (it) => countCell(it.instructions?.qemu) },
    { heading: 'engine', cell: (it) => countCell(it.instructions?.engine) },
    {
      heading: 'ratio',
      cell: ({ instructions }) => countRatioCell(instructions?.qemu, instructions?.engine),
    },
  ];
}

/** The size of a case in words. */
export function sizeOf({ scenario, sizeText, listeners }: CaseResult): string {
  if (scenario.startsWith('boot')) return sizeText;
  const what = scenario.startsWith('pci') || scenario === 'program-bars' ? 'devices' : 'regions';
  return `${sizeText} ${what}${listeners > 0 ? `, ${listeners} listeners` : ''}`;
}

function qemuCell({ sides, isQemuRelaxed }: CaseResult, measure: Measure): string {
  const cell = costCell(sides.qemu, measure);
  if (cell === '') return '';
  return `${cell}${sides.qemu?.sampledSteps ? ' †' : ''}${isQemuRelaxed ? ' \\*' : ''}`;
}

function costCell(side: SideResult | undefined, measure: Measure): string {
  if (side === undefined) return '';
  return formatStatistics(side.cost, measure === 'memory' ? 'memory' : 'time');
}

function ratioCell(theirs: Statistics | undefined, ours: Statistics | undefined): string {
  return theirs === undefined || ours === undefined ? '' : formatRatio(theirs.median / ours.median);
}

function countCell(count: number | undefined): string {
  return count === undefined ? '' : formatCount(count);
}

function countRatioCell(theirs: number | undefined, ours: number | undefined): string {
  return theirs === undefined || ours === undefined ? '' : formatRatio(theirs / ours);
}
