import type { SystemCallFailure } from '../../native/system-call.js';
import type { VfioCall } from '../vfio-ioctl-error.js';
import { mapOnThread } from './vfio-call.js';

/**
 * Mappings of one container or IOAS that are made on another thread: one after the other, in the order in which they were asked
 * for. A container's kernel would have it so anyway; an IOAS's would not, but each would take one of the few threads on which
 * Node.js reads files and resolves names for as long as its memory is pinned.
 */
export class MapQueue {
  /** Ends when all that was asked for so far is mapped, or refused. */
  #settled: Promise<unknown> = Promise.resolve();

  /**
   * Makes a mapping when it is its turn.
   *
   * @param map Is called then: it throws if there is nothing to map to any more.
   * @returns Rejects with what the kernel refuses; those behind it are made all the same.
   */
  add(what: VfioCall, map: () => Promise<SystemCallFailure | undefined>): Promise<void> {
    const mapped = this.#settled.then(() => mapOnThread(what, map));
    this.#settled = mapped.catch(() => undefined);
    return mapped;
  }
}
