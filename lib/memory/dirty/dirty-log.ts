import type { Editable } from '../commit/transaction.js';

/** Whether all memory is watched: a switch that transactions throw and put back like any other state. */
export class DirtyLog implements Editable<boolean> {
  #on = false;

  /** Whether it is on, or will be when the open transaction ends. */
  get state(): boolean {
    return this.#on;
  }

  apply(on: boolean): void {
    this.#on = on;
  }
}
