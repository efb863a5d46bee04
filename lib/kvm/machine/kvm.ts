import { FlatviewError } from '../../errors.js';
import { addon } from '../../native/addon.js';
import type { KvmHandle } from '../../native/kvm-addon.js';
import { kvmCall } from '../kvm-call.js';
import { dirtyRingBytes } from '../slots/dirty-ring.js';
import type { GuestSpaces } from './guest-bus.js';
import { VirtualMachine } from './virtual-machine.js';

/**
 * How a VM is made.
 *
 * @example
 * ```ts kvm
 * import { MemoryTopology } from 'flatview';
 * import { Kvm, KvmMemorySlots, type VirtualMachineOptions } from 'flatview/kvm';
 *
 * const topology = new MemoryTopology();
 * const memory = topology.addressSpace('memory', topology.ram('pc.ram', 0x10_0000n));
 * const ports = topology.addressSpace('I/O', topology.container('io', 0x1_0000n));
 * const options: VirtualMachineOptions = { memory, ports };
 *
 * using kvm = Kvm.open();
 * using vm = kvm.createVm(options);
 * memory.addListener(new KvmMemorySlots(vm)); // what vCPUs reach without an exit
 * const vcpu = vm.createVcpu(0); // sees `memory` and `ports`
 * vm.vcpus.includes(vcpu); // => true
 * topology.close();
 * ```
 */
export interface VirtualMachineOptions extends GuestSpaces {
  /**
   * Entries of each vCPU's dirty ring (KVM_CAP_DIRTY_LOG_RING): a power of two up to 65,536; at least a page of them, of
   * 4 KiB 256, and no fewer than the kernel reserves: 64, or 576 with Intel's page-modification logging
   * (kvm_vm_ioctl_enable_dirty_log_ring in virt/kvm/kvm_main.c). Then there are no dirty bitmaps. Default: no ring.
   */
  readonly dirtyRingEntries?: number;
}

/**
 * The kernel's KVM: where VMs come from.
 *
 * @example
 * ```ts kvm
 * import { Kvm, kvmCapability } from 'flatview/kvm';
 *
 * const kvm = Kvm.open();
 * kvm.checkExtension(kvmCapability.ioeventfd) > 0; // => true
 *
 * using vm = kvm.createVm();
 * kvm.close(); // the VM stays
 * vm.checkExtension(kvmCapability.nrMemslots) > 0; // => true
 * kvm.createVm(); // throws ERR_KVM_CLOSED
 *
 * Kvm.open('/dev/null'); // throws ERR_SYSTEM_CALL
 * ```
 */
export class Kvm {
  /** `undefined` once closed. */
  #handle: KvmHandle | undefined;

  private constructor(handle: KvmHandle) {
    this.#handle = handle;
    abandoned.register(this, handle, this);
  }

  /**
   * Opens the device.
   *
   * @throws `ERR_INVALID_ARGUMENT`; `ERR_SYSTEM_CALL`: it isn't there, may not be used, or is something else; the message says what helps.
   */
  static open(path: string = '/dev/kvm'): Kvm {
    return new Kvm(kvmCall('open', () => addon.kvmOpen(path)));
  }

  /**
   * KVM_CHECK_EXTENSION.
   *
   * @returns 0 where the kernel doesn't have it or doesn't know it.
   * @throws `ERR_KVM_CLOSED`
   */
  checkExtension(capability: number): number {
    const kvm = this.#open();
    return kvmCall('KVM_CHECK_EXTENSION', () => addon.kvmCheckExtension(kvm, capability));
  }

  /**
   * Makes a VM without memory and processors (KVM_CREATE_VM).
   *
   * @throws `ERR_SYSTEM_CALL`, also on a ring that can't be (EINVAL, E2BIG); `ERR_KVM_CLOSED`, `ERR_INVALID_ARGUMENT`.
   */
  createVm(options: VirtualMachineOptions = {}): VirtualMachine {
    const kvm = this.#open();
    const ringBytes = dirtyRingBytes(options.dirtyRingEntries ?? 0);
    const vm = kvmCall('KVM_CREATE_VM', () => addon.kvmCreateVm(kvm, 0n));
    return VirtualMachine.over(vm, options, ringBytes);
  }

  /**
   * A VM that this process has already, by its descriptor: another thread made it, or another library. The descriptor
   * is duplicated. What is known of the VM's slots here is what was set here.
   *
   * @throws `ERR_SYSTEM_CALL`: ENOTTY if it is no VM's, EBADF if it is closed; `ERR_KVM_CLOSED`,
   *   `ERR_INVALID_ARGUMENT`.
   */
  vmAt(fd: number, spaces: GuestSpaces = {}): VirtualMachine {
    const kvm = this.#open();
    return VirtualMachine.over(
      kvmCall('descriptor of a VM', () => addon.kvmVmAt(kvm, fd)),
      spaces,
    );
  }

  /** VMs stay. May be called again. */
  close(): void {
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle === undefined) return;
    abandoned.unregister(this);
    addon.kvmClose(handle);
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #open(): KvmHandle {
    if (this.#handle !== undefined) return this.#handle;
    throw new FlatviewError('ERR_KVM_CLOSED', 'KVM is closed');
  }
}

/** Closes what was collected without {@link Kvm.close}. */
const abandoned: FinalizationRegistry<KvmHandle> = new FinalizationRegistry((handle) =>
  addon.kvmClose(handle),
);
