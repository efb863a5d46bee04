import { lastAddress } from '../address.js';
import { FlatviewError } from '../errors.js';
import type { AddressSpace } from '../memory/address-space.js';
import { type Explanation, explain } from '../memory/explain.js';
import { explanationJson } from '../mtree/explanation-json.js';
import { explanationLines } from '../mtree/explanation-text.js';
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

/** Addresses are hexadecimal, as in everything that is printed; `0x` and `_` between digits may be there. */
function parseAddress(text: string): bigint {
  const digits = /^(?:0x)?([0-9a-f]+(?:_[0-9a-f]+)*)$/i.exec(text)?.[1]?.replaceAll('_', '');
  const address = digits === undefined ? undefined : BigInt(`0x${digits}`);
  if (address !== undefined && address <= lastAddress) return address;
  throw new FlatviewError(
    'ERR_ADDRESS_RANGE',
    `"${text}" is not an address: up to 16 hexadecimal digits are expected`,
  );
}

/** Those of the name; without one, "memory" or the first. Of those that show the same only one is of interest. */
function chooseSpaces(spaces: readonly AddressSpace[], name: string | undefined): AddressSpace[] {
  const standard = spaces.find((space) => space.name === 'memory') ?? spaces[0];
  const chosen = spaces.filter((space) =>
    name === undefined ? space === standard : space.name === name,
  );
  if (chosen.length === 0) {
    const names = [...new Set(spaces.map((space) => space.name))].slice(0, 20).join(', ');
    throw new FlatviewError(
      'ERR_INVALID_ARGUMENT',
      `there is no address space "${name ?? 'memory'}", but: ${names || 'none at all'}`,
    );
  }
  return [...new Map(chosen.toReversed().map((space) => [space.root, space])).values()].reverse();
}
