/** Name of the error with which a call fails; `undefined` where it succeeds. */
export type Errno = string | undefined;

/** Thrown within a simulated kernel by a call that it refuses; never reaches the caller as it is. */
export class KernelRefusal extends Error {
  readonly errno: string;

  constructor(errno: string) {
    super(errno);
    this.errno = errno;
  }
}

/** Refuses the call with `errno` if `condition` holds. */
export function refuseIf(condition: boolean, errno: string): void {
  if (condition) throw new KernelRefusal(errno);
}
