import { lastAddress } from '../../address.js';
import type { CoalescedZone, IoEventFdRequest } from '../../kvm/kvm-interface.js';
import type { Errno } from '../errno.js';

/** What a number of a file descriptor stands for. */
export type FileDescriptorKind = 'eventfd' | 'other' | 'closed';

/** The most devices of the kernel on a bus, ioeventfds not counted (NR_IOBUS_DEVS). */
const busLimit = 1000;

const lengths = [0, 1, 2, 4, 8];

/** The ioeventfds and coalesced zones of a VM (virt/kvm/eventfd.c, coalesced_mmio.c). */
export class KvmIoBus {
  readonly #kindOf: (fd: number) => FileDescriptorKind;
  readonly #eventFds: IoEventFdRequest[] = [];
  #zones: CoalescedZone[] = [];

  constructor(kindOf: (fd: number) => FileDescriptorKind) {
    this.#kindOf = kindOf;
  }

  get eventFds(): readonly IoEventFdRequest[] {
    return this.#eventFds;
  }

  get zones(): readonly CoalescedZone[] {
    return this.#zones;
  }

  /** KVM_IOEVENTFD. */
  ioEventFd(request: IoEventFdRequest): Errno {
    return request.deassign ? this.#deassign(request) : this.#assign(request);
  }

  /** KVM_REGISTER_COALESCED_MMIO: zones may overlap, and be there twice. */
  register(zone: CoalescedZone): Errno {
    if (this.#zonesOf(zone.pio).length >= busLimit) return 'ENOSPC';
    this.#zones.push(zone);
    return undefined;
  }

  /** KVM_UNREGISTER_COALESCED_MMIO: all zones go in which the given one lies. Its size is read as a signed number. */
  unregister({ address, size, pio }: CoalescedZone): Errno {
    const bytes = size | 0;
    if (bytes >= 0) {
      this.#zones = this.#zones.filter(
        (zone) => zone.pio !== pio || !holds(zone, address, BigInt(bytes)),
      );
    }
    return undefined;
  }

  /** The ioeventfd that takes a write. */
  eventFdFor(
    address: bigint,
    size: number,
    value: bigint,
    pio: boolean,
  ): IoEventFdRequest | undefined {
    return this.#eventFds.find(
      (it) =>
        it.pio === pio &&
        it.address === address &&
        (it.length === 0 || it.length === size) &&
        (it.dataMatch === undefined || it.dataMatch === value),
    );
  }

  /** Whether a write is gathered. */
  isCoalesced(address: bigint, size: number, pio: boolean): boolean {
    return this.#zonesOf(pio).some((zone) => holds(zone, address, BigInt(size)));
  }

  #assign(request: IoEventFdRequest): Errno {
    const { address, length, dataMatch, fd, pio } = request;
    if (!lengths.includes(length) || address + BigInt(length) > lastAddress) return 'EINVAL';
    if (length === 0 && dataMatch !== undefined) return 'EINVAL';
    const wrong = this.#wrongFd(fd);
    if (wrong !== undefined) return wrong;
    if (this.#eventFds.some((other) => collide(other, request))) return 'EEXIST';
    if (this.#zonesOf(pio).length >= busLimit) return 'ENOSPC';
    this.#eventFds.push(request);
    return undefined;
  }

  #deassign({ address, length, fd, dataMatch, pio }: IoEventFdRequest): Errno {
    const wrong = this.#wrongFd(fd);
    if (wrong !== undefined) return wrong;
    const at = this.#eventFds.findIndex(
      (it) =>
        it.pio === pio &&
        it.fd === fd &&
        it.address === address &&
        it.length === length &&
        it.dataMatch === dataMatch,
    );
    if (at < 0) return 'ENOENT';
    this.#eventFds.splice(at, 1);
    return undefined;
  }

  #wrongFd(fd: number): Errno {
    const kind = this.#kindOf(fd);
    if (kind === 'closed') return 'EBADF';
    return kind === 'other' ? 'EINVAL' : undefined;
  }

  #zonesOf(pio: boolean): readonly CoalescedZone[] {
    return this.#zones.filter((zone) => zone.pio === pio);
  }
}

/** Whether some write matches both. */
function collide(a: IoEventFdRequest, b: IoEventFdRequest): boolean {
  if (a.pio !== b.pio || a.address !== b.address) return false;
  if (a.length === 0 || b.length === 0) return true;
  if (a.length !== b.length) return false;
  return a.dataMatch === undefined || b.dataMatch === undefined || a.dataMatch === b.dataMatch;
}

function holds(zone: CoalescedZone, address: bigint, size: bigint): boolean {
  return address >= zone.address && address + size <= zone.address + BigInt(zone.size);
}
