import type { IoRegion } from '../../memory/regions/io-region.js';
import type { PciBus } from '../bus/pci-bus.js';
import { allOnes } from './config-access.js';

const addressSize = 4;

/** What CONFIG_ADDRESS holds (PCI Local Bus Specification 3.0, 3.2.2.3.2): the others are reserved, or always zero. */
const addressBits = { enable: 0x8000_0000, function: 0x00ff_ff00, register: 0x0000_00fc } as const;

/**
 * The two ports by which PCs reach the first 256 bytes of each configuration space: CONFIG_ADDRESS at 0xcf8, which takes accesses
 * of four bytes only, and CONFIG_DATA at 0xcfc.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { ConfigPorts, ConfigSpace, layHeader, PciBus, PciFunction } from 'flatview/pci';
 *
 * const topology = new MemoryTopology();
 * const io = topology.container('I/O', 0x1_0000n);
 * const bus = new PciBus({ memory: topology.container('pci', 1n << 64n), io });
 * const config = new ConfigSpace();
 * layHeader(config, { vendorId: 0x8086, deviceId: 0x100e, classCode: 0x02_0000 });
 * bus.add({ device: 3 }, new PciFunction('e1000', { config }));
 *
 * io.addSubregion(0xcf8n, new ConfigPorts(bus).region);
 * const ports = topology.addressSpace('I/O', io);
 * // Device 3, register 0.
 * ports.write(0xcf8n, 4, 0x8000_1800n);
 * ports.read(0xcfcn, 4).value; // => 0x100e_8086n
 * ports.read(0xcfen, 2).value; // => 0x100en
 * topology.close();
 * ```
 */
export class ConfigPorts {
  /** Eight ports, to be put at 0xcf8. */
  readonly region: IoRegion;
  readonly #bus: PciBus;
  #address = 0;

  constructor(bus: PciBus) {
    this.#bus = bus;
    this.region = bus.space.topology.io('pci config ports', 2 * addressSize, {
      read: (offset, size) => this.#read(Number(offset), size),
      write: (offset, value, size) => this.#write(Number(offset), size, Number(value)),
      valid: { minSize: 1, maxSize: 4, unaligned: true },
      implementation: { minSize: 1, maxSize: 4, unaligned: true },
    });
  }

  /** CONFIG_ADDRESS: all of the state that there is. */
  get address(): number {
    return this.#address;
  }

  set address(value: number) {
    const { enable, function: functionBits, register } = addressBits;
    this.#address = (value & (enable | functionBits | register)) >>> 0;
  }

  #read(port: number, size: number): number {
    if (port >= addressSize && this.#isEnabled) {
      return this.#bus.readConfig(this.#id, this.#register(port), size);
    }
    return port === 0 && size === addressSize ? this.#address : allOnes(size);
  }

  #write(port: number, size: number, value: number): void {
    if (port === 0 && size === addressSize) this.address = value;
    else if (port >= addressSize && this.#isEnabled) {
      this.#bus.writeConfig(this.#id, this.#register(port), size, value);
    }
  }

  get #isEnabled(): boolean {
    return (this.#address & addressBits.enable) !== 0;
  }

  get #id(): number {
    return (this.#address & addressBits.function) >>> 8;
  }

  #register(port: number): number {
    return (this.#address & addressBits.register) + port - addressSize;
  }
}
