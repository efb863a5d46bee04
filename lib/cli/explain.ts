import { type Explanation, explain } from '../memory/explain/explain.js';
import { explanationJson } from '../mtree/explanation-json.js';
import { explanationLines } from '../mtree/explanation-text.js';
import { parseAddress } from './address-argument.js';
import { chooseSpaces } from './choose-spaces.js';
import { exitCode, type Session } from './session.js';

/** Options of `flatview explain`. */
export interface ExplainOptions {
  readonly json?: boolean;
  readonly as?: string;
}

/** Says who answers at an address, what is shadowed there, and why. The answer is no where nobody answers. */
export function explainAddress(
  session: Session,
  input: string,
  address: string,
  options: ExplainOptions,
): Promise<number> {
  const at = parseAddress(address);
  return session.withTopology(input, async ({ addressSpaces }) => {
    const spaces = chooseSpaces(addressSpaces, options.as);
    const explanations = spaces.map((space) => explain(space, at));
    if (options.json) await session.printJson(explanations.map(explanationJson));
    else await session.out.print(textLines(explanations));
    return explanations.some(({ winner }) => winner) ? exitCode.ok : exitCode.no;
  });
}

function textLines(explanations: readonly Explanation[]): string[] {
  return explanations.flatMap((explanation, index) => [
    ...(index > 0 ? [''] : []),
    ...explanationLines(explanation),
  ]);
}
