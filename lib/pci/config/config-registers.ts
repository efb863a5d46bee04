/** Offsets of the registers of a type 0 header (PCI Local Bus Specification 3.0, 6.1). */
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

/** Bits of the COMMAND register (6.2.2). */
export const commandBit = {
  io: 0x0001,
  memory: 0x0002,
  busMaster: 0x0004,
  parityErrorResponse: 0x0040,
  serr: 0x0100,
  interruptDisable: 0x0400,
} as const;

/** Bits of the STATUS register (6.2.3). */
export const statusBit = {
  capabilitiesList: 0x0010,
  /** What a device reports, and a guest clears by writing ones. */
  errors: 0xf900,
} as const;

/** Bit of the expansion ROM's register that enables it (6.2.5.2). */
export const romEnable = 1;

/** Bytes of the header; capabilities come behind it. */
export const headerSize = 0x40;

/** Bytes of the configuration space of PCI; extended capabilities of PCI Express come behind it. */
export const conventionalSize = 0x100;
