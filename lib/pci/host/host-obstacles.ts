import { memoryLockCure, moduleParameter } from './cures.js';
import type { HostIommu } from './host-iommu.js';
import { allowsLocking, type MemoryLock } from './memory-lock.js';
import { type Cure, type Obstacle, obstacle } from './obstacle.js';
import type { VfioSupport } from './vfio-support.js';

/** What the whole host has for device assignment. */
export interface HostFacts {
  readonly iommu: HostIommu;
  readonly vfio: VfioSupport;
  readonly memoryLock: MemoryLock | undefined;
}

/** What is in the way of every device of the host. */
export function hostObstacles(facts: HostFacts, guestMemory: bigint | undefined): Obstacle[] {
  return [
    ...iommuObstacles(facts),
    ...vfioObstacles(facts.vfio),
    ...(guestMemory === undefined ? [] : memoryObstacles(facts, guestMemory)),
  ];
}

function iommuObstacles({ iommu, vfio }: HostFacts): Obstacle[] {
  if (iommu.present) return interruptObstacles(iommu, vfio);
  if (!vfio.noIommu) return [obstacle('no-iommu', 'the kernel uses no IOMMU', iommuCure(iommu))];
  const text =
    'VFIO works without an IOMMU here: whoever has a device can read and write all memory';
  return [obstacle('no-iommu-mode', text, iommuCure(iommu))];
}

/** Which firmware switch and which option of the kernel it takes. */
function iommuCure({ firmwareTables }: HostIommu): Cure {
  const offers = (table: string) => firmwareTables?.includes(table);
  if (offers('DMAR')) {
    return { text: 'boot with intel_iommu=on on the kernel command line', commands: [] };
  }
  if (offers('IVRS') || offers('IORT')) {
    return {
      text: 'boot without iommu=off and amd_iommu=off on the kernel command line',
      commands: [],
    };
  }
  const none = firmwareTables === undefined ? '' : 'the firmware describes none: ';
  return {
    text:
      `${none}switch on VT-d, AMD-Vi or SMMU in the firmware's setup (of a VM: give it an IOMMU), then boot with ` +
      'intel_iommu=on if it is Intel',
    commands: [],
  };
}

/**
 * Without interrupt remapping a container's first group is refused with EPERM (`vfio_iommu_type1_attach_group`,
 * drivers/vfio/vfio_iommu_type1.c), as is a device that iommufd is to bind (`iommufd_device_bind`,
 * drivers/iommu/iommufd/device.c).
 */
function interruptObstacles({ interruptRemapping }: HostIommu, vfio: VfioSupport): Obstacle[] {
  if (interruptRemapping !== 'off') return [];
  if (vfio.unsafeInterrupts) {
    const text =
      'interrupts are not remapped, and VFIO was told not to mind: a guest can disturb the host';
    return [obstacle('unsafe-interrupts', text)];
  }
  const cure = {
    text:
      "switch on interrupt remapping (x2APIC, VT-d or AMD-Vi) in the firmware's setup and boot without intremap=off; " +
      'or trust the guest, and tell VFIO so',
    commands: [
      moduleParameter('vfio_iommu_type1', 'allow_unsafe_interrupts=1'),
      'echo 1 > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts',
    ],
  };
  return [obstacle('no-interrupt-remapping', 'interrupts do not go through the IOMMU', cure)];
}

function vfioObstacles({ pciDriver, container, iommufd }: VfioSupport): Obstacle[] {
  const load = (id: 'no-vfio-driver' | 'no-vfio-node', text: string) =>
    obstacle(id, text, {
      text: 'load it; where it is not found, the kernel was built without CONFIG_VFIO_PCI',
      commands: ['modprobe vfio-pci'],
    });
  if (!pciDriver) return [load('no-vfio-driver', 'vfio-pci is not loaded')];
  if (container || iommufd) return [];
  return [load('no-vfio-node', 'there is neither /dev/vfio/vfio nor /dev/iommu')];
}

/** Each mapping of at most so much memory is one entry, when a guest's memory comes in huge pages. */
const hugePage = 2n << 20n;

function memoryObstacles({ memoryLock, vfio }: HostFacts, guestMemory: bigint): Obstacle[] {
  const obstacles: Obstacle[] = [];
  if (memoryLock !== undefined && !allowsLocking(memoryLock, guestMemory)) {
    const text = `this process may pin ${memoryLock.soft} bytes of memory, and the guest has ${guestMemory}`;
    obstacles.push(obstacle('memory-lock-limit', text, memoryLockCure(memoryLock, guestMemory)));
  }
  const entries = (guestMemory + hugePage - 1n) / hugePage;
  if (vfio.dmaEntryLimit !== undefined && entries > BigInt(vfio.dmaEntryLimit)) {
    const text = `mapped 2 MiB at a time the guest's memory takes ${entries} DMA mappings, of ${vfio.dmaEntryLimit}`;
    const parameter = `dma_entry_limit=${entries}`;
    const commands = [
      moduleParameter('vfio_iommu_type1', parameter),
      `echo ${entries} > /sys/module/vfio_iommu_type1/parameters/dma_entry_limit`,
    ];
    obstacles.push(
      obstacle('dma-entry-limit', text, { text: 'map larger pieces, or allow more', commands }),
    );
  }
  return obstacles;
}
