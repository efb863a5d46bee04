import type { AddressSpace } from 'flatview';
import { flatCodeSegment, flatDataSegment, type VirtualMachine } from 'flatview/kvm';

const codeAddress = 0x1000n;

/** How often the guest reads the register. */
const reads = 1000;

// Protected mode, in which 32 bits reach any address below 4 GiB.
const program = [
  ...[0x8b, 0x06], // again: mov eax, [esi]
  ...[0xe2, 0xfc], // loop again
  0xf4, // hlt
];

/** Runs a guest that reads four bytes at `register` again and again: what it read, and the exits to memory that KVM counted. */
export async function runReads(vm: VirtualMachine, memory: AddressSpace, register: bigint) {
  if (register >> 32n !== 0n) throw new RangeError('this guest has only 32 bits');
  memory.writeBytes(codeAddress, Uint8Array.from(program));
  const vcpu = vm.createVcpu(0);
  const data = flatDataSegment(0x10);
  const { cr0 } = vcpu.getSpecialRegisters();
  vcpu.setSpecialRegisters({ cs: flatCodeSegment(8), ds: data, es: data, ss: data, cr0: cr0 | 1n });
  vcpu.setRegisters({ rip: codeAddress, rflags: 2n, rcx: BigInt(reads), rsi: register });
  const { kind, registers } = await vcpu.run();
  if (kind !== 'halt') throw new Error(`the guest did not halt, but: ${kind}`);
  const exits = Number(vcpu.statistics().get('mmio_exits'));
  return { value: BigInt.asUintN(32, registers.general.rax), exits, reads };
}
