/** What a long look at a topology is told of its progress: how many things were looked at so far. */
export type LintProgress = (looked: number) => void;

/** So many steps there are between two calls of {@link LintProgress}. */
const progressStep = 4096;

/** Counts what was looked at, and tells whoever wants to know. */
export class Work {
  readonly #onProgress: LintProgress | undefined;
  #steps = 0;

  constructor(onProgress: LintProgress | undefined) {
    this.#onProgress = onProgress;
  }

  /** How many regions, ranges and pairs of them were looked at. */
  get steps(): number {
    return this.#steps;
  }

  step(): void {
    if (++this.#steps % progressStep === 0) this.#onProgress?.(this.#steps);
  }
}
