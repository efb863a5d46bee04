import { regionTreeLines } from '../mtree/write-region-tree.js';
import { writeTopologyJson } from '../mtree/write-topology-json.js';
import { exitCode, type Session } from './session.js';

/** Options of `flatview mtree`. */
export interface MtreeOptions {
  readonly json?: boolean;
  readonly owners?: boolean;
  readonly disabled?: boolean;
}

/** Prints the tree, as `info mtree` does, or as a document that this command reads. */
export async function mtree(
  session: Session,
  input: string,
  options: MtreeOptions,
): Promise<number> {
  if (options.json) {
    const { document } = await session.read(input);
    await session.out.print([writeTopologyJson(document).trimEnd()]);
    return exitCode.ok;
  }
  return session.withTopology(input, async ({ addressSpaces }) => {
    await session.out.print(regionTreeLines(addressSpaces, options));
    return exitCode.ok;
  });
}
