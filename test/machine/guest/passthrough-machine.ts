// A VM on the real KVM to which devices of the real VFIO are assigned, all by the public API.

import { type AddressSpace, MemoryTopology, type RamRegion } from '../../../lib/index.js';
import {
  flatCodeSegment,
  flatDataSegment,
  Kvm,
  KvmMemorySlots,
  type Vcpu,
  type VirtualMachine,
} from '../../../lib/kvm/index.js';
import {
  AssignedPciDevice,
  type AssignedPciDeviceOptions,
  PciBus,
} from '../../../lib/pci/index.js';
import {
  Passthrough,
  type PassthroughOptions,
  type VfioDevice,
  VfioDmaMapper,
} from '../../../lib/vfio/index.js';
import { hasIommufd } from '../../vfio/real-machine.js';
import { device as deviceOfTable, pciName } from '../devices.js';
import { accessProgram, type GuestAccess } from './access-program.js';

/** The ways in which devices can be opened here, and why one can't. */
export const ways: readonly {
  readonly way: 'container' | 'iommufd';
  readonly skip: string | false;
}[] = [
  { way: 'container', skip: false },
  { way: 'iommufd', skip: hasIommufd ? false : 'this kernel has no iommufd' },
];

/** Bytes of RAM, from address 0 on: several pieces of a DMA mapping. */
export const ramSize = 16n << 20n;

const codeAddress = 0x1000n;
const resultsAddress = 0x8000n;

/** What a guest's accesses gave, and what they cost. */
export interface Accessed {
  /** What each read gave, in order. */
  readonly values: readonly number[];
  /** Exits to memory that KVM counted. */
  readonly exits: number;
}

export class PassthroughMachine {
  readonly topology = new MemoryTopology();
  readonly system = this.topology.container('system', 1n << 64n);
  readonly pci = this.topology.container('pci', 1n << 64n);
  readonly memory: AddressSpace = this.topology.addressSpace('memory', this.system);
  readonly ram: RamRegion = this.topology.ram('ram', ramSize);
  readonly bus = new PciBus({ memory: this.pci });
  readonly passthrough: Passthrough;
  readonly vm: VirtualMachine;
  readonly slots: KvmMemorySlots;
  readonly #kvm = Kvm.open();
  readonly #vcpu: Vcpu;
  readonly #assigned: AssignedPciDevice[] = [];
  readonly #devices: VfioDevice[] = [];
  #mapper: VfioDmaMapper | undefined;

  constructor(options: PassthroughOptions = {}) {
    this.passthrough = new Passthrough(options);
    this.topology.transaction(() => {
      this.system.addSubregion(0, this.pci, { priority: -1 });
      this.system.addSubregion(0, this.ram);
    });
    this.vm = this.#kvm.createVm({ memory: this.memory });
    this.slots = new KvmMemorySlots(this.vm, {
      pause: () => this.vm.pauseVcpus(),
      resume: () => this.vm.resumeVcpus(),
    });
    this.memory.addListener(this.slots);
    this.#vcpu = this.vm.createVcpu(0);
    const data = flatDataSegment(0x10);
    const protectedMode = 1n;
    this.#vcpu.setSpecialRegisters({
      ...{ cs: flatCodeSegment(8), ds: data, es: data, ss: data },
      cr0: this.#vcpu.getSpecialRegisters().cr0 | protectedMode,
    });
  }

  /** Opens a device of the table, and puts it on the bus, at the number that it has on the host. */
  assign(name: string, options: Partial<AssignedPciDeviceOptions> = {}): AssignedPciDevice {
    const described = deviceOfTable(name);
    const { topology } = this;
    const device = this.passthrough.open(pciName(described));
    this.#devices.push(device);
    const assigned = new AssignedPciDevice({ topology, device, pageSize: 4096n, ...options });
    this.#assigned.push(assigned);
    this.bus.add({ device: described.slot }, assigned.function);
    return assigned;
  }

  /** Has devices reach what the guest sees, at the same addresses. A device has to be assigned before. */
  mapForDevices(): VfioDmaMapper {
    const { dma } = this.passthrough;
    if (dma === undefined) throw new Error('no device is assigned that has an IOMMU');
    this.#mapper = new VfioDmaMapper(dma);
    this.memory.addListener(this.#mapper);
    return this.#mapper;
  }

  /** The guest makes these accesses, and halts. */
  async run(...accesses: readonly GuestAccess[]): Promise<Accessed> {
    const code = Uint8Array.from(accessProgram(accesses, resultsAddress));
    if (codeAddress + BigInt(code.length) > resultsAddress) throw new RangeError('too many');
    this.memory.writeBytes(codeAddress, code);
    this.#vcpu.setRegisters({ rip: codeAddress, rflags: 2n });
    const before = this.#exits;
    const { kind } = await this.#vcpu.run();
    if (kind !== 'halt') throw new Error(`the guest did not halt, but: ${kind}`);
    const exits = this.#exits - before;
    const reads = accesses.filter((it) => it.kind === 'read');
    const values = reads.map((_, i) =>
      Number(this.memory.read(resultsAddress + 4n * BigInt(i), 4).value),
    );
    return { values, exits };
  }

  /** Ends all of it, and gives the devices back. */
  close(): void {
    this.memory.removeListener(this.slots);
    if (this.#mapper !== undefined) this.memory.removeListener(this.#mapper);
    this.vm.close();
    this.#kvm.close();
    for (const id of [...this.bus.functions.keys()]) this.bus.remove({ device: id >> 3 });
    for (const assigned of this.#assigned) assigned.close();
    for (const device of this.#devices) device.close();
    this.passthrough.close();
    this.topology.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get #exits(): number {
    return Number(this.#vcpu.statistics().get('mmio_exits'));
  }
}
