import type { SystemCallFailure } from './system-call.js';

/** Memory that the addon mapped or was lent: a handle. 0 is never one. */
export type HostMemoryHandle = number;

/**
 * Where bytes are: in the memory of a handle, or in an array, whose place is looked up at each call because its owner may
 * move, shrink or detach it. Arrays are callers' own; without the native addon, all memory is arrays.
 */
export type HostMemorySource = HostMemoryHandle | Uint8Array;

/** Width of one access in bytes. */
export type AccessWidth = 1 | 2 | 4 | 8;

/**
 * The addon's functions for host memory (native/binding/host_memory_binding.cc).
 *
 * Addresses, offsets and sizes are bytes, 0 to 2^64 - 1. Every argument is checked: one that is of the wrong type
 * throws TypeError, one out of bounds RangeError. What the kernel refuses is returned as a {@link SystemCallFailure}.
 */
export interface HostMemoryAddon {
  /**
   * Maps memory that is committed as it is touched.
   *
   * @param size Bytes, up to 2^62.
   * @param shared Back it with a memfd.
   * @param hugePageSize Bytes of a page from the hugetlb pool, a power of two; 0 for ordinary pages.
   * @param transparentHugePages Advise the kernel to use huge pages where it can.
   * @param name What /proc calls the memfd.
   */
  hostMemoryAllocate(
    size: bigint,
    shared: boolean,
    hugePageSize: bigint,
    transparentHugePages: boolean,
    name: string,
  ): HostMemorySource | SystemCallFailure;

  /** Lends memory that somebody else mapped. Fails with ENOMEM unless all of it is mapped. */
  hostMemoryAt(address: bigint, size: bigint): HostMemorySource | SystemCallFailure;

  /** Address of the first byte in this process. */
  hostMemoryAddress(source: HostMemorySource): bigint;

  /** The memfd, or -1. */
  hostMemoryFileDescriptor(memory: HostMemoryHandle): number;

  /** Bytes of a page behind it; of a caller's array those of an ordinary page. */
  hostMemoryPageSize(source: HostMemorySource): bigint;

  /**
   * Makes an ArrayBuffer over a part of the memory, without a copy. It keeps the memory mapped until it is collected.
   *
   * @param length Bytes, 1 to 2^32.
   * @returns `undefined` where the runtime forbids such buffers (Electron).
   */
  hostMemoryWindow(
    memory: HostMemoryHandle,
    offset: bigint,
    length: bigint,
  ): ArrayBuffer | undefined;

  /**
   * One load of exactly `width` bytes, at any alignment, in host byte order.
   *
   * @returns `undefined` where the memory doesn't answer: SIGBUS.
   */
  hostMemoryLoad(source: HostMemorySource, offset: bigint, width: AccessWidth): bigint | undefined;

  /**
   * One store of exactly the low `width` bytes of `value`, at any alignment, in host byte order.
   *
   * @returns Whether the memory took it.
   */
  hostMemoryStore(
    source: HostMemorySource,
    offset: bigint,
    width: AccessWidth,
    value: bigint,
  ): boolean;

  /**
   * Copies `into.length` bytes from `offset` on; the two may overlap.
   *
   * @returns Whether the memory answered; else some of the bytes may have been copied.
   */
  hostMemoryCopyOut(source: HostMemorySource, offset: bigint, into: Uint8Array): boolean;

  /**
   * Copies all of `from` to `offset`; the two may overlap.
   *
   * @returns Whether the memory took it; else it may have taken some of the bytes.
   */
  hostMemoryCopyIn(source: HostMemorySource, offset: bigint, from: Uint8Array): boolean;

  /** Gives whole pages of allocated memory back to the kernel; they read as zeros. */
  hostMemoryDiscard(
    memory: HostMemorySource,
    offset: bigint,
    length: bigint,
  ): SystemCallFailure | undefined;

  /** Detaches every window, unmaps what was mapped here, and forgets the handle. */
  hostMemoryClose(memory: HostMemorySource): void;

  /** Forgets the handle. The memory stays mapped while a window lives. */
  hostMemoryRelease(memory: HostMemoryHandle): void;
}
