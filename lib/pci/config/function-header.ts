import { commandBit, configRegister, statusBit } from './config-registers.js';
import type { ConfigSpace } from './config-space.js';
import { checkField } from './register-field.js';

/** Who a function is (PCI Local Bus Specification 3.0, 6.2.1). */
export interface FunctionIdentity {
  /** 16 bits. */
  readonly vendorId: number;
  /** 16 bits. */
  readonly deviceId: number;
  /** Base class, subclass and programming interface, from the top: 24 bits. */
  readonly classCode?: number;
  /** 8 bits. Default: 0. */
  readonly revisionId?: number;
  /** 16 bits. Default: 0. */
  readonly subsystemVendorId?: number;
  /** 16 bits. Default: 0. */
  readonly subsystemId?: number;
  /** INTA to INTD: 1 to 4; 0 for none, which is the default. */
  readonly interruptPin?: number;
  /** Whether the device has other functions than number 0: to be said by function 0. Default: false. */
  readonly isMultiFunction?: boolean;
}

const multiFunction = 0x80;

/** INTD. */
const lastPin = 4;

/**
 * Makes the header of an endpoint: its identity, and registers that a guest can write.
 *
 * @throws `ERR_INVALID_ARGUMENT`: a value is wider than its register. Then nothing changes.
 *
 * @example
 * ```ts
 * import { ConfigSpace, configRegister, type FunctionIdentity, layHeader } from 'flatview/pci';
 *
 * const isaBridge: FunctionIdentity = {
 *   vendorId: 0x8086,
 *   deviceId: 0x2918,
 *   classCode: 0x06_0100,
 *   isMultiFunction: true,
 * };
 * const config = new ConfigSpace();
 * layHeader(config, isaBridge);
 * config.read(configRegister.classCode, 3); // => 0x06_0100
 * config.read(configRegister.headerType, 1); // => 0x80
 * // Who it is no guest can change.
 * config.write(configRegister.deviceId, 2, 0x1234);
 * config.read(configRegister.deviceId, 2); // => 0x2918
 * ```
 */
export function layHeader(config: ConfigSpace, identity: FunctionIdentity): void {
  const { classCode = 0, revisionId = 0, subsystemVendorId = 0, subsystemId = 0 } = identity;
  const { interruptPin = 0, isMultiFunction = false } = identity;
  const registers = [
    ['vendorId', 2, identity.vendorId],
    ['deviceId', 2, identity.deviceId],
    ['revisionId', 1, revisionId],
    ['classCode', 3, classCode],
    ['headerType', 1, isMultiFunction ? multiFunction : 0],
    ['subsystemVendorId', 2, subsystemVendorId],
    ['subsystemId', 2, subsystemId],
    ['interruptPin', 1, interruptPin],
  ] as const;
  for (const [name, size, value] of registers) {
    checkField(value, 2 ** (8 * size) - 1, name);
  }
  checkField(interruptPin, lastPin, 'interruptPin');
  for (const [name, size, value] of registers) {
    const offset = configRegister[name];
    config.set(offset, size, value);
    config.fix(offset, size, 0xffff_ffff);
  }
  let command = 0;
  for (const bit of Object.values(commandBit)) command |= bit;
  config.makeWritable(configRegister.command, 2, command);
  config.makeClearable(configRegister.status, 2, statusBit.errors);
  config.makeWritable(configRegister.cacheLineSize, 1, 0xff);
  config.makeWritable(configRegister.interruptLine, 1, 0xff);
}
