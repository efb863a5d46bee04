import { type AddressLike, hex } from '../address.js';
import { FlatviewError } from '../errors.js';
import { errnoName, type SystemCallFailure } from './system-call.js';

/** What most likely led to an errno of one call, by the errno's name. */
export type Causes = Readonly<Record<string, string>>;

/** A call that the kernel refused. */
export interface RefusedCall {
  /** Name of the system call, or of the ioctl's request. */
  readonly call: string;
  /** The arguments that matter: in the kernel's names, or as the addon says them. */
  readonly args: Readonly<Record<string, AddressLike>> | string;
  /** Name of the kernel's error, such as `EINVAL`. */
  readonly errno: string;
}

/**
 * The error of a refused call: `ERR_SYSTEM_CALL`, with `errno` and `syscall`.
 *
 * @param causes What led to an errno, by the call's name.
 * @param anyCall The same for all calls that don't know better.
 */
export function ioctlError(
  { call, args, errno }: RefusedCall,
  causes: Readonly<Record<string, Causes>>,
  anyCall: Causes,
): FlatviewError {
  const syscall = `${call}(${typeof args === 'string' ? args : named(args)})`;
  const cause = causes[call]?.[errno] ?? anyCall[errno];
  const why = cause === undefined ? '' : `: ${cause}`;
  return new FlatviewError('ERR_SYSTEM_CALL', `${syscall} failed with ${errno}${why}`, {
    errno,
    syscall,
  });
}

/** The call that the addon says was refused. */
export function refusedCall(failure: SystemCallFailure): RefusedCall {
  return { call: failure.call, args: failure.arguments, errno: errnoName(failure) };
}

function named(args: Readonly<Record<string, AddressLike>>): string {
  return Object.entries(args)
    .map(([name, value]) => `${name} ${hex(value)}`)
    .join(', ');
}
