import { hex } from '../../address.js';
import { hex16 } from '../monitor-format.js';
import { type Finding, isAtLeast, type Severity, severities } from './finding.js';
import type { LintReport } from './lint.js';
import { type LintRule, type LintRuleId, lintRules } from './rules.js';

/** Longest line that is printed. */
const width = 100;

/** So many findings of a kind are printed; the others are counted. */
const printedOfAKind = 20;

/**
 * A report for people: the findings of each kind, why that kind hurts, and what to do.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { lint, lintLines } from 'flatview/lint';
 *
 * const topology = new MemoryTopology();
 * const isa = topology.container('isa', 0x1_0000n);
 * isa.addSubregion(0x1_03f8n, topology.io('serial', 0x8n, {}));
 * const report = lint([topology.addressSpace('I/O', isa)]);
 * const lines = lintLines(report, 'warning');
 * lines[0]; // => 'warning: outside-parent: a region that lies outside of its parent'
 * lines.at(-1); // => '1 warning, with pages of 0x1000 bytes'
 * topology.close();
 * ```
 */
export function lintLines({ findings, pageSize }: LintReport, level: Severity): string[] {
  const shown = findings.filter(({ severity }) => isAtLeast(severity, level));
  const kinds = new Map<string, Finding[]>();
  for (const finding of shown) {
    const kind = `${finding.severity} ${finding.id}`;
    const alike = kinds.get(kind);
    if (alike) alike.push(finding);
    else kinds.set(kind, [finding]);
  }
  return [...[...kinds.values()].flatMap(kindLines), summaryLine(findings, level, pageSize)];
}

function kindLines(findings: readonly Finding[]): string[] {
  const [first] = findings;
  if (first === undefined) return [];
  const { title, why, cure }: LintRule = lintRules[first.id];
  const rest = findings.length - printedOfAKind;
  return [
    `${first.severity}: ${first.id}: ${title}`,
    ...findings.slice(0, printedOfAKind).flatMap(findingLines),
    ...(rest > 0 ? [`  and ${rest} more (--json prints all)`] : []),
    ...folded(`  Why: ${why}`, 7),
    ...folded(`  Do: ${cure}`, 7),
    '',
  ];
}

function findingLines({ first, last, addressSpaces, text }: Finding): string[] {
  const [space, ...others] = addressSpaces;
  const more = others.length > 0 ? ` and ${others.length} more` : '';
  return [`  ${hex16(first)}-${hex16(last)} in "${space}"${more}`, ...folded(`    ${text}`, 4)];
}

function summaryLine(findings: readonly Finding[], level: Severity, pageSize: bigint): string {
  const counts = severities.flatMap((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length;
    const hidden = isAtLeast(severity, level) ? '' : ` (--level ${severity} shows them)`;
    return count === 0 ? [] : [`${count} ${severity}${count === 1 ? '' : 's'}${hidden}`];
  });
  return `${counts.join(', ') || 'nothing found'}, with pages of ${hex(pageSize)} bytes`;
}

/** Breaks a line between words; a word that is longer than a line stays whole, up to where it is cut. */
function folded(line: string, indent: number): string[] {
  const lines: string[] = [];
  let rest = line;
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width);
    const end = space > indent ? space : width;
    lines.push(rest.slice(0, end));
    rest = ' '.repeat(indent) + rest.slice(end).trimStart();
  }
  return [...lines, rest];
}

/**
 * A report for programs, as `docs/lint.md` describes it: numbers of 64 bits are hex strings.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { lint, lintJson } from 'flatview/lint';
 *
 * const topology = new MemoryTopology();
 * const report = lint([topology.addressSpace('I/O', topology.io('ports', 0x1_0000n, {}))]);
 * lintJson(report, 'note'); // => { page_size: '0x1000', findings: [], rules: {} }
 * topology.close();
 * ```
 */
export function lintJson({ findings, pageSize }: LintReport, level: Severity): object {
  const shown = findings.filter(({ severity }) => isAtLeast(severity, level));
  const ids = new Set(shown.map(({ id }) => id));
  return {
    page_size: hex(pageSize),
    findings: shown.map(findingJson),
    rules: Object.fromEntries([...ids].map((id: LintRuleId) => [id, lintRules[id]])),
  };
}

function findingJson({ id, severity, addressSpaces, first, last, regions, text }: Finding): object {
  return {
    id,
    severity,
    address_spaces: addressSpaces,
    first: hex(first),
    last: hex(last),
    regions: regions.map(({ name, kind, priority, owner }) => ({ name, kind, priority, owner })),
    text,
  };
}
