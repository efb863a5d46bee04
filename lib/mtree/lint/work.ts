import type { WorkProgress } from '../../long-work.js';

/** So many steps there are between two words on progress. */
const progressStep = 1024;

/** Counts what was looked at. */
export class Work {
  #steps = 0;

  /** How many regions, ranges and pairs of them were looked at. */
  get steps(): number {
    return this.#steps;
  }

  get progress(): WorkProgress {
    return { what: 'regions and ranges looked at', done: this.#steps, total: undefined };
  }

  /** @returns Whether it is time to say how far this is. */
  step(): boolean {
    return ++this.#steps % progressStep === 0;
  }
}
