/**
 * How much may still be done to find out what a text leaves open. A dump can be made so that every question takes as
 * long as there are regions: an enormous one must not take hours.
 */
export class WorkBudget {
  #left: number;

  /** @param left Regions or ranges that may be looked at. */
  constructor(left: number) {
    this.#left = left;
  }

  spend(work: number): void {
    this.#left -= work;
  }

  get isSpent(): boolean {
    return this.#left <= 0;
  }
}
