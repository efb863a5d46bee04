import { FlatviewError } from '../../errors.js';

/** An object that a commit changed, and the state that it had before; its present one is its own. */
export interface CommitEdit {
  /** A `MemoryRegion`, an `AddressSpace`, or something else that has states. */
  readonly subject: unknown;
  /** What the subject was before the commit; its form is the subject's own. */
  readonly state: unknown;
}

/**
 * Hears of every transaction that came to a good end, whether or not a flat view changed.
 *
 * @example
 * ```ts
 * import { type CommitEdit, type CommitObserver, MemoryTopology } from 'flatview';
 *
 * const edited: unknown[] = [];
 * const observer: CommitObserver = {
 *   committed: (edits: Iterable<CommitEdit>) => {
 *     for (const { subject } of edits) edited.push(subject);
 *   },
 * };
 * const topology = new MemoryTopology();
 * const bar = topology.reservation('bar0', 0x4000n, { enabled: false });
 * topology.addCommitObserver(observer);
 * topology.transaction(() => {
 *   bar.address = 0xfebf_0000n;
 *   bar.enabled = true;
 * });
 * edited.length; // => 1
 * edited[0] === bar; // => true
 * topology.close();
 * ```
 */
export interface CommitObserver {
  /**
   * Called when the outermost transaction is over and listeners have heard of it. Regions that were only made are not
   * among the edits: they have no earlier state. The topology must not be changed from here. What this
   * throws comes out of the commit, which stays as it is.
   *
   * @param edits One for each object, in no particular order. The states are values that never change.
   */
  committed(edits: readonly CommitEdit[]): void;
}

/** Who hears of a topology's commits. Unlike listeners they have no say: what is committed stays so. */
export class CommitObservers {
  #observers: readonly CommitObserver[] = [];
  #isTelling = false;

  get isEmpty(): boolean {
    return this.#observers.length === 0;
  }

  add(observer: CommitObserver): void {
    this.#observers = [...this.#observers, observer];
  }

  /** Nothing happens when it isn't there. */
  remove(observer: CommitObserver): void {
    this.#observers = this.#observers.filter((one) => one !== observer);
  }

  tell(edits: readonly CommitEdit[]): void {
    this.#isTelling = true;
    try {
      for (const observer of this.#observers) observer.committed(edits);
    } finally {
      this.#isTelling = false;
    }
  }

  /** @throws `ERR_CHANGE_IN_LISTENER`: an observer is being told of a commit. */
  assertSilent(): void {
    if (!this.#isTelling) return;
    throw new FlatviewError(
      'ERR_CHANGE_IN_LISTENER',
      'the tree cannot be changed while an observer is being told of a commit',
    );
  }
}
