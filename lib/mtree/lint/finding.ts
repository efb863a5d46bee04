import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import type { LintRuleId } from './rules.js';
import type { SurveyedView } from './survey.js';

/**
 * How bad a finding is, from bad to harmless.
 *
 * - `error`: something doesn't work, or shows what it must not.
 * - `warning`: something works slowly or by luck; most often nobody meant it.
 * - `note`: worth knowing; ordinary machines have it.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { buildTopology, readTopology } from 'flatview';
 * import { lint, type Severity, severities } from 'flatview/lint';
 *
 * const { document } = readTopology(readFileSync('examples/dumps/rtl8168.json'));
 * const { topology, addressSpaces } = buildTopology(document);
 * const { findings } = lint(addressSpaces);
 * const count = (wanted: Severity) => findings.filter(({ severity }) => severity === wanted).length;
 * severities.map((severity) => [severity, count(severity)]);
 * // => [['error', 0], ['warning', 2], ['note', 4]]
 * topology.close();
 * ```
 */
export const severities = ['error', 'warning', 'note'] as const;
/** How bad a finding is: see {@link severities}. */
export type Severity = (typeof severities)[number];

/** A hazard in a topology, and where it is. */
export interface Finding {
  /** The rule that found it. */
  readonly id: LintRuleId;
  /** How bad it is. */
  readonly severity: Severity;
  /** The address spaces that show it, by their names: those that share one flat view. */
  readonly addressSpaces: readonly string[];
  /** First and last address that it is about, in these address spaces. */
  readonly first: bigint;
  /** The last address that it is about. */
  readonly last: bigint;
  /** Who it is about; the one that suffers comes first. */
  readonly regions: readonly MemoryRegion[];
  /** What is the matter here, for people: a sentence without its end. */
  readonly text: string;
}

/**
 * Whether `severity` is as bad as `level`, or worse.
 *
 * @example
 * ```ts
 * import { isAtLeast } from 'flatview/lint';
 *
 * isAtLeast('error', 'warning'); // => true
 * isAtLeast('note', 'warning'); // => false
 * ```
 */
export function isAtLeast(severity: Severity, level: Severity): boolean {
  return severities.indexOf(severity) <= severities.indexOf(level);
}

/** A finding in `view`. */
export function findingIn(
  { names }: SurveyedView,
  finding: Omit<Finding, 'addressSpaces'>,
): Finding {
  return { ...finding, addressSpaces: names };
}
