export type { LongWorkOptions, WorkProgress } from '../../long-work.js';
export { type Finding, isAtLeast, type Severity, severities } from './finding.js';
export { type LintOptions, type LintReport, lint, lintAsync } from './lint.js';
export { lintJson, lintLines } from './lint-text.js';
export { type LintRule, type LintRuleId, lintRuleIds, lintRules } from './rules.js';
