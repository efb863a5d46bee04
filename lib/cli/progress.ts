import type { WorkProgress } from '../long-work.js';
import type { TextOutput } from './text-output.js';

/** Work that ends sooner shows nothing, in milliseconds. */
const patience = 500;

/** Milliseconds between two changes of the line. */
const interval = 100;

/**
 * A line on the terminal that says how far something is which takes long. It comes when the work has taken half a
 * second, and goes when it ends. Where there is no terminal, nothing is said.
 */
export class Progress {
  readonly #output: TextOutput;
  readonly #now: () => number;
  readonly #start: number;
  #next: number;
  /** What is counted now, since when, and from where. */
  #part = { what: '', start: 0, from: 0 };
  #isShown = false;

  constructor(output: TextOutput, now: () => number = () => performance.now()) {
    this.#output = output;
    this.#now = now;
    this.#start = now();
    this.#next = this.#start + patience;
  }

  show(progress: WorkProgress): void {
    const now = this.#now();
    if (progress.what !== this.#part.what) {
      this.#part = { what: progress.what, start: now, from: progress.done };
    }
    if (now < this.#next || !this.#output.canOverwrite) return;
    this.#next = now + interval;
    this.#isShown = true;
    const text = progressText(progress, this.#rate(progress.done, now));
    this.#output.overwrite(text.slice(0, (this.#output.columns ?? 80) - 1));
  }

  /** Takes what was shown away. */
  end(): void {
    if (this.#isShown) this.#output.overwrite('');
    this.#isShown = false;
  }

  /** How many a second. */
  #rate(done: number, now: number): number {
    const seconds = (now - this.#part.start) / 1000;
    return seconds > 0 ? (done - this.#part.from) / seconds : 0;
  }
}

/** `1,200 of 5,000 steps replayed, 24 %, 400 a second, 10 s left` */
export function progressText({ what, done, total }: WorkProgress, rate: number): string {
  const count =
    total === undefined ? numberText(done) : `${numberText(done)} of ${numberText(total)}`;
  const parts = [`${count} ${what}`];
  if (total !== undefined && total > 0) parts.push(`${Math.floor((done / total) * 100)} %`);
  if (rate >= 1) parts.push(`${numberText(rate)} a second`);
  if (total !== undefined && rate > 0 && done < total) {
    parts.push(`${timeText((total - done) / rate)} left`);
  }
  return parts.join(', ');
}

function numberText(count: number): string {
  return Math.round(count).toLocaleString('en');
}

function timeText(seconds: number): string {
  const whole = Math.ceil(seconds);
  return whole < 120 ? `${whole} s` : `${Math.ceil(whole / 60)} min`;
}
