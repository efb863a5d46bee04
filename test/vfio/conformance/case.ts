import type { Bench, Session } from './bench.js';

/** One call, or a few that belong together. */
export interface Step {
  /** For messages. */
  readonly what: string;
  readonly call: (session: Session) => unknown;
  /** Name of the error, or `ok`. Default: `ok`. */
  readonly gives?: string;
  /** What is returned, where that matters. */
  readonly returns?: unknown;
}

/** What the kernel makes of some calls. Every implementation of VfioHost runs all of them. */
export interface Case {
  readonly name: string;
  /** What of the host it says something about; without it the case is skipped. */
  readonly needs?: keyof Bench['has'];
  readonly steps: readonly Step[];
}

export function step(
  what: string,
  call: Step['call'],
  expected: Pick<Step, 'gives' | 'returns'> = {},
): Step {
  return { what, call, ...expected };
}

/** A call that the kernel refuses. */
export function refused(what: string, errno: string, call: Step['call']): Step {
  return { what, call, gives: errno };
}
