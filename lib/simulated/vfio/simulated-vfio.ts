import { FlatviewError } from '../../errors.js';
import type {
  Iommufd,
  VfioCdev,
  VfioContainer,
  VfioGroup,
  VfioHost,
} from '../../vfio/vfio-interface.js';
import type { VfioCall } from '../../vfio/vfio-ioctl-error.js';
import type { SimulatedDeviceDescription } from '../device/device-description.js';
import { type SimulatedDma, simulateDma } from '../device/device-dma.js';
import { placeBars } from '../device/placed-bar.js';
import { SimulatedDevice } from '../device/simulated-device.js';
import { KernelRefusal, refuseIf } from '../errno.js';
import type { Fault } from '../faults.js';
import type { KernelMapping } from './dma-mappings.js';
import type { BarMap } from './mapped-bars.js';
import { allHostMemory } from './process-memory.js';
import { SimulatedCdev } from './simulated-cdev.js';
import { SimulatedContainer } from './simulated-container.js';
import { SimulatedGroup } from './simulated-group.js';
import { SimulatedIommufd } from './simulated-iommufd.js';
import { SimulatedKernel, type SimulatedVfioRules } from './simulated-kernel.js';
import type { SimulatedVfioCall } from './vfio-call-log.js';

/**
 * What a simulated host is like; by default like an x86 machine with VT-d and a new kernel, whose process may lock all memory.
 *
 * @example
 * ```ts
 * import { EventFd } from 'flatview/kvm';
 * import { SimulatedVfio, type SimulatedVfioOptions } from 'flatview/simulated';
 * import { vfioPciIrq } from 'flatview/vfio';
 *
 * // Interrupts of the device arrive at real eventfds.
 * using irq = EventFd.create();
 * const name = '0000:05:00.0';
 * const nic = { name, group: 12, cdev: 'vfio0', vendorId: 0x8086, deviceId: 0x100e, bars: [] };
 * const options: SimulatedVfioOptions = {
 *   devices: [nic],
 *   signal: (fd) => {
 *     if (fd === irq.fd) irq.signal();
 *   },
 * };
 * const host = new SimulatedVfio(options);
 * using iommufd = host.openIommufd();
 * using cdev = host.openCdev('vfio0');
 * using device = cdev.bind(iommufd);
 * device.setIrqEventFds(vfioPciIrq.intx, 0, [irq.fd]);
 * host.device(name).irqs.setIntx(true);
 * irq.take(); // => 1n
 * ```
 */
export interface SimulatedVfioOptions extends Partial<SimulatedVfioRules> {
  /** The devices of the host. Default: none. */
  readonly devices?: readonly SimulatedDeviceDescription[];
  /** Is told of each eventfd that a device signals. Default: it is only recorded. */
  readonly signal?: (fd: number) => void;
}

/**
 * VFIO and iommufd without a kernel that has them: its rules and errors for containers, groups, IOMMUs and devices, and devices made
 * from descriptions. BARs that are mapped are real memory of this process, which the device's registers share. Tests can count the calls,
 * order that some fail, do DMA as a device, and look at everything.
 *
 * @example
 * ```ts
 * import { HostMemory } from 'flatview';
 * import { type KernelMapping, type SimulatedDma, SimulatedVfio } from 'flatview/simulated';
 * import { vfioPciRegion } from 'flatview/vfio';
 *
 * const name = '0000:05:00.0';
 * const nvme = { name, group: 12, cdev: 'vfio0', vendorId: 0x144d, deviceId: 0xa808, bars: [] };
 * const host = new SimulatedVfio({ devices: [nvme] });
 * using iommufd = host.openIommufd();
 * using ioas = iommufd.allocateIoas();
 * using cdev = host.openCdev('vfio0');
 * using device = cdev.bind(iommufd);
 * cdev.attach(ioas);
 * device.write(vfioPciRegion.config, 0x4n, 0x4n, 2); // bus master
 *
 * using ram = HostMemory.allocate(0x10_0000n);
 * const { hostAddress, size } = ram;
 * ioas.mapDma({ iova: 0x0n, size, hostAddress, read: true, write: false });
 * const mappings: readonly KernelMapping[] = host.dmaMappingsOf(name);
 * mappings.map((it) => [it.address, it.pinned]); // => [[0x0n, 0x10_0000n]]
 *
 * const read: SimulatedDma = host.dma(name, 0x2000n, 64n, false);
 * read.kind === 'reached' && read.pieces[0]?.address === hostAddress + 0x2000n; // => true
 * host.dma(name, 0x2000n, 64n, true); // => { kind: 'blocked', why: 'protected' }
 * host.dma(name, 0xf_fff0n, 64n, false); // => { kind: 'blocked', why: 'unmapped' }
 * ```
 */
export class SimulatedVfio implements VfioHost {
  readonly pageSize: bigint;
  readonly #kernel: SimulatedKernel;
  readonly #signal: (fd: number) => void;

  constructor(options: SimulatedVfioOptions = {}) {
    const { devices = [], signal = () => undefined, ...given } = options;
    const rules = { ...ordinary, ...given };
    this.pageSize = rules.pageSize;
    this.#kernel = new SimulatedKernel(rules);
    this.#signal = signal;
    for (const device of devices) this.addDevice(device);
  }

  /** Every system call that was made, in order. */
  get calls(): SimulatedVfioCall[] {
    return this.#kernel.log.calls;
  }

  /** Bytes that are pinned, and count against RLIMIT_MEMLOCK. */
  get lockedMemory(): bigint {
    this.#kernel.settle();
    return this.#kernel.memory.locked;
  }

  /** The parts of BARs that are mapped into the process. */
  get barMaps(): readonly BarMap[] {
    return this.#kernel.bars.live;
  }

  /** The mappings that an access of the process would end by SIGBUS now: memory decode of their device is off, or it is asleep. */
  get revokedBarMaps(): readonly BarMap[] {
    return this.barMaps.filter(({ device }) => !device.config.isMemoryEnabled);
  }

  /** What is mapped for a device, by IOVA: in its container, or in the IO address space that it is attached to. */
  dmaMappingsOf(name: string): readonly KernelMapping[] {
    this.#kernel.settle();
    return this.#kernel.mappingsOf(this.device(name))?.all ?? [];
  }

  /** Those of {@link dmaMappingsOf} that lead to a BAR that doesn't answer: the kernel leaves them, and a device's access is lost. */
  revokedDmaMappingsOf(name: string): readonly KernelMapping[] {
    return this.dmaMappingsOf(name).filter(({ hostAddress, size }) =>
      this.#kernel.bars
        .piecesOf({ address: hostAddress, size })
        .some(({ bar }) => bar?.device.config.isMemoryEnabled === false),
    );
  }

  /** Has a later call of a name fail, without effect. */
  order(fault: Fault<VfioCall>): void {
    this.#kernel.log.faults.order(fault);
  }

  /** Forgets the failures that were ordered and have not happened. */
  cancelFaults(): void {
    this.#kernel.log.faults.cancel();
  }

  /** Plugs a device in. */
  addDevice(description: SimulatedDeviceDescription): SimulatedDevice {
    const { devices, rules } = this.#kernel;
    if (devices.has(description.name)) {
      const message = `the simulated host has a device ${description.name} already`;
      throw new FlatviewError('ERR_INVALID_ARGUMENT', message);
    }
    const taken = [...devices.values()].flatMap(({ bars }) => bars);
    const bars = placeBars(description, taken, this.pageSize);
    const device = new SimulatedDevice(description, bars, rules, this.#signal);
    devices.set(device.name, device);
    return device;
  }

  /** Unplugs a device, which must not be open. */
  removeDevice(name: string): void {
    const device = this.device(name);
    this.#kernel.settle();
    if (this.#kernel.isOpen(device)) {
      throw new FlatviewError('ERR_INVALID_ARGUMENT', `the simulated device ${name} is open`);
    }
    this.#kernel.devices.delete(name);
  }

  /** The device that sysfs calls `name`. */
  device(name: string): SimulatedDevice {
    const device = this.#kernel.devices.get(name);
    if (device !== undefined) return device;
    const message = `the simulated host has no device ${name}`;
    throw new FlatviewError('ERR_INVALID_ARGUMENT', message);
  }

  /** A device reads or writes: what that reaches. */
  dma(name: string, iova: bigint, size: bigint, write: boolean): SimulatedDma {
    this.#kernel.settle();
    return simulateDma(this.#kernel, this.device(name), { address: iova, size }, write);
  }

  openContainer(): VfioContainer {
    return this.#open({}, () => {
      refuseIf(!this.#kernel.rules.legacy, 'ENOENT');
      return new SimulatedContainer(this.#kernel);
    });
  }

  openGroup(group: number, options: { readonly noIommu?: boolean } = {}): VfioGroup {
    const { noIommu = false } = options;
    return this.#open({ group }, () => {
      const state = this.#kernel.groupOf(group);
      refuseIf(!state.exists || state.isNoIommu !== noIommu, 'ENOENT');
      refuseIf(!this.#kernel.rules.legacy || (noIommu && !this.#kernel.rules.noIommu), 'ENOENT');
      refuseIf(state.isOpen || state.isBoundToIommufd, 'EBUSY');
      state.isFileOpen = true;
      return new SimulatedGroup(this.#kernel, state);
    });
  }

  openIommufd(): Iommufd {
    return this.#open({}, () => {
      refuseIf(!this.#kernel.rules.iommufd, 'ENOENT');
      return new SimulatedIommufd(this.#kernel);
    });
  }

  openCdev(name: string): VfioCdev {
    return this.#open({}, () => {
      const device = this.#kernel.rules.iommufd ? this.#kernel.cdevNamed(name) : undefined;
      if (device === undefined) throw new KernelRefusal('ENOENT');
      return new SimulatedCdev(this.#kernel, device);
    });
  }

  #open<Result>(args: SimulatedVfioCall['args'], body: () => Result): Result {
    return this.#kernel.log.make('open', args, body);
  }
}

const ordinary: SimulatedVfioRules = {
  pageSize: 4096n,
  pageSizes: 0x4020_1000n,
  iovaRanges: [
    { address: 0n, size: 0xfee0_0000n },
    { address: 0xfef0_0000n, size: 0x80_0000_0000n - 0xfef0_0000n },
  ],
  entryLimit: 65535,
  tellsIovaRanges: true,
  tellsMappingsLeft: true,
  tracksDirty: true,
  dirtyScope: 'all',
  wideAccess: true,
  memlockLimit: undefined,
  interruptRemapping: true,
  noIommu: false,
  unmapAll: true,
  iommufd: true,
  legacy: true,
  hostMemory: allHostMemory,
};
