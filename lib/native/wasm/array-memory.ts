import { hex, roundUp } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import type { AccessWidth, HostMemoryAddon, HostMemorySource } from '../host-memory-addon.js';
import type { SystemCallFailure } from '../system-call.js';
import { outOfRange, uint8Array, uint64, wrongType } from './arguments.js';
import type { NativeOnly } from './native-only.js';
import { ProcessAddresses } from './process-addresses.js';

/** The longest Uint8Array that every supported Node.js has. */
const maxSize = 1n << 32n;

/** What simulated kernels and their guests go by, whatever the machine's own is. */
const pageSize = 4096n;

/**
 * Host memory where there is no mmap: each is one ArrayBuffer of whole pages, whose zeros the system commits as they are
 * touched. It has no handle: a Uint8Array stands for it everywhere. Its address is made up, and only
 * {@link HostMemoryAddon.hostMemoryAt} and simulated kernels know what to do with it.
 */
export function arrayMemory(only: NativeOnly): HostMemoryAddon {
  const addresses = new ProcessAddresses();
  return {
    hostMemoryAllocate(size, shared, hugePageSize, _transparentHugePages, name) {
      if (shared) throw only.error(`shared memory (${name})`);
      if (hugePageSize > 0n) throw only.error(`memory of huge pages (${name})`);
      if (size > maxSize)
        throw only.error(`memory of more than 4 GiB (${name}: ${hex(size)} bytes)`);
      return allocate(size, name);
    },
    hostMemoryAt: (address, size) => addresses.bytesAt(address, size) ?? notMapped(address, size),
    hostMemoryAddress(source) {
      const { buffer, byteOffset } = bytesOf(source);
      return addresses.of(buffer) + BigInt(byteOffset);
    },
    hostMemoryFileDescriptor: () => -1,
    hostMemoryPageSize: () => pageSize,
    // What a handle is taken for; the array shows the memory itself.
    hostMemoryWindow: (memory) => wrongHandle(memory),
    hostMemoryRelease: (memory) => wrongHandle(memory),
    hostMemoryLoad: (source, offset, width) => loads[width](viewOf(source, offset, width)),
    // An array always answers.
    hostMemoryStore(source, offset, width, value) {
      stores[width](viewOf(source, offset, width), value);
      return true;
    },
    hostMemoryCopyOut(source, offset, into) {
      into.set(partOf(source, offset, into.length));
      return true;
    },
    hostMemoryCopyIn(source, offset, from) {
      partOf(source, offset, from.length).set(from);
      return true;
    },
    hostMemoryDiscard(source, offset, length) {
      const first = Number(uint64(offset, 2));
      bytesOf(source).fill(0, first, first + Number(uint64(length, 3)));
      return undefined;
    },
    hostMemoryClose(source) {
      const { buffer } = bytesOf(source);
      // Its bytes move to a buffer that nobody has; every array over it has none from now on.
      if (buffer instanceof ArrayBuffer) structuredClone(buffer, { transfer: [buffer] });
    },
  };
}

function allocate(size: bigint, name: string): Uint8Array {
  try {
    return new Uint8Array(new ArrayBuffer(Number(roundUp(size, pageSize))), 0, Number(size));
  } catch (error) {
    const message = `${hex(size)} bytes for ${name}: this process gets no ArrayBuffer of that size`;
    const details = { errno: 'ENOMEM', syscall: `ArrayBuffer(${hex(size)})`, cause: error };
    throw new FlatviewError('ERR_SYSTEM_CALL', message, details);
  }
}

/** Loads of each width, in the byte order of every processor that this is for. */
const loads: Readonly<Record<AccessWidth, (view: DataView) => bigint>> = {
  1: (view) => BigInt(view.getUint8(0)),
  2: (view) => BigInt(view.getUint16(0, true)),
  4: (view) => BigInt(view.getUint32(0, true)),
  8: (view) => view.getBigUint64(0, true),
};

/** Stores of the low bytes of a value. */
const stores: Readonly<Record<AccessWidth, (view: DataView, value: bigint) => void>> = {
  1: (view, value) => view.setUint8(0, Number(value & 0xffn)),
  2: (view, value) => view.setUint16(0, Number(value & 0xffffn), true),
  4: (view, value) => view.setUint32(0, Number(value & 0xffff_ffffn), true),
  8: (view, value) => view.setBigUint64(0, value, true),
};

/** As the kernel says it: ENOMEM. */
function notMapped(address: bigint, size: bigint): SystemCallFailure {
  return { call: 'ArrayBuffer', arguments: `${hex(size)} bytes at ${hex(address)}`, errno: 12 };
}

function wrongHandle(memory: number): never {
  throw wrongType(1, `is the handle ${memory}, and there are none here`);
}

function bytesOf(source: HostMemorySource): Uint8Array {
  return typeof source === 'number' ? wrongHandle(source) : uint8Array(source, 1);
}

function partOf(source: HostMemorySource, offset: bigint, length: number): Uint8Array {
  const bytes = bytesOf(source);
  const first = uint64(offset, 2);
  if (first + BigInt(length) > BigInt(bytes.length)) throw outOfRange(2, 'leads out of the memory');
  return bytes.subarray(Number(first), Number(first) + length);
}

function viewOf(source: HostMemorySource, offset: bigint, width: AccessWidth): DataView {
  const { buffer, byteOffset } = partOf(source, offset, width);
  return new DataView(buffer, byteOffset, width);
}
