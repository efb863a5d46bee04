import { hex } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import { configRegister, conventionalSize, headerSize, statusBit } from './config-registers.js';
import type { ConfigSpace } from './config-space.js';
import { checkField } from './register-field.js';

/**
 * Identifiers of capabilities (PCI Code and ID Assignment Specification).
 *
 * @example
 * ```ts
 * import { addPowerManagement, ConfigSpace, capabilityId, findCapability } from 'flatview/pci';
 *
 * const config = new ConfigSpace();
 * addPowerManagement(config);
 * findCapability(config, capabilityId.powerManagement); // => 0x40
 * findCapability(config, capabilityId.msix); // => undefined
 * ```
 */
export const capabilityId = {
  powerManagement: 0x01,
  msi: 0x05,
  vendor: 0x09,
  express: 0x10,
  msix: 0x11,
} as const;

/** A capability that is to be added. */
export interface Capability {
  /** 8 bits; of an extended one 16. */
  readonly id: number;
  /** Bytes, with those of the header: at least 2, of an extended one 4. */
  readonly size: number;
  /** Where to put it: a multiple of 4. Default: the first place with enough room. */
  readonly offset?: number | undefined;
}

/** Bytes of the header: identifier and pointer; of an extended capability the version, too. */
const capabilityHeaderSize = 2;
const extendedHeaderSize = 4;

/** Where the identifier lies of what is no longer a list: a list has no more members than dwords. */
const mostCapabilities = (conventionalSize - headerSize) / 4;

/**
 * Adds a capability at the front of the list; what is behind its header is zero and read-only until somebody makes it
 * something else.
 *
 * @returns Its offset.
 * @throws `ERR_INVALID_ARGUMENT`: there is no room for it, it is not to be there, it is smaller than its header, or the list has no
 *   such identifier. Then nothing changes.
 *
 * @example
 * ```ts
 * import { addCapability, type Capability, ConfigSpace, capabilityId } from 'flatview/pci';
 *
 * const config = new ConfigSpace();
 * const express: Capability = { id: capabilityId.express, size: 0x3c };
 * const at = addCapability(config, express);
 * at; // => 0x40
 * // Version 2, an endpoint.
 * config.set(at + 2, 2, 0x0002);
 * config.read(at, 4); // => 0x0002_0010
 *
 * // Those bytes are taken now.
 * addCapability(config, { id: capabilityId.msi, size: 14, offset: 0x70 }); // throws ERR_INVALID_ARGUMENT
 * ```
 */
export function addCapability(config: ConfigSpace, capability: Capability): number {
  const { capabilitiesPointer: pointer, status } = configRegister;
  checkCapability(capability, 0xff, capabilityHeaderSize);
  const offset = placeFor(config, capability, headerSize, conventionalSize);
  config.set(offset, 1, capability.id);
  config.set(offset + 1, 1, config.get(pointer, 1));
  config.fix(offset, 2, 0xffff);
  config.set(pointer, 1, offset);
  config.fix(pointer, 1, 0xff);
  config.set(status, 2, config.get(status, 2) | statusBit.capabilitiesList);
  config.claim(offset, capability.size);
  return offset;
}

/**
 * The offset of the first capability of this kind; `undefined` where there is none.
 *
 * @example
 * ```ts
 * import { addVendorCapability, ConfigSpace, capabilityId, findCapability } from 'flatview/pci';
 *
 * // Virtio has several of the vendor's kind. The one that was added last is the first in the list.
 * const config = new ConfigSpace();
 * const common = addVendorCapability(config, new Uint8Array(13));
 * const notify = addVendorCapability(config, new Uint8Array(17));
 * findCapability(config, capabilityId.vendor); // => notify
 * // Its pointer leads to the next one, as in each capability.
 * config.read(notify + 1, 1); // => common
 * ```
 */
export function findCapability(config: ConfigSpace, id: number): number | undefined {
  let at = config.get(configRegister.capabilitiesPointer, 1);
  for (let seen = 0; at >= headerSize && seen < mostCapabilities; seen++) {
    if (config.read(at, 1) === id) return at;
    at = config.read(at + 1, 1);
  }
  return undefined;
}

/**
 * Adds a capability of PCI Express at the end of the list of these; the first one has to begin at 0x100.
 *
 * @param version 4 bits.
 * @returns Its offset.
 * @throws As {@link addCapability}; also where the configuration space has 256 bytes.
 *
 * @example
 * ```ts
 * import { addExtendedCapability, ConfigSpace } from 'flatview/pci';
 *
 * // A serial number: an identifier of 64 bits.
 * const serialNumber = { id: 0x0003, size: 12 };
 * const config = new ConfigSpace(4096);
 * const at = addExtendedCapability(config, serialNumber, 1);
 * config.set(at + 4, 4, 0xff12_3456);
 * config.set(at + 8, 4, 0x5254_00ff);
 * config.read(0x100, 4); // => 0x0001_0003
 * addExtendedCapability(new ConfigSpace(256), serialNumber, 1); // throws ERR_INVALID_ARGUMENT
 * ```
 */
export function addExtendedCapability(
  config: ConfigSpace,
  capability: Capability,
  version: number,
): number {
  checkCapability(capability, 0xffff, extendedHeaderSize);
  checkField(version, 0xf, `the version of capability ${hex(capability.id)}`);
  const offset = placeFor(config, capability, conventionalSize, config.size);
  const last = lastExtended(config);
  if (last === undefined && offset !== conventionalSize) {
    throw refused(capability, `the first extended one has to be at ${hex(conventionalSize)}`);
  }
  config.set(offset, extendedHeaderSize, capability.id | (version << 16));
  config.fix(offset, extendedHeaderSize, 0xffff_ffff);
  if (last !== undefined) {
    config.set(last, 4, (config.get(last, 4) & 0xf_ffff) | (offset << 20));
  }
  config.claim(offset, capability.size);
  return offset;
}

function lastExtended(config: ConfigSpace): number | undefined {
  if (config.size === conventionalSize || config.get(conventionalSize, 4) === 0) return undefined;
  let at = conventionalSize;
  for (;;) {
    const next = config.get(at, 4) >>> 20;
    if (next <= at) return at;
    at = next;
  }
}

/** A header that isn't all claimed would be another capability's, too: a list that leads back to itself. */
function checkCapability(capability: Capability, largestId: number, header: number): void {
  const { id, size } = capability;
  checkField(id, largestId, 'the identifier of a capability');
  if (Number.isInteger(size) && size >= header) return;
  throw refused(capability, `its header has ${header} bytes, and it ${size}`);
}

function placeFor(config: ConfigSpace, capability: Capability, start: number, end: number): number {
  const { size, offset } = capability;
  const isFree = (at: number): boolean =>
    at >= start && at % 4 === 0 && at + size <= end && config.isFree(at, size);
  if (offset !== undefined) {
    if (isFree(offset)) return offset;
    throw refused(capability, `it cannot be at ${hex(offset)}`);
  }
  for (let at = start; at < end; at += 4) if (isFree(at)) return at;
  throw refused(capability, `there is no room for ${size} bytes`);
}

function refused({ id }: Capability, why: string): FlatviewError {
  return new FlatviewError('ERR_INVALID_ARGUMENT', `capability ${hex(id)}: ${why}`);
}
