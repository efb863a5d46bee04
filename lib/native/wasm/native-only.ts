import { FlatviewError } from '../../errors.js';
import { needsLinux } from '../../needs-linux.js';
import type { EngineAddon } from '../engine-addon.js';
import type { KvmAddon } from '../kvm-addon.js';
import type { ReaderAddon } from '../reader-addon.js';
import type { VfioAddon } from '../vfio-addon.js';

/** Says why something takes the native addon, and what this process has instead of it. */
export class NativeOnly {
  readonly #why: string;

  /** @param why There is no native addon here: a sentence, without its full stop. */
  constructor(why: string) {
    this.#why = why;
  }

  /** The error of an attempt at `what`, which the native addon does on Linux: `ERR_NEEDS_NATIVE_ADDON`. */
  error(what: string): FlatviewError {
    const message = `${what} takes flatview's native addon, and this process has its engine as WebAssembly instead: ${this.#why} (docs/install.md)`;
    return new FlatviewError('ERR_NEEDS_NATIVE_ADDON', message);
  }

  /** The error of an attempt at `what`, which is a part of Linux: `ERR_NEEDS_LINUX` where this is another system. */
  kernelError(what: string): FlatviewError {
    return process.platform === 'linux' ? this.error(what) : needsLinux(what);
  }
}

/** The functions that every way to the kernel, or to another thread, begins with. All others take what these return. */
export type NativeOnlyFunctions = Pick<
  EngineAddon & KvmAddon & ReaderAddon & VfioAddon,
  | 'engineClearNames'
  | 'engineAddName'
  | 'engineShare'
  | 'readerOpen'
  | 'kvmOpen'
  | 'kvmCreateEventFd'
  | 'vfioOpenContainer'
  | 'vfioOpenGroup'
  | 'vfioOpenDevice'
  | 'iommufdOpen'
>;

/** They throw, each time they are called. */
export function nativeOnlyFunctions(only: NativeOnly): NativeOnlyFunctions {
  const sharing = (): never => {
    throw only.error('sharing an address space with other threads');
  };
  const kernel = (what: string) => (): never => {
    throw only.kernelError(what);
  };
  return {
    engineClearNames: sharing,
    engineAddName: sharing,
    engineShare: sharing,
    readerOpen: sharing,
    kvmOpen: kernel('KVM'),
    kvmCreateEventFd: kernel('an eventfd'),
    vfioOpenContainer: kernel('VFIO'),
    vfioOpenGroup: kernel('VFIO'),
    vfioOpenDevice: kernel('VFIO'),
    iommufdOpen: kernel('iommufd'),
  };
}
