import type { AccessWidth } from '../../memory/host-memory.js';
import type { BarWindow } from '../assigned/assigned-bar.js';
import type { BarIndex } from '../bars/bar.js';
import type { Msix } from '../msix/msix.js';
import type { QuirkLatches } from './quirk-latches.js';

/** Who a function says that it is, in its header (PCI Local Bus Specification 3.0, 6.2.1). */
export interface PciIdentity {
  /** 16 bits. */
  readonly vendorId: number;
  /** 16 bits. */
  readonly deviceId: number;
  /** 16 bits. */
  readonly subsystemVendorId: number;
  /** 16 bits. */
  readonly subsystemId: number;
  /** Class, subclass and programming interface: 24 bits. */
  readonly classCode: number;
}

/** Which functions a quirk is for: those of which all that is given is so. */
export interface QuirkMatch {
  /** 16 bits. */
  readonly vendorId: number;
  /** Any of these. Default: all of the vendor's. */
  readonly deviceIds?: readonly number[];
  /** The upper eight bits of the class code, such as 3 for a display controller. */
  readonly baseClass?: number;
}

/** A BAR of the device, as it is below all quirks. */
export interface QuirkBar {
  /** In bytes. */
  readonly size: bigint;
  /** Reads from the device, past all quirks. */
  read(offset: bigint, width: AccessWidth): bigint;
  /** Writes to the device, past all quirks. */
  write(offset: bigint, value: bigint, width: AccessWidth): void;
}

/** What a quirk sees of the device that it is for. */
export interface QuirkDevice {
  /** What messages call it. */
  readonly name: string;
  /** Who it says that it is. */
  readonly identity: PciIdentity;
  /** A BAR that the device has. */
  bar(index: BarIndex): QuirkBar | undefined;
  /** The configuration space that the guest sees: writing has all the effects of a guest's write. */
  readonly config: {
    readonly size: number;
    /** What a guest reads: `size` bytes, 1, 2 or 4. */
    read(offset: number, size: number): number;
    /** As if a guest wrote `size` bytes, 1, 2 or 4. */
    write(offset: number, size: number, value: number): void;
  };
  /** The MSI-X table that the guest sees. */
  readonly msix: Msix | undefined;
  /**
   * Gives a quirk what it may remember of the guest's accesses: numbers by name, which are `initial` at first and after a reset of the
   * device, and go with its snapshots. What a quirk remembers elsewhere is lost with those.
   */
  latches<Values extends { [Name in keyof Values]: number | undefined }>(initial: Values): Values;
}

/** A window of a quirk, and the BAR that it lies in. */
export interface QuirkWindow extends BarWindow {
  /** The BAR that it lies in. */
  readonly bar: BarIndex;
}

/**
 * What has to be emulated of a device that works otherwise as it is: windows in its BARs, and which devices they are for. What a
 * window remembers belongs to one device ({@link QuirkDevice.latches}): {@link windows} is called once for each.
 */
export interface Quirk {
  /** Shown in dumps and explanations. */
  readonly name: string;
  /** Which functions it is for. */
  readonly match: QuirkMatch;
  /**
   * Those that lead out of a BAR, or lie in one that the device hasn't, are left out.
   *
   * @example
   * ```ts
   * import { type MemoryRegionOps, MemoryTopology } from 'flatview';
   * import {
   *   AssignedPciDevice,
   *   commandBit,
   *   configRegister,
   *   knownQuirks,
   *   type Quirk,
   *   type QuirkBar,
   *   type QuirkDevice,
   *   type QuirkWindow,
   * } from 'flatview/pci';
   * import { SimulatedVfio } from 'flatview/simulated';
   *
   * // This card's register 0x40 says in bit 0 that it can do what a guest must not try.
   * const hideFeature: Quirk = {
   *   name: 'card feature',
   *   match: { vendorId: 0x1b36, deviceIds: [0x0007] },
   *   windows(card: QuirkDevice) {
   *     const below: QuirkBar | undefined = card.bar(0);
   *     if (below === undefined) return [];
   *     const ops: MemoryRegionOps = {
   *       read: () => below.read(0x40n, 4) & ~1n,
   *       write: (_offset, value) => below.write(0x40n, value, 4),
   *       implementation: { minSize: 4, maxSize: 4 },
   *     };
   *     const window: QuirkWindow = { name: 'features', bar: 0, offset: 0x40n, size: 4n, ops };
   *     return [window];
   *   },
   * };
   * const card = { name: '0000:05:00.0', group: 5, cdev: 'vfio0', vendorId: 0x1b36, deviceId: 0x0007 };
   * const host = new SimulatedVfio({
   *   devices: [{ ...card, bars: [{ index: 0, kind: 'memory', size: 0x4000n }] }],
   * });
   * const device = host.openCdev('vfio0').bind(host.openIommufd());
   * const topology = new MemoryTopology();
   * const quirks = [...knownQuirks, hideFeature];
   * const assigned = new AssignedPciDevice({ topology, device, pageSize: host.pageSize, quirks });
   *
   * // The device says 3, and the guest finds 2.
   * const bar0 = assigned.bar(0);
   * const seen = bar0 && topology.addressSpace('BAR 0', bar0.region);
   * host.device(card.name).bytesOf(0).store(0x40n, 4, 3n);
   * assigned.function.writeConfig(configRegister.command, 2, commandBit.memory);
   * seen?.read(0x40n, 4).value; // => 2n
   * bar0?.pages?.cuts; // => [{ offset: 0x40n, size: 4n }]
   * topology.close();
   * ```
   */
  windows(device: QuirkDevice): readonly QuirkWindow[];
}

/**
 * Whether a quirk is for a function.
 *
 * @param match What the quirk says.
 * @param of Who the function says that it is.
 *
 * @example
 * ```ts
 * import { isMatch, type PciIdentity, type QuirkMatch } from 'flatview/pci';
 *
 * const anyDisplayOfNvidia: QuirkMatch = { vendorId: 0x10de, baseClass: 3 };
 * const card: PciIdentity = {
 *   vendorId: 0x10de,
 *   deviceId: 0x2204,
 *   subsystemVendorId: 0x1462,
 *   subsystemId: 0x3881,
 *   classCode: 0x03_0000,
 * };
 * const itsAudio: PciIdentity = { ...card, deviceId: 0x1aef, classCode: 0x04_0300 };
 * isMatch(anyDisplayOfNvidia, card); // => true
 * isMatch(anyDisplayOfNvidia, itsAudio); // => false
 * ```
 */
export function isMatch({ vendorId, deviceIds, baseClass }: QuirkMatch, of: PciIdentity): boolean {
  return (
    vendorId === of.vendorId &&
    (deviceIds === undefined || deviceIds.includes(of.deviceId)) &&
    (baseClass === undefined || baseClass === of.classCode >>> 16)
  );
}

/** The windows of those `quirks` that are for `device`, as far as it has room for them. What they remember is kept in `latches`. */
export function windowsFor(
  quirks: readonly Quirk[],
  device: Omit<QuirkDevice, 'latches'>,
  latches: QuirkLatches,
): QuirkWindow[] {
  return quirks
    .filter(({ match }) => isMatch(match, device.identity))
    .flatMap((quirk) =>
      quirk.windows({ ...device, latches: (initial) => latches.keep(quirk.name, initial) }),
    )
    .filter(({ bar, offset, size }) => offset + size <= (device.bar(bar)?.size ?? 0n));
}
