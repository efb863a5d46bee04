import { hex } from '../../address.js';
import { FlatviewError } from '../../errors.js';

/** Where a function is. */
export interface PciAddress {
  /** 0 to 255. Default: 0. */
  readonly bus?: number;
  /** 0 to 31. */
  readonly device: number;
  /** 0 to 7. Default: 0. */
  readonly function?: number;
}

/**
 * Bus, device and function in 16 bits, as a requester ID has them.
 *
 * @throws `ERR_PCI_ADDRESS`
 *
 * @example
 * ```ts
 * import { type PciAddress, requesterId } from 'flatview/pci';
 *
 * const sata: PciAddress = { device: 0x1f, function: 2 };
 * requesterId(sata); // => 0xfa
 * requesterId({ bus: 5, device: 0 }); // => 0x500
 * requesterId({ device: 32 }); // throws ERR_PCI_ADDRESS
 * ```
 */
export function requesterId(address: PciAddress): number {
  const { bus = 0, device, function: number = 0 } = address;
  if (isUpTo(bus, 255) && isUpTo(device, 31) && isUpTo(number, 7)) {
    return (bus << 8) | (device << 3) | number;
  }
  throw new FlatviewError(
    'ERR_PCI_ADDRESS',
    `no function can be at bus ${bus}, device ${device}, function ${number}`,
  );
}

/**
 * A requester ID as `lspci` writes it: `00:1f.3`.
 *
 * @param id 16 bits.
 * @throws `ERR_PCI_ADDRESS`
 *
 * @example
 * ```ts
 * import { addressText, requesterId } from 'flatview/pci';
 *
 * addressText(0xfa); // => '00:1f.2'
 * addressText(requesterId({ bus: 0x81, device: 0x10, function: 3 })); // => '81:10.3'
 * ```
 */
export function addressText(id: number): string {
  if (!isUpTo(id, 0xffff)) {
    const shown = Number.isInteger(id) ? hex(id) : String(id);
    throw new FlatviewError('ERR_PCI_ADDRESS', `requester ID ${shown}: not 0 to 0xffff`);
  }
  const digits = (value: number): string => value.toString(16).padStart(2, '0');
  return `${digits(id >>> 8)}:${digits((id >>> 3) & 31)}.${id & 7}`;
}

function isUpTo(value: number, largest: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= largest;
}
