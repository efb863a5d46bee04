import type { AccessWidth } from '../../memory/host-memory.js';
import type { BarWindow } from '../assigned/assigned-bar.js';
import type { BarIndex } from '../bars/bar.js';
import type { Msix } from '../msix/msix.js';
import type { QuirkLatches } from './quirk-latches.js';

/** Who a function says that it is, in its header (PCI Local Bus Specification 3.0, 6.2.1). */
export interface PciIdentity {
  readonly vendorId: number;
  readonly deviceId: number;
  readonly subsystemVendorId: number;
  readonly subsystemId: number;
  /** Class, subclass and programming interface: 24 bits. */
  readonly classCode: number;
}

/** Which functions a quirk is for: those of which all that is given is so. */
export interface QuirkMatch {
  readonly vendorId: number;
  readonly deviceIds?: readonly number[];
  /** The upper eight bits of the class code, such as 3 for a display controller. */
  readonly baseClass?: number;
}

/** A BAR of the device, as it is below all quirks. */
export interface QuirkBar {
  readonly size: bigint;
  read(offset: bigint, width: AccessWidth): bigint;
  write(offset: bigint, value: bigint, width: AccessWidth): void;
}

/** What a quirk sees of the device that it is for. */
export interface QuirkDevice {
  readonly name: string;
  readonly identity: PciIdentity;
  /** A BAR that the device has. */
  bar(index: BarIndex): QuirkBar | undefined;
  /** The configuration space that the guest sees: writing has all the effects of a guest's write. */
  readonly config: {
    readonly size: number;
    read(offset: number, size: number): number;
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
  readonly bar: BarIndex;
}

/**
 * What has to be emulated of a device that works otherwise as it is: windows in its BARs, and which devices they are for. What a
 * window remembers belongs to one device ({@link QuirkDevice.latches}): {@link windows} is called once for each.
 */
export interface Quirk {
  /** Shown in dumps and explanations. */
  readonly name: string;
  readonly match: QuirkMatch;
  /** Those that lead out of a BAR, or lie in one that the device hasn't, are left out. */
  windows(device: QuirkDevice): readonly QuirkWindow[];
}

/** Whether a quirk is for a function. */
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
