// A guest that does to the configuration spaces of its devices whatever may hurt.

import assert from 'node:assert/strict';
import { FlatviewError } from '../../lib/index.js';
import type { PciBar, PciFunction } from '../../lib/pci/index.js';
import { hostileDevices, type MakeHostileDevice } from './hostile-devices.js';
import { HostileMachine } from './hostile-machine.js';
import { HostileOracle } from './hostile-oracle.js';

/** What became of the steps of a run. */
export interface HostileRun {
  /** How often each kind of step was taken, and each thing came of it. */
  readonly counts: ReadonlyMap<string, number>;
  /** The most that one write of the guest came to. */
  readonly most: Readonly<Record<'commits' | 'ranges' | 'ioctls', number>>;
}

/** Numbers that look random, and are the same for the same seed (mulberry32). */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** 0 to `bound` - 1. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * bound);
  }

  word(): number {
    return this.below(2 ** 32);
  }

  of<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }

  chance(of: number): boolean {
    return this.below(of) === 0;
  }
}

/** Where a guest may find that a BAR hurts: over RAM, ROM and the window to the registers, and at the ends. */
const places = [
  0n,
  0x1000n,
  0xff_f000n,
  0x100_0000n,
  0xafff_0000n,
  0xb000_0000n,
  0xb010_0000n,
  0xe000_0000n,
  0xe000_1000n,
  0xe000_1800n,
  0xe000_1100n,
  0xfffe_0000n,
  0xffff_0000n,
  0xffff_f000n,
  0x1_0000_0000n,
  0x1_0080_0000n,
  0x3fff_ffff_f000n,
  0x4000_0000_0000n,
  0x8000_0000_0000_0000n,
  0xffff_fffe_ffff_f000n,
  0xffff_ffff_0000_0000n,
  0xffff_ffff_ffff_f000n,
  0xffff_ffff_ffff_ffffn,
];

/** Where the window to the registers is. */
const ecamBase = 0xb000_0000n;

const portPlaces = [
  0n,
  0x40n,
  0x80n,
  0xcf8n,
  0xcfcn,
  0xc000n,
  0xff00n,
  0xffffn,
  0x1_0000n,
  0xffff_fffcn,
];

class HostileGuest implements HostileRun {
  readonly counts = new Map<string, number>();
  readonly most = { commits: 0, ranges: 0, ioctls: 0 };
  readonly #machine: HostileMachine;
  readonly #dice: Dice;
  readonly #afterWrite: () => void;

  /** @param afterWrite Called after each thing that may have moved BARs: a step can be several writes. */
  constructor(machine: HostileMachine, dice: Dice, afterWrite: () => void) {
    this.#machine = machine;
    this.#dice = dice;
    this.#afterWrite = afterWrite;
  }

  /** One thing out of all that a guest can do. */
  step(): void {
    const roll = this.#dice.below(100);
    if (roll < 25) this.#act('random bytes', () => this.#writeAnything());
    else if (roll < 55) this.#act('BAR written', () => this.#moveBar());
    else if (roll < 75) this.#act('COMMAND written', () => this.#command());
    else if (roll < 82) this.#act('power state written', () => this.#power());
    else if (roll < 90) this.#act('BAR sized', () => this.#size());
    else if (roll < 97) this.#act('memory or port accessed', () => this.#access());
    else if (roll < 99) this.#act('function reset', () => this.#reset());
    else this.#act('bus saved and restored', () => this.#restore());
  }

  /** What has become of each BAR, as of now. */
  countBars(): void {
    const { refused } = this.#machine.bus.space;
    for (const { bars } of this.#machine.bus.functions.values()) {
      for (const bar of bars) {
        const { decode, plan } = bar;
        if (refused.includes(bar)) this.count('BAR refused');
        else if (decode.reason !== undefined) this.count(`BAR ${decode.reason}`);
        else this.count(plan.priority === 0 ? 'BAR decodes, grown to a page' : 'BAR decodes');
      }
    }
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  #act(what: string, act: () => void): void {
    this.count(what);
    act();
  }

  #function(): PciFunction {
    return this.#dice.of([...this.#machine.bus.functions.values()]);
  }

  #write(id: number, offset: number, size: 1 | 2 | 4, value: number): void {
    const before = this.#machine.work;
    this.#writeBySomeWay(id, offset, size, value);
    this.#afterWrite();
    const { commits, ranges, ioctls } = this.#machine.work;
    if (commits > before.commits) this.count('write that moved something');
    this.most.commits = Math.max(this.most.commits, commits - before.commits);
    this.most.ranges = Math.max(this.most.ranges, ranges - before.ranges);
    this.most.ioctls = Math.max(this.most.ioctls, ioctls - before.ioctls);
  }

  #writeBySomeWay(id: number, offset: number, size: 1 | 2 | 4, value: number): void {
    const { bus, memory, io } = this.#machine;
    const way = this.#dice.below(4);
    if (way === 0)
      memory.write(ecamBase + BigInt(id) * 0x1000n + BigInt(offset), size, BigInt(value >>> 0));
    else if (way === 1 && offset < 0x100) {
      io.write(0xcf8n, 4, BigInt((0x8000_0000 | (id << 8) | (offset & 0xfc)) >>> 0));
      io.write(0xcfcn + BigInt(offset & 3), size, BigInt(value >>> 0));
    } else bus.writeConfig(id, offset, size, value);
  }

  #idOf(pci: PciFunction): number {
    for (const [id, it] of this.#machine.bus.functions) if (it === pci) return id;
    return 0;
  }

  #writeAnything(): void {
    const dice = this.#dice;
    const offset = dice.chance(8) ? dice.below(0x1010) : dice.below(0x60);
    const value = dice.chance(2) ? dice.word() : dice.of([0, 1, 3, 0xff, 0xffff_ffff]);
    this.#write(dice.of(this.#machine.ids), offset, dice.of([1, 2, 4]), value);
  }

  #anyBar(): { pci: PciFunction; bar: PciBar; register: number } {
    const pci = this.#function();
    const bar = this.#dice.of(pci.bars);
    const { index } = bar.layout;
    return { pci, bar, register: index === 6 ? 0x30 : 0x10 + 4 * index };
  }

  /** A place that hurts, where another BAR is, or anywhere. */
  #target(bar: PciBar): bigint {
    const dice = this.#dice;
    const roll = dice.below(10);
    if (roll < 4) return dice.of(bar.layout.kind === 'io' ? portPlaces : places);
    if (roll < 8)
      return (this.#anyBar().bar.address ?? 0n) + BigInt(dice.below(5) - 2) * bar.layout.size;
    return (BigInt(dice.word()) << 32n) | BigInt(dice.word());
  }

  #moveBar(): void {
    const { pci, bar, register } = this.#anyBar();
    const target = BigInt.asUintN(64, this.#target(bar)) | BigInt(this.#dice.below(2));
    const halves = [
      [register, Number(target & 0xffff_ffffn)],
      ...(bar.layout.is64Bit ? [[register + 4, Number(target >> 32n)]] : []),
    ] as [number, number][];
    if (this.#dice.chance(2)) halves.reverse();
    for (const [at, value] of halves) this.#write(this.#idOf(pci), at, 4, value);
  }

  #command(): void {
    const value = this.#dice.chance(2) ? 7 : this.#dice.below(8);
    this.#write(this.#idOf(this.#function()), 4, this.#dice.of([1, 2]), value);
  }

  #power(): void {
    const pci = this.#function();
    const id = this.#idOf(pci);
    let at = pci.readConfig(0x34, 1);
    while (at !== 0 && pci.readConfig(at, 1) !== 1) at = pci.readConfig(at + 1, 1);
    if (at !== 0) this.#write(id, at + 4, 2, this.#dice.chance(2) ? 0 : this.#dice.below(4));
  }

  /** Both halves, in any order; and then either of them as it was, or not. */
  #size(): void {
    const { pci, bar, register } = this.#anyBar();
    const id = this.#idOf(pci);
    const registers = bar.layout.is64Bit ? [register, register + 4] : [register];
    const old = registers.map((at) => [at, pci.readConfig(at, 4)] as const);
    if (this.#dice.chance(2)) registers.reverse();
    for (const at of registers) this.#write(id, at, 4, 0xffff_ffff);
    for (const [at, value] of old) if (!this.#dice.chance(4)) this.#write(id, at, 4, value);
  }

  #access(): void {
    const { memory, io } = this.#machine;
    const { bar } = this.#anyBar();
    const space = bar.layout.kind === 'io' ? io : memory;
    const address = BigInt.asUintN(
      64,
      (bar.address ?? this.#target(bar)) + BigInt(this.#dice.below(8)),
    );
    const size = this.#dice.of([1, 2, 4, 8]);
    if (this.#dice.chance(2)) space.read(address, size);
    else space.write(address, size, BigInt(this.#dice.word()) & ((1n << BigInt(8 * size)) - 1n));
  }

  #reset(): void {
    this.#function().reset();
    this.#afterWrite();
  }

  /** The embedder's doing: where a listener refuses it, it is told. */
  #restore(): void {
    const { bus, memory, io } = this.#machine;
    const views = [memory.flatView, io.flatView];
    const isSettled = bus.space.refused.length === 0;
    try {
      bus.restore(bus.save());
    } catch (error) {
      assert.ok(error instanceof FlatviewError && error.code === 'ERR_LISTENER_FAILED');
      this.count('restoring was refused');
    }
    if (isSettled) assert.deepEqual([memory.flatView, io.flatView], views);
    this.#afterWrite();
  }
}

/** What a run can be told. */
export interface HostileRunOptions {
  readonly steps: number;
  readonly seed: number;
  /** Whether the kernel, or another listener, now and then refuses what it is told. */
  readonly faults: boolean;
  readonly devices?: Readonly<Record<string, MakeHostileDevice>>;
  /** Called after each thousand steps. */
  readonly progress?: (done: number) => void;
}

/**
 * Has the guest go as far as `steps`, and checks all that must be so after each of them.
 *
 * @throws `Error`: something is not so; it says at which step of which seed.
 */
export function runHostileGuest(options: HostileRunOptions): HostileRun {
  const { steps, seed, faults, devices = hostileDevices, progress } = options;
  const dice = new Dice(seed);
  const machine = new HostileMachine(devices);
  const oracle = new HostileOracle(machine);
  let isFaulty = false;
  let wasRefused = false;
  const guest = new HostileGuest(machine, dice, () => {
    const isRefused = machine.bus.space.refused.length > 0;
    if (isFaulty || isRefused || wasRefused) oracle.forgetOrder();
    wasRefused = isRefused;
    oracle.check();
  });
  let step = 0;
  try {
    while (++step <= steps) {
      isFaulty = faults && dice.chance(4);
      if (isFaulty) orderFault(machine, dice);
      guest.step();
      machine.calm();
      guest.countBars();
      if (step % 1000 === 0) progress?.(step);
    }
  } catch (cause) {
    throw new Error(`step ${step} of seed ${seed}: ${cause}`, { cause });
  } finally {
    machine.close();
  }
  return guest;
}

/** An ioctl fails, or all or some commits are refused by somebody who comes after the slots. */
function orderFault({ kvm, saboteur }: HostileMachine, dice: Dice): void {
  if (dice.chance(2)) {
    const errno = dice.of(['EEXIST', 'ENOMEM', 'EINVAL']);
    kvm.order({ ioctl: 'KVM_SET_USER_MEMORY_REGION', call: 1 + dice.below(4), errno });
  } else {
    const pattern = dice.chance(4) ? dice.below(256) : 0xff;
    let commits = 0;
    saboteur.refuses = () => ((pattern >> (commits++ % 8)) & 1) !== 0;
  }
}
