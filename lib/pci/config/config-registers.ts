/**
 * Offsets of the registers of a type 0 header (PCI Local Bus Specification 3.0, 6.1).
 *
 * @example
 * ```ts
 * import { ConfigSpace, configRegister, layHeader } from 'flatview/pci';
 *
 * const config = new ConfigSpace();
 * layHeader(config, { vendorId: 0x8086, deviceId: 0x100e, classCode: 0x02_0000 });
 * config.read(configRegister.vendorId, 4); // => 0x100e_8086
 * // The base class is the last of the three bytes.
 * config.read(configRegister.classCode + 2, 1); // => 0x02
 * // The register of BAR 2.
 * configRegister.bar0 + 4 * 2; // => 0x18
 * ```
 */
export const configRegister = {
  vendorId: 0x00,
  deviceId: 0x02,
  command: 0x04,
  status: 0x06,
  revisionId: 0x08,
  classCode: 0x09,
  cacheLineSize: 0x0c,
  headerType: 0x0e,
  bar0: 0x10,
  subsystemVendorId: 0x2c,
  subsystemId: 0x2e,
  rom: 0x30,
  capabilitiesPointer: 0x34,
  interruptLine: 0x3c,
  interruptPin: 0x3d,
} as const;

/**
 * Bits of the COMMAND register (6.2.2).
 *
 * @example
 * ```ts
 * import { ConfigSpace, commandBit, configRegister, layHeader } from 'flatview/pci';
 *
 * const config = new ConfigSpace();
 * layHeader(config, { vendorId: 0x8086, deviceId: 0x100e });
 * config.write(configRegister.command, 2, commandBit.memory | commandBit.busMaster);
 * config.read(configRegister.command, 2); // => 0x0006
 * // A guest that writes all ones finds which bits there are.
 * config.write(configRegister.command, 2, 0xffff);
 * config.read(configRegister.command, 2); // => 0x0547
 * ```
 */
export const commandBit = {
  io: 0x0001,
  memory: 0x0002,
  busMaster: 0x0004,
  parityErrorResponse: 0x0040,
  serr: 0x0100,
  interruptDisable: 0x0400,
} as const;

/**
 * Bits of the STATUS register (6.2.3).
 *
 * @example
 * ```ts
 * import {
 *   addPowerManagement,
 *   ConfigSpace,
 *   configRegister,
 *   layHeader,
 *   statusBit,
 * } from 'flatview/pci';
 *
 * const config = new ConfigSpace();
 * layHeader(config, { vendorId: 0x8086, deviceId: 0x100e });
 * addPowerManagement(config);
 * const { status } = configRegister;
 * config.read(status, 2); // => statusBit.capabilitiesList
 *
 * // The device received a master abort; a guest clears that by writing a one, and only that.
 * config.set(status, 2, 0x2010);
 * config.write(status, 2, statusBit.errors);
 * config.read(status, 2); // => statusBit.capabilitiesList
 * ```
 */
export const statusBit = {
  capabilitiesList: 0x0010,
  /** What a device reports, and a guest clears by writing ones. */
  errors: 0xf900,
} as const;

/**
 * Bit of the expansion ROM's register that enables it (6.2.5.2).
 *
 * @example
 * ```ts
 * import { ConfigSpace, commandBit, configRegister, decodeBar, romEnable } from 'flatview/pci';
 *
 * const rom = {
 *   index: 6,
 *   kind: 'rom',
 *   size: 0x4_0000n,
 *   is64Bit: false,
 *   isPrefetchable: false,
 * } as const;
 * const rules = { memoryEnd: 1n << 64n, ioEnd: 0x1_0000n, allowsZero: false };
 *
 * const config = new ConfigSpace();
 * config.set(configRegister.command, 2, commandBit.memory);
 * config.set(configRegister.rom, 4, 0xfeb8_0000);
 * decodeBar(config, rom, 0, rules); // => { reason: 'rom-off' }
 * config.set(configRegister.rom, 4, 0xfeb8_0000 + romEnable);
 * decodeBar(config, rom, 0, rules); // => { address: 0xfeb8_0000n }
 * ```
 */
export const romEnable = 1;

/** Bytes of the header; capabilities come behind it. */
export const headerSize = 0x40;

/** Bytes of the configuration space of PCI; extended capabilities of PCI Express come behind it. */
export const conventionalSize = 0x100;
