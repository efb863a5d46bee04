import { FlatviewError } from '../errors.js';
import { inSlices, type LongWorkOptions, type Steps } from '../long-work.js';
import type { AddressSpace } from '../memory/address-space.js';

/**
 * Does long work that looks at live trees, while the event loop turns.
 *
 * @throws `ERR_TOPOLOGY_CHANGED` where a commit came in between, as what was looked at is there no longer; as
 *   {@link inSlices}.
 */
export async function whileUnchanged<T>(
  spaces: readonly AddressSpace[],
  steps: Steps<T>,
  { signal, onProgress }: LongWorkOptions,
): Promise<T> {
  const stop = new AbortController();
  const observer = {
    committed: () => {
      const message = 'the topology was changed while it was being looked at';
      stop.abort(new FlatviewError('ERR_TOPOLOGY_CHANGED', message));
    },
  };
  const topologies = new Set(spaces.map(({ topology }) => topology));
  for (const topology of topologies) topology.addCommitObserver(observer);
  try {
    const signals = signal === undefined ? [stop.signal] : [stop.signal, signal];
    return await inSlices(steps, { signal: AbortSignal.any(signals), onProgress });
  } finally {
    for (const topology of topologies) topology.removeCommitObserver(observer);
  }
}
