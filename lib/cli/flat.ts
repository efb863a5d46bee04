import { describeTopology } from '../mtree/describe-topology.js';
import { flatViewLines } from '../mtree/write-flat-views.js';
import { writeTopologyJson } from '../mtree/write-topology-json.js';
import { exitCode, type Session } from './session.js';

/** Options of `flatview flat`. */
export interface FlatOptions {
  readonly json?: boolean;
  readonly owners?: boolean;
}

/** Prints the flat views, as `info mtree -f` does. */
export function flat(session: Session, input: string, options: FlatOptions): Promise<number> {
  return session.withTopology(input, async ({ addressSpaces }) => {
    const lines = options.json
      ? [writeTopologyJson(describeTopology(addressSpaces, { flatViews: true })).trimEnd()]
      : flatViewLines(addressSpaces, options);
    await session.out.print(lines);
    return exitCode.ok;
  });
}
