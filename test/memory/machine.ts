// A small machine for tests of accesses, and a device that writes down how it is called.

import {
  type AddressSpace,
  type FlatviewError,
  type MemoryRegion,
  type MemoryRegionOps,
  MemoryTopology,
} from '../../lib/index.js';

/** A topology with one address space over a container of all addresses. */
export interface Machine {
  readonly topology: MemoryTopology;
  readonly system: MemoryRegion;
  readonly memory: AddressSpace;
}

export function machine(): Machine {
  const topology = new MemoryTopology();
  const system = topology.container('system', 1n << 64n);
  return { topology, system, memory: topology.addressSpace('memory', system) };
}

/** Callbacks that write down each call as `read offset+size` or `write offset+size value`. */
export class Recorder {
  readonly calls: string[] = [];

  /** A device that answers each read with `answer`, cut to its size. */
  ops(answer = 0n, rules: Omit<MemoryRegionOps, 'read' | 'write'> = {}): MemoryRegionOps {
    return {
      ...rules,
      read: (offset, size) => {
        this.calls.push(`read ${offset.toString(16)}+${size}`);
        return answer;
      },
      write: (offset, value, size) => {
        this.calls.push(`write ${offset.toString(16)}+${size} ${value.toString(16)}`);
      },
    };
  }

  /** What was called since the last time. */
  take(): string[] {
    return this.calls.splice(0);
  }
}

/** For assert.throws: a FlatviewError with this code, and a message that matches. */
export function flatviewError(
  code: FlatviewError['code'],
  message: RegExp = /./,
): { readonly name: string; readonly code: string; readonly message: RegExp } {
  return { name: 'FlatviewError', code, message };
}
