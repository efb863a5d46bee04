import { FlatviewError } from '../../errors.js';

/**
 * What one quirk remembers of one device: numbers by name.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { AssignedPciDevice, type Quirk, type QuirkState } from 'flatview/pci';
 * import { SimulatedVfio } from 'flatview/simulated';
 *
 * // Two registers: the first says what the second shows.
 * const indexed: Quirk = {
 *   name: 'indexed registers',
 *   match: { vendorId: 0x1b36 },
 *   windows({ latches }) {
 *     const latch = latches({ index: 0 });
 *     const ops = {
 *       read: () => latch.index,
 *       write: (_offset: bigint, value: bigint) => {
 *         latch.index = Number(value);
 *       },
 *     };
 *     return [{ name: 'index', bar: 0, offset: 0x40n, size: 4n, ops }];
 *   },
 * };
 * const card = { name: '0000:05:00.0', group: 5, cdev: 'vfio0', vendorId: 0x1b36, deviceId: 0x0007 };
 * const host = new SimulatedVfio({
 *   devices: [{ ...card, bars: [{ index: 0, kind: 'memory', size: 0x1000n }] }],
 * });
 * const device = host.openCdev('vfio0').bind(host.openIommufd());
 * const topology = new MemoryTopology();
 * const { pageSize } = host;
 * const assigned = new AssignedPciDevice({ topology, device, pageSize, quirks: [indexed] });
 * const bar0 = assigned.bar(0);
 * const seen = bar0 && topology.addressSpace('BAR 0', bar0.region);
 * seen?.write(0x40n, 4, 7n);
 *
 * const states: readonly QuirkState[] = assigned.save().quirks;
 * states; // => [{ quirk: 'indexed registers', latches: { index: 7 } }]
 * assigned.function.reset();
 * assigned.save().quirks; // => [{ quirk: 'indexed registers', latches: { index: 0 } }]
 * topology.close();
 * ```
 */
export interface QuirkState {
  /** Name of the quirk. */
  readonly quirk: string;
  /** Each latch by its name, with its value. */
  readonly latches: Readonly<Record<string, number | undefined>>;
}

interface KeptLatches {
  readonly quirk: string;
  readonly initial: Readonly<Record<string, number | undefined>>;
  /** What the quirk reads and writes. */
  readonly values: Record<string, number | undefined>;
}

/** All that the quirks of a device remember. */
export class QuirkLatches {
  readonly #owner: string;
  readonly #kept: KeptLatches[] = [];

  /** @param owner Names the device in messages. */
  constructor(owner: string) {
    this.#owner = owner;
  }

  /** Latches of `quirk` that are `initial` at first: for the quirk to read and write. */
  keep<Values extends { [Name in keyof Values]: number | undefined }>(
    quirk: string,
    initial: Values,
  ): Values {
    const values = { ...initial };
    this.#kept.push({ quirk, initial: { ...initial }, values });
    return values;
  }

  /** All are what they were at first. */
  reset(): void {
    for (const { values, initial } of this.#kept) Object.assign(values, initial);
  }

  save(): readonly QuirkState[] {
    return this.#kept.map(({ quirk, values }) => ({ quirk, latches: { ...values } }));
  }

  /** @throws `ERR_INVALID_ARGUMENT`: the state is of other quirks than these. */
  check(state: readonly QuirkState[]): void {
    const [saved, own] = [state, this.save()].map(shape);
    if (saved === own) return;
    throw new FlatviewError(
      'ERR_INVALID_ARGUMENT',
      `${this.#owner} has other quirks than the state: ${own || 'none'}, not ${saved || 'none'}`,
    );
  }

  /** All are what {@link save} gave. The state is one that {@link check} takes. */
  restore(state: readonly QuirkState[]): void {
    for (const [i, { values }] of this.#kept.entries()) Object.assign(values, state[i]?.latches);
  }
}

/** Which latches there are of which quirks, in order. */
function shape(state: readonly QuirkState[]): string {
  const names = ({ quirk, latches }: QuirkState): string =>
    `${quirk} (${Object.keys(latches).sort().join(', ')})`;
  return state.map(names).join(', ');
}
