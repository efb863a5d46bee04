import { getSystemErrorName } from 'node:util';
import { FlatviewError } from '../errors.js';

/** The kernel's refusal of one call, as the addon returns it. */
export interface SystemCallFailure {
  /** Name of the system call or of the ioctl's request. */
  readonly call: string;
  /** The arguments that matter, for people. */
  readonly arguments: string;
  /** The value of errno. */
  readonly errno: number;
}

/** Why the kernel refused, and what helps; for people. */
export interface Diagnosis {
  readonly cause: string;
  readonly cure: string;
}

/** Whether the addon returned a failure instead of a result. */
export function isSystemCallFailure(result: unknown): result is SystemCallFailure {
  return typeof result === 'object' && result !== null && 'errno' in result;
}

/** Errors of Linux that Node.js has no name for (include/uapi/asm-generic/errno.h). */
const moreNames: Readonly<Record<number, string>> = { 35: 'EDEADLK', 77: 'EBADFD' };

/** Name of `failure`'s errno, such as `ENOMEM`. */
export function errnoName({ errno }: SystemCallFailure): string {
  return moreNames[errno] ?? getSystemErrorName(-errno);
}

/** The error to throw for `failure`, which happened while doing `what`: `ERR_SYSTEM_CALL`. */
export function systemCallError(
  what: string,
  failure: SystemCallFailure,
  diagnosis?: Diagnosis,
): FlatviewError {
  const errno = errnoName(failure);
  const syscall = `${failure.call}(${failure.arguments})`;
  const advice = diagnosis === undefined ? '' : `. ${diagnosis.cause} ${diagnosis.cure}`;
  const message = `${what}: ${syscall} failed with ${errno}${advice}`;
  return new FlatviewError('ERR_SYSTEM_CALL', message, { errno, syscall });
}
