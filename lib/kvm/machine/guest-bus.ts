import { MemTxResult } from '../../memory/access/mem-tx.js';
import type { AddressSpace } from '../../memory/address-space.js';
import type { RunPage } from './run-page.js';

/**
 * What a processor sees. Where an address space is missing, nobody answers.
 *
 * @example
 * ```ts kvm
 * import { MemoryTopology } from 'flatview';
 * import { type GuestSpaces, Kvm, KvmMemorySlots, realModeSegment } from 'flatview/kvm';
 *
 * const topology = new MemoryTopology();
 * const memory = topology.addressSpace('memory', topology.ram('pc.ram', 0x1000n));
 * memory.writeBytes(0x0n, Uint8Array.of(0xe4, 0x60, 0xf4)); // in al, 0x60; hlt
 * const spaces: GuestSpaces = { memory }; // no ports
 *
 * using kvm = Kvm.open();
 * using vm = kvm.createVm(spaces);
 * memory.addListener(new KvmMemorySlots(vm));
 * const vcpu = vm.createVcpu(0);
 * vcpu.setSpecialRegisters({ cs: realModeSegment(0) });
 * vcpu.setRegisters({ rip: 0x0n, rflags: 2n });
 * const { registers } = await vcpu.run();
 * registers.general.rax & 0xffn; // => 0xffn
 * topology.close();
 * ```
 */
export interface GuestSpaces {
  /** Memory, by guest-physical address. */
  readonly memory?: AddressSpace | undefined;
  /** Ports, by number. */
  readonly ports?: AddressSpace | undefined;
}

/** The value of an access to a port where nobody answers, as on a PC's bus (QEMU: unassigned_io_ops). */
const nobody = 0xffff_ffffn;

/** Where a guest's accesses go that the kernel doesn't answer itself: the address spaces, with all their rules. */
export class GuestBus {
  readonly memory: AddressSpace | undefined;
  readonly ports: AddressSpace | undefined;

  constructor({ memory, ports }: GuestSpaces) {
    this.memory = memory;
    this.ports = ports;
  }

  /** Answers an exit to memory. What nobody answers reads as 0 (QEMU: unassigned_mem_read). */
  answerMmio(page: RunPage): void {
    const { mmioAddress, mmioSize } = page;
    if (page.mmioIsWrite) this.memory?.write(mmioAddress, mmioSize, page.mmioData);
    else page.mmioData = this.memory?.read(mmioAddress, mmioSize).value ?? 0n;
  }

  /** Answers an exit to a port, or to several times the same. */
  answerPorts(page: RunPage): void {
    const { port, size, count, isWrite, data } = page.portAccess;
    for (let at = data; at < data + count * size; at += size) {
      if (isWrite) this.ports?.write(port, size, page.portValue(at, size));
      else page.setPortValue(at, size, Number(this.#readPort(port, size)));
    }
  }

  /** Makes a write that the kernel has gathered. */
  write(isPort: boolean, address: bigint, size: number, value: bigint): void {
    (isPort ? this.ports : this.memory)?.write(address, size, value);
  }

  #readPort(port: number, size: number): bigint {
    const outcome = this.ports?.read(port, size);
    const isAnswered = outcome !== undefined && (outcome.result & MemTxResult.decodeError) === 0;
    return isAnswered ? outcome.value : nobody;
  }
}
