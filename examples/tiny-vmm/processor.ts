import type { KvmVm } from 'flatview/kvm';

/**
 * Who runs the guest: a vCPU of KVM on a thread of its own, or on that of the caller, which is a worker; or a program
 * that makes the guest's accesses.
 */
export type Way = 'thread' | 'worker' | 'simulated';

/** How often a processor had to leave the guest. */
export interface Exits {
  /** Accesses to ports. */
  readonly ports: number;
  /** Accesses to memory without a slot. */
  readonly memory: number;
  /** Those of them that were answered without JavaScript. */
  readonly direct: number;
}

/** Who runs the guest. */
export interface Processor {
  /** How it does that, for people. */
  readonly description: string;
  /** The VM that it belongs to, without memory slots at first. */
  readonly vm: KvmVm;
  readonly exits: Exits;
  /**
   * Runs the guest until it halts.
   *
   * @param meanwhile Called every now and then while it runs.
   */
  run(meanwhile: () => void): Promise<void>;
  /** Returns when the processor is out of the guest, and keeps it out until {@link resume}. */
  pause(): void;
  resume(): void;
  close(): void;
}
