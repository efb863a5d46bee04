import { closeSync, readSync, writeSync } from 'node:fs';
import { FlatviewError } from '../errors.js';
import { addon } from '../native/addon.js';
import { kvmCall } from './kvm-call.js';

/**
 * A counter in the kernel that a guest's writes add to, without an exit: what an ioeventfd of a region signals.
 *
 * @example
 * ```ts
 * import { EventFd } from 'flatview/kvm';
 *
 * const doorbell = EventFd.create();
 * doorbell.signal();
 * doorbell.signal();
 * doorbell.take(); // => 2n
 * doorbell.take(); // => 0n
 *
 * doorbell.close();
 * doorbell.fd; // throws ERR_KVM_CLOSED
 * ```
 */
export class EventFd {
  /** `undefined` once closed. */
  #fd: number | undefined;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** @throws `ERR_SYSTEM_CALL`: the process has too many open files. */
  static create(): EventFd {
    return new EventFd(kvmCall('eventfd', () => addon.kvmCreateEventFd()));
  }

  /** The descriptor. It stays this object's, who closes it only after its ioeventfds were removed. */
  get fd(): number {
    if (this.#fd !== undefined) return this.#fd;
    throw new FlatviewError('ERR_KVM_CLOSED', 'the eventfd is closed');
  }

  /** How often it was signalled since it was asked last. Never waits. */
  take(): bigint {
    const count = new BigUint64Array(1);
    try {
      readSync(this.fd, count);
    } catch (error) {
      // Nothing has come.
      if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return 0n;
      throw error;
    }
    return count[0] ?? 0n;
  }

  /** Signals it, as a guest does. */
  signal(): void {
    writeSync(this.fd, new BigUint64Array([1n]));
  }

  /** May be called again. */
  close(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) closeSync(fd);
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
