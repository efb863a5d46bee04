// The results as pictures: SVG, drawn without a browser.

import * as echarts from 'echarts';
import type { CaseResult } from '../measure.js';
import type { PlayerName } from '../players/player.js';
import { scenarios } from '../scenarios.js';
import { formatRatio, formatTime } from './quantity.js';
import { sizeOf } from './tables.js';

/** Colours that everyone can tell apart (Okabe and Ito). */
const colours = { qemu: '#d55e00', flatview: '#0072b2', fullRender: '#56b4e9' } as const;

const textStyle = { fontFamily: 'system-ui, sans-serif', color: '#222' } as const;
const width = 800;

const headings = {
  growth: {
    title: 'What a commit costs as the tree grows',
    subtitle: 'hollow: QEMU without its limit of 4,096 sections',
  },
  ratios: {
    title: "How many times flatview's cost QEMU's is",
    subtitle: 'at the size that costs QEMU most, as it is; lookups: our engine, from C++',
  },
} as const;

/** A line of the growth chart. */
interface Curve {
  readonly label: string;
  readonly scenario: string;
  readonly player: PlayerName;
  readonly colour: string;
}

const curves: readonly Curve[] = [
  { label: 'QEMU: one BAR moved', scenario: 'bar-move', player: 'qemu', colour: colours.qemu },
  {
    label: 'flatview: everything\nrendered from nothing',
    scenario: 'full-render',
    player: 'flatview',
    colour: colours.fullRender,
  },
  {
    label: 'flatview: one BAR moved',
    scenario: 'bar-move',
    player: 'flatview',
    colour: colours.flatview,
  },
];

/** Cost against size, both axes logarithmic. */
export function growthChart(results: readonly CaseResult[]): string {
  return draw(headings.growth, 480, {
    grid: { left: 80, right: 190, top: 80, bottom: 60 },
    xAxis: {
      type: 'log',
      name: 'regions',
      nameLocation: 'middle',
      nameGap: 32,
      axisLabel: { formatter: (value: number) => value.toLocaleString('en') },
    },
    yAxis: {
      type: 'log',
      axisLabel: { formatter: (ns: number) => formatTime(ns).replace(/\.0+/, '') },
    },
    series: curves.map((curve) => line(curve, results)),
  });
}

function line(
  { label, scenario, player, colour }: Curve,
  results: readonly CaseResult[],
): echarts.LineSeriesOption {
  const points = results.flatMap(({ scenario: name, size, isQemuRelaxed, sides }) => {
    const cost = sides[player]?.cost.median;
    if (name !== scenario || cost === undefined) return [];
    const isHollow = player === 'qemu' && isQemuRelaxed;
    const itemStyle = { color: isHollow ? '#fff' : colour, borderColor: colour, borderWidth: 2 };
    return [{ value: [size, cost], itemStyle }];
  });
  return {
    type: 'line',
    name: label,
    data: points,
    symbol: 'circle',
    symbolSize: 8,
    lineStyle: { color: colour, width: 2 },
    endLabel: { show: true, formatter: label, color: colour, distance: 10 },
    labelLayout: { moveOverlap: 'shiftY' },
  };
}

/** How many times QEMU's cost ours is; of each scenario, the case that costs QEMU most, as it is. */
export function ratioChart(results: readonly CaseResult[]): string {
  const bars = scenarios.flatMap(({ name }) => {
    const stock = results.filter((it) => it.scenario === name && !it.isQemuRelaxed);
    const [largest] = stock.sort((a, b) => qemuCost(b) - qemuCost(a));
    const ratio = largest && ratioOf(largest);
    return largest === undefined || ratio === undefined ? [] : [{ result: largest, ratio }];
  });
  return draw(headings.ratios, 100 + 32 * bars.length, {
    grid: { left: 270, right: 80, top: 70, bottom: 20 },
    xAxis: {
      type: 'log',
      min: (range: { readonly min: number }) =>
        10 ** Math.min(0, Math.floor(Math.log10(range.min))),
      axisLabel: { show: false },
      splitLine: { show: false },
    },
    yAxis: {
      type: 'category',
      inverse: true,
      data: bars.map(({ result }) => `${result.scenario}: ${sizeOf(result)}`),
      axisTick: { show: false },
      axisLine: { show: false },
      axisLabel: { color: textStyle.color },
    },
    series: [
      {
        type: 'bar',
        data: bars.map(({ ratio }) => ({
          value: ratio,
          itemStyle: { color: ratio >= 1 ? colours.flatview : colours.qemu },
        })),
        label: {
          show: true,
          position: 'right',
          formatter: ({ value }) => formatRatio(Number(value)),
        },
        markLine: {
          symbol: 'none',
          silent: true,
          label: { show: false },
          lineStyle: { color: '#222', type: 'solid' },
          data: [{ xAxis: 1 }],
        },
      },
    ],
  });
}

function qemuCost({ sides }: CaseResult): number {
  return sides.qemu?.cost.median ?? 0;
}

/** QEMU is C: its lookups are compared with those of our engine in C++. */
function ratioOf({ scenario, sides }: CaseResult): number | undefined {
  const ours = scenario.startsWith('lookup') ? sides.engine : sides.flatview;
  if (ours === undefined || sides.qemu === undefined) return undefined;
  return sides.qemu.cost.median / ours.cost.median;
}

interface Heading {
  readonly title: string;
  readonly subtitle: string;
}

function draw({ title, subtitle }: Heading, height: number, option: echarts.EChartsOption): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  chart.setOption({
    animation: false,
    backgroundColor: '#fff',
    textStyle,
    title: { text: title, subtext: subtitle, left: 'center', textStyle, subtextStyle: textStyle },
    ...option,
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${forReaders(svg, title)}\n`;
}

/** Names the picture for those who can't see it, and drops what only a mouse would need. */
function forReaders(svg: string, title: string): string {
  return svg
    .replace(/<style ?>.*?<\/style>\n?/s, '')
    .replace(/(?<=^<svg[^>]*>)/, `\n<title>${title}</title>`);
}
