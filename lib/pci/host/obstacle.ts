/**
 * How much an obstacle is in the way: the guest can't have the device; it can, but is slow; or it is worth knowing.
 */
export type Severity = 'blocks' | 'slows' | 'note';

/**
 * Everything that preflight finds in the way of a device and its guest, with what it means. Ids are stable: programs
 * match `id`, people read `text`.
 */
export const obstacleIds = {
  'no-iommu': ['blocks', 'The kernel uses no IOMMU.'],
  'no-iommu-mode': ['note', 'VFIO is allowed without an IOMMU: such a guest can write all memory.'],
  'no-interrupt-remapping': ['blocks', 'A device could make interrupts of others.'],
  'unsafe-interrupts': ['note', 'VFIO is allowed without interrupt remapping.'],
  'no-vfio-driver': ['blocks', 'vfio-pci is not loaded.'],
  'no-vfio-node': ['blocks', 'There is neither /dev/vfio/vfio nor /dev/iommu.'],
  'memory-lock-limit': ['blocks', "The guest's memory cannot be pinned."],
  'dma-entry-limit': [
    'note',
    "The guest's memory takes many DMA mappings if it is not contiguous.",
  ],
  bridge: ['blocks', 'vfio-pci takes no bridges.'],
  'other-driver': ['blocks', 'Another driver has the device.'],
  'no-driver': ['blocks', 'No driver has the device.'],
  'no-group': ['blocks', 'The device is in no IOMMU group.'],
  'group-shared': ['blocks', 'Drivers of the host have other devices of its IOMMU group.'],
  'no-group-node': ['blocks', "The group's device node is missing."],
  'bars-unknown': ['blocks', "The device's BARs could not be read."],
  'bar-unassigned': ['blocks', 'The kernel found no address for a BAR.'],
  'bar-not-page-aligned': ['slows', 'A small BAR begins within a page, so it cannot be mapped.'],
  'bar-shares-page': [
    'slows',
    'Something else is in the page of a small BAR, so it cannot be mapped.',
  ],
  'bar-beyond-window': ['slows', "A small BAR's page goes beyond its bridge's window."],
  'kernel-without-sub-page': ['slows', 'The kernel maps no BAR that is smaller than a page.'],
  'neighbours-unknown': [
    'note',
    'A small BAR can be mapped unless something is beside it that is not shown.',
  ],
  'host-in-use': ['note', 'The host loses something when a guest gets the device.'],
  'no-reset': ['note', 'The kernel cannot reset the device.'],
  'virtual-functions-in-use': [
    'note',
    'The device is a physical function with virtual ones in use.',
  ],
} as const satisfies Readonly<Record<string, readonly [Severity, string]>>;

/** The stable id of an {@link Obstacle}. */
export type ObstacleId = keyof typeof obstacleIds;

/** What to change so that an obstacle goes away. */
export interface Cure {
  /** For people. */
  readonly text: string;
  /** To be pasted into a shell of root; empty where no command helps. */
  readonly commands: readonly string[];
}

/** Something that is in the way of giving a device to a guest. */
export interface Obstacle {
  readonly id: ObstacleId;
  readonly severity: Severity;
  /** What is wrong with this device, with its names and addresses; for people. */
  readonly text: string;
  /** Undefined where there is nothing to change. */
  readonly cure: Cure | undefined;
}

/** An obstacle of the severity that its id has. */
export function obstacle(id: ObstacleId, text: string, cure?: Cure): Obstacle {
  return { id, severity: obstacleIds[id][0], text, cure };
}

/** Whether one of them is more than a note. */
export function anyInTheWay(obstacles: readonly Obstacle[]): boolean {
  return obstacles.some(({ severity }) => severity !== 'note');
}
