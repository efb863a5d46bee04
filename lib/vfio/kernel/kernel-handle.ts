import { FlatviewError } from '../../errors.js';

/** What a handle of the addon's stands for, and how it is closed. */
interface Opened {
  readonly handle: number;
  readonly close: (handle: number) => void;
}

/**
 * Something that is open in the kernel. It is closed by {@link close}; or when this object has been collected; at the
 * latest when its environment ends.
 */
export class KernelHandle {
  /** `undefined` once closed. */
  #opened: Opened | undefined;
  readonly #what: string;

  /** @param what Names it in messages, such as `group 26`. */
  constructor(what: string, handle: number, close: (handle: number) => void) {
    this.#what = what;
    this.#opened = { handle, close };
    abandoned.register(this, this.#opened, this);
  }

  /** @throws `ERR_VFIO_CLOSED` */
  get(): number {
    if (this.#opened !== undefined) return this.#opened.handle;
    throw new FlatviewError('ERR_VFIO_CLOSED', `${this.#what} is closed`);
  }

  /** May be called again. */
  close(): void {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened === undefined) return;
    abandoned.unregister(this);
    opened.close(opened.handle);
  }
}

/** Closes what was collected without {@link KernelHandle.close}. */
const abandoned: FinalizationRegistry<Opened> = new FinalizationRegistry(({ handle, close }) =>
  close(handle),
);
