/**
 * Hazards in a topology, each with why it hurts and what to do.
 *
 * @module flatview/lint
 */

export type { LongWorkOptions, WorkProgress } from '../../long-work.js';
export { type Finding, isAtLeast, type Severity, severities } from './finding.js';
export { type LintOptions, type LintReport, lint, lintAsync } from './lint.js';
export { lintJson, lintLines } from './lint-text.js';
export { type LintRule, type LintRuleId, lintRuleIds, lintRules } from './rules.js';
