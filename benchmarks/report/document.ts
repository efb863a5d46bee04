// Puts the results of a run into docs/benchmarks.md, between the marks that it has for them.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { scenarios } from '../scenarios.js';
import { growthChart, ratioChart } from './charts.js';
import type { Run } from './run.js';
import { scenarioTable } from './tables.js';

const begin = '<!-- results: written by `npm run bench -- --write-docs` -->';
const end = '<!-- end of results -->';

/** All tables of a run, one below the other. */
export function tables({ cases }: Run): string {
  return scenarios
    .map((scenario) => ({ scenario, of: cases.filter((it) => it.scenario === scenario.name) }))
    .filter(({ of }) => of.length > 0)
    .map(({ scenario, of }) => scenarioTable(scenario, of))
    .join('\n\n');
}

/** The machine of a run, as a list. */
export function machineList({ date, isQuick, trials, machine, loadAverage }: Run): string {
  const { cpu, cpus, memoryGiB, system, node, flatview, qemu } = machine;
  return [
    `- ${date.slice(0, 10)}, ${cpus} × ${cpu}, ${memoryGiB} GiB, ${system}`,
    `- flatview ${flatview} on Node.js ${node}; ${qemu ? `QEMU ${qemu}` : 'QEMU was not built'}`,
    `- ${trials} turns each${isQuick ? ', short ones' : ''}; load average ${loadAverage.toFixed(1)}`,
  ].join('\n');
}

/** Writes the results, the charts and the document. */
export function writeDocument(root: string, run: Run): void {
  const results = path.join(root, 'benchmarks/results');
  writeFileSync(path.join(results, 'published.json'), `${JSON.stringify(run, undefined, 1)}\n`);
  writeFileSync(path.join(results, 'growth.svg'), growthChart(run.cases));
  writeFileSync(path.join(results, 'ratios.svg'), ratioChart(run.cases));
  const document = path.join(root, 'docs/benchmarks.md');
  const text = readFileSync(document, 'utf8');
  const [before, after] = [text.split(begin)[0], text.split(end)[1]];
  if (after === undefined) throw new Error(`${document} has no place for results`);
  writeFileSync(
    document,
    [before?.trimEnd(), begin, machineList(run), tables(run), `${end}${after}`].join('\n\n'),
  );
}
