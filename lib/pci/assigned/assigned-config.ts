import { FlatviewError } from '../../errors.js';
import type { AccessWidth } from '../../memory/host-memory.js';
import { type VfioDevice, vfioPciRegion } from '../../vfio/vfio-interface.js';
import { capabilityId } from '../config/capabilities.js';
import {
  commandBit,
  configRegister,
  conventionalSize,
  headerSize,
  statusBit,
} from '../config/config-registers.js';
import { type ConfigSize, ConfigSpace } from '../config/config-space.js';
import { layPowerControl } from '../config/power-management.js';
import {
  type MsixLayout,
  msixCapabilitySize,
  msixControl,
  msixPlaceRegister,
  msixRegister,
} from '../msix/msix-layout.js';
import type { PciIdentity } from '../quirks/quirk.js';

/** A capability in the device's own chain. */
interface FoundCapability {
  readonly id: number;
  readonly offset: number;
}

/** Capabilities that a guest must not see: they speak of what the host decides, or of BARs that are not the guest's. */
const hidden = {
  /** Enhanced allocation: other places for BARs. */
  conventional: new Set([0x14]),
  /** ARI, ATS, SR-IOV, page requests, resizable BARs, PASID, resizable BARs of virtual functions. */
  extended: new Set([0x0e, 0x0f, 0x10, 0x13, 0x15, 0x1b, 0x24]),
};

/** Bytes of the header of an extended capability. */
const extendedHeaderSize = 4;

/** Bytes of the power management capability whose bits are known. */
const powerManagementSize = 6;

/** Bits of the header type that say what the rest of the header is: 0 for an endpoint (PCI Local Bus Specification 3.0, 6.2.1). */
const headerLayout = 0x7f;

/**
 * The configuration space that a guest sees of an assigned device. What decides where it is and how it interrupts is kept here: BARs, ROM,
 * MSI-X; the state of power and COMMAND here and in the device. All else is the device's, as far as VFIO lets it: it is read from
 * there at each access, and written there.
 */
export class AssignedConfig {
  readonly config: ConfigSpace;
  readonly identity: PciIdentity;
  /** Offset of the MSI-X capability. */
  readonly msix: number | undefined;
  /** Offset of the register of power management that says in which state the device is to be: 2 bytes. */
  readonly power: number | undefined;
  readonly #device: VfioDevice;
  /** The bytes whose writes go on to the device: 1 each. */
  readonly #passed: Uint8Array;

  /**
   * @throws `ERR_DEVICE_DESCRIPTION`: it has a configuration space of another size than PCI knows, or is a bridge;
   *   `ERR_SYSTEM_CALL`: it can't be read.
   */
  constructor(device: VfioDevice) {
    this.#device = device;
    const size = configSizeOf(device);
    this.config = new ConfigSpace(size);
    this.#passed = new Uint8Array(size).fill(1);
    for (let offset = 0; offset < size; offset += 4) {
      this.config.set(offset, 4, this.read(offset, 4));
    }
    if ((this.config.get(configRegister.headerType, 1) & headerLayout) !== 0) {
      throw new FlatviewError('ERR_DEVICE_DESCRIPTION', `${device.name} is a bridge`);
    }
    this.identity = identityOf(this.config);
    this.#layHeader();
    this.#keepInDevice(headerSize, size - headerSize);
    const capabilities = this.#conventional();
    this.msix = capabilities.find(({ id }) => id === capabilityId.msix)?.offset;
    const power = capabilities.find(({ id }) => id === capabilityId.powerManagement)?.offset;
    this.power = power === undefined ? undefined : power + 4;
    this.#layChain(capabilities);
    for (const { id, offset } of capabilities) {
      if (id === capabilityId.powerManagement) this.#layPowerManagement(offset);
      if (id === capabilityId.msix) this.#layMsix(offset);
    }
    if (size > conventionalSize) this.#layExtendedChain(this.#extended());
  }

  /** Says where the guest finds the MSI-X table. */
  placeMsix({ table, pendingBits }: MsixLayout): void {
    if (this.msix === undefined) return;
    this.config.set(this.msix + msixRegister.table, 4, msixPlaceRegister(table));
    this.config.set(this.msix + msixRegister.pendingBits, 4, msixPlaceRegister(pendingBits));
  }

  /** A register of the device: 1, 2 or 4 bytes, aligned. */
  read(offset: number, size: number): number {
    const { config } = vfioPciRegion;
    return Number(this.#device.read(config, BigInt(offset), size as AccessWidth));
  }

  /** Has the device know what the guest wrote, as far as it is the device's business. */
  write(offset: number, size: number, value: number): void {
    const { config } = vfioPciRegion;
    const passed = this.#passed.subarray(offset, offset + size);
    if (!passed.includes(0)) {
      this.#device.write(config, BigInt(offset), BigInt(value), size as AccessWidth);
      return;
    }
    for (const [i, isPassed] of passed.entries()) {
      const byte = BigInt((value >>> (8 * i)) & 0xff);
      if (isPassed === 1) this.#device.write(config, BigInt(offset + i), byte, 1);
    }
  }

  /** Whether a write of `size` bytes at `offset` touches message control of MSI-X. */
  touchesMsixControl(offset: number, size: number): boolean {
    if (this.msix === undefined) return false;
    const control = this.msix + msixRegister.control;
    return offset < control + 2 && control < offset + size;
  }

  #layHeader(): void {
    const { config } = this;
    const { command, status, cacheLineSize, interruptLine, headerType } = configRegister;
    this.#keepHere(0, headerSize);
    // Neither a self test nor other functions of the host's device are the guest's.
    config.set(headerType, 2, 0);
    // BARs are laid later, by their sizes; registers of BARs that the device hasn't stay empty.
    for (let at: number = configRegister.bar0; at < configRegister.bar0 + 24; at += 4) {
      config.set(at, 4, 0);
    }
    config.set(configRegister.rom, 4, 0);
    const { vendorId, revisionId, subsystemVendorId } = configRegister;
    for (const at of [vendorId, revisionId, subsystemVendorId]) {
      config.fix(at, 4, 0xffff_ffff);
    }
    config.set(command, 2, 0);
    let commandBits = 0;
    for (const bit of Object.values(commandBit)) commandBits |= bit;
    config.makeWritable(command, 2, commandBits);
    config.keepElsewhere(status, 2, 0xffff & ~statusBit.capabilitiesList);
    this.#passed.fill(1, command, status + 2);
    config.makeWritable(cacheLineSize, 1, 0xff);
    config.makeWritable(interruptLine, 1, 0xff);
  }

  #layPowerManagement(at: number): void {
    this.#keepHere(at, powerManagementSize);
    this.#passed.fill(1, at + 4, at + powerManagementSize);
    layPowerControl(this.config, at);
  }

  #layMsix(at: number): void {
    const { config } = this;
    const { enable, functionMask } = msixControl;
    this.#keepHere(at, msixCapabilitySize);
    const control = at + msixRegister.control;
    config.set(control, 2, config.get(control, 2) & msixControl.sizeMask);
    config.makeWritable(control, 2, enable | functionMask);
    config.fix(control, 2, msixControl.sizeMask);
    for (const register of [msixRegister.table, msixRegister.pendingBits]) {
      config.fix(at + register, 4, 0xffff_ffff);
    }
  }

  /** Leaves out of the chain what is hidden, and says how it goes on without. */
  #layChain(capabilities: readonly FoundCapability[]): void {
    const shown = capabilities.filter(({ id }) => !hidden.conventional.has(id));
    this.#hide(capabilities, shown, conventionalSize);
    const pointers = [configRegister.capabilitiesPointer, ...shown.map((it) => it.offset + 1)];
    for (const [i, pointer] of pointers.entries()) {
      this.config.set(pointer, 1, shown[i]?.offset ?? 0);
      this.config.fix(pointer, 1, 0xff);
    }
    for (const { offset } of shown) this.#keepHere(offset, 2);
  }

  #layExtendedChain(capabilities: readonly FoundCapability[]): void {
    const { config } = this;
    const shown = capabilities.filter(({ id }) => !hidden.extended.has(id));
    this.#hide(capabilities, shown, config.size);
    this.#keepHere(conventionalSize, extendedHeaderSize);
    // The first one can't be left out: it is where the chain begins. Without identity it says nothing but where the next one is.
    const first = shown[0]?.offset === conventionalSize ? shown[0] : undefined;
    if (first === undefined) config.set(conventionalSize, 4, (shown[0]?.offset ?? 0) << 20);
    for (const [i, { offset }] of shown.entries()) {
      this.#keepHere(offset, extendedHeaderSize);
      const header = config.get(offset, 4) & 0xf_ffff;
      config.set(offset, 4, (header | ((shown[i + 1]?.offset ?? 0) << 20)) >>> 0);
    }
  }

  /** What isn't shown reads as zeros, up to where the next capability begins. */
  #hide(all: readonly FoundCapability[], shown: readonly FoundCapability[], end: number): void {
    for (const it of all) {
      if (shown.includes(it)) continue;
      const next = Math.min(end, ...all.map(({ offset }) => offset).filter((at) => at > it.offset));
      this.#keepHere(it.offset, next - it.offset);
      for (let at = it.offset; at < next; at++) this.config.set(at, 1, 0);
    }
  }

  #conventional(): FoundCapability[] {
    const { config } = this;
    if ((this.read(configRegister.status, 2) & statusBit.capabilitiesList) === 0) return [];
    return chainFrom(config.get(configRegister.capabilitiesPointer, 1) & 0xfc, (at) => ({
      id: config.get(at, 1),
      next: config.get(at + 1, 1) & 0xfc,
      isWithin: at >= headerSize && at < conventionalSize,
    }));
  }

  #extended(): FoundCapability[] {
    const { config } = this;
    const header = config.get(conventionalSize, 4);
    if (header === 0 || header === 0xffff_ffff) return [];
    return chainFrom(conventionalSize, (at) => ({
      id: config.get(at, 2),
      next: (config.get(at, 4) >>> 20) & 0xffc,
      isWithin: at >= conventionalSize && at < config.size,
    }));
  }

  /** Registers that the guest finds here, and that no write of it changes unless it is said. */
  #keepHere(offset: number, size: number): void {
    this.#passed.fill(0, offset, offset + size);
    for (let at = offset; at < offset + size; at++) this.config.keepElsewhere(at, 1, 0);
  }

  #keepInDevice(offset: number, size: number): void {
    for (let at = offset; at < offset + size; at++) this.config.keepElsewhere(at, 1, 0xff);
  }
}

/** Follows a chain as far as it is one: a device may say anything. */
function chainFrom(
  start: number,
  look: (at: number) => { readonly id: number; readonly next: number; readonly isWithin: boolean },
): FoundCapability[] {
  const found = new Map<number, FoundCapability>();
  for (let at = start; at !== 0 && !found.has(at); ) {
    const { id, next, isWithin } = look(at);
    if (!isWithin) break;
    found.set(at, { id, offset: at });
    at = next;
  }
  return [...found.values()];
}

function configSizeOf(device: VfioDevice): ConfigSize {
  const { size } = device.regionInfo(vfioPciRegion.config);
  if (size === 256n) return 256;
  if (size === 4096n) return 4096;
  throw new FlatviewError(
    'ERR_DEVICE_DESCRIPTION',
    `${device.name}: its configuration space has ${size} bytes, not 256 or 4096`,
  );
}

function identityOf(config: ConfigSpace): PciIdentity {
  return {
    vendorId: config.get(configRegister.vendorId, 2),
    deviceId: config.get(configRegister.deviceId, 2),
    subsystemVendorId: config.get(configRegister.subsystemVendorId, 2),
    subsystemId: config.get(configRegister.subsystemId, 2),
    classCode: config.get(configRegister.classCode, 3),
  };
}
