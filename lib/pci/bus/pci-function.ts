import { FlatviewError } from '../../errors.js';
import type { BarBacking, BarLayout } from '../bars/bar.js';
import { decodeBar } from '../bars/bar-decode.js';
import { checkLayouts, layBar, letSwitchOn } from '../bars/bar-layout.js';
import type { BarSpace } from '../bars/bar-space.js';
import { PciBar } from '../bars/pci-bar.js';
import { capabilityId, findCapability } from '../config/capabilities.js';
import { type AlignedPart, alignedParts, allOnes } from '../config/config-access.js';
import type { ConfigSpace } from '../config/config-space.js';
import { type PowerState, powerStateAt } from '../config/power-management.js';
import type { GuestMessages } from './guest-messages.js';
import type { PciDevice } from './pci-device.js';

/** What a function consists of. */
export interface PciFunctionOptions {
  /** Its registers; those of the BARs are made here, with the bits of COMMAND that switch them on. Nobody else may have it. */
  readonly config: ConfigSpace;
  /** What its BARs ask for, and what shows where they are. Default: none. */
  readonly bars?: readonly { readonly layout: BarLayout; readonly backing: BarBacking }[];
  /** Who hears of what the guest does with it. Default: nobody. */
  readonly device?: PciDevice;
  /** Offset of the power management capability. Default: found in the list, if it is there. */
  readonly powerManagement?: number;
}

/** Where a function's BARs go, and who hears what its guest caused. */
export interface PciFunctionHost {
  /** Where its BARs can be. */
  readonly space: BarSpace;
  /** Takes what a guest causes to be said. */
  readonly messages: GuestMessages;
}

/** Something that the device is still to hear. */
interface Telling {
  tell(device: PciDevice): void;
  /** Whether BARs begin to decode by it: they are put nowhere before the device has taken it. */
  readonly starts: boolean;
}

/**
 * A function of a PCI device: its configuration space, its BARs, and who stands behind them.
 *
 * Where a BAR is follows from the registers. A guest's write changes those in any case, and never throws: what a listener
 * refuses leaves the BAR out, with a reason ({@link PciBar.refusal}).
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import {
 *   type BarBacking,
 *   type BarLayout,
 *   ConfigSpace,
 *   commandBit,
 *   configRegister,
 *   layHeader,
 *   PciBus,
 *   PciFunction,
 *   type PciFunctionOptions,
 * } from 'flatview/pci';
 *
 * const topology = new MemoryTopology();
 * const layout: BarLayout = { index: 0, kind: 'memory', size: 0x2_0000n, is64Bit: false, isPrefetchable: false };
 * const backing: BarBacking = { region: topology.io('e1000.registers', 0x2_0000n, {}) };
 * const config = new ConfigSpace();
 * layHeader(config, { vendorId: 0x8086, deviceId: 0x100e, classCode: 0x02_0000 });
 * const options: PciFunctionOptions = { config, bars: [{ layout, backing }] };
 * const nic = new PciFunction('e1000', options);
 * new PciBus({ memory: topology.container('pci', 1n << 64n) }).add({ device: 3 }, nic);
 *
 * // A guest sizes the BAR, and puts it somewhere.
 * nic.writeConfig(configRegister.bar0, 4, 0xffff_ffff);
 * nic.readConfig(configRegister.bar0, 4); // => 0xfffe_0000
 * nic.writeConfig(configRegister.bar0, 4, 0xfebc_0000);
 * nic.writeConfig(configRegister.command, 2, commandBit.memory);
 * backing.region.address; // => 0xfebc_0000n
 *
 * nic.reset();
 * backing.region.parent; // => undefined
 * topology.close();
 * ```
 */
export class PciFunction {
  /** Names it in messages. */
  readonly name: string;
  /** Its configuration space. */
  readonly config: ConfigSpace;
  /** In order of their numbers. */
  readonly bars: readonly PciBar[];
  readonly #device: PciDevice;
  readonly #powerManagement: number | undefined;
  readonly #initial: Uint8Array;
  #host: PciFunctionHost | undefined;
  /** What the device is still to hear, by what it is of. Mostly nothing: see {@link #follow}. */
  readonly #untold = new Map<string, Telling>();
  /** Whether the device hears nothing because a listener keeps BARs that are to go. */
  #waits = false;

  /** @throws `ERR_BAR_LAYOUT` */
  constructor(name: string, options: PciFunctionOptions) {
    const { config, bars = [], device = {}, powerManagement } = options;
    checkLayouts(
      bars.map(({ layout }) => layout),
      name,
    );
    this.name = name;
    this.config = config;
    this.#device = device;
    this.bars = bars
      .map(({ layout, backing }) => new PciBar(layout, backing, name, () => this.#release()))
      .sort((a, b) => a.layout.index - b.layout.index);
    for (const { layout } of this.bars) {
      layBar(config, layout);
      letSwitchOn(config, layout);
    }
    this.#powerManagement = powerManagement ?? findCapability(config, capabilityId.powerManagement);
    this.#initial = config.save();
  }

  /** D0 to D3. A function without power management is always in D0. */
  get powerState(): PowerState {
    return this.#powerManagement === undefined
      ? 0
      : powerStateAt(this.config, this.#powerManagement);
  }

  /**
   * The guest reads 1, 2 or 4 bytes at any offset. What lies behind the end, and what the device fails to say, is all ones.
   *
   * @returns An unsigned number.
   */
  readConfig(offset: number, size: number): number {
    let value = this.config.read(offset, size);
    for (const part of alignedParts(offset, size, this.config.size)) {
      const kept = this.config.keptBits(part.offset, part.size);
      if (kept === 0) continue;
      const shift = 8 * part.skipped;
      value = (value & ~(kept << shift)) | ((this.#readKept(part) & kept) << shift);
    }
    return value >>> 0;
  }

  /**
   * The guest writes 1, 2 or 4 bytes at any offset. Whatever BARs it moves, it is one transaction; none where it moves
   * none.
   *
   * @throws `ERR_TRANSACTION_OPEN`, `ERR_CHANGE_IN_LISTENER`: the embedder has a transaction open, or is being told of one.
   */
  writeConfig(offset: number, size: number, value: number): void {
    this.#host?.space.topology.assertSettled(`configuration space of ${this.name} is written`);
    this.config.write(offset, size, value);
    this.#follow(`${offset}+${size}`, (device) => {
      for (const part of alignedParts(offset, size, this.config.size)) {
        const partValue = (value >>> (8 * part.skipped)) & allOnes(part.size);
        device.writeConfig?.(part.offset, part.size, partValue >>> 0);
      }
    });
  }

  /**
   * Follows what somebody else than the guest has changed: registers, or what can be mapped of the BARs.
   *
   * @throws `ERR_TRANSACTION_OPEN`, `ERR_CHANGE_IN_LISTENER`; what {@link MemoryTopology.commit} throws.
   */
  update(): void {
    this.#host?.space.topology.assertSettled(`${this.name} is brought up to date`);
    this.#follow('update', () => undefined);
    this.#host?.space.replan(this.bars);
  }

  /**
   * Resets the function, as a guest or an embedder asks for: its registers are what they were when it was made.
   *
   * @throws `ERR_TRANSACTION_OPEN`, `ERR_CHANGE_IN_LISTENER`
   */
  reset(): void {
    this.#host?.space.topology.assertSettled(`${this.name} is reset`);
    resetTogether([this], this.#host?.space);
  }

  /** @internal Its registers are reset; nothing has followed yet. */
  resetRegisters(): void {
    this.config.restore(this.#initial);
    this.#untold.clear();
    this.#expect('reset', (device) => device.reset?.());
  }

  /** @internal Says where its BARs decode now, to themselves. */
  decode(): void {
    const rules = this.#host?.space.rules;
    const { powerState } = this;
    for (const bar of this.bars) {
      bar.decode =
        rules === undefined
          ? { reason: 'no-bus' }
          : decodeBar(this.config, bar.layout, powerState, rules);
    }
  }

  /** @internal */
  get host(): PciFunctionHost | undefined {
    return this.#host;
  }

  /** @internal Says on which bus it is. */
  attach(host: PciFunctionHost | undefined): void {
    this.#host = host;
    this.decode();
  }

  /** @internal The device hears that the configuration space is another one. Throws what the device throws. */
  tellRestored(): void {
    this.#untold.clear();
    this.#waits = false;
    this.#device.restored?.();
  }

  /**
   * Brings the BARs to where they decode now, and has the device hear why: when memory that is to go is gone, and before any
   * comes. What it hears waits as long as a listener keeps such a BAR; and BARs wait that begin to decode by what the device
   * has not taken. Both are tried again at the next write.
   */
  #follow(what: string, tell: Telling['tell']): void {
    this.#expect(what, tell);
    const space = this.#host?.space;
    if (this.isAnyToGo) space?.settle(this.bars);
    if (this.hear()) space?.settle(this.barsToSettle);
  }

  /** Says where the BARs decode now, and what the device is to hear of it. */
  #expect(what: string, tell: Telling['tell']): void {
    const decoded = this.bars.map(({ decode }) => decode.address !== undefined);
    this.decode();
    const starts = this.bars.some(({ decode }, i) => !decoded[i] && decode.address !== undefined);
    this.#untold.set(what, { tell, starts });
  }

  /** @internal Has the device hear what it is to hear, unless a BAR that is to go is still there. Whether it did. */
  hear(): boolean {
    this.#waits = this.isAnyToGo;
    if (!this.#waits) this.#tellAll();
    return !this.#waits;
  }

  /** @internal The BARs that may go where they decode: all, or those that are somewhere, if the device would not hear of others. */
  get barsToSettle(): readonly PciBar[] {
    const isDeaf = this.#untold.size > 0;
    return isDeaf ? this.bars.filter(({ address }) => address !== undefined) : this.bars;
  }

  /** @internal Whether a BAR is somewhere that decodes nowhere any more. */
  get isAnyToGo(): boolean {
    return this.bars.some((bar) => bar.isToGo);
  }

  /** A BAR is where it is to be: if it is the last one that the device waited for, it hears now what it is to hear. */
  #release(): void {
    if (!this.#waits || this.isAnyToGo) return;
    this.#waits = false;
    this.#tellAll();
  }

  /** Tells the device all that it is to hear. What is needed for BARs to decode stays until it is taken. */
  #tellAll(): void {
    for (const [what, telling] of [...this.#untold]) {
      this.#untold.delete(what);
      const error = this.#ask(() => telling.tell(this.#device));
      if (error === undefined || !telling.starts) continue;
      this.#untold.set(what, telling);
      for (const bar of this.bars) if (bar.isMisplaced) bar.refusal = error;
    }
  }

  #readKept({ offset, size }: AlignedPart): number {
    let value = allOnes(size);
    this.#ask(() => {
      value = this.#device.readConfig?.(offset, size) ?? value;
    });
    return value;
  }

  /** Calls the device. Returns the error with which it refused. */
  #ask(call: () => void): FlatviewError | undefined {
    try {
      call();
      return undefined;
    } catch (error) {
      if (!(error instanceof FlatviewError)) throw error;
      const text = () => `the device of ${this.name} refused: ${error.message}`;
      this.#host?.messages.say(this, 'device-refused', text);
      return error;
    }
  }
}

/**
 * @internal Resets functions whose BARs are in `space`: one transaction takes the BARs of all of them away, then their devices
 * hear of it. A second one brings those that decode by what the registers were at first, if there are any.
 */
export function resetTogether(
  functions: readonly PciFunction[],
  space: BarSpace | undefined,
): void {
  for (const pci of functions) pci.resetRegisters();
  const bars = functions.flatMap((pci) => pci.bars);
  space?.settle(bars.filter(({ decode }) => decode.address === undefined));
  const heard = functions.filter((pci) => pci.hear());
  space?.settle(heard.flatMap(({ barsToSettle }) => barsToSettle));
}
