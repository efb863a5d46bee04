import { FlatviewError } from '../errors.js';
import type { AddressSpace } from '../memory/address-space.js';
import { isAtLeast, type Severity, severities } from '../mtree/lint/finding.js';
import { type LintReport, lintSteps } from '../mtree/lint/lint.js';
import { lintJson, lintLines } from '../mtree/lint/lint-text.js';
import { type LintRuleId, lintRuleIds } from '../mtree/lint/rules.js';
import { parseByteSize } from './byte-size.js';
import { chooseSpaces } from './choose-spaces.js';
import { exitCode, type Session } from './session.js';

/** Options of `flatview lint`. */
export interface LintCommandOptions {
  readonly json?: boolean;
  readonly as?: string;
  readonly pageSize?: string;
  readonly level?: string;
  readonly only?: string;
  readonly ignore?: string;
}

/** Looks for hazards. The answer is no where one is found that is as bad as the level, or worse. */
export async function lintInput(
  session: Session,
  input: string,
  options: LintCommandOptions,
): Promise<number> {
  const level = levelOf(options);
  const report = await readReport(session, input, options);
  if (options.json) await session.printJson(lintJson(report, level));
  else await session.out.print(lintLines(report, level));
  return report.findings.some(({ severity }) => isAtLeast(severity, level))
    ? exitCode.no
    : exitCode.ok;
}

function readReport(
  session: Session,
  input: string,
  { as, pageSize = '4K', only, ignore }: LintCommandOptions,
): Promise<LintReport> {
  const looking = {
    pageSize: parseByteSize(pageSize),
    ...(only !== undefined && { only: ruleIds(only) }),
    ...(ignore !== undefined && { ignore: ruleIds(ignore) }),
  };
  return session.withTopology(input, ({ addressSpaces }) => {
    const spaces: readonly AddressSpace[] =
      as === undefined ? addressSpaces : chooseSpaces(addressSpaces, as);
    return session.working(input, lintSteps(spaces, looking));
  });
}

/** Who asks for certain kinds only wants to see what there is of them. */
function levelOf({ level, only }: LintCommandOptions): Severity {
  const wanted = level ?? (only === undefined ? 'warning' : 'note');
  const known = severities.find((severity) => severity === wanted);
  if (known !== undefined) return known;
  throw new FlatviewError(
    'ERR_INVALID_ARGUMENT',
    `--level is "${wanted}": not one of ${severities.join(', ')}`,
  );
}

/** Ids with commas between them. */
function ruleIds(text: string): LintRuleId[] {
  return text.split(',').map((part) => {
    const known = lintRuleIds.find((id) => id === part.trim());
    if (known !== undefined) return known;
    throw new FlatviewError(
      'ERR_INVALID_ARGUMENT',
      `"${part}" is nothing that is looked for: ${lintRuleIds.join(', ')}`,
    );
  });
}
