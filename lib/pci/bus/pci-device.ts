/**
 * Who stands behind a function: an emulated device, or one that is assigned. Everything is optional. A `FlatviewError` that it
 * throws, as when a kernel refuses something, is kept from the guest; others reach whoever called.
 *
 * @example
 * ```ts
 * import { addVendorCapability, ConfigSpace, type PciDevice, PciFunction } from 'flatview/pci';
 *
 * // Behind the header of this vendor's capability is a register that the device keeps.
 * const config = new ConfigSpace();
 * const scratch = addVendorCapability(config, new Uint8Array(5)) + 4;
 * config.keepElsewhere(scratch, 4, 0xffff_ffff);
 *
 * const bytes = Buffer.of(0x78, 0x56, 0x34, 0x12);
 * const device: PciDevice = {
 *   readConfig: (offset, size) => bytes.readUIntLE(offset - scratch, size),
 *   writeConfig(offset, size, value) {
 *     if (offset >= scratch && offset < scratch + 4) bytes.writeUIntLE(value, offset - scratch, size);
 *   },
 * };
 * const card = new PciFunction('card', { config, device });
 * card.readConfig(scratch + 2, 2); // => 0x1234
 *
 * // Two bytes that aren't aligned come as two writes.
 * card.writeConfig(scratch + 1, 2, 0x0201);
 * card.readConfig(scratch, 4); // => 0x1202_0178
 * ```
 */
export interface PciDevice {
  /**
   * What the guest reads of registers that are kept elsewhere ({@link ConfigSpace.keepElsewhere}).
   *
   * @param offset A multiple of `size`.
   * @param size Bytes: 1, 2 or 4.
   */
  readConfig?(offset: number, size: number): number;
  /**
   * The guest has written something; the configuration space has it already.
   *
   * A write that takes a BAR away is told when no listener maps it any more, and one that brings one, before any does: a
   * device that stops decoding takes back what is mapped of it.
   *
   * @param offset A multiple of `size`; what the guest writes otherwise comes in parts.
   * @param size Bytes: 1, 2 or 4.
   */
  writeConfig?(offset: number, size: number, value: number): void;
  /** The function is reset, and has no BAR anywhere. Its configuration space is as it was when it was made. */
  reset?(): void;
  /**
   * The configuration space is what a snapshot had; told at the moment at which {@link writeConfig} would be. What it throws fails
   * the restore: then it is told once more, with the configuration space as it was before.
   */
  restored?(): void;
}
