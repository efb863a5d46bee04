import { eduRegister } from '../../vfio/edu-device.js';
import { type GuestAccess, write } from './access-program.js';

/** Where an edu device sees its own memory. */
const ownMemory = 0x4_0000n;

const start = 1;
const toMemory = 2;

/** Has the edu device at `bar` copy `count` bytes, up to 2,048, from its own memory to `to`; see {@link awaitTransfer}. */
export function transferTo(bar: bigint, to: bigint, count: number): GuestAccess[] {
  return transfer(bar, ownMemory, to, count, toMemory);
}

/** Has it copy from `from` into its own memory. */
export function transferFrom(bar: bigint, from: bigint, count: number): GuestAccess[] {
  return transfer(bar, from, ownMemory, count, 0);
}

/** Waits for it. */
export function awaitTransfer(bar: bigint): GuestAccess {
  return { kind: 'await-clear', address: bar + eduRegister.dmaCommand, mask: start };
}

function transfer(
  bar: bigint,
  from: bigint,
  to: bigint,
  count: number,
  flags: number,
): GuestAccess[] {
  return [
    write(bar + eduRegister.dmaSource, 4, Number(from)),
    write(bar + eduRegister.dmaDestination, 4, Number(to)),
    write(bar + eduRegister.dmaCount, 4, count),
    write(bar + eduRegister.dmaCommand, 4, start | flags),
  ];
}
