import { hex, larger, roundUp } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import type { SimulatedBar, SimulatedDeviceDescription } from './device-description.js';

/**
 * A BAR at its place in the host's physical space.
 *
 * @example
 * ```ts
 * import { type PlacedBar, SimulatedVfio } from 'flatview/simulated';
 *
 * const host = new SimulatedVfio();
 * const sound = { name: '0000:00:1b.0', group: 5, vendorId: 0x8086, deviceId: 0x2668 };
 * const device = host.addDevice({
 *   ...sound,
 *   bars: [
 *     { index: 0, kind: 'memory', size: 0x100n, hostAddress: 0x8000_1000n },
 *     { index: 2, kind: 'memory', size: 0x800n },
 *   ],
 * });
 * // Where nobody placed a BAR, it gets pages of its own behind all others.
 * const bars: readonly PlacedBar[] = device.bars;
 * bars.map(({ hostAddress }) => hostAddress); // => [0x8000_1000n, 0x8000_2000n]
 *
 * // What is placed can't overlap.
 * host.addDevice({ ...sound, name: '0000:00:1b.1', bars }); // throws ERR_INVALID_ARGUMENT
 * ```
 */
export interface PlacedBar extends SimulatedBar {
  readonly hostAddress: bigint;
}

/** Where BARs are put that nobody placed. */
const firstFree = { memory: 0x8000_0000n, io: 0xc000n } as const;

/**
 * Gives BARs of a device an address that have none: whole pages of their own, behind all others.
 *
 * @param taken The BARs of the other devices.
 * @throws `ERR_INVALID_ARGUMENT` on a BAR that no device can have, or that lies where another one does.
 */
export function placeBars(
  { name, bars }: SimulatedDeviceDescription,
  taken: readonly PlacedBar[],
  pageSize: bigint,
): readonly PlacedBar[] {
  const free = {
    memory: endOfAll([...taken, ...bars], 'memory'),
    io: endOfAll([...taken, ...bars], 'io'),
  };
  const placed = bars.map((bar) => {
    const space = spaceOf(bar);
    const unit = space === 'io' ? bar.size : larger(bar.size, pageSize);
    const hostAddress = bar.hostAddress ?? roundUp(free[space], unit);
    free[space] = larger(free[space], hostAddress + unit);
    return { ...bar, hostAddress };
  });
  for (const bar of placed) checkBar(name, bar, [...placed, ...taken]);
  return placed;
}

function checkBar(name: string, bar: PlacedBar, all: readonly PlacedBar[]): void {
  const { index, size, hostAddress } = bar;
  const isPossible = size > 0n && (size & (size - 1n)) === 0n && hostAddress % size === 0n;
  const isFree = all.every((other) => other === bar || !overlap(bar, other));
  if (isPossible && isFree) return;
  const what = `BAR ${index} of the simulated device ${name}, ${hex(size)} bytes at ${hex(hostAddress)}`;
  const wrong = isPossible ? 'overlaps another one' : 'is no power of two at a multiple of it';
  throw new FlatviewError('ERR_INVALID_ARGUMENT', `${what}, ${wrong}`);
}

function overlap(a: PlacedBar, b: PlacedBar): boolean {
  return (
    spaceOf(a) === spaceOf(b) &&
    a.hostAddress < b.hostAddress + b.size &&
    b.hostAddress < a.hostAddress + a.size
  );
}

function spaceOf({ kind }: SimulatedBar): 'memory' | 'io' {
  return kind === 'io' ? 'io' : 'memory';
}

/** The first address behind all BARs of a space that have one. */
function endOfAll(bars: readonly SimulatedBar[], space: 'memory' | 'io'): bigint {
  return bars
    .filter((bar) => spaceOf(bar) === space)
    .map(({ hostAddress = 0n, size }) => hostAddress + size)
    .reduce(larger, firstFree[space]);
}
