import type { BarIndex } from '../../pci/bars/bar.js';
import { refuseIf } from '../errno.js';
import { type CapabilityBytes, capabilitiesOf } from './config-capabilities.js';
import type { SimulatedDeviceDescription } from './device-description.js';

/** Bits of the command register (PCI Local Bus Specification 3.0, 6.2.2). */
export const pciCommand = { io: 1, memory: 2, busMaster: 4 } as const;

const at = {
  command: 4,
  status: 6,
  bar0: 0x10,
  rom: 0x30,
  capabilities: 0x34,
  line: 0x3c,
} as const;

/** The bits of the command register that devices have: decode, bus master, parity, SERR and INTx disable. */
const commandBits = 0x0547;

/** What config space needs to know of a BAR. */
export interface BarRegister {
  readonly index: BarIndex;
  readonly size: bigint;
  /** Where it is in the host's physical space. */
  readonly hostAddress: bigint;
  /** The bits of its register that say what kind it is. */
  readonly flags: number;
  readonly is64Bit: boolean;
}

/**
 * The config space of a device as vfio-pci shows it (drivers/vfio/pci/vfio_pci_config.c): part of it is the device's, and part, such as
 * BARs, is only kept for the user; of each bit is known which, and whether it can be written.
 *
 * @example
 * ```ts
 * import { type SimulatedConfigSpace, SimulatedVfio } from 'flatview/simulated';
 *
 * const host = new SimulatedVfio();
 * const nvme = { name: '0000:05:00.0', group: 12, vendorId: 0x144d, deviceId: 0xa808 };
 * const device = host.addDevice({
 *   ...nvme,
 *   bars: [{ index: 0, kind: 'memory', size: 0x4000n, is64Bit: true }],
 * });
 * const config: SimulatedConfigSpace = device.config;
 * config.read(0x0, 4); // => 0xa808_144dn
 *
 * // A BAR is sized as hardware's: the bits below its size are not there.
 * config.write(0x10, 0xffff_ffffn, 4);
 * config.read(0x10, 4); // => 0xffff_c004n
 *
 * config.isMemoryEnabled; // => true
 * config.write(0x4, 0x4n, 2); // bus master on, memory decode off
 * [config.isMemoryEnabled, config.isBusMaster]; // => [false, true]
 * ```
 */
export class SimulatedConfigSpace {
  /** In bytes: 256, or 4096 of PCI Express. */
  readonly size: number;
  /** What the device has. */
  readonly #hardware: Uint8Array;
  /** What the kernel keeps for the user. */
  readonly #virtual: Uint8Array;
  /** The bits that are read and written in {@link #virtual}. */
  readonly #isVirtual: Uint8Array;
  readonly #isWritable: Uint8Array;
  readonly #bars: readonly BarRegister[];
  readonly #powerAt: number | undefined;
  readonly #initial: Uint8Array;

  constructor(description: SimulatedDeviceDescription, bars: readonly BarRegister[]) {
    this.size = description.isExpress === true ? 4096 : 256;
    this.#bars = bars;
    this.#hardware = new Uint8Array(this.size);
    this.#virtual = new Uint8Array(this.size);
    this.#isVirtual = new Uint8Array(this.size);
    this.#isWritable = new Uint8Array(this.size);
    this.#layHeader(description);
    const capabilities = capabilitiesOf(description);
    this.#chain(capabilities);
    this.#powerAt = capabilities.find(({ id }) => id === 1)?.offset;
    this.#initial = this.#hardware.slice();
    this.open();
  }

  /** Whether the device answers accesses to its memory: decode is on, and it is not asleep. */
  get isMemoryEnabled(): boolean {
    return this.powerState < 3 && (this.#command(this.#virtual) & pciCommand.memory) !== 0;
  }

  /** Whether the device may start DMA: the bus master bit of the COMMAND register. */
  get isBusMaster(): boolean {
    return this.powerState < 3 && (this.#command(this.#hardware) & pciCommand.busMaster) !== 0;
  }

  /** 0 for D0, up to 3 for D3hot. */
  get powerState(): number {
    return this.#powerAt === undefined ? 0 : (this.#hardware[this.#powerAt + 4] ?? 0) & 3;
  }

  /** The device is opened by the first user: decode on, bus master off, awake. */
  open(): void {
    this.#hardware.set(this.#initial);
    const decode = this.#bars.reduce((bits, { flags }) => bits | ((flags & 1) === 1 ? 1 : 2), 0);
    this.#hardware[at.command] = decode;
    this.#virtual.set(this.#hardware);
  }

  /** VFIO_DEVICE_RESET: wakes it, and restores the rest as it was. */
  reset(): void {
    this.#setPowerState(0);
  }

  /** One pread: any width, which must lie within. */
  read(offset: number, width: number): bigint {
    this.#check(offset, width);
    let value = 0n;
    for (let i = width - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.#byte(offset + i));
    return value;
  }

  /** One pwrite. */
  write(offset: number, value: bigint, width: number): void {
    this.#check(offset, width);
    for (let i = 0; i < width; i++) {
      this.#setByte(offset + i, Number((value >> BigInt(8 * i)) & 0xffn));
    }
    for (const bar of this.#bars) this.#fixBar(bar);
  }

  #check(offset: number, width: number): void {
    refuseIf(offset + width > this.size, 'EFAULT');
  }

  #byte(offset: number): number {
    const mask = this.#isVirtual[offset] ?? 0;
    return ((this.#virtual[offset] ?? 0) & mask) | ((this.#hardware[offset] ?? 0) & ~mask);
  }

  #setByte(offset: number, value: number): void {
    const writable = this.#isWritable[offset] ?? 0;
    const isVirtual = this.#isVirtual[offset] ?? 0;
    putBits(this.#virtual, offset, value, writable & isVirtual);
    putBits(this.#hardware, offset, value, writable & ~isVirtual);
    if (this.#powerAt !== undefined && offset === this.#powerAt + 4) this.#setPowerState(value & 3);
  }

  /** Devices without D1 and D2 ignore them. */
  #setPowerState(state: number): void {
    if (this.#powerAt === undefined || (state !== 0 && state !== 3)) return;
    putBits(this.#hardware, this.#powerAt + 4, state, 3);
  }

  #command(bytes: Uint8Array): number {
    return (bytes[at.command] ?? 0) | ((bytes[at.command + 1] ?? 0) << 8);
  }

  /** The kernel sizes virtual BARs as hardware does: bits below the size are not there. */
  #fixBar({ index, size, flags, is64Bit }: BarRegister): void {
    const register = index === 6 ? at.rom : at.bar0 + 4 * index;
    const mask = BigInt.asUintN(64, -size);
    const kept = index === 6 ? mask | 1n : mask;
    const view = new DataView(this.#virtual.buffer);
    const low = view.getUint32(register, true) & Number(kept & 0xffff_ffffn);
    view.setUint32(register, (low | flags) >>> 0, true);
    if (!is64Bit) return;
    const high = view.getUint32(register + 4, true) & Number(kept >> 32n);
    view.setUint32(register + 4, high >>> 0, true);
  }

  #layHeader(description: SimulatedDeviceDescription): void {
    const { vendorId, deviceId, classCode = 0xff0000, hasIntx = true } = description;
    const view = new DataView(this.#hardware.buffer);
    view.setUint16(0, vendorId, true);
    view.setUint16(2, deviceId, true);
    view.setUint32(8, classCode * 0x100, true);
    view.setUint8(at.line + 1, hasIntx ? 1 : 0);
    for (const { index, hostAddress, flags, is64Bit } of this.#bars) {
      const register = index === 6 ? at.rom : at.bar0 + 4 * index;
      view.setUint32(register, Number(hostAddress & 0xffff_ffffn) | flags, true);
      if (is64Bit) view.setUint32(register + 4, Number(hostAddress >> 32n), true);
      this.#keep(register, is64Bit ? 8 : 4, 0xff);
    }
    this.#keep(0, 4, 0);
    this.#permit(at.command, 1, pciCommand.io | pciCommand.memory, commandBits & 0xff);
    this.#permit(at.command + 1, 1, 0, commandBits >> 8);
    this.#permit(0xc, 2, 0, 0xff);
    this.#keep(at.capabilities, 1, 0);
    this.#keep(at.line, 1, 0xff);
    this.#keep(at.line + 1, 1, 0);
  }

  #chain(capabilities: readonly CapabilityBytes[]): void {
    let pointerAt: number = at.capabilities;
    for (const { id, offset, bytes, permissions } of capabilities) {
      this.#hardware[at.status] = 0x10;
      this.#hardware[pointerAt] = offset;
      this.#hardware[offset] = id;
      this.#hardware.set(bytes, offset + 2);
      this.#keep(offset + 1, 1, 0);
      for (const { at: first, size, isVirtual, isWritable } of permissions) {
        this.#permit(offset + first, size, isVirtual, isWritable);
      }
      pointerAt = offset + 1;
    }
  }

  /** Bytes that the kernel keeps for the user. */
  #keep(offset: number, size: number, writable: number): void {
    this.#permit(offset, size, 0xff, writable);
  }

  #permit(offset: number, size: number, isVirtual: number, isWritable: number): void {
    this.#isVirtual.fill(isVirtual, offset, offset + size);
    this.#isWritable.fill(isWritable, offset, offset + size);
  }
}

function putBits(bytes: Uint8Array, offset: number, value: number, mask: number): void {
  bytes[offset] = ((bytes[offset] ?? 0) & ~mask) | (value & mask);
}
