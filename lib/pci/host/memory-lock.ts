import type { HostFiles } from './host-files.js';

/** Bytes, or no limit. */
export type MemoryLimit = bigint | 'unlimited';

/** How much memory this process may have pinned, and who may change that. */
export interface MemoryLock {
  /** RLIMIT_MEMLOCK: what holds now, and how far the process itself can raise it. */
  readonly soft: MemoryLimit;
  readonly hard: MemoryLimit;
  /** The process has CAP_IPC_LOCK: the limit doesn't hold for it (`vfio_lock_acct`, drivers/vfio/vfio_iommu_type1.c). */
  readonly exempt: boolean;
}

/** The number of CAP_IPC_LOCK (include/uapi/linux/capability.h). */
const capIpcLock = 14n;

/** The limits of this process, as /proc/self shows them. Undefined where it doesn't. */
export function readMemoryLock(files: HostFiles): MemoryLock | undefined {
  const limits = files.text('/proc/self/limits');
  if (limits === undefined) return undefined;
  const [, soft, hard] = /^Max locked memory +(\d+|unlimited) +(\d+|unlimited)/m.exec(limits) ?? [];
  if (soft === undefined || hard === undefined) {
    return files.complain('/proc/self/limits', 'has no line "Max locked memory"');
  }
  return { soft: toLimit(soft), hard: toLimit(hard), exempt: hasIpcLock(files) };
}

/** Whether `bytes` may be pinned. VFIO counts guest memory once for each container that maps it. */
export function allowsLocking({ soft, exempt }: MemoryLock, bytes: bigint): boolean {
  return exempt || soft === 'unlimited' || soft >= bytes;
}

function toLimit(text: string): MemoryLimit {
  return text === 'unlimited' ? text : BigInt(text);
}

function hasIpcLock(files: HostFiles): boolean {
  const status = files.text('/proc/self/status') ?? '';
  const [, effective = '0'] = /^CapEff:\s*([0-9a-f]{1,16})$/im.exec(status) ?? [];
  return (BigInt(`0x${effective}`) >> capIpcLock) % 2n === 1n;
}
