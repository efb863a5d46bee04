import { channel } from 'node:diagnostics_channel';
import type { MemoryRegion } from '../regions/memory-region.js';
import { type MemTxAttributes, MemTxResult } from './mem-tx.js';

/** Why an access, or a part of one, never reached a device or memory, or found no answer there. */
export type RejectionReason =
  /** Nothing is there. */
  | 'unassigned'
  /** The region doesn't take accesses of this size, alignment or kind. */
  | 'invalid'
  /** It is not memory, and the access is for memory only. */
  | 'not-memory'
  /** The device was busy with an access that led to this one. */
  | 'reentrant'
  /** Memory is there and doesn't answer (SIGBUS): of a device that doesn't decode, or of a file that was truncated. */
  | 'bus-error';

/**
 * A part of an access that was rejected.
 *
 * @example
 * ```ts
 * import { subscribe } from 'node:diagnostics_channel';
 * import {
 *   MemoryTopology,
 *   MemTxResult,
 *   type ReadOutcome,
 *   type Rejection,
 *   type RejectionReason,
 * } from 'flatview';
 *
 * const rejected: [RejectionReason, bigint][] = [];
 * subscribe('flatview:rejected-access', (message) => {
 *   const { reason, offset } = message as Rejection;
 *   rejected.push([reason, offset]);
 * });
 *
 * const topology = new MemoryTopology();
 * const memory = topology.addressSpace('memory', topology.container('system', 1n << 64n));
 * const outcome: ReadOutcome = memory.read(0xfed4_0000n, 4);
 * outcome; // => { value: 0n, result: MemTxResult.decodeError }
 * rejected; // => [['unassigned', 0xfed4_0000n]]
 * topology.close();
 * ```
 */
export interface Rejection {
  /** Why nothing took the access. */
  readonly reason: RejectionReason;
  /** What is there; `undefined` where nothing is. */
  readonly region: MemoryRegion | undefined;
  /** Offset within the region; where nothing is, the address. */
  readonly offset: bigint;
  /** Size in bytes. */
  readonly size: number;
  /** Whether it was a write. */
  readonly isWrite: boolean;
}

/**
 * Publishes each {@link Rejection} on the diagnostics channel `flatview:rejected-access`. A guest can cause any number:
 * nothing is logged here, and it costs nothing unless somebody subscribes.
 */
const rejections = channel('flatview:rejected-access');

const rejectionResult: Readonly<Record<RejectionReason, MemTxResult>> = {
  unassigned: MemTxResult.decodeError,
  invalid: MemTxResult.decodeError,
  'not-memory': MemTxResult.accessError,
  reentrant: MemTxResult.accessError,
  'bus-error': MemTxResult.error,
};

/** An access under way, of one or many parts. */
export class Access {
  readonly isWrite: boolean;
  readonly attributes: MemTxAttributes;
  /** Outcomes of all parts so far. */
  result: MemTxResult = MemTxResult.ok;

  constructor(isWrite: boolean, attributes: MemTxAttributes) {
    this.isWrite = isWrite;
    this.attributes = attributes;
  }

  /** Notes that a part came to nothing. */
  reject(
    reason: RejectionReason,
    region: MemoryRegion | undefined,
    offset: bigint,
    size: number,
  ): void {
    this.result |= rejectionResult[reason];
    if (!rejections.hasSubscribers) return;
    const rejection: Rejection = { reason, region, offset, size, isWrite: this.isWrite };
    rejections.publish(rejection);
  }
}
