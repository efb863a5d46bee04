import { FlatviewError } from '../errors.js';
import { diffSteps } from '../mtree/diff/diff-topologies.js';
import { differenceJson, differenceLines } from '../mtree/diff/difference-text.js';
import { isSame } from '../mtree/diff/topology-difference.js';
import { chooseSpaces } from './choose-spaces.js';
import { exitCode, type Session } from './session.js';

/** Options of `flatview diff`. */
export interface DiffOptions {
  readonly json?: boolean;
  readonly as?: string;
}

/** Says what changed from one topology to another. The answer is no where anything did, as that of `diff` is. */
export function diffInputs(
  session: Session,
  before: string,
  after: string,
  { as, json }: DiffOptions,
): Promise<number> {
  if (before === '-' && after === '-') {
    throw new FlatviewError('ERR_INVALID_ARGUMENT', 'the standard input can be read once only');
  }
  return session.withTopology(before, (one) =>
    session.withTopology(after, async (other) => {
      const [old, fresh] = [one, other].map(({ addressSpaces }) =>
        as === undefined ? addressSpaces : chooseSpaces(addressSpaces, as),
      );
      const difference = await session.working(after, diffSteps(old ?? [], fresh ?? []));
      if (json) await session.printJson(differenceJson(difference));
      else await session.out.print(differenceLines(difference));
      return isSame(difference) ? exitCode.ok : exitCode.no;
    }),
  );
}
