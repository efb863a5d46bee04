import { HostFixture } from './host-fixture.js';

const parent = '/sys/devices/pci0000:00/0000:00:1c.0';

/** The one device of {@link smallHost} that could be given to a guest: one BAR of 256 bytes, in a page of its own. */
export const card = { address: '0000:05:00.0', folder: `${parent}/0000:05:00.0` };

const empty = '0x0000000000000000 0x0000000000000000 0x0000000000000000';

/** The text of a `resource` file: resources by their numbers, zeros for the rest. */
export function resources(lines: Readonly<Record<number, string>>, count = 7): string {
  return Array.from({ length: count }, (_, index) => lines[index] ?? empty).join('\n');
}

/** A line of a `resource` file. */
export function resource(first: number, size: number, flags = 0x4_0200): string {
  const word = (value: number) => `0x${value.toString(16).padStart(16, '0')}`;
  return [first, first + size - 1, flags].map(word).join(' ');
}

/** A machine with a root port and one card behind it, with which nothing is wrong. */
export function smallHost(): HostFixture {
  return new HostFixture(`
/sys/bus/pci/resource_alignment: 
/sys/bus/pci/devices/0000:00:1c.0 -> ../../../devices/pci0000:00/0000:00:1c.0
/sys/bus/pci/devices/0000:05:00.0 -> ../../../devices/pci0000:00/0000:00:1c.0/0000:05:00.0
/sys/bus/pci/drivers/vfio-pci/
/sys/bus/pci/drivers/pcieport/
${parent}/vendor: 0x8086
${parent}/device: 0x9d10
${parent}/class: 0x060400
${parent}/resource:
|${resources({ 14: resource(0xe000_0000, 0x10_0000, 0x200) }, 17).replaceAll('\n', '\n|')}
${parent}/driver -> ../../../bus/pci/drivers/pcieport
${parent}/iommu_group -> ../../../kernel/iommu_groups/7
${card.folder}/vendor: 0x1b36
${card.folder}/device: 0x0007
${card.folder}/class: 0x080501
${card.folder}/resource:
|${resources({ 0: resource(0xe000_0000, 0x100) }).replaceAll('\n', '\n|')}
${card.folder}/driver -> ../../../../bus/pci/drivers/vfio-pci
${card.folder}/iommu_group -> ../../../../kernel/iommu_groups/7
${card.folder}/numa_node: 1
${card.folder}/power_state: D3hot
${card.folder}/reset_method: flr bus
${card.folder}/vfio-dev/vfio0/
/sys/kernel/iommu_groups/7/devices/0000:00:1c.0 -> ../../../../devices/pci0000:00/0000:00:1c.0
/sys/kernel/iommu_groups/7/devices/0000:05:00.0 -> ../../../../devices/pci0000:00/0000:00:1c.0/0000:05:00.0
/sys/class/iommu/dmar0/
/sys/kernel/irq/9/chip_name: IR-IO-APIC
/sys/module/vfio_iommu_type1/parameters/dma_entry_limit: 65535
/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts: N
/sys/firmware/acpi/tables/FACP:
/sys/firmware/acpi/tables/DMAR:
/proc/iomem:
|00000000-0009ffff : System RAM
|e0000000-efffffff : PCI Bus 0000:00
|  e0000000-e00fffff : PCI Bus 0000:05
|    e0000000-e00000ff : 0000:05:00.0
/proc/sys/kernel/osrelease: 6.12.0
/proc/self/limits:
|Limit                     Soft Limit           Hard Limit           Units     
|Max locked memory         8388608              1073741824           bytes     
/proc/self/status:
|CapEff:	0000000000000000
/proc/self/auxv = 0600000000000000001000000000000000000000000000000000000000000000
/dev/vfio/vfio:
/dev/vfio/7:
`);
}
