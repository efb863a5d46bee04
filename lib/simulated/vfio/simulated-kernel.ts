import { FlatviewError } from '../../errors.js';
import type { Closable } from '../../vfio/vfio-interface.js';
import { mappableBars } from '../device/mappable-bars.js';
import type { DeviceRules, SimulatedDevice } from '../device/simulated-device.js';
import type { Descriptor } from './descriptor.js';
import type { DeviceUse } from './device-use.js';
import type { DmaMappings } from './dma-mappings.js';
import { GroupState, isBoundToVfio } from './group-state.js';
import type { IommufdContext } from './iommufd-context.js';
import { MappedBars } from './mapped-bars.js';
import { type HostMemoryProbe, ProcessMemory } from './process-memory.js';
import type { Type1Rules } from './type1-iommu.js';
import { VfioCallLog } from './vfio-call-log.js';

/**
 * What the kernel and the machine are like.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { SimulatedVfio, type SimulatedVfioRules } from 'flatview/simulated';
 * import { dmaSpaceOf, VfioDmaMapper, vfioExtension } from 'flatview/vfio';
 *
 * // `ulimit -l` of 64 KiB, as systems have had it.
 * const rules: Partial<SimulatedVfioRules> = { memlockLimit: 0x1_0000n };
 * const nvme = { name: '0000:05:00.0', group: 12, vendorId: 0x144d, deviceId: 0xa808, bars: [] };
 * const host = new SimulatedVfio({ devices: [nvme], ...rules });
 * using container = host.openContainer();
 * using group = host.openGroup(12);
 * group.setContainer(container);
 * container.setIommu(vfioExtension.type1v2);
 *
 * const topology = new MemoryTopology();
 * const memory = topology.addressSpace('memory', topology.ram('pc.ram', 0x10_0000n));
 * memory.addListener(new VfioDmaMapper(dmaSpaceOf(container))); // throws ERR_LISTENER_FAILED
 * host.calls.at(-1)?.errno; // => 'ENOMEM'
 * host.lockedMemory; // => 0n
 * topology.close();
 * ```
 */
export interface SimulatedVfioRules extends Type1Rules, DeviceRules {
  /** RLIMIT_MEMLOCK in bytes; `undefined` for a process that has CAP_IPC_LOCK. */
  readonly memlockLimit: bigint | undefined;
  /** Whether the IOMMU keeps devices from forging interrupts; without it VFIO refuses it. */
  readonly interruptRemapping: boolean;
  /** Whether VFIO lets devices without an IOMMU be used (enable_unsafe_noiommu_mode). */
  readonly noIommu: boolean;
  /** Whether type1 can unmap all, as since Linux 5.12. */
  readonly unmapAll: boolean;
  /** Whether there is /dev/iommu. */
  readonly iommufd: boolean;
  /** Whether there is /dev/vfio/vfio, for the legacy way. */
  readonly legacy: boolean;
  /** What the process can do with its memory. */
  readonly hostMemory: HostMemoryProbe;
}

/** The state of a simulated kernel, which its files share. */
export class SimulatedKernel {
  readonly rules: SimulatedVfioRules;
  readonly log: VfioCallLog;
  readonly bars: MappedBars;
  readonly memory: ProcessMemory;
  readonly devices = new Map<string, SimulatedDevice>();
  readonly #groups = new Map<number, GroupState>();
  readonly #contexts = new Set<IommufdContext>();
  #uses: DeviceUse[] = [];

  constructor(rules: SimulatedVfioRules) {
    this.rules = rules;
    this.log = new VfioCallLog(() => this.settle());
    this.bars = new MappedBars(() => this.devices.values());
    this.memory = new ProcessMemory(rules.hostMemory, rules.memlockLimit, this.bars);
  }

  /** The group of a number: it is there as long as the host is, whatever devices are in it. */
  groupOf(number: number): GroupState {
    const known = this.#groups.get(number);
    if (known !== undefined) return known;
    const state = new GroupState(number, () =>
      [...this.devices.values()].filter(({ description }) => description.group === number),
    );
    this.#groups.set(number, state);
    return state;
  }

  /** The device of /dev/vfio/devices/<name>. */
  cdevNamed(name: string): SimulatedDevice | undefined {
    return [...this.devices.values()].find(
      (device) => device.description.cdev === name && isBoundToVfio(device),
    );
  }

  /** Opens a device; the first user finds it as it is after a reset. */
  open(use: DeviceUse): void {
    const { device } = use;
    if (!this.isOpen(device)) {
      device.open(mappableBars(device, this.devices.values(), this.rules.pageSize));
    }
    this.#uses.push(use);
  }

  isOpen(device: SimulatedDevice): boolean {
    return this.#uses.some((use) => use.device === device && use.isAlive);
  }

  /** What is mapped for a device: by its group's container, or by the iommufd that it is attached to. */
  mappingsOf(device: SimulatedDevice): DmaMappings | undefined {
    const container = this.groupOf(device.description.group).container;
    if (container !== undefined) return container.type1?.mappings;
    const spaces = [...this.#contexts].map((context) => context.spaceOf(device));
    return spaces.find((space) => space !== undefined)?.mappings;
  }

  addContext(context: IommufdContext): void {
    this.#contexts.add(context);
  }

  /**
   * What the process hands over, if it is one of this kernel's own.
   *
   * @throws `ERR_INVALID_ARGUMENT`, `ERR_VFIO_CLOSED`.
   */
  own<Own extends Descriptor>(
    given: Closable,
    kind: abstract new (...args: never[]) => Own,
    what: string,
  ): Own {
    if (!(given instanceof kind) || !given.isOf(this)) {
      throw new FlatviewError('ERR_INVALID_ARGUMENT', `this is not ${what} of this kernel`);
    }
    given.checkOpen();
    return given;
  }

  /** Does what follows from files and mappings that have been closed since. */
  settle(): void {
    const gone = this.#uses.filter((use) => !use.isAlive);
    this.#uses = this.#uses.filter((use) => use.isAlive);
    for (const { device } of gone) if (!this.isOpen(device)) device.release();
    for (const group of this.#groups.values()) group.settle();
    for (const context of this.#contexts) {
      context.settle();
      if (context.isGone) this.#contexts.delete(context);
    }
  }

  /** Lets the event loop go on, as a call on another thread does. */
  onThread(): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
