import { checkedCall } from '../native/checked-call.js';
import { isSystemCallFailure, type SystemCallFailure } from '../native/system-call.js';
import { kvmRefusal } from './kvm-ioctl-error.js';

/**
 * What a call of the addon gives.
 *
 * @param what Names it in messages: the ioctl.
 * @throws `ERR_SYSTEM_CALL`: the kernel refuses; `ERR_INVALID_ARGUMENT`: an argument has the wrong type, or doesn't
 *   fit the field that it goes to.
 */
export function kvmCall<Result>(what: string, call: () => Result | SystemCallFailure): Result {
  const result = checkedCall(what, call);
  if (isSystemCallFailure(result)) throw kvmRefusal(result);
  return result;
}
