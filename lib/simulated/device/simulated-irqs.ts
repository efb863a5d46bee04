import { type VfioIrqInfo, vfioPciIrq } from '../../vfio/vfio-interface.js';
import { KernelRefusal, refuseIf } from '../errno.js';
import type { SimulatedDeviceDescription } from './device-description.js';

const { intx, msi, msix, error, request } = vfioPciIrq;

/** The kinds of interrupts of which a device uses one at a time. */
const exclusive: readonly number[] = [intx, msi, msix];

/**
 * The interrupts of a device and the eventfds that they signal (drivers/vfio/pci/vfio_pci_intrs.c).
 *
 * @example
 * ```ts
 * import { type SimulatedIrqs, SimulatedVfio } from 'flatview/simulated';
 * import { vfioPciIrq } from 'flatview/vfio';
 *
 * const host = new SimulatedVfio();
 * const nic = { name: '0000:05:00.0', group: 12, cdev: 'vfio0', vendorId: 0x8086, deviceId: 0x100e };
 * const irqs: SimulatedIrqs = host.addDevice({ ...nic, bars: [] }).irqs;
 * using iommufd = host.openIommufd();
 * using cdev = host.openCdev('vfio0');
 * using device = cdev.bind(iommufd);
 * device.setIrqEventFds(vfioPciIrq.intx, 0, [20]);
 *
 * // INTx is a level: the kernel masks it until the guest has looked after the device.
 * irqs.setIntx(true);
 * irqs.signalled; // => [20]
 * device.maskIrqs(vfioPciIrq.intx, 0, 1, false); // too early: it is still asserted
 * irqs.signalled; // => [20, 20]
 * ```
 */
export class SimulatedIrqs {
  /** The eventfds that were signalled, in order. */
  readonly signalled: number[] = [];
  readonly #counts: readonly number[];
  readonly #isExpress: boolean;
  readonly #signal: (fd: number) => void;
  /** By index, then by number. */
  readonly #eventFds = new Map<number, (number | undefined)[]>();
  #intxLevel = false;
  #intxMasked = false;

  constructor(description: SimulatedDeviceDescription, signal: (fd: number) => void) {
    const { hasIntx = true, msiVectors = 0, isExpress = false } = description;
    this.#isExpress = isExpress;
    this.#signal = signal;
    this.#counts = [
      Number(hasIntx),
      msiVectors,
      description.msix?.vectors ?? 0,
      Number(isExpress),
      1,
    ];
  }

  /** The eventfds of an index, by number; empty where it is not in use. */
  eventFdsOf(index: number): readonly (number | undefined)[] {
    return this.#eventFds.get(index) ?? [];
  }

  /** VFIO_DEVICE_GET_IRQ_INFO. */
  info(index: number): VfioIrqInfo {
    const count = this.#counts[index];
    refuseIf(count === undefined || (index === error && !this.#isExpress), 'EINVAL');
    const isIntx = index === intx;
    return {
      index,
      count: count ?? 0,
      canSignal: true,
      isMaskable: isIntx,
      isAutomasked: isIntx,
      isFixedCount: !isIntx && index !== msix,
    };
  }

  /** VFIO_DEVICE_SET_IRQS with eventfds, or with none to take all away. */
  setEventFds(index: number, start: number, fds: readonly (number | undefined)[]): void {
    this.#check(index, start, fds.length);
    if (fds.length === 0) {
      this.#take(index);
      return;
    }
    refuseIf(
      exclusive.includes(index) && this.#inUse !== undefined && this.#inUse !== index,
      'EINVAL',
    );
    const now = [...this.eventFdsOf(index)];
    const isFixed = index === msi && now.length > 0;
    refuseIf(isFixed && start + fds.length > now.length, 'EINVAL');
    for (let i = now.length; i < start + fds.length; i++) now[i] = undefined;
    for (const [i, fd] of fds.entries()) now[start + i] = fd;
    this.#eventFds.set(index, now);
    if (index === intx) this.#raiseIntx();
  }

  /** VFIO_DEVICE_SET_IRQS: masks or unmasks. */
  mask(index: number, start: number, count: number, masked: boolean): void {
    this.#check(index, start, count);
    if (index !== intx) throw new KernelRefusal('ENOTTY');
    refuseIf(this.#inUse !== intx || start !== 0 || count !== 1, 'EINVAL');
    this.#intxMasked = masked;
    this.#raiseIntx();
  }

  /** VFIO_DEVICE_SET_IRQS without data. */
  trigger(index: number, start: number, count: number): void {
    this.#check(index, start, count);
    refuseIf(!this.#eventFds.has(index), 'EINVAL');
    for (let i = start; i < start + count; i++) this.raise(index, i);
  }

  /** The device raises an interrupt: its eventfd is signalled, if it has one. */
  raise(index: number, number = 0): void {
    const fd = this.eventFdsOf(index)[number];
    if (fd === undefined) return;
    this.signalled.push(fd);
    this.#signal(fd);
  }

  /** The device asserts or releases INTx. */
  setIntx(level: boolean): void {
    this.#intxLevel = level;
    this.#raiseIntx();
  }

  /** The device is closed. */
  disable(): void {
    this.#eventFds.clear();
    this.#intxMasked = false;
  }

  /** The kind of interrupts that is in use. */
  get #inUse(): number | undefined {
    return exclusive.find((index) => this.#eventFds.has(index));
  }

  #check(index: number, start: number, count: number): void {
    const known = this.#counts[index] ?? 0;
    refuseIf(index > request || start >= known || start + count > known, 'EINVAL');
  }

  #take(index: number): void {
    refuseIf(!this.#eventFds.delete(index), 'EINVAL');
    if (index === intx) this.#intxMasked = false;
  }

  /** INTx is masked as soon as it has signalled, until the user unmasks it. */
  #raiseIntx(): void {
    if (!this.#intxLevel || this.#intxMasked || this.eventFdsOf(intx)[0] === undefined) return;
    this.#intxMasked = true;
    this.raise(intx);
  }
}
