// The devices of the emulated machine, as data: QEMU's command line is made of it, and the tests inside read what to expect.

/** A base address register, as the real kernel reports it to a user of VFIO (Linux 6.1 and 6.12 alike). */
export interface BarFacts {
  readonly index: number;
  readonly space: 'memory' | 'ports';
  /** Bytes. */
  readonly size: number;
  /**
   * Whether VFIO lets it be mapped: VFIO_REGION_INFO_FLAG_MMAP. Memory of a page or more always is. Less than a page is where it
   * begins a page that nothing else can be in (vfio_pci_probe_mmaps in drivers/vfio/pci/vfio_pci_core.c); ports never are.
   */
  readonly mappable: boolean;
  /** The MSI-X table is in it, and may be mapped too (VFIO_REGION_INFO_CAP_MSIX_MAPPABLE). */
  readonly holdsMsixTable?: boolean;
}

/** One PCI function of the emulated machine. */
export interface EmulatedDevice {
  /** Its address on the bus 0 of segment 0: device number and function. */
  readonly slot: number;
  readonly function?: number;
  /** What tests call it. */
  readonly name: string;
  /** QEMU's name for it, and its properties. */
  readonly model: string;
  readonly properties?: string;
  /** Other arguments of QEMU that it needs, such as a backend. */
  readonly backend?: readonly string[];
  /** Vendor and device, as `lspci -n` shows them. */
  readonly id: string;
  /** What the tests have it for. */
  readonly purpose: string;
  readonly bars: readonly BarFacts[];
  /** Where the guest puts BAR 0 before it binds the device: for places that no firmware chooses. */
  readonly bar0At?: number;
  /** Events that QEMU traces for its registers. */
  readonly traced?: readonly string[];
  /** A driver of the kernel's own stays bound to it, so that its group is not viable; default: vfio-pci is bound. */
  readonly keepsDriver?: boolean;
}

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

function memory(index: number, size: number, more: Partial<BarFacts> = {}): BarFacts {
  return { index, space: 'memory', size, mappable: true, ...more };
}

function ports(index: number, size: number): BarFacts {
  return { index, space: 'ports', size, mappable: false };
}

/** The registers of an SD host controller: each access is traced with its address, width and value. */
const sdhci = { model: 'sdhci-pci', id: '1b36:0007', traced: ['sdhci_access'] };

export const devices: readonly EmulatedDevice[] = [
  {
    slot: 0x04,
    name: 'edu',
    model: 'edu',
    id: '1234:11e8',
    purpose: 'a DMA engine behind a BAR of 1 MiB, and MSI',
    bars: [memory(0, mebibyte)],
  },
  {
    slot: 0x05,
    name: 'sdhci',
    ...sdhci,
    purpose: 'a BAR of 256 bytes alone in its page; says which accesses reach it',
    bars: [memory(0, 256)],
  },
  {
    slot: 0x06,
    name: 'rtl8139',
    model: 'rtl8139',
    properties: 'romfile=',
    id: '10ec:8139',
    purpose: 'ports and memory of 256 bytes, the same registers in both',
    bars: [ports(0, 256), memory(1, 256)],
  },
  {
    slot: 0x07,
    name: 'watchdog',
    model: 'i6300esb',
    id: '8086:25ab',
    purpose: 'a BAR of 16 bytes',
    bars: [memory(0, 16)],
  },
  {
    slot: 0x08,
    name: 'pvpanic',
    model: 'pvpanic-pci',
    id: '1b36:0011',
    purpose: 'a BAR of 16 bytes, of which the device knows 2',
    bars: [memory(0, 16)],
  },
  {
    slot: 0x09,
    name: 'ohci',
    model: 'pci-ohci',
    id: '106b:003f',
    purpose: 'a BAR of 256 bytes',
    bars: [memory(0, 256)],
  },
  {
    slot: 0x0a,
    name: 'testdev',
    model: 'pci-testdev',
    id: '1b36:0005',
    purpose: 'a BAR of a page',
    bars: [memory(0, 4 * kibibyte), ports(1, 256)],
  },
  {
    slot: 0x0b,
    name: 'e1000e',
    model: 'e1000e',
    properties: 'romfile=',
    id: '8086:10d3',
    purpose: 'MSI-X with a BAR of its own, beside two others and ports',
    bars: [
      memory(0, 128 * kibibyte),
      memory(1, 128 * kibibyte),
      ports(2, 32),
      memory(3, 16 * kibibyte, { holdsMsixTable: true }),
    ],
  },
  {
    slot: 0x0c,
    name: 'nvme',
    model: 'nvme',
    properties: 'drive=nvme,serial=flatview',
    backend: ['-blockdev', 'null-co,node-name=nvme,size=16777216,read-zeroes=on'],
    id: '1b36:0010',
    purpose:
      "a BAR of 64 bits that holds registers and MSI-X; the kernel's own driver lets go of it",
    bars: [memory(0, 16 * kibibyte, { holdsMsixTable: true })],
  },
  {
    slot: 0x0d,
    name: 'xhci',
    model: 'qemu-xhci',
    id: '1b36:000d',
    purpose: 'a BAR of 64 bits that holds registers and MSI-X',
    bars: [memory(0, 16 * kibibyte, { holdsMsixTable: true })],
  },
  {
    slot: 0x0e,
    name: 'ivshmem',
    model: 'ivshmem-plain',
    properties: 'memdev=ivshmem',
    backend: ['-object', 'memory-backend-ram,id=ivshmem,size=1M,share=on'],
    id: '1af4:1110',
    purpose: 'a BAR that is RAM',
    bars: [memory(0, 256), memory(2, mebibyte)],
  },
  {
    slot: 0x10,
    name: 'sdhci-shared-start',
    ...sdhci,
    purpose:
      'a BAR of 256 bytes at the start of a page that it shares with the next one: never mapped',
    bars: [memory(0, 256, { mappable: false })],
    bar0At: 0x4000_0000,
  },
  {
    slot: 0x11,
    name: 'sdhci-shared-behind',
    ...sdhci,
    purpose: 'a BAR of 256 bytes within a page: never mapped',
    bars: [memory(0, 256, { mappable: false })],
    bar0At: 0x4000_0100,
  },
  {
    slot: 0x14,
    name: 'edu-in-shared-group',
    model: 'edu',
    properties: 'multifunction=on',
    id: '1234:11e8',
    purpose: 'shares its group with the next one',
    bars: [memory(0, mebibyte)],
  },
  {
    slot: 0x14,
    function: 1,
    name: 'rng-in-shared-group',
    model: 'virtio-rng-pci',
    id: '1af4:1005',
    purpose: "keeps the kernel's own driver, and so the group from being viable",
    bars: [],
    keepsDriver: true,
  },
  {
    slot: 0x15,
    name: 'display',
    model: 'bochs-display',
    properties: 'romfile=',
    id: '1234:1111',
    purpose: 'a BAR of 16 MiB that is RAM, beside registers of a page',
    bars: [memory(0, 16 * mebibyte), memory(2, 4 * kibibyte)],
  },
];

/** The device of that name. */
export function device(name: string): EmulatedDevice {
  const found = devices.find((it) => it.name === name);
  if (found === undefined) throw new RangeError(`no device is called ${name}`);
  return found;
}

/** Where a device is on its bus, as QEMU's `addr` has it. */
export function busAddress({ slot, function: number = 0 }: EmulatedDevice): string {
  return `${slot.toString(16).padStart(2, '0')}.${number}`;
}

/** How the kernel calls a device: segment, bus, device and function. */
export function pciName(device: EmulatedDevice): string {
  return `0000:00:${busAddress(device)}`;
}
