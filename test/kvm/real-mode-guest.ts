import { type IoRegion, type MemoryRegionOps, MemoryTopology } from '../../lib/index.js';
import { Kvm, realModeSegment } from '../../lib/kvm/index.js';
import { assertVcpus } from '../../lib/kvm/machine/vcpu-architecture.js';

/** Why the tests of a file on the real KVM can't run on this machine; `false` where they can. */
export const noKvm: string | false = whyNoKvm(process.arch);

/** Why there is no KVM with the vCPUs of x86-64, which nearly all that runs on the real one has. */
export function whyNoKvm(architecture: string): string | false {
  try {
    assertVcpus(architecture);
    Kvm.open().close();
    return false;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Where the code of a guest begins, and its first free place for data. */
export const codeAddress = 0x1000n;
export const dataAddress = 0x2000n;

/** Size of the RAM from address 0 on, all of it in one slot. */
const ramSize = 0x1_0000n;

/** What {@link makeGuest} makes. */
export type Guest = ReturnType<typeof makeGuest>;

/**
 * A machine of 64 KiB of RAM and whatever devices a test puts there: one processor, which starts in real mode at
 * {@link codeAddress}.
 */
export function makeGuest(code: readonly number[]) {
  const kvm = Kvm.open();
  const topology = new MemoryTopology();
  const system = topology.container('system', 1n << 64n);
  const io = topology.container('io', 0x1_0000n);
  const ram = topology.ram('ram', ramSize);
  system.addSubregion(0, ram);
  const memory = topology.addressSpace('memory', system);
  const ports = topology.addressSpace('I/O', io);
  const vm = kvm.createVm({ memory, ports });
  vm.setUserMemoryRegion({
    slot: 0,
    flags: 0,
    guestAddress: 0n,
    size: ramSize,
    hostAddress: ram.memory!.hostAddress,
  });
  memory.writeBytes(codeAddress, Uint8Array.from(code));
  const vcpu = vm.createVcpu(0);
  vcpu.setSpecialRegisters({ cs: realModeSegment(0) });
  vcpu.setRegisters({ rip: codeAddress, rflags: 2n, rsp: 0x8000n });

  return {
    kvm,
    topology,
    system,
    io,
    ram,
    memory,
    ports,
    vm,
    vcpu,
    /** Puts a device into memory. */
    device(name: string, address: bigint, size: bigint, ops: MemoryRegionOps): IoRegion {
      const region = topology.io(name, size, ops);
      system.addSubregion(address, region);
      return region;
    },
    /** Puts a device at ports. */
    portDevice(name: string, port: number, size: number, ops: MemoryRegionOps): IoRegion {
      const region = topology.io(name, size, ops);
      io.addSubregion(port, region);
      return region;
    },
    /** Once more from the start. */
    restart(): void {
      vcpu.setRegisters({ rip: codeAddress });
    },
    close(): void {
      vm.close();
      kvm.close();
      topology.close();
    },
  };
}
