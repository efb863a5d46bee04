import { FlatviewError } from '../../errors.js';
import type { Closable } from '../../vfio/vfio-interface.js';
import type { VfioCall } from '../../vfio/vfio-ioctl-error.js';
import type { SimulatedKernel } from './simulated-kernel.js';
import type { SimulatedVfioCall } from './vfio-call-log.js';

/** An open file of a simulated kernel. */
export abstract class Descriptor implements Closable {
  protected readonly kernel: SimulatedKernel;
  readonly #what: string;
  #isOpen = true;

  /** @param what Names it in messages. */
  constructor(kernel: SimulatedKernel, what: string) {
    this.kernel = kernel;
    this.#what = what;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.onClose();
    this.kernel.settle();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** What the kernel does when it is closed. */
  protected abstract onClose(): void;

  /** @internal Whether it is a file of `kernel`. */
  isOf(kernel: SimulatedKernel): boolean {
    return this.kernel === kernel;
  }

  /** @internal @throws `ERR_VFIO_CLOSED`. */
  checkOpen(): void {
    if (!this.#isOpen) throw new FlatviewError('ERR_VFIO_CLOSED', `${this.#what} is closed`);
  }

  /** Makes a system call on it. */
  protected call<Result>(
    call: VfioCall,
    args: SimulatedVfioCall['args'],
    body: () => Result,
  ): Result {
    this.checkOpen();
    return this.kernel.log.make(call, args, body);
  }
}
