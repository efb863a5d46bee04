import { Kvm, type Vcpu, type VcpuEvent, type VirtualMachine } from 'flatview/kvm';
import type { Machine } from './machine.js';
import type { Exits, Processor, Way } from './processor.js';

/** Why there is no KVM to be used; `undefined` where there is. */
export function whyNoKvm(): string | undefined {
  if (process.arch !== 'x64')
    return `The guest is code of x86, and this machine is ${process.arch}.`;
  try {
    Kvm.open().close();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A processor of the real KVM. It starts at the reset vector, as it comes. */
export class KvmProcessor implements Processor {
  readonly description: string;
  readonly vm: VirtualMachine;
  readonly #kvm = Kvm.open();
  readonly #vcpu: Vcpu;
  readonly #way: Exclude<Way, 'simulated'>;

  constructor({ memory, ports }: Machine, way: Exclude<Way, 'simulated'>) {
    this.#way = way;
    const where = way === 'thread' ? 'on a thread of its own' : 'on the thread of a worker';
    this.description = `/dev/kvm, one vCPU ${where}`;
    this.vm = this.#kvm.createVm({ memory, ports });
    this.#vcpu = this.vm.createVcpu(0);
  }

  get exits(): Exits {
    const statistics = this.#vcpu.statistics();
    const { memory, unassigned } = this.#vcpu.directAnswers;
    return {
      ports: Number(statistics.get('io_exits')),
      memory: Number(statistics.get('mmio_exits')),
      direct: memory + unassigned,
    };
  }

  async run(meanwhile: () => void): Promise<void> {
    const { kind } = this.#way === 'thread' ? await this.#run(meanwhile) : this.#runHere(meanwhile);
    if (kind !== 'halt') throw new Error(`the guest did not halt, but: ${kind}`);
  }

  pause(): void {
    this.vm.pauseVcpus();
  }

  resume(): void {
    this.vm.resumeVcpus();
  }

  close(): void {
    this.vm.close();
    this.#kvm.close();
  }

  /** The event loop goes on: timers, and all else, run beside the guest. */
  async #run(meanwhile: () => void): Promise<VcpuEvent> {
    const timer = setInterval(meanwhile, 1);
    try {
      return await this.#vcpu.run();
    } finally {
      clearInterval(timer);
    }
  }

  /** Nothing else happens on this thread until it returns; exits are answered sooner. */
  #runHere(meanwhile: () => void): VcpuEvent {
    return this.#vcpu.runHere({
      shouldStop: () => {
        meanwhile();
        return false;
      },
    });
  }
}
