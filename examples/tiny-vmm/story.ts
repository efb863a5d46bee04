import { styleText } from 'node:util';
import { KvmMemorySlots, type MemorySlot, type SlotVerdict } from 'flatview/kvm';
import type { MappingPlan } from 'flatview/mapping';
import { KvmProcessor, whyNoKvm } from './kvm-processor.js';
import { cardPlaces, Machine } from './machine.js';
import type { Exits, Processor, Way } from './processor.js';
import { countsPerPlace } from './rom.js';
import { SimulatedProcessor } from './simulated-processor.js';
import type { Placement } from './sub-page-bar.js';

/** Where the story is told. */
export interface Teller {
  print(line: string): void;
  /** Whether who reads it can see colours. */
  readonly isTerminal: boolean;
}

/** How often the guest polls the card at each of its places, at least. */
const pollsPerPlace = 10_000n;

/** Runs the guest until it halts, and tells what happens. Without KVM it is simulated, whatever `way` says. */
export async function tellStory(teller: Teller, way: Way = 'thread'): Promise<void> {
  const problem = way === 'simulated' ? undefined : whyNoKvm();
  if (problem !== undefined) teller.print(`${problem}\nSo KVM is simulated.`);
  const story = new Story(teller, problem === undefined ? way : 'simulated');
  try {
    await story.tell();
  } finally {
    story.close();
  }
}

function makeProcessor(machine: Machine, way: Way): Processor {
  return way === 'simulated' ? new SimulatedProcessor(machine) : new KvmProcessor(machine, way);
}

interface Counts extends Exits {
  readonly calls: number;
}

class Story {
  readonly #teller: Teller;
  readonly #machine: Machine;
  readonly #processor: Processor;
  readonly #slots: KvmMemorySlots;
  /** As it stood when the last chapter ended. */
  #countedBefore: Counts = { ports: 0, memory: 0, direct: 0, calls: 0 };
  #chapters = 0;
  #isPolling = false;
  /** Polls of the card at its first place; `undefined` until it moves. */
  #pollsBefore: bigint | undefined;

  constructor(teller: Teller, way: Way) {
    this.#teller = teller;
    this.#machine = new Machine({
      printed: (line) => this.#print(`guest: ${this.#styled('green', line)}`),
      programmed: (place) => this.#programmed(place),
      reached: (checkpoint) => this.#reached(checkpoint),
    });
    this.#processor = makeProcessor(this.#machine, way);
    this.#slots = new KvmMemorySlots(this.#processor.vm, {
      pause: () => this.#processor.pause(),
      resume: () => this.#processor.resume(),
      review: (plan) => this.#tellPlan(plan),
    });
  }

  async tell(): Promise<void> {
    this.#chapter('The memory map, and the slots that it becomes');
    this.#machine.memory.addListener(this.#slots);
    this.#tellMap();
    this.#print(`The guest runs on ${this.#processor.description}.`);
    this.#chapter('The guest starts in ROM, and prints');
    await this.#processor.run(() => this.#meanwhile());
    this.#tellExits();
    this.#chapter('The map in the end');
    this.#tellMap();
  }

  close(): void {
    this.#processor.close();
    this.#machine.close();
  }

  /** While the guest polls the card: moves the card away under it, and later ends that. */
  #meanwhile(): void {
    const { polls } = this.#machine;
    if (!this.#isPolling || polls < (this.#pollsBefore ?? 0n) + pollsPerPlace) return;
    if (this.#pollsBefore !== undefined) {
      this.#machine.setCardReady();
      return;
    }
    // The guest is to find the card and the word in RAM that says where it is in step.
    this.#processor.pause();
    this.#machine.moveCard(cardPlaces[1]);
    this.#processor.resume();
    this.#pollsBefore = this.#machine.polls;
  }

  #programmed({ address, size }: Placement): void {
    this.#print(`guest programs the BAR: ${hex(address)}, where 0x${hex(size)} bytes show`);
  }

  /** The guest has come to a checkpoint: a chapter ends, and the next one begins. */
  #reached(checkpoint: number): void {
    const { polls, counted } = this.#machine;
    switch (checkpoint) {
      case 1:
        this.#tellExits();
        this.#chapter(
          'It polls a card in memory. Meanwhile the card is moved: card.address = 0xd8000n',
        );
        this.#isPolling = true;
        break;
      case 2: {
        const before = this.#pollsBefore ?? 0n;
        this.#isPolling = false;
        this.#print(
          `${before} polls at d0000, ${polls - before} at d8000, counted in the card's memory`,
        );
        this.#tellExits();
        this.#chapter('It puts a BAR of 256 bytes in the middle of a page, and counts in it');
        break;
      }
      case 3:
        this.#print(`no slot: ${this.#slots.verdictAt(0xe_0800n, this.#machine.memory)?.text}`);
        this.#print(`counted up ${countsPerPlace} times; the counter is ${counted}`);
        this.#tellExits();
        this.#chapter('It puts the same BAR where a page starts, and goes on counting');
        break;
      default:
        this.#print(`counted up ${countsPerPlace} times; the counter is ${counted}`);
        this.#tellExits();
        this.#chapter('It says good-bye, and halts');
    }
  }

  #tellPlan({ deletes, moves, adds }: MappingPlan<MemorySlot>): void {
    // The first slots are told by the map.
    if (this.#slots.slots.length === 0) return;
    for (const { slot } of deletes) this.#print(`KVM: slot ${slot} is deleted`);
    for (const { from, to } of moves) {
      this.#print(`KVM: slot ${from.slot} moves from ${hex(from.address)} to ${hex(to.address)}`);
    }
    for (const { address, size, region } of adds) {
      this.#print(
        `KVM: ${hex(address)}-${hex(address + size - 1n)} of ${region.name} becomes a slot`,
      );
    }
  }

  #tellMap(): void {
    const { flatView } = this.#machine.memory;
    for (const verdict of this.#slots.verdicts(this.#machine.memory)) {
      const { first, last } = verdict;
      const range = flatView.lookup(first);
      const kind = range?.readonly ? 'rom' : range?.region.kind;
      const what = `${range?.region.name}`.padEnd(10) + `${kind}`.padEnd(11);
      this.#print(`${hex(first, 8)}-${hex(last, 8)}  ${what}${inShort(verdict)}`);
    }
  }

  /** What was counted since the last time. */
  #tellExits(): void {
    const { before, now } = { before: this.#countedBefore, now: this.#count() };
    const direct = now.direct - before.direct;
    const how = direct === 0 ? '' : ` (${direct} of them answered without JavaScript)`;
    this.#print(
      `mmio_exits ${now.memory - before.memory}${how}, io_exits ${now.ports - before.ports}, calls of devices ${now.calls - before.calls}`,
    );
    this.#countedBefore = now;
  }

  #count(): Counts {
    return { ...this.#processor.exits, calls: this.#machine.calls };
  }

  #chapter(title: string): void {
    if (this.#chapters > 0) this.#teller.print('');
    this.#teller.print(this.#styled('bold', `${++this.#chapters}. ${title}`));
  }

  #styled(style: 'bold' | 'green', text: string): string {
    return this.#teller.isTerminal ? styleText(style, text) : text;
  }

  #print(line: string): void {
    this.#teller.print(`  ${line}`);
  }
}

function inShort({ slot, code }: SlotVerdict): string {
  if (slot === undefined) return `no slot: ${code}`;
  return `slot ${slot.slot}${slot.readonly ? ', read-only' : ''}`;
}

function hex(value: bigint, digits = 1): string {
  return value.toString(16).padStart(digits, '0');
}
