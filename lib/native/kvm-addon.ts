import type { EngineHandle } from './engine-addon.js';
import type { HostMemoryHandle } from './host-memory-addon.js';
import type { SystemCallFailure } from './system-call.js';

/** /dev/kvm: a handle. 0 is never one; nor of those below. */
export type KvmHandle = number;

/** A VM: a handle. */
export type KvmVmHandle = number;

/** A vCPU: a handle. */
export type KvmVcpuHandle = number;

/** The memory of one address space, as vCPUs reach it without JavaScript: a handle. */
export type DirectMemoryHandle = number;

/** How a region's bytes are accessed there. */
export const directKind = { memory: 0, device: 1, romDevice: 2 } as const;

/** Who answered an exit there: memory; nobody, where nothing is; or memory that was to answer and didn't. */
export const directAnswer = { memory: 0, nobody: 1, failedMemory: 2 } as const;

/** Which of a vCPU's registers: the size in bytes of what crosses, and its number. */
export const registerSet = {
  /** struct kvm_regs of x86-64. */
  general: { number: 0, bytes: 144 },
  /** struct kvm_sregs of x86-64. */
  special: { number: 1, bytes: 312 },
} as const;

/**
 * The addon's functions for KVM (native/binding/kvm_binding.cc); what an ioctl does is said in the kernel's
 * Documentation/virt/kvm/api.rst.
 *
 * Numbers have 32 bits without a sign, bigints 64. Every argument is checked: one of the wrong type throws TypeError,
 * one out of bounds RangeError, a call that makes no sense now Error. What the kernel refuses is returned as a
 * {@link SystemCallFailure}. Handles belong to one environment, and die with it.
 */
export interface KvmAddon {
  /** Opens `path`, and asks whether it is KVM: ENOTTY, or EPROTO for another version of its API than 12. */
  kvmOpen(path: string): KvmHandle | SystemCallFailure;
  /** KVM_CHECK_EXTENSION on /dev/kvm. */
  kvmCheckExtension(kvm: KvmHandle, capability: number): number | SystemCallFailure;
  /** VMs made of it stay. */
  kvmClose(kvm: KvmHandle): void;

  /** An eventfd that never blocks: a descriptor, which the caller closes. */
  kvmCreateEventFd(): number | SystemCallFailure;

  /** KVM_CREATE_VM. */
  kvmCreateVm(kvm: KvmHandle, type: bigint): KvmVmHandle | SystemCallFailure;
  /** A VM of this process by a descriptor, which is duplicated. ENOTTY if it is none, EBADF if it is closed. */
  kvmVmAt(kvm: KvmHandle, fd: number): KvmVmHandle | SystemCallFailure;
  /** The VM's descriptor, which stays the VM's. */
  kvmVmDescriptor(vm: KvmVmHandle): number;
  /** KVM_CHECK_EXTENSION on a VM, which may have less than /dev/kvm. */
  kvmVmCheckExtension(vm: KvmVmHandle, capability: number): number | SystemCallFailure;
  /** KVM_ENABLE_CAP, with no flags and one argument. */
  kvmVmEnableCapability(
    vm: KvmVmHandle,
    capability: number,
    argument: bigint,
  ): SystemCallFailure | undefined;
  /** KVM_SET_USER_MEMORY_REGION. */
  kvmVmSetUserMemoryRegion(
    vm: KvmVmHandle,
    slot: number,
    flags: number,
    guestAddress: bigint,
    size: bigint,
    hostAddress: bigint,
  ): SystemCallFailure | undefined;
  /** KVM_SET_USER_MEMORY_REGION2. */
  kvmVmSetUserMemoryRegion2(
    vm: KvmVmHandle,
    slot: number,
    flags: number,
    guestAddress: bigint,
    size: bigint,
    hostAddress: bigint,
    guestMemfd: number,
    guestMemfdOffset: bigint,
  ): SystemCallFailure | undefined;
  /** KVM_CREATE_GUEST_MEMFD: a descriptor, which the caller closes. */
  kvmVmCreateGuestMemfd(vm: KvmVmHandle, size: bigint, flags: bigint): number | SystemCallFailure;
  /** KVM_IOEVENTFD. */
  kvmVmIoEventFd(
    vm: KvmVmHandle,
    address: bigint,
    size: number,
    data: bigint,
    fd: number,
    flags: number,
  ): SystemCallFailure | undefined;
  /** KVM_REGISTER_COALESCED_MMIO. */
  kvmVmRegisterCoalescedMmio(
    vm: KvmVmHandle,
    address: bigint,
    size: number,
    isPort: boolean,
  ): SystemCallFailure | undefined;
  /** KVM_UNREGISTER_COALESCED_MMIO. */
  kvmVmUnregisterCoalescedMmio(
    vm: KvmVmHandle,
    address: bigint,
    size: number,
    isPort: boolean,
  ): SystemCallFailure | undefined;
  /**
   * KVM_GET_DIRTY_LOG. ENOENT for a slot that was not set through this handle.
   *
   * @param bitmap At least a bit for each page of the slot, in whole words of 64 bits.
   */
  kvmVmGetDirtyLog(
    vm: KvmVmHandle,
    slot: number,
    bitmap: Uint8Array,
  ): SystemCallFailure | undefined;
  /** KVM_CLEAR_DIRTY_LOG. */
  kvmVmClearDirtyLog(
    vm: KvmVmHandle,
    slot: number,
    firstPage: bigint,
    pageCount: number,
    bitmap: Uint8Array,
  ): SystemCallFailure | undefined;
  /** KVM_RESET_DIRTY_RINGS: how many entries were taken back. */
  kvmVmResetDirtyRings(vm: KvmVmHandle): number | SystemCallFailure;
  /** KVM_SET_TSS_ADDR. */
  kvmVmSetTssAddress(vm: KvmVmHandle, address: bigint): SystemCallFailure | undefined;
  /** vCPUs made of it stay, and keep it in the kernel. */
  kvmVmClose(vm: KvmVmHandle): void;

  /** Makes one without regions; the engine publishes the address space's views to it. */
  kvmCreateDirectMemory(engine: EngineHandle, addressSpace: number): DirectMemoryHandle;
  /**
   * Has vCPUs access `memory` where the address space shows `region`.
   *
   * @param kind One of {@link directKind}.
   */
  kvmDirectMemoryAdd(
    direct: DirectMemoryHandle,
    region: number,
    kind: number,
    memory: HostMemoryHandle,
  ): void;
  /** Waits for an access that is being made. */
  kvmDirectMemoryRemove(direct: DirectMemoryHandle, region: number): void;
  /** vCPUs that use it go on. */
  kvmDirectMemoryClose(direct: DirectMemoryHandle): void;

  /**
   * KVM_CREATE_VCPU.
   *
   * @param dirtyRingBytes As enabled by KVM_CAP_DIRTY_LOG_RING, or 0.
   */
  kvmCreateVcpu(
    vm: KvmVmHandle,
    id: number,
    dirtyRingBytes: number,
  ): KvmVcpuHandle | SystemCallFailure;
  /**
   * What the vCPU's descriptor maps: struct kvm_run, ports' data, coalesced writes, the dirty ring. Reads as zeros
   * once the vCPU is closed.
   *
   * @returns `undefined` where the runtime forbids such buffers (Electron).
   */
  kvmVcpuWindow(vcpu: KvmVcpuHandle): ArrayBuffer | undefined;
  /** KVM_GET_REGS or KVM_GET_SREGS; `set` and the size of `registers` as in {@link registerSet}. */
  kvmVcpuGetRegisters(
    vcpu: KvmVcpuHandle,
    set: number,
    registers: Uint8Array,
  ): SystemCallFailure | undefined;
  /** KVM_SET_REGS or KVM_SET_SREGS. */
  kvmVcpuSetRegisters(
    vcpu: KvmVcpuHandle,
    set: number,
    registers: Uint8Array,
  ): SystemCallFailure | undefined;
  /** All of the file of KVM_GET_STATS_FD. */
  kvmVcpuStatistics(vcpu: KvmVcpuHandle): ArrayBuffer | SystemCallFailure;

  /** Has exits answered without JavaScript from now on, where `direct` can. */
  kvmVcpuUseDirectMemory(vcpu: KvmVcpuHandle, direct: DirectMemoryHandle): void;
  /** How many exits were answered so: one of {@link directAnswer}. */
  kvmVcpuDirectAnswers(vcpu: KvmVcpuHandle, answer: number): number;
  /** KVM_RUN on this thread: 0 after an exit, else its errno. EINTR may come at any time. */
  kvmVcpuRun(vcpu: KvmVcpuHandle): number;
  /** Whether {@link kvmVcpuRun} is to come back every 20 ms, with EINTR. */
  kvmVcpuHeartbeat(vcpu: KvmVcpuHandle, beats: boolean): SystemCallFailure | undefined;
  /**
   * KVM_RUN on a thread of its own, again and again. The event loop stays alive meanwhile.
   *
   * @param onExit Called on the event loop with 0 after an exit, else with the errno: EINTR after
   *   {@link kvmVcpuStop}. Returns whether to run on. Must not throw.
   */
  kvmVcpuStart(
    vcpu: KvmVcpuHandle,
    onExit: (errno: number) => boolean,
  ): SystemCallFailure | undefined;
  /** Has the guest of {@link kvmVcpuStart} stop. Does nothing otherwise. */
  kvmVcpuStop(vcpu: KvmVcpuHandle): void;
  /** Calls the guest out and keeps it out, until as many {@link kvmVcpuResume}. */
  kvmVcpuRequestPause(vcpu: KvmVcpuHandle): void;
  /** Waits until the guest is out: as long as a signal takes. */
  kvmVcpuAwaitPause(vcpu: KvmVcpuHandle): void;
  kvmVcpuResume(vcpu: KvmVcpuHandle): void;
  /** Ends its thread, whatever that waits for; `onExit` isn't called any more. */
  kvmVcpuClose(vcpu: KvmVcpuHandle): void;
}
