import type { AccessWidth, HostMemory } from '../../memory/host-memory.js';
import type { BarIndex, BarLayout, OffsetRange } from '../../pci/bars/bar.js';
import type { SimulatedConfigSpace } from './simulated-config-space.js';

/** What answers reads and writes of a region that don't go through a mapping: one call for each access that the device sees. */
export interface SimulatedRegisters {
  /** What the device answers. */
  read(offset: bigint, width: AccessWidth): bigint;
  /** What the device does about it. */
  write(offset: bigint, value: bigint, width: AccessWidth): void;
}

/** What {@link SimulatedBar.registers} are made from. */
export interface SimulatedRegistersSource {
  /** The bytes of the BAR, which mappings show, too. */
  readonly bytes: HostMemory;
  /** The configuration space of the device. */
  readonly config: SimulatedConfigSpace;
}

/**
 * A base address register of a simulated device.
 *
 * @example
 * ```ts
 * import {
 *   type SimulatedBar,
 *   type SimulatedRegisters,
 *   type SimulatedRegistersSource,
 *   SimulatedVfio,
 * } from 'flatview/simulated';
 *
 * // Doorbells count; all else is memory.
 * let rings = 0;
 * const registers = ({ bytes }: SimulatedRegistersSource): SimulatedRegisters => ({
 *   read: (offset, width) => bytes.load(offset, width),
 *   write: (offset, value, width) => {
 *     if (offset >= 0x1000n) rings++;
 *     else bytes.store(offset, width, value);
 *   },
 * });
 * const bar0: SimulatedBar = { index: 0, kind: 'memory', size: 0x2000n, registers };
 * const nvme = { name: '0000:05:00.0', group: 12, cdev: 'vfio0', vendorId: 0x144d, deviceId: 0xa808 };
 * const host = new SimulatedVfio({ devices: [{ ...nvme, bars: [bar0] }] });
 * using iommufd = host.openIommufd();
 * using cdev = host.openCdev('vfio0');
 * using device = cdev.bind(iommufd);
 * device.write(0, 0x14n, 1n, 4);
 * device.write(0, 0x1008n, 5n, 4);
 * device.read(0, 0x14n, 4); // => 1n
 * rings; // => 1
 * ```
 */
export interface SimulatedBar {
  /** Which BAR it is. */
  readonly index: BarIndex;
  /** What it decodes. */
  readonly kind: BarLayout['kind'];
  /** Bytes: a power of two. */
  readonly size: bigint;
  /** Default: no. */
  readonly is64Bit?: boolean;
  /** Default: no. */
  readonly isPrefetchable?: boolean;
  /**
   * Where the host put it: a multiple of its size. Default: whole pages of its own. What else is in its page decides whether it can be
   * mapped when it is smaller than a page.
   */
  readonly hostAddress?: bigint;
  /** The parts that can be mapped (VFIO_REGION_INFO_CAP_SPARSE_MMAP), as the driver says them. Default: all of it. */
  readonly sparseAreas?: readonly OffsetRange[];
  /** Makes what answers reads and writes. Default: plain bytes, those that mappings show. */
  readonly registers?: (source: SimulatedRegistersSource) => SimulatedRegisters;
  /** What it holds at first, and after a reset. Default: zeros. */
  readonly contents?: Uint8Array;
}

/** The MSI-X capability of a device. */
export interface SimulatedMsix {
  /** How many vectors it has, 1 to 2048. */
  readonly vectors: number;
  /** The BAR that holds the table. */
  readonly tableBar: BarIndex;
  /** Where the table begins in its BAR: a multiple of 8. */
  readonly tableOffset: bigint;
  /** The BAR that holds the pending bits. Default: {@link tableBar}. */
  readonly pendingBar?: BarIndex;
  /** Where the pending bits begin in their BAR: a multiple of 8. */
  readonly pendingOffset: bigint;
}

/** Another capability in config space: read-only to the user of VFIO. */
export interface SimulatedCapability {
  /** Capability ID. */
  readonly id: number;
  /** What follows the ID and the pointer to the next one. */
  readonly bytes: Uint8Array;
}

/**
 * A PCI function of a simulated host.
 *
 * @example
 * ```ts
 * import {
 *   type SimulatedCapability,
 *   type SimulatedDeviceDescription,
 *   type SimulatedMsix,
 *   SimulatedVfio,
 * } from 'flatview/simulated';
 *
 * const msix: SimulatedMsix = {
 *   vectors: 33,
 *   tableBar: 0,
 *   tableOffset: 0x3000n,
 *   pendingOffset: 0x2000n,
 * };
 * const vendorSpecific: SimulatedCapability = { id: 0x09, bytes: Uint8Array.of(4, 0x5a) };
 * const nvme: SimulatedDeviceDescription = {
 *   name: '0000:05:00.0',
 *   group: 12,
 *   cdev: 'vfio0',
 *   vendorId: 0x144d,
 *   deviceId: 0xa808,
 *   classCode: 0x01_08_02,
 *   bars: [{ index: 0, kind: 'memory', size: 0x4000n, is64Bit: true }],
 *   msix,
 *   capabilities: [vendorSpecific],
 *   isExpress: true,
 * };
 * const { config } = new SimulatedVfio({ devices: [nvme] }).device('0000:05:00.0');
 * config.size; // => 4096
 * config.read(0x9, 3); // => 0x01_08_02n
 *
 * // Power management, PCI Express, MSI-X, vendor-specific.
 * const ids: bigint[] = [];
 * for (let at = config.read(0x34, 1); at !== 0n; at = config.read(Number(at) + 1, 1)) {
 *   ids.push(config.read(Number(at), 1));
 * }
 * ids; // => [0x1n, 0x10n, 0x11n, 0x9n]
 * ```
 */
export interface SimulatedDeviceDescription {
  /** As sysfs calls it, such as `0000:05:00.0`. */
  readonly name: string;
  /** Its IOMMU group. */
  readonly group: number;
  /** Whether it is behind no IOMMU, so that its group is `noiommu-<group>`. Default: no. */
  readonly noIommu?: boolean;
  /** Its file in /dev/vfio/devices, where the kernel has iommufd, such as `vfio0`. Default: none. */
  readonly cdev?: string;
  /** 16 bits. */
  readonly vendorId: number;
  /** 16 bits. */
  readonly deviceId: number;
  /** Class, subclass and programming interface. Default: 0xff0000, a device that fits none. */
  readonly classCode?: number;
  /** Its BARs, in any order. */
  readonly bars: readonly SimulatedBar[];
  /** Whether it has a pin for INTx. Default: yes. */
  readonly hasIntx?: boolean;
  /** How many MSI vectors it has: a power of two; 0 for none. Default: 0. */
  readonly msiVectors?: number;
  /** Default: it has no MSI-X. */
  readonly msix?: SimulatedMsix;
  /** Whether it has the power management capability. Default: yes. */
  readonly hasPowerManagement?: boolean;
  /** Whether it is PCI Express: 4 KiB of config space, and errors are reported. Default: no. */
  readonly isExpress?: boolean;
  /** More capabilities, behind those that follow from the rest. Default: none. */
  readonly capabilities?: readonly SimulatedCapability[];
  /** Default: yes. */
  readonly canReset?: boolean;
  /** The driver that it is bound to; `none` where there is none. Default: `vfio-pci`. */
  readonly driver?: string;
}
