import { checkedCall } from '../../native/checked-call.js';
import { isSystemCallFailure, type SystemCallFailure } from '../../native/system-call.js';
import type { DmaMapping } from '../vfio-interface.js';
import { type VfioCall, vfioRefusal } from '../vfio-ioctl-error.js';

/**
 * What a call of the addon gives.
 *
 * @param what Names it in messages.
 * @throws `ERR_SYSTEM_CALL`: the kernel refuses; `ERR_INVALID_ARGUMENT`: an argument has the wrong type, or doesn't
 *   fit the field that it goes to.
 */
export function vfioCall<Result>(what: VfioCall, call: () => Result | SystemCallFailure): Result {
  const result = checkedCall(what, call);
  if (isSystemCallFailure(result)) throw vfioRefusal(result);
  return result;
}

/** The same of a call that answers in words of 64 bits. */
export function vfioWords(
  what: VfioCall,
  call: () => ArrayBuffer | SystemCallFailure,
): BigUint64Array {
  return new BigUint64Array(vfioCall(what, call));
}

/** The same of a mapping that is made on another thread. */
export async function mapOnThread(
  what: VfioCall,
  map: () => Promise<SystemCallFailure | undefined>,
): Promise<void> {
  const failure = await checkedCall(what, map);
  if (failure !== undefined) throw vfioRefusal(failure);
}

/** `mapping` as the addon takes it. */
export function mapArguments({
  iova,
  size,
  hostAddress,
  read,
  write,
}: DmaMapping): [bigint, bigint, bigint, boolean, boolean] {
  return [iova, size, hostAddress, read, write];
}
