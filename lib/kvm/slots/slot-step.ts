import type { PageMapping } from '../../mapping/page-mapping.js';
import { type KvmVm, type UserMemoryRegion, userMemoryFlag } from '../kvm-interface.js';

/** A mapping that is installed as a memory slot. */
export interface MemorySlot extends PageMapping {
  /** Its number within the address space of KVM. */
  readonly slot: number;
  /** Where its private pages come from. Such a slot is neither moved nor watched. */
  readonly guestMemfd?: GuestMemfd;
}

/** Pages of a guest_memfd (KVM_CREATE_GUEST_MEMFD). */
export interface GuestMemfd {
  /** The descriptor that KVM_CREATE_GUEST_MEMFD gave. */
  readonly fd: number;
  /** Offset in the file, in bytes: whole pages. */
  readonly offset: bigint;
}

/** One ioctl: a slot that there is becomes another one, of the same number; or there was none, or is none any more. */
export interface SlotStep {
  readonly from?: MemorySlot;
  readonly to?: MemorySlot;
}

/** What became of steps. */
export interface SlotStepsOutcome {
  /** Those that are in effect, in order: all, or none unless undoing failed. */
  readonly inEffect: readonly SlotStep[];
  /** What stopped them. */
  readonly error?: unknown;
  /** What went wrong while those before were undone. */
  readonly undoFailures: readonly unknown[];
}

/** Carries out all steps, or none: when one fails those before it are undone. */
export function carryOut(
  vm: KvmVm,
  addressSpaceId: number,
  steps: readonly SlotStep[],
): SlotStepsOutcome {
  const set = (step: SlotStep): void =>
    vm.setUserMemoryRegion(userMemoryRegion(step, addressSpaceId));
  const done: SlotStep[] = [];
  try {
    for (const step of steps) {
      set(step);
      done.push(step);
    }
    return { inEffect: done, undoFailures: [] };
  } catch (error) {
    const stuck: SlotStep[] = [];
    const undoFailures: unknown[] = [];
    for (const step of done.reverse()) {
      try {
        set(opposite(step));
      } catch (failure) {
        stuck.unshift(step);
        undoFailures.push(failure);
      }
    }
    return { inEffect: stuck, error, undoFailures };
  }
}

function opposite({ from, to }: SlotStep): SlotStep {
  return { ...(to && { from: to }), ...(from && { to: from }) };
}

function userMemoryRegion({ from, to }: SlotStep, addressSpaceId: number): UserMemoryRegion {
  const present = to ?? from;
  if (present === undefined) throw new Error('a step without a slot');
  const region = {
    slot: slotId(present.slot, addressSpaceId),
    flags: to === undefined ? 0 : flagsOf(to),
    guestAddress: present.address,
    size: to === undefined ? 0n : to.size,
    hostAddress: present.hostAddress,
  };
  return to?.guestMemfd === undefined ? region : { ...region, guestMemfd: to.guestMemfd };
}

/** A slot's number as the kernel takes it: with the address space in the upper half. */
export function slotId(slot: number, addressSpaceId: number): number {
  return addressSpaceId * 0x1_0000 + slot;
}

function flagsOf({ readonly, dirtyLog }: PageMapping): number {
  return (readonly ? userMemoryFlag.readonly : 0) | (dirtyLog ? userMemoryFlag.logDirtyPages : 0);
}
