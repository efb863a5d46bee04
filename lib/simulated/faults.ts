/** A failure that a test orders, of one of the calls that `Ioctl` names. */
export interface Fault<Ioctl extends string = string> {
  /** The ioctl that fails. */
  readonly ioctl: Ioctl;
  /** Which call fails, counted from the order on: 1 is the next one. */
  readonly call: number;
  /** Name of the error, such as `ENOMEM`. */
  readonly errno: string;
}

/** Failures that were ordered and have not happened yet. */
export class Faults<Ioctl extends string> {
  #pending: Fault<Ioctl>[] = [];

  order(fault: Fault<Ioctl>): void {
    this.#pending.push(fault);
  }

  /** Forgets all that have not happened. */
  cancel(): void {
    this.#pending = [];
  }

  /** Counts a call of `ioctl`. Returns the errno with which it is to fail. */
  due(ioctl: Ioctl): string | undefined {
    let errno: string | undefined;
    this.#pending = this.#pending.flatMap((fault) => {
      if (fault.ioctl !== ioctl) return [fault];
      if (fault.call > 1) return [{ ...fault, call: fault.call - 1 }];
      errno = fault.errno;
      return [];
    });
    return errno;
  }
}
