import { HostMemory } from 'flatview';
import { SimulatedKvm } from 'flatview/simulated';
import type { Machine } from './machine.js';
import type { Exits, Processor } from './processor.js';
import { countsPerPlace, mailbox, texts } from './rom.js';

/**
 * Where there is no /dev/kvm: slots by the kernel's rules, and no processor. The accesses that the ROM's program would
 * make are made here, one by one: to memory where a slot shows it, else to the address space.
 */
export class SimulatedProcessor implements Processor {
  readonly description =
    "a simulated KVM: slots by the kernel's rules, but no processor; this program makes the accesses";
  readonly vm = new SimulatedKvm();
  readonly exits = { ports: 0, memory: 0, direct: 0 } satisfies Exits;
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  run(meanwhile: () => void): Promise<void> {
    this.#print(texts.hello);
    this.#out(0x80, 1, 1n);
    this.#poll(meanwhile);
    this.#out(0x80, 1, 2n);
    this.#count(0xe080n);
    this.#out(0x80, 1, 3n);
    this.#count(0xe100n);
    this.#out(0x80, 1, 4n);
    this.#print(texts.bye);
    return Promise.resolve();
  }

  pause(): void {
    // It makes no access while somebody else does something.
  }

  resume(): void {
    // As above.
  }

  close(): void {
    // Nothing is open.
  }

  #poll(meanwhile: () => void): void {
    for (let isReady = false; !isReady; ) {
      meanwhile();
      const card = this.#read(BigInt(mailbox), 2) << 4n;
      this.#write(card + 4n, 4, this.#read(card + 4n, 4) + 1n);
      isReady = this.#read(card, 1) !== 0n;
    }
  }

  #count(segment: bigint): void {
    this.#out(0xc000, 2, segment);
    const bar = segment << 4n;
    for (let i = 0; i < countsPerPlace; i++) this.#write(bar, 2, this.#read(bar, 2) + 1n);
  }

  /** As `rep outsb` does: one exit. */
  #print(text: string): void {
    this.exits.ports++;
    for (const byte of Buffer.from(text)) this.#machine.ports.write(0x3f8, 1, byte);
  }

  #out(port: number, size: 1 | 2, value: bigint): void {
    this.exits.ports++;
    this.#machine.ports.write(port, size, value);
  }

  #read(address: bigint, size: 1 | 2 | 4): bigint {
    const access = this.vm.read(address);
    if (access.kind === 'memory') return this.#hostMemory(access.hostAddress).load(0, size);
    this.exits.memory++;
    return this.#machine.memory.read(address, size).value;
  }

  #write(address: bigint, size: 2 | 4, value: bigint): void {
    const access = this.vm.write(address, size, value);
    if (access.kind === 'memory') {
      this.#hostMemory(access.hostAddress).store(0, size, value);
      return;
    }
    this.exits.memory++;
    this.#machine.memory.write(address, size, value);
  }

  #hostMemory(hostAddress: bigint): HostMemory {
    return HostMemory.at(hostAddress, 8, this.#machine);
  }
}
