import type { AccessWidth } from '../../memory/host-memory.js';
import type { BarWindow } from '../assigned/assigned-bar.js';
import type { BarIndex } from '../bars/bar.js';
import type { Msix } from '../msix/msix.js';

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
}

/** A window of a quirk, and the BAR that it lies in. */
export interface QuirkWindow extends BarWindow {
  /** The BAR that it lies in. */
  readonly bar: BarIndex;
}

/**
 * What has to be emulated of a device that works otherwise as it is: windows in its BARs, and which devices they are for. What a
 * window remembers belongs to one device: {@link windows} is called once for each.
 */
export interface Quirk {
  /** Shown in dumps and explanations. */
  readonly name: string;
  /** Which functions it is for. */
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

/** The windows of those `quirks` that are for `device`, as far as it has room for them. */
export function windowsFor(quirks: readonly Quirk[], device: QuirkDevice): QuirkWindow[] {
  return quirks
    .filter(({ match }) => isMatch(match, device.identity))
    .flatMap((quirk) => quirk.windows(device))
    .filter(({ bar, offset, size }) => offset + size <= (device.bar(bar)?.size ?? 0n));
}
