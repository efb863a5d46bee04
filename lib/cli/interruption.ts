import { constants } from 'node:os';

/** Somebody wants the command to end: Ctrl-C, or a signal that means the same. */
export class Interrupted extends Error {
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super('interrupted');
    this.signal = signal;
  }

  /** What a shell says of a process that the signal has ended: 130 for Ctrl-C. */
  get exitCode(): number {
    return 128 + constants.signals[this.signal];
  }
}

const heard: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * A signal that is aborted with {@link Interrupted} when the process is told to end. It listens once: the next time the
 * kernel ends the process at once.
 */
export function untilInterrupted(): AbortSignal {
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    for (const one of heard) process.removeListener(one, onSignal);
    controller.abort(new Interrupted(signal));
  };
  for (const one of heard) process.on(one, onSignal);
  return controller.signal;
}
