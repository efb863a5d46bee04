import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { type VfioDevice, vfioPciRegion } from '../../lib/vfio/index.js';

const { bar0, config } = vfioPciRegion;

/** Registers of QEMU's edu device in its BAR (docs/specs/edu in QEMU). */
export const eduRegister = {
  id: 0x00n,
  /** Reads as the complement of what was written. */
  liveness: 0x04n,
  raiseInterrupt: 0x60n,
  dmaSource: 0x80n,
  dmaDestination: 0x88n,
  dmaCount: 0x90n,
  dmaCommand: 0x98n,
} as const;

export const eduId = 0x0100_00edn;

/** Where the device sees memory of its own. */
const ownMemory = 0x4_0000n;

const dmaStart = 1n;
const dmaToMemory = 2n;

/** A kind of edu that an open device is: it copies. IOVAs are below 2^28, and up to 2,048 bytes are copied at once. */
export class EduDevice {
  readonly #device: VfioDevice;

  /** Lets the device begin to access memory. */
  constructor(device: VfioDevice) {
    this.#device = device;
    const commandRegister = 4n;
    const busMaster = 4n;
    const command = device.read(config, commandRegister, 2);
    device.write(config, commandRegister, command | busMaster, 2);
  }

  /** From memory at an IOVA to the device. */
  async take(iova: bigint, count: number): Promise<void> {
    await this.#copy(iova, ownMemory, count, 0n);
  }

  /** From the device to memory at an IOVA. */
  async put(iova: bigint, count: number): Promise<void> {
    await this.#copy(ownMemory, iova, count, dmaToMemory);
  }

  async #copy(source: bigint, destination: bigint, count: number, flags: bigint): Promise<void> {
    assert(count <= 2048);
    const write = (register: bigint, value: bigint) => this.#device.write(bar0, register, value, 8);
    write(eduRegister.dmaSource, source);
    write(eduRegister.dmaDestination, destination);
    write(eduRegister.dmaCount, BigInt(count));
    write(eduRegister.dmaCommand, dmaStart | flags);
    while ((this.#device.read(bar0, eduRegister.dmaCommand, 4) & dmaStart) !== 0n) {
      await setImmediate();
    }
  }
}
