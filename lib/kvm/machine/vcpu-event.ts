import type { FlatviewError } from '../../errors.js';
import type { Registers } from './registers.js';
import { exitReason, type RunPage } from './run-page.js';

/** Why a vCPU stopped, and its registers then. */
export type VcpuEvent = VcpuEnd & { readonly registers: Registers };

/**
 * Why a vCPU stopped.
 *
 * @example
 * ```ts
 * import type { VcpuEnd } from 'flatview/kvm';
 *
 * // What a VMM says about a vCPU that came back.
 * function report(end: VcpuEnd): string {
 *   switch (end.kind) {
 *     case 'halt':
 *     case 'stopped':
 *       return end.kind;
 *     case 'shutdown':
 *       return 'triple fault';
 *     case 'failure':
 *     case 'memory-fault':
 *       return end.error.message;
 *     case 'internal-error':
 *       return end.suberror === 1 ? 'no instruction that KVM knows' : `suberror ${end.suberror}`;
 *     default:
 *       return `unexpected: ${end.kind}`;
 *   }
 * }
 *
 * report({ kind: 'shutdown' }); // => 'triple fault'
 * report({ kind: 'system-event', type: 2 }); // => 'unexpected: system-event'
 * ```
 */
export type VcpuEnd =
  /** HLT, where the kernel has no interrupt controller that could end it. */
  | { readonly kind: 'halt' }
  /** It was asked to. */
  | { readonly kind: 'stopped' }
  /**
   * The guest asked for it; on x86 a triple fault. On AMD's processors nothing is left of the guest's registers then:
   * KVM resets the vCPU (shutdown_interception in arch/x86/kvm/svm/svm.c), and they are those of a reset.
   */
  | { readonly kind: 'shutdown' }
  /** KVM_SYSTEM_EVENT_*: shutdown, reset, crash, as some firmware asks for. */
  | { readonly kind: 'system-event'; readonly type: number }
  /** The dirty ring is full: harvest and reset it, then run on. */
  | { readonly kind: 'dirty-ring-full' }
  /** KVM gave up: suberror 1 is an instruction that it can't emulate, such as code in memory that isn't. */
  | {
      readonly kind: 'internal-error';
      readonly suberror: number;
      readonly data: readonly bigint[];
    }
  /** The processor refused to enter the guest: its registers make no sense. */
  | { readonly kind: 'entry-failure'; readonly reason: bigint }
  /**
   * A slot's memory could not be reached (EFAULT): it was unmapped, or its device is asleep. The guest-physical
   * bytes are known where the kernel tells them (KVM_CAP_MEMORY_FAULT_INFO).
   */
  | {
      readonly kind: 'memory-fault';
      readonly fault: { readonly address: bigint; readonly size: bigint } | undefined;
      readonly error: FlatviewError;
    }
  /** KVM_RUN was refused. */
  | { readonly kind: 'failure'; readonly error: FlatviewError }
  /** KVM_EXIT_*: an exit that nothing here asked for. */
  | { readonly kind: 'unknown-exit'; readonly reason: number };

/** What the exit that `page` tells of comes to, for all that end a run. */
export function endOf(page: RunPage): VcpuEnd {
  const { reason } = page;
  switch (reason) {
    case exitReason.halt:
      return { kind: 'halt' };
    case exitReason.shutdown:
      return { kind: 'shutdown' };
    case exitReason.systemEvent:
      return { kind: 'system-event', type: page.systemEventType };
    case exitReason.dirtyRingFull:
      return { kind: 'dirty-ring-full' };
    case exitReason.internalError:
      return { kind: 'internal-error', suberror: page.internalSuberror, data: page.internalData };
    case exitReason.entryFailure:
      return { kind: 'entry-failure', reason: page.entryFailureReason };
    default:
      return { kind: 'unknown-exit', reason };
  }
}
