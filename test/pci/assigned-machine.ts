// A machine to which devices of a simulated host are assigned, and in which KVM has slots.

import { FlatviewError, flatViewLines, regionTreeLines } from '../../lib/index.js';
import { KvmMemorySlots } from '../../lib/kvm/index.js';
import {
  AssignedPciDevice,
  type AssignedPciDeviceOptions,
  type BarIndex,
} from '../../lib/pci/index.js';
import {
  type SimulatedBar,
  type SimulatedDeviceDescription,
  SimulatedKvm,
  SimulatedVfio,
  type SimulatedVfioOptions,
} from '../../lib/simulated/index.js';
import { type VfioDevice, vfioExtension } from '../../lib/vfio/index.js';
import { decodeAll, PciMachine, program, setCommand } from './pci-machine.js';

export const nic = '0000:05:00.0';

/** A device with these BARs, and nothing else that is special. */
export function deviceWith(
  bars: readonly SimulatedBar[],
  more: Partial<SimulatedDeviceDescription> = {},
): SimulatedDeviceDescription {
  return { name: nic, group: 5, vendorId: 0x1234, deviceId: 0x5678, bars, ...more };
}

export class AssignedMachine extends PciMachine {
  readonly host: SimulatedVfio;
  readonly kvm: SimulatedKvm;
  readonly slots: KvmMemorySlots;
  readonly pageSize: bigint;
  #lastDevice = 0;

  constructor(devices: readonly SimulatedDeviceDescription[], options: SimulatedVfioOptions = {}) {
    const { pageSize = 4096n } = options;
    super({ pageSize });
    this.pageSize = pageSize;
    this.host = new SimulatedVfio({ devices, ...options });
    this.kvm = new SimulatedKvm({ pageSize });
    this.slots = new KvmMemorySlots(this.kvm);
    this.memory.addListener(this.slots);
  }

  /** A device of the host, on the bus. */
  assign(
    options: Partial<AssignedPciDeviceOptions> & { readonly name?: string } = {},
  ): AssignedPciDevice {
    const { name = nic, ...more } = options;
    const { topology, pageSize } = this;
    const device = options.device ?? openDevice(this.host, name);
    const assigned = new AssignedPciDevice({ topology, pageSize, ...more, device });
    const number = ++this.#lastDevice;
    this.bus.add({ bus: number >> 5, device: number & 31 }, assigned.function);
    return assigned;
  }

  /** The lines of `info mtree -f` for the memory. */
  flatLines(): string[] {
    return [...flatViewLines([this.memory])].slice(3, -1).map((line) => line.trim());
  }

  /** The lines of `info mtree` for the memory. */
  treeLines(): string[] {
    return [...regionTreeLines([this.memory])];
  }

  /** What there is of slots: address and size. */
  slotLines(): string[] {
    return this.kvm.slots
      .map(({ guestAddress, size }) => `${guestAddress.toString(16)}+${size.toString(16)}`)
      .sort();
  }
}

/** Opens a device of `host` by its group, in a container of its own. */
export function openDevice(host: SimulatedVfio, name: string = nic): VfioDevice {
  const container = host.openContainer();
  const group = host.openGroup(host.device(name).description.group);
  group.setContainer(container);
  container.setIommu(vfioExtension.type1v2);
  return group.openDevice(name);
}

/** The guest puts a BAR somewhere, and switches memory and ports on. */
export function place(assigned: AssignedPciDevice, index: BarIndex, address: bigint): void {
  program(assigned.function, index, address);
  setCommand(assigned.function, decodeAll);
}

export function codeOf(body: () => unknown): string | undefined {
  try {
    body();
    return undefined;
  } catch (error) {
    return error instanceof FlatviewError ? error.code : String(error);
  }
}

/** A device as a kernel before Linux 4.16 shows it: the pages that hold any of the MSI-X table can't be mapped. */
export function withoutMsixMappable(
  device: VfioDevice,
  table: { readonly bar: number; readonly first: bigint; readonly last: bigint },
): VfioDevice {
  return patched(device, {
    regionInfo: (index) => ({ ...device.regionInfo(index), isMsixMappable: false }),
    map: (region, offset, size) => {
      if (region === table.bar && offset <= table.last && offset + size > table.first) {
        throw new FlatviewError('ERR_SYSTEM_CALL', 'mmap: EINVAL', { errno: 'EINVAL' });
      }
      return device.map(region, offset, size);
    },
  });
}

/** `device`, of which some methods are others. */
export function patched(device: VfioDevice, methods: Partial<VfioDevice>): VfioDevice {
  return new Proxy(device, {
    get(target, name) {
      const own = methods[name as keyof VfioDevice];
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
