import { hex } from '../address.js';
import type {
  ExplainedRegion,
  Explanation,
  ListenerVerdict,
  PathStep,
  ShadowedRegion,
} from '../memory/explain/explain.js';
import { AliasRegion } from '../memory/regions/alias-region.js';
import type { MemoryRegion } from '../memory/regions/memory-region.js';
import { hex16 } from './monitor-format.js';
import { regionType } from './region-type.js';

/** Longest line that is printed. Longer ones are continued on the next one, behind an indentation. */
const width = 100;

/** What is longer than this, such as the names in a made-up dump, is cut. */
const lengthLimit = 1000;

/**
 * An explanation for people: the winner and its way, then what it shadows and why.
 *
 * @example
 * ```ts
 * import { explanationLines, MemoryTopology } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * system.addSubregion(0x0n, topology.ram('pc.ram', 0x8000_0000n, { backing: 'none' }));
 * system.addSubregion(0xa_0000n, topology.io('vga-lowmem', 0x2_0000n, {}), { priority: 1 });
 * explanationLines(topology.addressSpace('memory', system).explain(0xa_0004n));
 * // => [
 * //   '00000000000a0004 in "memory": vga-lowmem +0x4 (i/o) answers',
 * //   '',
 * //   '  0000000000000000-ffffffffffffffff  system  [container]',
 * //   '  00000000000a0000-00000000000bffff    vga-lowmem  [io, priority 1]',
 * //   '',
 * //   'It shadows, from top to bottom:',
 * //   ' 1. pc.ram +0xa0004 (ram)',
 * //   '    lower-priority: in system, pc.ram (priority 0) is below vga-lowmem (priority 1)',
 * // ]
 * topology.close();
 * ```
 */
export function explanationLines(explanation: Explanation): string[] {
  const { addressSpace, address, winner, shadowed, verdicts, complete } = explanation;
  const place = `${hex16(address)} in "${addressSpace.name}"`;
  return [
    winner ? `${place}: ${regionAt(winner)} answers` : `${place}: nothing answers`,
    ...(winner ? ['', ...pathLines(winner.path)] : []),
    ...(verdicts.length > 0 ? ['', ...verdicts.map(verdictText)] : []),
    '',
    ...shadowLines(shadowed, winner !== undefined),
    ...(complete ? [] : ['', 'There is more, too much to be followed to its end.']),
  ].flatMap(folded);
}

function verdictText({ listener, mapped, code, text }: ListenerVerdict): string {
  return `${listener}: ${mapped ? text : `not mapped, ${code}: ${text}`}`;
}

function shadowLines(shadowed: readonly ShadowedRegion[], answered: boolean): string[] {
  if (shadowed.length === 0)
    return [answered ? 'It shadows nothing.' : 'Nothing lies here at all.'];
  const heading = answered
    ? 'It shadows, from top to bottom:'
    : 'What lies here, from top to bottom:';
  const indent = String(shadowed.length).length;
  return [heading, ...shadowed.flatMap((one, index) => shadowText(one, index + 1, indent))];
}

function shadowText(shadowed: ShadowedRegion, number: number, indent: number): string[] {
  const seen = shadowed.path.slice(1, -1).map(({ region }) => region.name);
  const through = seen.length > 0 ? `, through ${seen.join(' > ')}` : '';
  return [
    ` ${String(number).padStart(indent)}. ${regionAt(shadowed)}${through}`,
    ` ${' '.repeat(indent)}  ${shadowed.reason.code}: ${reasonText(shadowed)}`,
  ];
}

/** Why a region does not answer, as a sentence without its end. */
export function reasonText({ path, reason }: ShadowedRegion): string {
  const { code, by, branch, level } = reason;
  switch (code) {
    case 'lower-priority':
      return `in ${level?.name}, ${branch.name} (priority ${branch.priority}) is below ${by.name} (priority ${by.priority})`;
    case 'added-earlier':
      return `in ${level?.name}, ${by.name} has the same priority ${by.priority} as ${branch.name}, and came later`;
    case 'behind-subregion':
      return `its own subregion ${by.name} is in front of it`;
    case 'disabled':
      return `${by.name} is disabled`;
    case 'clipped':
      return `${by.name} does not reach here: it shows ${windowText(path.find(({ region }) => region === by))}`;
  }
}

function windowText(step: PathStep | undefined): string {
  if (!step || step.window.last < step.window.first) return 'nothing';
  return `${hex16(step.window.first)}-${hex16(step.window.last)}`;
}

/** `NAME +OFFSET (TYPE)`; the type is `rom` where the range is read-only, as in the monitor's flat view. */
function regionAt({ region, offset, readonly, nonvolatile }: ExplainedRegion): string {
  const type = readonly ? 'rom' : regionType(region);
  return `${region.name} +${hex(offset)} (${nonvolatile ? 'nv-' : ''}${type})`;
}

/** One line for each step: what can be seen of it, its name and what it is. */
function pathLines(path: readonly PathStep[]): string[] {
  return path.map(({ region, window }, level) => {
    const range = `${hex16(window.first)}-${hex16(window.last)}`;
    return `  ${range}  ${'  '.repeat(level)}${region.name}  [${stepText(region)}]`;
  });
}

function stepText(region: MemoryRegion): string {
  const alias = region instanceof AliasRegion;
  const kind = alias ? `alias of ${region.target.name} +${hex(region.offset)}` : region.kind;
  const priority = region.parent ? `, priority ${region.priority}` : '';
  const readonly = region.readonly && region.kind !== 'rom' ? ', read-only' : '';
  return `${kind}${priority}${readonly}`;
}

/** Breaks a line between words; within one only if it fills a whole line. */
function folded(line: string): string[] {
  const indent = Math.min(line.length - line.trimStart().length + 4, width / 2);
  const lines: string[] = [];
  let rest = line.length > lengthLimit ? `${line.slice(0, lengthLimit)} ...` : line;
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width);
    const end = space > indent ? space : width;
    lines.push(rest.slice(0, end));
    rest = `${' '.repeat(indent)}${rest.slice(end).trimStart()}`;
  }
  return [...lines, rest];
}
