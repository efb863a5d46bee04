export { type Finding, isAtLeast, type Severity, severities } from './finding.js';
export { type LintOptions, type LintReport, lint } from './lint.js';
export { lintJson, lintLines } from './lint-text.js';
export { type LintRule, type LintRuleId, lintRuleIds, lintRules } from './rules.js';
export type { LintProgress } from './work.js';
