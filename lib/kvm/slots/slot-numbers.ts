const bitsPerWord = 32;
const fullWord = 0xffff_ffff;

/** Which numbers of memory slots are taken: one bit for each. */
export class SlotNumbers {
  readonly limit: number;
  readonly #taken: Uint32Array;
  /** All words before it are full. */
  #firstWord = 0;

  /** @param limit How many numbers there are. */
  constructor(limit: number) {
    this.limit = limit;
    this.#taken = new Uint32Array(Math.ceil(limit / bitsPerWord));
  }

  /** Makes `number` taken. */
  take(number: number): void {
    const word = Math.floor(number / bitsPerWord);
    this.#taken[word] = (this.#taken[word] ?? 0) | (1 << (number % bitsPerWord));
    let first = this.#firstWord;
    while (this.#taken[first] === fullWord) first++;
    this.#firstWord = first;
  }

  /** Makes `number` free. */
  release(number: number): void {
    const word = Math.floor(number / bitsPerWord);
    this.#taken[word] = (this.#taken[word] ?? 0) & ~(1 << (number % bitsPerWord));
    this.#firstWord = Math.min(this.#firstWord, word);
  }

  /**
   * The lowest `count` numbers that are free once `leaving` are, ascending; `undefined` when there are fewer. Nothing is
   * taken or released.
   */
  lowest(count: number, leaving: readonly number[]): readonly number[] | undefined {
    const free = [...this.#lowestFree(count), ...leaving].sort((a, b) => a - b);
    return free.length < count ? undefined : free.slice(0, count);
  }

  #lowestFree(count: number): number[] {
    const free: number[] = [];
    for (let word = this.#firstWord; word < this.#taken.length && free.length < count; word++) {
      for (let rest = ~(this.#taken[word] ?? 0); rest !== 0; rest &= rest - 1) {
        const number = word * bitsPerWord + (31 - Math.clz32(rest & -rest));
        if (number < this.limit) free.push(number);
      }
    }
    return free.slice(0, count);
  }
}
