/** Numbers of memory slots: the lowest free one is taken first. */
export class SlotNumbers {
  readonly limit: number;
  /** Free numbers below {@link #next}, ascending. */
  readonly #released: number[];
  /** All from here on are free. */
  #next: number;

  /** @param limit How many numbers there are. */
  constructor(limit: number, released: readonly number[] = [], next = 0) {
    this.limit = limit;
    this.#released = [...released];
    this.#next = next;
  }

  /** All numbers but those that are taken. */
  static except(taken: readonly number[], limit: number): SlotNumbers {
    const next = Math.max(-1, ...taken) + 1;
    const known = new Set(taken);
    const released = Array.from({ length: next }, (_, i) => i).filter((it) => !known.has(it));
    return new SlotNumbers(limit, released, next);
  }

  /** The lowest free number; `undefined` when none is left. */
  take(): number | undefined {
    const released = this.#released.shift();
    if (released !== undefined) return released;
    return this.#next < this.limit ? this.#next++ : undefined;
  }

  /** Makes some numbers free. */
  release(numbers: readonly number[]): void {
    if (numbers.length === 0) return;
    this.#released.push(...numbers);
    this.#released.sort((a, b) => a - b);
    while (this.#released.at(-1) === this.#next - 1) {
      this.#released.pop();
      this.#next--;
    }
  }

  /** The same numbers, to try something out with. */
  copy(): SlotNumbers {
    return new SlotNumbers(this.limit, this.#released, this.#next);
  }
}
