import { isMainThread } from 'node:worker_threads';
import { FlatviewError } from '../../errors.js';
import { addon } from '../../native/addon.js';
import { directAnswer, type KvmVcpuHandle, registerSet } from '../../native/kvm-addon.js';
import { CoalescedRing, type CoalescedRingPlace } from '../coalesced-ring.js';
import { kvmCall } from '../kvm-call.js';
import { kvmRefusal } from '../kvm-ioctl-error.js';
import { type DirtyPage, DirtyRing } from '../slots/dirty-ring.js';
import type { GuestBus } from './guest-bus.js';
import {
  type GeneralRegisters,
  type Registers,
  readGeneral,
  readSpecial,
  type SpecialRegisters,
  writeGeneral,
  writeSpecial,
} from './registers.js';
import { exitReason, RunPage } from './run-page.js';
import { readStatistics } from './statistics.js';
import { endOf, type VcpuEnd, type VcpuEvent } from './vcpu-event.js';
import type { VirtualMachine } from './virtual-machine.js';

/**
 * How {@link Vcpu.runHere} runs.
 *
 * @example
 * ```ts kvm
 * import { once } from 'node:events';
 * import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
 * import { MemoryTopology } from 'flatview';
 * import { Kvm, KvmMemorySlots, realModeSegment, type RunHereOptions } from 'flatview/kvm';
 *
 * if (isMainThread) {
 *   const stop = new Int32Array(new SharedArrayBuffer(4));
 *   const worker = new Worker(new URL(import.meta.url), { workerData: stop });
 *   await once(worker, 'message'); // the guest is about to run
 *   Atomics.store(stop, 0, 1);
 *   const [kind] = await once(worker, 'message');
 *   kind; // => 'stopped'
 * } else {
 *   const topology = new MemoryTopology();
 *   const memory = topology.addressSpace('memory', topology.ram('pc.ram', 0x1_0000n));
 *   memory.write(0x1000n, 2, 0xfeebn); // jmp $
 *   using kvm = Kvm.open();
 *   using vm = kvm.createVm({ memory });
 *   memory.addListener(new KvmMemorySlots(vm));
 *   const vcpu = vm.createVcpu(0);
 *   vcpu.setSpecialRegisters({ cs: realModeSegment(0) });
 *   vcpu.setRegisters({ rip: 0x1000n, rflags: 2n });
 *   parentPort?.postMessage('ready');
 *   const stop: Int32Array = workerData;
 *   const options: RunHereOptions = { shouldStop: () => Atomics.load(stop, 0) === 1 };
 *   parentPort?.postMessage(vcpu.runHere(options).kind);
 *   topology.close();
 * }
 * ```
 */
export interface RunHereOptions {
  /**
   * Asked every 20 ms or sooner, whatever the guest does: whether to stop. For example whether another thread has
   * set a word in a SharedArrayBuffer.
   */
  readonly shouldStop?: () => boolean;
}

/** A run on a thread of its own: how its promise ends. */
interface Run {
  resolve(event: VcpuEvent): void;
  reject(reason: unknown): void;
}

const errno = { interrupted: 4, fault: 14 } as const;

/**
 * A virtual processor, made by {@link VirtualMachine.createVcpu}: x86-64's.
 *
 * It runs in one of two ways. {@link run} gives it a thread of its own: the event loop goes on, and answers each exit
 * between other things. {@link runHere} takes the caller's thread, which must be a worker's: exits are answered at
 * once by the regions' callbacks of that worker, and nothing else happens there meanwhile.
 *
 * In both an exit to memory or a port becomes one access to the address space ({@link AddressSpace.read} and `write`),
 * and so one call of the region's callbacks, with all rules of access applied. Exits that need no callback, because
 * memory answers or nobody does, never arrive here ({@link directAnswers}). A callback that throws stops the vCPU, and
 * the run fails with what it threw.
 *
 * @example
 * ```ts kvm
 * import { MemoryTopology } from 'flatview';
 * import { Kvm, KvmMemorySlots, realModeSegment, type Vcpu, type VcpuEvent } from 'flatview/kvm';
 *
 * const topology = new MemoryTopology();
 * const ram = topology.ram('pc.ram', 0x1_0000n);
 * const memory = topology.addressSpace('memory', ram);
 * const io = topology.container('io', 0x1_0000n);
 * const ports = topology.addressSpace('I/O', io);
 * let printed = '';
 * const uart = topology.io('serial', 8n, {
 *   write: (_offset, value) => {
 *     printed += String.fromCharCode(Number(value));
 *   },
 * });
 * io.addSubregion(0x3f8n, uart);
 *
 * using kvm = Kvm.open();
 * using vm = kvm.createVm({ memory, ports });
 * memory.addListener(new KvmMemorySlots(vm));
 * // mov dx, 0x3f8; mov al, '!'; out dx, al; hlt
 * memory.writeBytes(0x1000n, Uint8Array.of(0xba, 0xf8, 0x03, 0xb0, 0x21, 0xee, 0xf4));
 * const vcpu: Vcpu = vm.createVcpu(0);
 * vcpu.setSpecialRegisters({ cs: realModeSegment(0) });
 * vcpu.setRegisters({ rip: 0x1000n, rflags: 2n });
 *
 * const event: VcpuEvent = await vcpu.run();
 * event.kind; // => 'halt'
 * event.registers.general.rip; // => 0x1007n
 * printed; // => '!'
 * topology.close();
 * ```
 */
export class Vcpu {
  /** Its number within the VM, as it was created with. */
  readonly id: number;
  /** The VM that it runs in. */
  readonly vm: VirtualMachine;
  /** @internal The VM's ring, as this vCPU shows it. */
  readonly coalescedRing: CoalescedRing | undefined;
  /** `undefined` once closed. */
  #handle: KvmVcpuHandle | undefined;
  readonly #bus: GuestBus;
  readonly #page: RunPage;
  readonly #dirtyRing: DirtyRing | undefined;
  /** The run on a thread of its own; `here` on the caller's. */
  #run: Run | 'here' | undefined;

  /** @internal Takes over a handle. */
  constructor(
    handle: KvmVcpuHandle,
    id: number,
    vm: VirtualMachine,
    bus: GuestBus,
    ring: CoalescedRingPlace,
    dirtyRingBytes: number,
  ) {
    const window = addon.kvmVcpuWindow(handle);
    if (window === undefined) {
      addon.kvmVcpuClose(handle);
      throw new FlatviewError('ERR_WINDOW', `vCPU ${id}: this runtime forbids such arrays`);
    }
    this.id = id;
    this.vm = vm;
    this.coalescedRing = ring.page === 0 ? undefined : new CoalescedRing(window, ring);
    this.#handle = handle;
    this.#bus = bus;
    this.#page = new RunPage(window);
    this.#dirtyRing =
      dirtyRingBytes === 0 ? undefined : new DirtyRing(window, dirtyRingBytes, ring.pageSize);
    abandoned.register(this, handle, this);
  }

  /** Whether it runs, in either way. */
  get isRunning(): boolean {
    return this.#run !== undefined;
  }

  /**
   * The general registers (KVM_GET_REGS). A running guest is kept out for so long. While an exit is answered, the
   * instruction that led to it is not completed.
   *
   * @throws `ERR_KVM_CLOSED`, `ERR_SYSTEM_CALL`
   */
  getRegisters(): GeneralRegisters {
    const bytes = new Uint8Array(registerSet.general.bytes);
    this.#readRegisters('KVM_GET_REGS', registerSet.general.number, bytes);
    return readGeneral(bytes);
  }

  /**
   * Sets those general registers that are given (KVM_SET_REGS).
   *
   * @throws `ERR_ADDRESS_RANGE`: a value has more than 64 bits or is none; `ERR_KVM_CLOSED`, `ERR_SYSTEM_CALL`
   */
  setRegisters(registers: Partial<GeneralRegisters>): void {
    const bytes = writeGeneral({ ...this.getRegisters(), ...registers });
    const vcpu = this.#open();
    const { number } = registerSet.general;
    kvmCall('KVM_SET_REGS', () => addon.kvmVcpuSetRegisters(vcpu, number, bytes));
  }

  /** The registers of segments and control (KVM_GET_SREGS); as {@link getRegisters}. */
  getSpecialRegisters(): SpecialRegisters {
    return readSpecial(this.#specialBytes());
  }

  /**
   * Sets those that are given (KVM_SET_SREGS).
   *
   * @throws As {@link setRegisters}; `ERR_SYSTEM_CALL` with EINVAL where they contradict each other.
   */
  setSpecialRegisters(registers: Partial<SpecialRegisters>): void {
    const bytes = this.#specialBytes();
    writeSpecial({ ...readSpecial(bytes), ...registers }, bytes);
    const vcpu = this.#open();
    const { number } = registerSet.special;
    kvmCall('KVM_SET_SREGS', () => addon.kvmVcpuSetRegisters(vcpu, number, bytes));
  }

  /**
   * What KVM counts of this vCPU, by KVM's names: `exits`, `mmio_exits`, `io_exits` ...
   *
   * @throws `ERR_KVM_CLOSED`; `ERR_SYSTEM_CALL`: the kernel is older than 5.14.
   */
  statistics(): ReadonlyMap<string, bigint> {
    const vcpu = this.#open();
    return readStatistics(kvmCall('KVM_GET_STATS_FD', () => addon.kvmVcpuStatistics(vcpu)));
  }

  /**
   * How many exits to memory were answered without JavaScript: by memory that the kernel has no slot for, such as
   * pieces smaller than a page; where nobody answers, which isn't published as a rejected access then; and by memory
   * that didn't answer (SIGBUS), which isn't either: the guest has read ones.
   */
  get directAnswers(): {
    readonly memory: number;
    readonly unassigned: number;
    readonly failed: number;
  } {
    const vcpu = this.#open();
    const count = (answer: number): number => addon.kvmVcpuDirectAnswers(vcpu, answer);
    return {
      memory: count(directAnswer.memory),
      unassigned: count(directAnswer.nobody),
      failed: count(directAnswer.failedMemory),
    };
  }

  /**
   * Runs the guest on a thread of its own, until it halts, fails or is stopped. Can be called again then: the guest
   * goes on.
   *
   * @returns Why it stopped. Rejects with what a callback of a region throws.
   * @throws `ERR_VCPU_RUNNING`, `ERR_KVM_CLOSED`; rejects with `ERR_SYSTEM_CALL` if the process has too many threads.
   */
  run(): Promise<VcpuEvent> {
    const vcpu = this.#open();
    this.#assertIdle();
    return new Promise((resolve, reject) => {
      this.#run = { resolve, reject };
      try {
        const onExit = (status: number) => this.#answerThread(status);
        kvmCall('starting a thread', () => addon.kvmVcpuStart(vcpu, onExit));
      } catch (error) {
        this.#run = undefined;
        throw error;
      }
    });
  }

  /**
   * Runs the guest on this thread, a worker's, until it halts, fails or is stopped by `shouldStop`. No other event of
   * this worker is handled meanwhile; it can be terminated all the same.
   *
   * @throws `ERR_MAIN_THREAD`, `ERR_VCPU_RUNNING`, `ERR_KVM_CLOSED`; what a callback of a region throws.
   */
  runHere({ shouldStop }: RunHereOptions = {}): VcpuEvent {
    if (isMainThread) {
      throw new FlatviewError('ERR_MAIN_THREAD', `vCPU ${this.id} would block the main thread`);
    }
    const vcpu = this.#open();
    this.#assertIdle();
    this.#run = 'here';
    try {
      kvmCall('starting a thread', () => addon.kvmVcpuHeartbeat(vcpu, true));
      for (;;) {
        const status = addon.kvmVcpuRun(vcpu);
        const isBeat = status === errno.interrupted;
        if (isBeat && !shouldStop?.()) continue;
        const end = this.#answer(status);
        if (end !== undefined) return this.#event(end);
        // A callback may have closed the vCPU.
        this.#open();
      }
    } finally {
      this.#run = undefined;
      if (this.#handle !== undefined) addon.kvmVcpuHeartbeat(vcpu, false);
    }
  }

  /**
   * The pages that the guest wrote since the last time, of slots that are watched; some that it only read may be among
   * them. They are watched again after
   * {@link VirtualMachine.resetDirtyRings}. Without a dirty ring there are none.
   *
   * @throws `ERR_KVM_CLOSED`
   */
  harvestDirtyPages(): DirtyPage[] {
    this.#open();
    return this.#dirtyRing?.harvest() ?? [];
  }

  /** Has {@link run} end with `stopped`, once the exit that is being answered is. Does nothing when it doesn't run. */
  stop(): void {
    addon.kvmVcpuStop(this.#open());
  }

  /** Gives it back to the kernel. A run on a thread of its own ends with `stopped`. May be called again. */
  close(): void {
    const handle = this.#handle;
    if (handle === undefined) return;
    const run = this.#run;
    const registers = typeof run === 'object' ? this.#registers() : undefined;
    this.#handle = undefined;
    abandoned.unregister(this);
    this.vm.forget(this);
    addon.kvmVcpuClose(handle);
    if (typeof run !== 'object') return;
    this.#run = undefined;
    if (registers !== undefined) run.resolve({ kind: 'stopped', registers });
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal {@link VirtualMachine.pauseVcpus} */
  requestPause(): void {
    addon.kvmVcpuRequestPause(this.#open());
  }

  /** @internal */
  awaitPause(): void {
    addon.kvmVcpuAwaitPause(this.#open());
  }

  /** @internal */
  resume(): void {
    addon.kvmVcpuResume(this.#open());
  }

  /** Answers what the vCPU's thread reports. Whether it is to go on. */
  #answerThread(status: number): boolean {
    const run = this.#run;
    if (typeof run !== 'object') return false;
    try {
      const end = this.#answer(status);
      if (end === undefined) return true;
      this.#run = undefined;
      run.resolve(this.#event(end));
    } catch (error) {
      this.#run = undefined;
      run.reject(error);
    }
    return false;
  }

  /** Answers an exit; the end that it comes to, if it is one. */
  #answer(status: number): VcpuEnd | undefined {
    this.vm.drainCoalesced();
    if (status !== 0) return this.#failure(status);
    switch (this.#page.reason) {
      case exitReason.mmio:
        this.#bus.answerMmio(this.#page);
        return undefined;
      case exitReason.io:
        this.#bus.answerPorts(this.#page);
        return undefined;
      case exitReason.irqWindowOpen:
        return undefined;
      default:
        return endOf(this.#page);
    }
  }

  #failure(status: number): VcpuEnd {
    if (status === errno.interrupted) return { kind: 'stopped' };
    const error = kvmRefusal({ call: 'KVM_RUN', arguments: `vCPU ${this.id}`, errno: status });
    if (status !== errno.fault) return { kind: 'failure', error };
    const isTold = this.#page.reason === exitReason.memoryFault;
    return { kind: 'memory-fault', fault: isTold ? this.#page.memoryFault : undefined, error };
  }

  #event(end: VcpuEnd): VcpuEvent {
    return { ...end, registers: this.#registers() };
  }

  #registers(): Registers {
    return { general: this.getRegisters(), special: this.getSpecialRegisters() };
  }

  #specialBytes(): Uint8Array {
    const bytes = new Uint8Array(registerSet.special.bytes);
    this.#readRegisters('KVM_GET_SREGS', registerSet.special.number, bytes);
    return bytes;
  }

  #readRegisters(ioctl: string, set: number, into: Uint8Array): void {
    const vcpu = this.#open();
    kvmCall(ioctl, () => addon.kvmVcpuGetRegisters(vcpu, set, into));
  }

  #assertIdle(): void {
    if (this.#run === undefined) return;
    throw new FlatviewError('ERR_VCPU_RUNNING', `vCPU ${this.id} is running already`);
  }

  #open(): KvmVcpuHandle {
    if (this.#handle !== undefined) return this.#handle;
    throw new FlatviewError('ERR_KVM_CLOSED', `vCPU ${this.id} is closed`);
  }
}

/** Closes what was collected without {@link Vcpu.close}. A running one is not collected. */
const abandoned: FinalizationRegistry<KvmVcpuHandle> = new FinalizationRegistry((handle) =>
  addon.kvmVcpuClose(handle),
);
