import { type AddressLike, hex, toAddress, toSize } from '../address.js';
import { FlatviewError } from '../errors.js';
import { addon } from '../native/addon.js';
import type {
  AccessWidth,
  HostMemoryHandle,
  HostMemorySource,
} from '../native/host-memory-addon.js';
import {
  type Diagnosis,
  errnoName,
  isSystemCallFailure,
  type SystemCallFailure,
  systemCallError,
} from '../native/system-call.js';

export type { AccessWidth } from '../native/host-memory-addon.js';

/** How {@link HostMemory.allocate} maps memory. */
export interface HostMemoryOptions {
  /** Name in error messages and, of shared memory, in /proc. */
  readonly name?: string;
  /**
   * Backed by a memfd, so that other processes, vhost-user back-ends and devices can map it by {@link HostMemory.fd}.
   * Sealed: nobody can resize it.
   */
  readonly shared?: boolean;
  /**
   * Take pages of this many bytes, a power of two, from the host's hugetlb pool. They are reserved at once, so that
   * it is this call that fails when there are too few, and not the guest that crashes later.
   */
  readonly hugePageSize?: AddressLike;
  /** Advise the kernel to use transparent huge pages, as QEMU does. Default: true. */
  readonly transparentHugePages?: boolean;
}

/** Bytes of a page of this processor. */
export const hostPageSize: bigint = addon.hostMemoryPageSize(new Uint8Array());

/** The largest ArrayBuffer that every supported Node.js makes over memory that is not its own: 4 GiB. */
const maxWindow = 1n << 32n;

/** The ArrayBuffers that show memory start at multiples of this; each reaches half into the next. */
const windowStride = maxWindow / 2n;

/** The largest memory that is asked of the kernel. */
const maxSize = 1n << 62n;

/**
 * Real memory of this process: what a RAM region consists of, what KVM shows to the guest and VFIO to a device.
 *
 * It is mapped by {@link HostMemory.allocate}, or lent by {@link HostMemory.over} or {@link HostMemory.at}. What was
 * mapped is unmapped by {@link HostMemory.close}; or else when this object and every window have been collected; at
 * the latest when its environment ends. A worker can use it too, by `HostMemory.at(hostAddress, size)`, for as long as
 * the owner keeps it open.
 *
 * @example
 * ```ts native
 * import { type AccessWidth, HostMemory, type HostMemoryOptions } from 'flatview';
 *
 * const options: HostMemoryOptions = { shared: true };
 * using memory = HostMemory.allocate(0x1000n, options);
 * const width: AccessWidth = 4;
 * memory.store(0x10n, width, 0x1234_5678n);
 * memory.load(0x12n, 2); // => 0x1234n
 * memory.window(0x10n, 4); // => Uint8Array.of(0x78, 0x56, 0x34, 0x12)
 * memory.load(0x1000n, 1); // throws ERR_ADDRESS_RANGE
 * ```
 */
export class HostMemory {
  /** Size in bytes. */
  readonly size: bigint;
  /** Address of the first byte in this process: KVM's userspace_addr, VFIO's vaddr. */
  readonly hostAddress: bigint;
  /** The memfd of shared memory; this object closes it. */
  readonly fd: number | undefined;
  /** Bytes of a page behind it: more than the processor's where it comes from the hugetlb pool. */
  readonly pageSize: bigint;
  /** Whether somebody else mapped it, and decides when it goes. */
  readonly isLent: boolean;
  /**
   * Whether it is a device's: each access reaches the device, so each has a width. There are {@link load} and
   * {@link store}, and no windows, copies and discarding. While the device doesn't answer (memory decode is off, it
   * sleeps, or is gone) these throw `ERR_MEMORY_BUS_ERROR`.
   */
  readonly isDevice: boolean;
  readonly #name: string;
  #busErrors = 0;
  /** `undefined` once closed. */
  #source: HostMemorySource | undefined;
  /** What must not be collected before this object and its windows. */
  readonly #keepAlive: object | undefined;
  /** ArrayBuffers by where they start. Making one costs a garbage collection, so they are kept. */
  readonly #windows = new Map<bigint, ArrayBuffer>();

  private constructor(
    source: HostMemorySource,
    size: bigint,
    name: string,
    isLent: boolean,
    {
      keepAlive,
      isDevice = false,
    }: { readonly keepAlive?: object; readonly isDevice?: boolean } = {},
  ) {
    const fd = typeof source === 'number' ? addon.hostMemoryFileDescriptor(source) : -1;
    this.size = size;
    this.hostAddress = addon.hostMemoryAddress(source);
    this.fd = fd === -1 ? undefined : fd;
    this.pageSize = addon.hostMemoryPageSize(source);
    this.#name = name;
    this.#source = source;
    this.isLent = isLent;
    this.isDevice = isDevice;
    this.#keepAlive = keepAlive;
    if (typeof source === 'number') abandoned.register(this, source, this);
  }

  /**
   * Maps `size` bytes of zeros. They are committed as they are touched: 64 GiB cost nothing at first.
   *
   * Its pages don't go to child processes (MADV_DONTFORK), so that a device's view of them can't part from ours.
   *
   * @param size Bytes, 0 to 2^62; whole pages are mapped.
   * @throws `ERR_ADDRESS_RANGE` on a size out of range, `ERR_INVALID_ARGUMENT` on a page size that isn't a power of
   *   two, `ERR_SYSTEM_CALL` when the kernel refuses; the message says why and what helps.
   */
  static allocate(size: AddressLike, options: HostMemoryOptions = {}): HostMemory {
    const { name = 'host memory', shared = false, transparentHugePages = true } = options;
    const bytes = checkedSize(size, `size of ${name}`);
    const hugePageSize = checkedHugePageSize(options.hugePageSize ?? 0n, name);
    const result = addon.hostMemoryAllocate(
      bytes,
      shared,
      hugePageSize,
      transparentHugePages,
      name,
    );
    if (isSystemCallFailure(result)) throw allocationError(name, bytes, hugePageSize, result);
    return new HostMemory(result, bytes, name, false);
  }

  /**
   * The caller's own memory, over any kind of buffer, a SharedArrayBuffer too. It is kept alive. Accesses after it was
   * detached or shrunk throw `ERR_MEMORY_CLOSED`; who hands `hostAddress` to the kernel must not do that.
   *
   * @throws `ERR_INVALID_ARGUMENT` unless it is a Uint8Array.
   */
  static over(bytes: Uint8Array, name: string = 'lent memory'): HostMemory {
    checkBytes(bytes, name);
    return new HostMemory(bytes, BigInt(bytes.length), name, true);
  }

  /**
   * Memory that somebody else mapped into this process: a device's, or another worker's.
   *
   * @param hostAddress Its address in this process.
   * @param size Bytes.
   * @param keepAlive The owner of the mapping: it isn't collected before this object and its windows.
   * @throws `ERR_ADDRESS_RANGE` where the range leaves the address space, `ERR_SYSTEM_CALL` where nothing is mapped.
   */
  static at(hostAddress: AddressLike, size: AddressLike, keepAlive?: object): HostMemory {
    const address = toAddress(hostAddress, 'host address');
    const bytes = checkedSize(size, 'size of the memory');
    const name = `host memory at ${hex(address)}`;
    if (address + bytes > 1n << 64n) {
      throw new FlatviewError('ERR_ADDRESS_RANGE', `${name} of ${hex(bytes)} bytes ends past 2^64`);
    }
    const result = addon.hostMemoryAt(address, bytes);
    if (isSystemCallFailure(result)) throw systemCallError(name, result, notMapped);
    return new HostMemory(result, bytes, name, true, keepAlive === undefined ? {} : { keepAlive });
  }

  /**
   * @internal Takes over memory of a device that the addon mapped. It keeps the device open in the kernel until
   * {@link close}.
   */
  static ofDevice(handle: HostMemoryHandle, size: bigint, name: string): HostMemory {
    return new HostMemory(handle, size, name, false, { isDevice: true });
  }

  /**
   * @internal Memory that stands for a device's, as simulated ones have it: somebody else keeps it mapped.
   *
   * @throws `ERR_SYSTEM_CALL` where nothing is mapped.
   */
  static ofDeviceAt(
    hostAddress: bigint,
    size: bigint,
    name: string,
    keepAlive: object,
  ): HostMemory {
    const result = addon.hostMemoryAt(hostAddress, size);
    if (isSystemCallFailure(result)) throw systemCallError(name, result, notMapped);
    return new HostMemory(result, size, name, true, { keepAlive, isDevice: true });
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#source === undefined;
  }

  /**
   * How many accesses came to nothing because the memory doesn't answer (SIGBUS): by this object, and by address spaces
   * that show it.
   */
  get busErrors(): number {
    return this.#busErrors;
  }

  /**
   * `length` bytes from `offset` on as an array, without a copy. {@link close} detaches it: its length becomes 0. An
   * asynchronous operation that is under way then, such as reading a file into it, ends nowhere.
   *
   * What JavaScript reads and writes there is not our access: where the memory doesn't answer, as of a file that was
   * truncated, it ends the process.
   *
   * @throws `ERR_ADDRESS_RANGE` beyond the memory, `ERR_WINDOW` for more than 4 GiB or where the runtime forbids
   *   arrays over foreign memory (Electron does), `ERR_INVALID_ARGUMENT` of a device's, `ERR_MEMORY_CLOSED`.
   */
  window(offset: AddressLike, length: AddressLike): Uint8Array {
    const source = this.#open();
    this.#refuseDevice();
    const first = toAddress(offset, 'offset');
    const size = toSize(length, 'length');
    this.#checkBounds(first, size);
    if (size === 0n) return new Uint8Array(0);
    if (size > maxWindow) throw this.#windowError(size, 'an array shows up to 4 GiB');
    if (typeof source !== 'number') return source.subarray(Number(first), Number(first + size));
    const start = windowStart(first, size);
    return new Uint8Array(this.#windowAt(source, start), Number(first - start), Number(size));
  }

  /**
   * Reads `width` bytes in host byte order by one load of exactly that width, as a device needs it.
   *
   * @param offset Any alignment.
   * @throws `ERR_ADDRESS_RANGE` beyond the memory, `ERR_INVALID_ARGUMENT` on another width, `ERR_MEMORY_CLOSED`,
   *   `ERR_MEMORY_BUS_ERROR` where it doesn't answer.
   */
  load(offset: AddressLike, width: AccessWidth): bigint {
    const value = this.tryLoad(offset, width);
    if (value === undefined) throw this.#busError(offset, width);
    return value;
  }

  /**
   * Writes the low `width` bytes of `value` in host byte order by one store of exactly that width.
   *
   * @param offset Any alignment.
   * @throws As {@link load}.
   */
  store(offset: AddressLike, width: AccessWidth, value: bigint): void {
    if (!this.tryStore(offset, width, value)) throw this.#busError(offset, width);
  }

  /**
   * Fills `into` with what is at `offset`, in accesses of any width: not for a device's.
   *
   * @throws `ERR_ADDRESS_RANGE` beyond the memory, `ERR_INVALID_ARGUMENT`, `ERR_MEMORY_CLOSED`; `ERR_MEMORY_BUS_ERROR`
   *   where it doesn't answer: `into` may hold some of the bytes then.
   */
  copyOut(offset: AddressLike, into: Uint8Array): void {
    if (!this.tryCopyOut(offset, into)) throw this.#busError(offset, into.length);
  }

  /**
   * Copies `from` to `offset`, in accesses of any width: not for a device's.
   *
   * @throws `ERR_ADDRESS_RANGE` beyond the memory, `ERR_INVALID_ARGUMENT`, `ERR_MEMORY_CLOSED`; `ERR_MEMORY_BUS_ERROR`
   *   where it doesn't answer: some of the bytes may have been written then.
   */
  copyIn(offset: AddressLike, from: Uint8Array): void {
    if (!this.tryCopyIn(offset, from)) throw this.#busError(offset, from.length);
  }

  /** @internal As {@link load}, but `undefined` where the memory doesn't answer. */
  tryLoad(offset: AddressLike, width: AccessWidth): bigint | undefined {
    const source = this.#open();
    const at = this.#checkAccess(offset, width);
    const value = addon.hostMemoryLoad(source, at, width);
    if (value === undefined) this.#busErrors++;
    return value;
  }

  /** @internal As {@link store}. Whether the memory took it. */
  tryStore(offset: AddressLike, width: AccessWidth, value: bigint): boolean {
    const source = this.#open();
    const at = this.#checkAccess(offset, width);
    return this.#answered(addon.hostMemoryStore(source, at, width, BigInt.asUintN(64, value)));
  }

  /** @internal As {@link copyOut}. Whether the memory answered. */
  tryCopyOut(offset: AddressLike, into: Uint8Array): boolean {
    const source = this.#open();
    this.#refuseDevice();
    return this.#answered(addon.hostMemoryCopyOut(source, this.#checkCopy(offset, into), into));
  }

  /** @internal As {@link copyIn}. Whether the memory took it. */
  tryCopyIn(offset: AddressLike, from: Uint8Array): boolean {
    const source = this.#open();
    this.#refuseDevice();
    return this.#answered(addon.hostMemoryCopyIn(source, this.#checkCopy(offset, from), from));
  }

  /**
   * Gives pages back to the host; they read as zeros and cost nothing until they are touched again. Those of shared
   * memory are gone for everyone who mapped it.
   *
   * @param offset A multiple of `pageSize`.
   * @param length A multiple of `pageSize`; the last page may reach beyond `size`.
   * @throws `ERR_ADDRESS_RANGE` beyond the memory or not in whole pages, `ERR_INVALID_ARGUMENT` on lent memory,
   *   `ERR_SYSTEM_CALL` when the kernel refuses, `ERR_MEMORY_CLOSED`.
   */
  discard(offset: AddressLike, length: AddressLike): void {
    const source = this.#open();
    const first = toAddress(offset, 'offset');
    const size = toSize(length, 'length');
    this.#refuseDevice();
    if (this.isLent) {
      throw new FlatviewError('ERR_INVALID_ARGUMENT', `${this.#name} is lent: its owner discards`);
    }
    this.#checkPages(first, size);
    const failure = addon.hostMemoryDiscard(source, first, size);
    if (failure !== undefined) throw systemCallError(`discarding ${this.#name}`, failure);
  }

  /** @internal The addon's handle; `undefined` for memory that is an array, which can move, and once closed. */
  get handle(): HostMemoryHandle | undefined {
    return typeof this.#source === 'number' ? this.#source : undefined;
  }

  /** Detaches all windows and unmaps what was mapped here. Lent memory stays as it is. May be called again. */
  close(): void {
    const source = this.#source;
    this.#source = undefined;
    this.#windows.clear();
    if (source === undefined) return;
    abandoned.unregister(this);
    // A lent array is its owner's, who still uses it.
    if (typeof source === 'number' || !this.isLent) addon.hostMemoryClose(source);
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #open(): HostMemorySource {
    const source = this.#source;
    if (source === undefined) {
      throw new FlatviewError('ERR_MEMORY_CLOSED', `${this.#name} is closed`);
    }
    if (typeof source !== 'number' && source.length < this.size) {
      const message = `${this.#name} was detached or shrunk by its owner`;
      throw new FlatviewError('ERR_MEMORY_CLOSED', message);
    }
    return source;
  }

  #answered(answered: boolean): boolean {
    if (!answered) this.#busErrors++;
    return answered;
  }

  #busError(offset: AddressLike, length: number): FlatviewError {
    const bytes = `${hex(length)} bytes at ${hex(offset)} of ${this.#name}`;
    const cause = this.isDevice
      ? 'its device does not decode memory, sleeps or is gone'
      : 'nothing is behind them, as in a file that was truncated';
    return new FlatviewError('ERR_MEMORY_BUS_ERROR', `${bytes} do not answer (SIGBUS): ${cause}`);
  }

  #refuseDevice(): void {
    if (!this.isDevice) return;
    const message = `${this.#name} is a device's, where each access has a width: take load and store`;
    throw new FlatviewError('ERR_INVALID_ARGUMENT', message);
  }

  #windowAt(memory: HostMemoryHandle, start: bigint): ArrayBuffer {
    const known = this.#windows.get(start);
    // One that somebody has detached has no bytes.
    if (known !== undefined && known.byteLength > 0) return known;
    const rest = this.size - start;
    const window = addon.hostMemoryWindow(memory, start, rest < maxWindow ? rest : maxWindow);
    if (window === undefined) throw this.#windowError(rest, 'this runtime forbids such arrays');
    this.#windows.set(start, window);
    if (this.#keepAlive !== undefined) lenders.set(window, this.#keepAlive);
    return window;
  }

  #windowError(length: bigint, why: string): FlatviewError {
    return new FlatviewError('ERR_WINDOW', `${hex(length)} bytes of ${this.#name}: ${why}`);
  }

  #checkAccess(offset: AddressLike, width: AccessWidth): bigint {
    const at = toAddress(offset, 'offset');
    if (width !== 1 && width !== 2 && width !== 4 && width !== 8) {
      const message = `width of an access to ${this.#name} is ${String(width)}: not 1, 2, 4 or 8`;
      throw new FlatviewError('ERR_INVALID_ARGUMENT', message);
    }
    this.#checkBounds(at, width);
    return at;
  }

  #checkCopy(offset: AddressLike, bytes: Uint8Array): bigint {
    const at = toAddress(offset, 'offset');
    checkBytes(bytes, `what is copied from or to ${this.#name}`);
    this.#checkBounds(at, bytes.length);
    return at;
  }

  #checkPages(offset: bigint, length: bigint): void {
    const unit = this.pageSize;
    if (offset % unit !== 0n || length % unit !== 0n) {
      throw new FlatviewError(
        'ERR_ADDRESS_RANGE',
        `${hex(length)} bytes at ${hex(offset)} of ${this.#name} are not whole pages of ${hex(unit)}`,
      );
    }
    const mapped = ((this.size + unit - 1n) / unit) * unit;
    if (offset + length > mapped) throw this.#boundsError(offset, length);
  }

  #checkBounds(offset: bigint, length: bigint | number): void {
    if (offset > this.size || this.size - offset < length) throw this.#boundsError(offset, length);
  }

  #boundsError(offset: bigint, length: bigint | number): FlatviewError {
    return new FlatviewError(
      'ERR_ADDRESS_RANGE',
      `${hex(length)} bytes at ${hex(offset)} lead out of ${this.#name}, which has ${hex(this.size)}`,
    );
  }
}

/** Forgets the handles of memories that were collected without {@link HostMemory.close}. */
const abandoned: FinalizationRegistry<HostMemoryHandle> = new FinalizationRegistry((memory) =>
  addon.hostMemoryRelease(memory),
);

/** The owners of lent memory, by the windows that must not outlive them. */
const lenders = new WeakMap<ArrayBuffer, object>();

/** Where the ArrayBuffer starts in which `size` bytes at `offset` lie; larger ones have their own. */
function windowStart(offset: bigint, size: bigint): bigint {
  return size > windowStride ? offset : offset - (offset % windowStride);
}

function checkedSize(size: AddressLike, what: string): bigint {
  const bytes = toSize(size, what);
  if (bytes <= maxSize) return bytes;
  throw new FlatviewError('ERR_ADDRESS_RANGE', `${what} is ${hex(bytes)}: more than can be mapped`);
}

function checkedHugePageSize(size: AddressLike, name: string): bigint {
  const what = `huge page size of ${name}`;
  const bytes = checkedSize(size, what);
  if ((bytes & (bytes - 1n)) === 0n) return bytes;
  throw new FlatviewError('ERR_INVALID_ARGUMENT', `${what} is ${hex(bytes)}: not a power of two`);
}

function checkBytes(bytes: Uint8Array, what: string): void {
  if (bytes instanceof Uint8Array) return;
  throw new FlatviewError('ERR_INVALID_ARGUMENT', `${what} is not a Uint8Array`);
}

function allocationError(
  name: string,
  size: bigint,
  hugePageSize: bigint,
  failure: SystemCallFailure,
): FlatviewError {
  const diagnosis = hugePageSize === 0n ? ordinaryDiagnosis : hugePageDiagnosis;
  const what = `mapping ${hex(size)} bytes for ${name}`;
  return systemCallError(what, failure, diagnosis(errnoName(failure), hugePageSize));
}

function ordinaryDiagnosis(errno: string): Diagnosis | undefined {
  switch (errno) {
    case 'ENOMEM':
      return {
        cause: 'The process may not map that much, or has too many mappings.',
        cure: 'Look at ulimit -v, /proc/sys/vm/overcommit_memory and /proc/sys/vm/max_map_count.',
      };
    case 'EMFILE':
      return { cause: 'The process has too many open files.', cure: 'Raise ulimit -n.' };
    default:
      return undefined;
  }
}

function hugePageDiagnosis(errno: string, pageSize: bigint): Diagnosis | undefined {
  const pool = `/sys/kernel/mm/hugepages/hugepages-${pageSize / 1024n}kB/nr_hugepages`;
  switch (errno) {
    case 'ENOMEM':
      return {
        cause: `The host has too few free huge pages of ${hex(pageSize)} bytes.`,
        cure: `Write their number to ${pool} (those of the default size: /proc/sys/vm/nr_hugepages).`,
      };
    case 'EINVAL':
    case 'ENODEV':
      return {
        cause: `The host has no huge pages of ${hex(pageSize)} bytes.`,
        cure: 'Take one of the sizes in /sys/kernel/mm/hugepages.',
      };
    default:
      return ordinaryDiagnosis(errno);
  }
}

const notMapped: Diagnosis = {
  cause: 'Not all of it is mapped in this process.',
  cure: 'Map it first, and keep it mapped as long as it is used here.',
};
