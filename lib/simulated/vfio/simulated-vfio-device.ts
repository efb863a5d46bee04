import { hex, roundUp } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import { type AccessWidth, HostMemory } from '../../memory/host-memory.js';
import { absentRegion } from '../../vfio/absent-region.js';
import {
  type VfioDevice,
  type VfioDeviceInfo,
  type VfioIrqInfo,
  type VfioRegionInfo,
  vfioPciRegion,
} from '../../vfio/vfio-interface.js';
import { checkFields, checkWidth } from '../call-arguments.js';
import type { PlacedBar } from '../device/placed-bar.js';
import type { SimulatedDevice } from '../device/simulated-device.js';
import { KernelRefusal, refuseIf } from '../errno.js';
import { Descriptor } from './descriptor.js';
import type { DeviceUse } from './device-use.js';
import type { SimulatedKernel } from './simulated-kernel.js';

/** BARs, ROM, config space and VGA (VFIO_PCI_NUM_REGIONS). */
const regionCount = 9;

/** INTx, MSI, MSI-X, errors and requests (VFIO_PCI_NUM_IRQS). */
const irqCount = 5;

const setIrqs = 'VFIO_DEVICE_SET_IRQS';

/** An open device (drivers/vfio/pci/vfio_pci_core.c). */
export class SimulatedVfioDevice extends Descriptor implements VfioDevice {
  readonly #use: DeviceUse;

  constructor(kernel: SimulatedKernel, use: DeviceUse) {
    super(kernel, `the VFIO device ${use.device.name}`);
    this.#use = use;
  }

  get name(): string {
    return this.#device.name;
  }

  info(): VfioDeviceInfo {
    return this.call('VFIO_DEVICE_GET_INFO', {}, () => ({
      isPci: true,
      canReset: this.#canReset,
      regionCount,
      irqCount,
    }));
  }

  regionInfo(index: number): VfioRegionInfo {
    checkFields('VFIO_DEVICE_GET_REGION_INFO', { index });
    return this.call('VFIO_DEVICE_GET_REGION_INFO', { index }, () => {
      refuseIf(index >= regionCount || index === vfioPciRegion.vga, 'EINVAL');
      if (index === vfioPciRegion.config) {
        const size = BigInt(this.#device.config.size);
        return { ...absentRegion(index), size, canRead: true, canWrite: true };
      }
      const bar = this.#device.barAt(index);
      return bar === undefined ? absentRegion(index) : this.#barInfo(bar);
    });
  }

  irqInfo(index: number): VfioIrqInfo {
    checkFields('VFIO_DEVICE_GET_IRQ_INFO', { index });
    return this.call('VFIO_DEVICE_GET_IRQ_INFO', { index }, () => this.#device.irqs.info(index));
  }

  read(region: number, offset: bigint, width: AccessWidth): bigint {
    checkFields('pread', { region, offset });
    checkWidth('pread', width);
    return this.call('pread', { region, offset, count: width }, () => {
      this.#checkAccess(region, offset);
      if (region === vfioPciRegion.config) return this.#device.config.read(Number(offset), width);
      const read = this.#device.readBar(region, offset, width);
      refuseIf(read.width < width, 'EIO');
      return read.value;
    });
  }

  write(region: number, offset: bigint, value: bigint, width: AccessWidth): void {
    checkFields('pwrite', { region, offset });
    checkWidth('pwrite', width);
    const bits = BigInt.asUintN(8 * width, value);
    this.call('pwrite', { region, offset, value: bits, count: width }, () => {
      this.#checkAccess(region, offset);
      if (region === vfioPciRegion.config) {
        this.#device.config.write(Number(offset), bits, width);
        return;
      }
      refuseIf(this.#device.writeBar(region, offset, bits, width) < width, 'EIO');
    });
  }

  map(region: number, offset: bigint, size: bigint): HostMemory {
    checkFields('mmap', { region, offset, length: size });
    return this.call('mmap', { region, offset, length: size }, () => {
      this.#checkMap(region, offset, size);
      const bytes = this.#device.bytesOf(region);
      const name = `region ${region} of ${this.name} from ${hex(offset)} on`;
      const memory = HostMemory.ofDeviceAt(bytes.hostAddress + offset, size, name, bytes);
      const map = { device: this.#device, region, offset, memory };
      this.#use.addMap(map);
      this.kernel.bars.add(map);
      return memory;
    });
  }

  setIrqEventFds(index: number, start: number, fds: readonly (number | undefined)[]): void {
    for (const fd of fds) {
      if (fd !== undefined && !(Number.isInteger(fd) && fd >= 0 && fd < 2 ** 31)) {
        throw new FlatviewError('ERR_INVALID_ARGUMENT', `${String(fd)} is no file descriptor`);
      }
    }
    // To take all away the kernel isn't given a start.
    checkFields(setIrqs, fds.length === 0 ? { index } : { index, start });
    this.call(setIrqs, { index, start, count: fds.length }, () =>
      this.#device.irqs.setEventFds(index, start, fds),
    );
  }

  maskIrqs(index: number, start: number, count: number, masked: boolean): void {
    this.#checkCount(count);
    checkFields(setIrqs, { index, start, count });
    this.call(setIrqs, { index, start, count, flags: masked ? 0x9 : 0x11 }, () =>
      this.#device.irqs.mask(index, start, count, masked),
    );
  }

  triggerIrqs(index: number, start: number, count: number): void {
    this.#checkCount(count);
    checkFields(setIrqs, { index, start, count });
    this.call(setIrqs, { index, start, count, flags: 0x21 }, () =>
      this.#device.irqs.trigger(index, start, count),
    );
  }

  reset(): void {
    this.call('VFIO_DEVICE_RESET', {}, () => {
      refuseIf(!this.#canReset, 'EINVAL');
      this.#device.reset();
    });
  }

  protected onClose(): void {
    this.#use.isFileOpen = false;
  }

  get #device(): SimulatedDevice {
    return this.#use.device;
  }

  get #canReset(): boolean {
    return this.#device.description.canReset ?? true;
  }

  #barInfo({ index, kind, size, sparseAreas }: PlacedBar): VfioRegionInfo {
    const canMap = this.#device.isMappable(index);
    return {
      index,
      size,
      canRead: true,
      canWrite: kind !== 'rom',
      canMap,
      sparseAreas: canMap ? sparseAreas : undefined,
      isMsixMappable: canMap && this.#device.description.msix?.tableBar === index,
      type: undefined,
    };
  }

  /** To the kernel a count of 0 means something else: it takes all interrupts of an index away. */
  #checkCount(count: number): void {
    if (count !== 0) return;
    const message = `no interrupt of ${this.name} is named: the count is 0`;
    throw new FlatviewError('ERR_INVALID_ARGUMENT', message);
  }

  /** What begins behind the end of a region would be in another one of the file: it is not asked for. */
  #checkAccess(region: number, offset: bigint): void {
    const { config } = this.#device;
    const size =
      region === vfioPciRegion.config ? BigInt(config.size) : this.#device.barAt(region)?.size;
    refuseIf(offset >= (size ?? 0n), 'EINVAL');
  }

  /** vfio_pci_core_mmap; a driver that has sparse areas refuses the rest. */
  #checkMap(region: number, offset: bigint, size: bigint): void {
    const { pageSize } = this.kernel.rules;
    const bar = this.#device.barAt(region);
    if (bar === undefined || !this.#device.isMappable(region)) throw new KernelRefusal('EINVAL');
    const { size: barSize, sparseAreas } = bar;
    refuseIf(size === 0n || offset % pageSize !== 0n || size % pageSize !== 0n, 'EINVAL');
    refuseIf(offset + size > roundUp(barSize, pageSize), 'EINVAL');
    const isAllowed = sparseAreas?.some(
      (area) =>
        offset >= area.offset && offset + size <= roundUp(area.offset + area.size, pageSize),
    );
    refuseIf(isAllowed === false, 'EINVAL');
  }
}
