import { addCapability, capabilityId } from './capabilities.js';
import type { ConfigSpace } from './config-space.js';

/** Identifier, pointer and length (PCI Local Bus Specification 3.0, appendix H). */
const headerSize = 3;

/**
 * Adds a vendor's capability, with bytes that only their vendor knows the meaning of: read-only, unless they are made
 * something else.
 *
 * @returns Its offset; the bytes begin 3 behind it.
 * @throws As {@link addCapability}.
 *
 * @example
 * ```ts
 * import { addVendorCapability, ConfigSpace } from 'flatview/pci';
 *
 * // Where virtio has its common configuration: 0x38 bytes from the beginning of BAR 4 on.
 * const common = Uint8Array.of(1, 4, 0, 0, 0, 0, 0, 0, 0, 0x38, 0, 0, 0);
 * const config = new ConfigSpace();
 * const at = addVendorCapability(config, common);
 * // The length counts the three bytes of the header, too.
 * config.read(at + 2, 1); // => 16
 * config.read(at + 3, 2); // => 0x0401
 * ```
 */
export function addVendorCapability(
  config: ConfigSpace,
  bytes: Uint8Array,
  offset?: number,
): number {
  const size = headerSize + bytes.length;
  const at = addCapability(config, { id: capabilityId.vendor, size, offset });
  config.set(at + 2, 1, size);
  config.fix(at + 2, 1, 0xff);
  for (const [i, byte] of bytes.entries()) config.set(at + headerSize + i, 1, byte);
  return at;
}
