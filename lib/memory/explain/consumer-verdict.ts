/**
 * What a listener that maps memory has made of an address: whether a guest or a device reaches it there by itself,
 * and if not, why not.
 *
 * @example
 * ```ts
 * import {
 *   type ConsumerVerdict,
 *   type ListenerVerdict,
 *   type MemoryListener,
 *   MemoryTopology,
 * } from 'flatview';
 *
 * const trapped: ConsumerVerdict = {
 *   mapped: false,
 *   code: 'not-ram',
 *   text: 'each access is an exit',
 *   first: 0xfee0_0000n,
 *   last: 0xfee0_0fffn,
 * };
 * const listener: MemoryListener = { name: 'my-hypervisor', verdictAt: () => trapped };
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * system.addSubregion(0xfee0_0000n, topology.io('lapic', 0x1000n, {}));
 * const memory = topology.addressSpace('memory', system);
 * memory.addListener(listener);
 * const [told]: readonly ListenerVerdict[] = memory.explain(0xfee0_00b0n).verdicts;
 * [told?.listener, told?.code]; // => ['my-hypervisor', 'not-ram']
 * topology.close();
 * ```
 */
export interface ConsumerVerdict {
  /** Whether it is mapped; else each access there comes to this process, or fails. */
  readonly mapped: boolean;
  /** `mapped`, or the stable code of a reason. */
  readonly code: string;
  /** As what it is mapped or why it is not, for people. */
  readonly text: string;
  /** The addresses around it of which the same is true: the first one. */
  readonly first: bigint;
  /** The last one. */
  readonly last: bigint;
}
