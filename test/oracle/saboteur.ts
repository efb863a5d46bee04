// A listener that fails when it is told to.

import type { MemoryListener } from '../../lib/index.js';

/** Throws at one of its calls, once, if it is armed; otherwise it does nothing. */
export class Saboteur implements MemoryListener {
  readonly name = 'saboteur';
  readonly priority: number;
  #callsLeft: number | undefined;

  constructor(priority: number) {
    this.priority = priority;
  }

  /** Lets `calls` calls pass and fails the next one. */
  arm(calls: number): void {
    this.#callsLeft = calls;
  }

  disarm(): void {
    this.#callsLeft = undefined;
  }

  begin(): void {
    this.#called();
  }

  commit(): void {
    this.#called();
  }

  regionAdd(): void {
    this.#called();
  }

  regionDel(): void {
    this.#called();
  }

  logStart(): void {
    this.#called();
  }

  logStop(): void {
    this.#called();
  }

  logGlobalStart(): void {
    this.#called();
  }

  logGlobalStop(): void {
    this.#called();
  }

  eventfdAdd(): void {
    this.#called();
  }

  eventfdDel(): void {
    this.#called();
  }

  coalescedIoAdd(): void {
    this.#called();
  }

  coalescedIoDel(): void {
    this.#called();
  }

  #called(): void {
    if (this.#callsLeft === undefined) return;
    if (this.#callsLeft-- > 0) return;
    this.disarm();
    throw new Error('sabotage');
  }
}
