/**
 * Every code that a {@link FlatviewError} can carry, with what it means. Codes are stable: programs match
 * `error.code`, people read `error.message`.
 *
 * @example
 * ```ts
 * import { errorCodes } from 'flatview';
 *
 * errorCodes.ERR_REGION_MAPPED; // => 'The region is a subregion already.'
 * ```
 */
export const errorCodes = {
  ERR_ADDON_NOT_FOUND: 'The native addon could not be loaded on this platform.',
  ERR_ADDRESS_RANGE:
    'An address, offset or size is negative, fractional, too large or out of bounds.',
  ERR_ADDRESS_SPACE_DESTROYED: 'The address space was destroyed.',
  ERR_ALIAS_RECURSION: 'Aliases lead back to where they came from, without end.',
  ERR_ALIAS_SUBREGION: 'An alias cannot have subregions.',
  ERR_BAR_LAYOUT: 'A base address register asks for what PCI does not have.',
  ERR_BOUNCE_BUFFERS: 'The bounce buffers of an address space are in use up to its limit.',
  ERR_CHANGE_IN_LISTENER: 'The tree cannot be changed while listeners are being told of a change.',
  ERR_DEVICE_DESCRIPTION: 'A device says something of itself that cannot be so.',
  ERR_DISCARD_MANAGER:
    'A discard manager was set, removed or used in a way that its region does not allow.',
  ERR_ENGINE_FAILED:
    'The WebAssembly engine ran out of memory or stack in the middle of a change, and is of no use any more.',
  ERR_INPUT_TOO_LARGE: 'A dump or document takes more memory than this process has.',
  ERR_INVALID_ARGUMENT: 'An argument has the wrong type or value.',
  ERR_IOMMU: 'An IOMMU region or notifier was used in a way that it does not allow.',
  ERR_KVM_CLOSED: 'The VM, vCPU or /dev/kvm was closed.',
  ERR_LISTENER_FAILED: 'A listener threw; the commit was undone for all.',
  ERR_LISTENER_REGISTERED: 'The listener is registered already, or not registered.',
  ERR_MAIN_THREAD: 'This would block the event loop; do it in a worker.',
  ERR_MALFORMED_INPUT: 'A dump or document could not be understood.',
  ERR_MEMORY_BUS_ERROR:
    'Memory does not answer (SIGBUS): its device does not decode memory, sleeps or is gone, or its file was truncated.',
  ERR_MEMORY_CLOSED: 'The host memory was closed.',
  ERR_NEEDS_LINUX: 'This is a part of Linux, and this process runs on another system.',
  ERR_NEEDS_NATIVE_ADDON:
    'Only the native addon does this, and this process has the engine as WebAssembly instead.',
  ERR_NO_HOST_MEMORY: 'The region has no memory in this process.',
  ERR_NOT_SHARED:
    'What a reader was made from is of no address space that this process has, or has any longer.',
  ERR_NOT_SUBREGION: 'The region is not a subregion of the other.',
  ERR_OUT_OF_DMA_MAPPINGS: 'More DMA mappings are needed than the kernel allows.',
  ERR_OUT_OF_SLOTS: 'More memory slots are needed than KVM has.',
  ERR_PCI_ADDRESS: 'A PCI function cannot be where it is to be, or is not there.',
  ERR_PASSTHROUGH:
    'A device cannot be passed through as the host is set up; the message says what to change.',
  ERR_PRIORITY_RANGE: 'A priority is not a 32-bit signed integer.',
  ERR_PROCESSOR: 'This is for processors of another architecture than this machine has.',
  ERR_READER_CLOSED: 'The reader was closed.',
  ERR_RECORDING_STOPPED: 'A recording ended early: what it is written to failed or fell behind.',
  ERR_REGION_BUSY: 'The region is still in use.',
  ERR_REGION_DESTROYED: 'The region was destroyed.',
  ERR_REGION_MAPPED: 'The region is a subregion already.',
  ERR_REGION_RECURSION: 'A region cannot be put under itself.',
  ERR_SYSTEM_CALL: 'A system call failed; see `errno`, `syscall` and the message.',
  ERR_TOO_DEEP: 'Regions are nested deeper than can be rendered.',
  ERR_TOPOLOGY_CHANGED: 'The topology was changed while something that takes long looked at it.',
  ERR_TOPOLOGY_CLOSED: 'The topology was closed.',
  ERR_TOPOLOGY_MISMATCH: 'Regions of two topologies cannot be combined.',
  ERR_TRANSACTION_ASYNC: 'A transaction body cannot be asynchronous.',
  ERR_TRANSACTION_OPEN: 'This cannot be done within a transaction.',
  ERR_TRANSACTION_UNBALANCED: 'A commit or rollback has no matching begin.',
  ERR_VCPU_RUNNING: 'The vCPU is running already.',
  ERR_VFIO_CLOSED: 'The VFIO container, group, device or file was closed.',
  ERR_VIEW_TOO_LARGE: 'Rendering takes more work than is allowed.',
  ERR_WINDOW: 'Memory cannot be shown as one array: too long, or the runtime forbids it.',
} as const;

/** The stable code of a {@link FlatviewError}. */
export type ErrorCode = keyof typeof errorCodes;

/**
 * What an error can carry beside its code and message.
 *
 * @example
 * ```ts
 * import { type ErrorDetails, FlatviewError } from 'flatview';
 *
 * const details: ErrorDetails = { errno: 'ENOSPC', syscall: 'KVM_SET_USER_MEMORY_REGION(slot 0)' };
 * new FlatviewError('ERR_SYSTEM_CALL', 'no slot is left', details).errno; // => 'ENOSPC'
 * ```
 */
export interface ErrorDetails {
  /** The error that led to this one. */
  readonly cause?: unknown;
  /** Name of the kernel's error, such as `ENOMEM`. */
  readonly errno?: string;
  /** The system call or ioctl that failed, with its arguments. */
  readonly syscall?: string;
  /** Name of the listener that failed. */
  readonly listener?: string;
  /** What else went wrong while a failed commit was being undone. */
  readonly undoFailures?: readonly unknown[];
  /** Line of the input, counted from 1. */
  readonly line?: number;
}

/**
 * The one class of error that this package throws: an embedder's mistake or a kernel's refusal.
 *
 * @example
 * ```ts
 * import { type ErrorCode, FlatviewError, MemoryTopology } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * const ram = topology.ram('pc.ram', 0x1000n);
 * system.addSubregion(0x0n, ram);
 *
 * function codeOf(attempt: () => void): ErrorCode | undefined {
 *   try {
 *     attempt();
 *   } catch (error) {
 *     if (error instanceof FlatviewError) return error.code;
 *     throw error;
 *   }
 *   return undefined;
 * }
 * codeOf(() => system.addSubregion(0x1000n, ram)); // => 'ERR_REGION_MAPPED'
 * ```
 */
export class FlatviewError extends Error {
  /** Tells it from other errors where there is no class to compare with, as after it crossed to another thread. */
  override readonly name: string = 'FlatviewError';
  /** Stable code, one of {@link errorCodes}. */
  readonly code: ErrorCode;
  /** Name of the kernel's error, such as `ENOMEM`. */
  declare readonly errno?: string;
  /** The system call or ioctl that failed, with its arguments. */
  declare readonly syscall?: string;
  /** Name of the listener that failed. */
  declare readonly listener?: string;
  /** What else went wrong while a failed commit was being undone. */
  declare readonly undoFailures?: readonly unknown[];
  /** Line of the input, counted from 1. */
  declare readonly line?: number;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    const { cause, ...own } = details;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    Object.assign(this, own);
  }
}

/** `error`, together with what else went wrong while what it broke was being undone. */
export function withUndoFailures(error: unknown, undoFailures: readonly unknown[]): unknown {
  if (!(error instanceof FlatviewError) || undoFailures.length === 0) return error;
  const { code, message, ...details } = error;
  const failed = `${message}; ${undoFailures.length} more failed while it was undone`;
  return new FlatviewError(code, failed, { ...details, cause: error.cause, undoFailures });
}
