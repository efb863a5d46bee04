import type { AddressLike } from '../../address.js';
import { type VfioCall, vfioIoctlError } from '../../vfio/vfio-ioctl-error.js';
import { KernelRefusal } from '../errno.js';
import { Faults } from '../faults.js';

/**
 * A system call that was made, and whether it was refused.
 *
 * @example
 * ```ts
 * import { SimulatedVfio, type SimulatedVfioCall } from 'flatview/simulated';
 *
 * const host = new SimulatedVfio();
 * const iommufd = host.openIommufd();
 * const ioas = iommufd.allocateIoas();
 * const page = { size: 0x1000n, hostAddress: 0x7f00_0000_0000n, read: true, write: false };
 * ioas.mapDma({ iova: 0x8000n, ...page });
 * const last: SimulatedVfioCall | undefined = host.calls.at(-1);
 * last?.call; // => 'IOMMU_IOAS_MAP'
 * last?.args;
 * // => { ioas_id: 1, iova: 0x8000n, length: 0x1000n, user_va: 0x7f00_0000_0000n, flags: 5 }
 * ioas.close();
 * iommufd.close();
 * ```
 */
export interface SimulatedVfioCall {
  /** Which call it was. */
  readonly call: VfioCall;
  /** Its arguments by their names. */
  readonly args: Readonly<Record<string, AddressLike>>;
  /** Name of the error; `undefined` where it succeeded. */
  readonly errno: string | undefined;
}

/** The way of every system call into the simulated kernel: it is recorded, and may fail because a test ordered that. */
export class VfioCallLog {
  readonly calls: SimulatedVfioCall[] = [];
  readonly faults = new Faults<VfioCall>();
  readonly #before: () => void;

  /** @param before Brings the kernel up to date with what the process did without a call. */
  constructor(before: () => void) {
    this.#before = before;
  }

  /**
   * Makes a call, which `body` carries out.
   *
   * @throws `ERR_SYSTEM_CALL` where it is refused.
   */
  make<Result>(call: VfioCall, args: SimulatedVfioCall['args'], body: () => Result): Result {
    this.#before();
    const ordered = this.faults.due(call);
    if (ordered !== undefined) throw this.#refuse(call, args, ordered);
    try {
      const result = body();
      this.calls.push({ call, args, errno: undefined });
      return result;
    } catch (error) {
      if (!(error instanceof KernelRefusal)) throw error;
      throw this.#refuse(call, args, error.errno);
    }
  }

  #refuse(call: VfioCall, args: SimulatedVfioCall['args'], errno: string): Error {
    this.calls.push({ call, args, errno });
    return vfioIoctlError(call, args, errno);
  }
}
