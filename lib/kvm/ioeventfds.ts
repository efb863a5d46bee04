import type { MemoryListener } from '../memory/listeners/memory-listener.js';
import type { IoEventFd } from '../memory/regions/ioeventfd.js';
import type { MemoryRegionSection } from '../memory/views/section.js';
import type { KvmVm } from './kvm-interface.js';

/** Which of the two buses of a guest an address space is. */
export type KvmBus = 'memory' | 'ports';

/**
 * Has KVM signal eventfds where the guest writes (KVM_IOEVENTFD), instead of exiting: one listener for the address space
 * of memory, another for that of ports.
 *
 * Two that match the same write can't be at once: the kernel refuses the second one (EEXIST), and the commit fails. But
 * the same one may show twice, where something covers its middle. An eventfd must stay open until it is removed here.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { EventFd, type KvmBus, KvmIoEventFds } from 'flatview/kvm';
 * import { SimulatedKvm } from 'flatview/simulated';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * const notify = topology.io('virtio-pci-notify', 0x1000n, {});
 * system.addSubregion(0xfebf_3000n, notify);
 *
 * const vm = new SimulatedKvm();
 * const bus: KvmBus = 'memory';
 * topology.addressSpace('memory', system).addListener(new KvmIoEventFds(vm, bus));
 *
 * using queue = EventFd.create();
 * notify.addIoEventFd({ address: 0x4n, size: 2, data: 1n, fd: queue.fd });
 * vm.write(0xfebf_3004n, 2, 1n).kind; // => 'ioeventfd'
 * vm.write(0xfebf_3004n, 2, 2n).kind; // => 'exit'
 *
 * notify.address = 0xe000_0000n; // the guest moves the BAR
 * vm.ioEventFds.map(({ address }) => address); // => [0xe000_0004n]
 * topology.close();
 * ```
 */
export class KvmIoEventFds implements MemoryListener {
  readonly name: string;
  readonly priority = 10;
  readonly #vm: KvmVm;
  readonly #pio: boolean;
  /** How often each one shows. */
  readonly #shown = new Map<string, number>();

  constructor(vm: KvmVm, bus: KvmBus = 'memory') {
    this.name = `KvmIoEventFds of ${bus}`;
    this.#vm = vm;
    this.#pio = bus === 'ports';
  }

  /** @throws `ERR_SYSTEM_CALL` */
  eventfdAdd(_section: MemoryRegionSection, ioeventfd: IoEventFd): void {
    const key = keyOf(ioeventfd);
    const times = this.#shown.get(key) ?? 0;
    if (times === 0) this.#set(ioeventfd, false);
    this.#shown.set(key, times + 1);
  }

  /** @throws `ERR_SYSTEM_CALL` */
  eventfdDel(_section: MemoryRegionSection, ioeventfd: IoEventFd): void {
    const key = keyOf(ioeventfd);
    const times = this.#shown.get(key) ?? 0;
    if (times === 1) this.#set(ioeventfd, true);
    if (times > 1) this.#shown.set(key, times - 1);
    else this.#shown.delete(key);
  }

  #set({ address, size, fd, data }: IoEventFd, deassign: boolean): void {
    this.#vm.ioEventFd({
      address,
      length: size,
      fd,
      ...(data === undefined ? {} : { dataMatch: data }),
      pio: this.#pio,
      deassign,
    });
  }
}

function keyOf({ address, size, fd, data }: IoEventFd): string {
  return `${address} ${size} ${fd} ${data}`;
}
