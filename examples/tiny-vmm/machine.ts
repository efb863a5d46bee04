import { HostMemory, MemoryTopology } from 'flatview';
import { mailbox, romImage, romSize } from './rom.js';
import { type Placement, placeBar } from './sub-page-bar.js';

/** What the devices of the machine tell. */
export interface MachineEvents {
  /** The guest has printed a line. */
  printed(line: string): void;
  /** The guest has programmed the small BAR, which is going to be there. */
  programmed(place: Placement): void;
  /** The guest has come to a checkpoint of its program. */
  reached(checkpoint: number): void;
}

/** Addresses of the card's BAR: at first, and later. */
export const cardPlaces = [0xd_0000n, 0xd_8000n] as const;

/** Bytes of a page: the example is for x86. */
const pageSize = 0x1000n;

/** Bytes of the BAR that is smaller than a page. */
const smallBarSize = 0x100n;

/** A machine without a processor: RAM, ROM, a serial port, and two devices with memory. */
export class Machine {
  readonly #topology = new MemoryTopology();
  readonly #system = this.#topology.container('system', 1n << 64n);
  readonly #io = this.#topology.container('io', 0x1_0000n);
  readonly memory = this.#topology.addressSpace('memory', this.#system);
  readonly ports = this.#topology.addressSpace('I/O', this.#io);
  /** As a device would lend it: the BAR is small, but has a page of its own, so that nothing else is exposed with it. */
  readonly #smallBarMemory = HostMemory.allocate(pageSize);
  readonly #cardMemory = HostMemory.allocate(0x4000);
  readonly #card = this.#topology.ramDevice('card', 0x4000, { memory: this.#cardMemory });
  readonly #smallBar = this.#topology.ramDevice('small BAR', smallBarSize, {
    memory: this.#smallBarMemory,
  });
  #line = '';
  #calls = 0;

  constructor(events: MachineEvents) {
    this.#topology.transaction(() => {
      this.#addMemory();
      this.#addDevices(events);
    });
    this.moveCard(cardPlaces[0]);
  }

  /** How often the guest has polled the card. */
  get polls(): bigint {
    return this.#cardMemory.load(4, 4);
  }

  /** How far the guest has counted in the small BAR. */
  get counted(): bigint {
    return this.#smallBarMemory.load(0, 2);
  }

  /** How often a device was called. */
  get calls(): number {
    return this.#calls;
  }

  /** Has the guest stop polling the card. */
  setCardReady(): void {
    this.#cardMemory.store(0, 1, 1n);
  }

  /** Moves the card's BAR, and tells the guest in RAM: as its segment in real mode. */
  moveCard(address: bigint): void {
    this.#card.address = address;
    this.memory.write(mailbox, 2, address >> 4n);
  }

  close(): void {
    this.#topology.close();
    this.#cardMemory.close();
    this.#smallBarMemory.close();
  }

  #addMemory(): void {
    const rom = this.#topology.rom('rom', romSize);
    rom.memory?.copyIn(0, romImage());
    this.#system.addSubregion(0, this.#topology.ram('ram', 0x1_0000));
    this.#system.addSubregion(0xf_0000, rom);
    // The reset vector of x86 is 16 bytes below 4 GiB; the program itself lies where real mode can reach it.
    this.#system.addSubregion(0xffff_0000, this.#topology.alias('rom below 4 GiB', rom));
  }

  #addDevices(events: MachineEvents): void {
    this.#system.addSubregion(cardPlaces[0], this.#card, { priority: 1 });
    this.#smallBar.enabled = false;
    this.#system.addSubregion(0, this.#smallBar, { priority: 1 });
    const devices = [
      {
        name: 'checkpoint',
        port: 0x80,
        size: 1,
        write: (value: bigint) => events.reached(Number(value)),
      },
      {
        name: 'serial',
        port: 0x3f8,
        size: 8,
        write: (value: bigint) => this.#print(value, events),
      },
      {
        name: 'bar register',
        port: 0xc000,
        size: 2,
        write: (value: bigint) => this.#placeSmallBar(value << 4n, events),
      },
    ];
    for (const { name, port, size, write } of devices) {
      const ops = {
        write: (offset: bigint, value: bigint) => {
          this.#calls++;
          if (offset === 0n) write(value);
        },
      };
      this.#io.addSubregion(port, this.#topology.io(name, size, ops));
    }
  }

  #print(value: bigint, events: MachineEvents): void {
    const character = String.fromCharCode(Number(value));
    if (character === '\n') {
      events.printed(this.#line.trimEnd());
      this.#line = '';
    } else this.#line += character;
  }

  /** The guest programs the BAR: when it goes on, the BAR is there. */
  #placeSmallBar(programmed: bigint, events: MachineEvents): void {
    const place = placeBar(programmed, smallBarSize, pageSize);
    const { address, size, priority } = place;
    events.programmed(place);
    this.#topology.transaction(() => {
      this.#smallBar.address = address;
      this.#smallBar.size = size;
      this.#smallBar.priority = priority;
      this.#smallBar.enabled = true;
    });
  }
}
