import type { HostMemory } from '../../../lib/index.js';
import type { EventFd } from '../../../lib/kvm/index.js';
import {
  type Ioas,
  type Iommufd,
  type VfioCdev,
  type VfioContainer,
  type VfioDevice,
  type VfioGroup,
  type VfioHost,
  vfioExtension,
} from '../../../lib/vfio/index.js';
import type { EmulatedDeviceName } from '../emulated-machine.js';

/** Where a host keeps a device of the emulated machine. */
export interface BenchDevice {
  /** As sysfs calls it. */
  readonly name: string;
  readonly group: number;
  /** Its file in /dev/vfio/devices, where there is iommufd. */
  readonly cdev: string | undefined;
}

/** A host to run cases on: the emulated machine from inside, or its simulated twin. */
export interface Bench {
  readonly host: VfioHost;
  readonly has: {
    /** Whether there is /dev/iommu. */
    readonly iommufd: boolean;
    /** Whether the IOMMU reaches 39 bits, as QEMU's VT-d, and leaves out the window of interrupts. */
    readonly vtd: boolean;
    /** Whether this process can make eventfds: without the native addon there are none, though all else is simulated. */
    readonly eventFd: boolean;
  };
  device(name: EmulatedDeviceName): BenchDevice;
  /** 16 MiB of this process that devices may read and write. */
  readonly memory: HostMemory;
  /** Address of a page that this process may only read. */
  readonly readonlyPage: bigint;
  /** Address of a page that is mapped, before one that isn't. */
  readonly lastPage: bigint;
  readonly eventFd: EventFd;
  close(): void;
}

/** What a case of one bench has opened; it closes all of it. */
export class Session {
  readonly bench: Bench;
  readonly #containers: VfioContainer[] = [];
  readonly #groups = new Map<string, VfioGroup>();
  readonly #devices = new Map<string, VfioDevice>();
  readonly #cdevs = new Map<string, VfioCdev>();
  readonly #maps = new Map<string, HostMemory>();
  readonly #attached = new Set<string>();
  #hasIommu = false;
  #iommufd: Iommufd | undefined;
  #ioas: Ioas | undefined;

  constructor(bench: Bench) {
    this.bench = bench;
  }

  /** Opened when it is first asked for; there can be two. */
  container(which: 0 | 1 = 0): VfioContainer {
    for (let i = this.#containers.length; i <= which; i++) {
      this.#containers.push(this.bench.host.openContainer());
    }
    return this.#containers[which] as VfioContainer;
  }

  openGroup(name: EmulatedDeviceName): VfioGroup {
    const group = this.bench.host.openGroup(this.bench.device(name).group);
    this.#groups.set(name, group);
    return group;
  }

  group(name: EmulatedDeviceName): VfioGroup {
    return this.#groups.get(name) ?? this.openGroup(name);
  }

  /** The device by the legacy way, with all that it takes. */
  device(name: EmulatedDeviceName): VfioDevice {
    return this.#devices.get(name) ?? this.#openDevice(name);
  }

  /** A container with the group of `edu`, and with its IOMMU set. */
  mapper(type: number = vfioExtension.type1v2): VfioContainer {
    this.#join('edu', type);
    return this.container();
  }

  iommufd(): Iommufd {
    this.#iommufd ??= this.bench.host.openIommufd();
    return this.#iommufd;
  }

  ioas(): Ioas {
    this.#ioas ??= this.iommufd().allocateIoas();
    return this.#ioas;
  }

  cdev(name: EmulatedDeviceName): VfioCdev {
    const known = this.#cdevs.get(name);
    if (known !== undefined) return known;
    const cdev = this.bench.host.openCdev(this.bench.device(name).cdev ?? 'none');
    this.#cdevs.set(name, cdev);
    return cdev;
  }

  /** The device by its own file: bound, and attached to the IO address space. */
  bound(name: EmulatedDeviceName): VfioDevice {
    const device = this.#devices.get(name) ?? this.cdev(name).bind(this.iommufd());
    this.#devices.set(name, device);
    if (!this.#attached.has(name)) this.cdev(name).attach(this.ioas());
    this.#attached.add(name);
    return device;
  }

  /** All of a BAR, or the page of one that is smaller, mapped; by the way that the device was opened by, or else the legacy one. */
  barOf(name: EmulatedDeviceName, region: number): HostMemory {
    const key = `${name} ${region}`;
    const known = this.#maps.get(key);
    if (known !== undefined) return known;
    const device = this.device(name);
    const { size } = device.regionInfo(region);
    const { pageSize } = this.bench.host;
    const map = device.map(region, 0n, size < pageSize ? pageSize : size);
    this.#maps.set(key, map);
    return map;
  }

  close(): void {
    for (const map of this.#maps.values()) map.close();
    for (const device of this.#devices.values()) device.close();
    for (const cdev of this.#cdevs.values()) cdev.close();
    for (const group of this.#groups.values()) group.close();
    for (const container of this.#containers) container.close();
    this.#iommufd?.close();
    this.bench.close();
  }

  #openDevice(name: EmulatedDeviceName): VfioDevice {
    this.#join(name, vfioExtension.type1v2);
    const device = this.group(name).openDevice(this.bench.device(name).name);
    this.#devices.set(name, device);
    return device;
  }

  /** Puts a group into the container; the first one brings the IOMMU. */
  #join(name: EmulatedDeviceName, type: number): void {
    if (this.group(name).status().containerSet) return;
    this.group(name).setContainer(this.container());
    if (!this.#hasIommu) this.container().setIommu(type);
    this.#hasIommu = true;
  }
}
