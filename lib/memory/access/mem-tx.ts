/**
 * Outcome of an access: a set of bits, because the outcomes of the parts of an access are OR-ed (QEMU: MemTxResult).
 * Tests for success compare with `MemTxResult.ok`, which is 0.
 *
 * @example
 * ```ts
 * import { type MemTxFault, MemoryTopology, MemTxResult } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const fault: MemTxFault = 'error';
 * const device = topology.io('broken', 0x1000n, { read: () => fault });
 * const memory = topology.addressSpace('memory', device);
 * memory.read(0x0n, 4).result === MemTxResult.error; // => true
 * memory.write(0x0n, 4, 1n) === MemTxResult.decodeError; // => true
 * ```
 */
export type MemTxResult = number;

/** The bits of a {@link MemTxResult}. */
export const MemTxResult = {
  ok: 0,
  /** The device answered with an error. */
  error: 1,
  /** Nothing is there, or what is there doesn't take such an access. */
  decodeError: 2,
  /** What is there may not be accessed in this way or at this moment. */
  accessError: 4,
} as const;

/** What a callback of a region returns instead of a value to fail. */
export type MemTxFault = 'error' | 'decode-error' | 'access-error';

/** The bit of each fault. */
export const faultResult: Readonly<Record<MemTxFault, MemTxResult>> = {
  error: MemTxResult.error,
  'decode-error': MemTxResult.decodeError,
  'access-error': MemTxResult.accessError,
};

/**
 * What comes along with an access on the bus (QEMU: MemTxAttrs). Callbacks get the object as it was passed.
 *
 * @example
 * ```ts
 * import { type MemTxAttributes, MemoryTopology } from 'flatview';
 *
 * const requesters: (number | undefined)[] = [];
 * const topology = new MemoryTopology();
 * const doorbell = topology.io('doorbell', 0x1000n, {
 *   write: (_offset, _value, _size, { requesterId }) => {
 *     requesters.push(requesterId);
 *   },
 * });
 * const from: MemTxAttributes = { requesterId: 0x0500 };
 * topology.addressSpace('memory', doorbell).write(0x0n, 4, 1n, from);
 * requesters; // => [0x0500]
 * ```
 */
export interface MemTxAttributes {
  /** In the secure world of an ARM processor. */
  readonly secure?: boolean;
  /** In user mode. */
  readonly user?: boolean;
  /** Meant for memory only: anything else answers with an access error. */
  readonly memory?: boolean;
  /** By a debugger: writes change a rom too. */
  readonly debug?: boolean;
  /** Who asks: on PCI bus, device and function in 16 bits. */
  readonly requesterId?: number;
  /** Process address space of the requester, 20 bits (PCI: PASID). */
  readonly pasid?: number;
}

/**
 * Which byte of a value comes first.
 *
 * @example
 * ```ts
 * import { type Endianness, MemoryTopology } from 'flatview';
 *
 * const endianness: Endianness = 'big';
 * const topology = new MemoryTopology();
 * const data = topology.io('fwcfg.data', 0x8n, { read: () => 0x5145_4d55n, endianness });
 * const memory = topology.addressSpace('memory', data);
 * memory.read(0x0n, 4).value; // => 0x554d_4551n
 * memory.read(0x0n, 4, {}, 'big').value; // => 0x5145_4d55n
 * topology.close();
 * ```
 */
export type Endianness = 'little' | 'big';
