import type { FlatviewError } from '../../errors.js';
import type { AddressRange } from '../../mapping/page-mapping.js';
import type { BarBacking, BarLayout, BarPagePlan } from './bar.js';
import type { BarDecode } from './bar-decode.js';
import { unplacedPlan } from './bar-page-policy.js';

/**
 * A BAR of a function: what it asks for, what shows there, where the guest wants it, and where it is.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { ConfigSpace, commandBit, configRegister, layHeader, PciBus, PciFunction } from 'flatview/pci';
 *
 * const topology = new MemoryTopology();
 * const config = new ConfigSpace();
 * layHeader(config, { vendorId: 0x8086, deviceId: 0x100e });
 * const layout = { index: 0, kind: 'memory', size: 0x2_0000n, is64Bit: false, isPrefetchable: false } as const;
 * const region = topology.io('e1000.registers', 0x2_0000n, {});
 * const nic = new PciFunction('e1000', { config, bars: [{ layout, backing: { region } }] });
 * new PciBus({ memory: topology.container('pci', 1n << 64n) }).add({ device: 3 }, nic);
 *
 * const [bar] = nic.bars;
 * bar?.label; // => 'BAR 0 of e1000'
 * nic.writeConfig(configRegister.command, 2, commandBit.memory);
 * bar?.decode; // => { reason: 'at-zero' }
 * nic.writeConfig(configRegister.bar0, 4, 0xfebc_0000);
 * bar?.decode; // => { address: 0xfebc_0000n }
 * bar?.address; // => 0xfebc_0000n
 * topology.close();
 * ```
 */
export class PciBar {
  /** What it asks for. */
  readonly layout: BarLayout;
  /** What shows where it is. */
  readonly backing: BarBacking;
  /** Names it in messages. */
  readonly label: string;
  /** How it shows, or showed when it was there last. */
  plan: BarPagePlan;
  /** Where the registers say that it decodes, or why it doesn't. */
  decode: BarDecode = { reason: 'no-bus' };
  /** Where the index of memory BARs has it: where it is, or is going to be by the change that is being made. */
  place: AddressRange | undefined;
  /** Why it isn't where it decodes: a listener refused the change, or the device refused to be switched on. */
  refusal: FlatviewError | undefined;
  /** Called when it has come to where it decodes, or is gone as it is to be. */
  readonly onSettled: () => void;

  constructor(layout: BarLayout, backing: BarBacking, owner: string, onSettled: () => void) {
    this.layout = layout;
    this.backing = backing;
    this.label = `BAR ${layout.index} of ${owner}`;
    this.onSettled = onSettled;
    this.plan = unplacedPlan(layout.size);
  }

  /** Where it is; `undefined` where the guest can't see it. */
  get address(): bigint | undefined {
    const { region } = this.backing;
    return region.parent === undefined ? undefined : region.address;
  }

  /** Whether it isn't where it decodes, or is where it doesn't. */
  get isMisplaced(): boolean {
    return this.address !== this.decode.address;
  }

  /**
   * Whether it is memory that is somewhere and is not to be anywhere: before the device hears of that, it has to go, as what
   * is mapped of it ends with that. Ports are never mapped.
   */
  get isToGo(): boolean {
    const { layout, decode, address } = this;
    return layout.kind !== 'io' && address !== undefined && decode.address === undefined;
  }
}
