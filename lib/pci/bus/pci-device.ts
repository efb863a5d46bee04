/**
 * Who stands behind a function: an emulated device, or one that is assigned. Everything is optional. A `FlatviewError` that it
 * throws, as when a kernel refuses something, is kept from the guest; others reach whoever called.
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
