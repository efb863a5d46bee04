import type { TextOutput } from './text-output.js';

/** Says on a terminal how far something is that takes long. Elsewhere it says nothing. */
export class Progress {
  readonly #output: TextOutput;
  readonly #what: string;
  #shown = false;

  /** @param what What is counted. */
  constructor(output: TextOutput, what: string) {
    this.#output = output;
    this.#what = what;
  }

  show(count: number): void {
    if (!this.#output.isTerminal) return;
    this.#shown = true;
    this.#output.overwrite(`${count.toLocaleString('en')} ${this.#what}`);
  }

  /** Takes what was shown away. */
  end(): void {
    if (this.#shown) this.#output.overwrite('');
    this.#shown = false;
  }
}
