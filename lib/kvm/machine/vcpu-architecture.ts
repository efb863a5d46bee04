import { FlatviewError } from '../../errors.js';

/**
 * vCPUs are x86-64's: KVM_GET_REGS and KVM_GET_SREGS have other layouts elsewhere or don't exist, and on Arm a vCPU has to
 * be initialised first (Documentation/virt/kvm/api.rst, 4.82 KVM_ARM_VCPU_INIT).
 *
 * @param architecture As `process.arch` names it.
 * @throws `ERR_PROCESSOR`
 */
export function assertVcpus(architecture: string): void {
  if (architecture === 'x64') return;
  throw new FlatviewError(
    'ERR_PROCESSOR',
    `vCPUs are of x86-64 only, with their registers (KVM_GET_REGS, KVM_GET_SREGS), and this machine is ${architecture}. Memory slots, ioeventfds and dirty logs work: give the VM of another library's vCPUs to Kvm.vmAt`,
  );
}
