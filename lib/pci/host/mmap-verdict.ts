import { hex } from '../../address.js';
import { isAtLeast, type KernelRelease } from './kernel-release.js';
import type { BarPlace } from './page-neighbours.js';
import { alignmentOf, type PciResource } from './pci-resource.js';

/**
 * What vfio-pci says when a process wants to map a BAR, with its meaning. Codes are stable: programs match `code`,
 * people read `text`.
 */
export const mmapVerdictCodes = {
  mappable: 'It can be mapped.',
  'io-ports': 'I/O ports are no memory; they are read and written through the device.',
  rom: 'The expansion ROM is only read through the device.',
  unassigned: 'The kernel found no address for it.',
  'not-page-aligned': 'It is smaller than a page and does not begin at a page.',
  'page-shared': 'It is smaller than a page, and something else is in the page.',
  'beyond-window': 'It is smaller than a page, and its page ends beyond the window of its bridge.',
  'old-kernel': 'It is smaller than a page, and the kernel is older than 4.8.',
} as const;

/** The stable code of an {@link MmapVerdict}. */
export type MmapVerdictCode = keyof typeof mmapVerdictCodes;

/** Whether vfio-pci lets a process map a BAR. */
export interface MmapVerdict {
  readonly code: MmapVerdictCode;
  /** For people, with the addresses. */
  readonly text: string;
  /** False where it would be another one if something lies in the page that this process may not see. */
  readonly certain: boolean;
}

/**
 * Applies the rules of `vfio_pci_probe_mmaps` (drivers/vfio/pci/vfio_pci_core.c, since commit 05f0c03fbac1 of Linux 4.8;
 * before that only BARs of a page and more could be mapped): memory; a page or more; or else at the start of a page, the
 * rest of which can be requested within the same parent. The numbers 0 to 5 only: the ROM is not among them. A device with
 * a BAR that has no address cannot even be opened (`pci_enable_resources`, drivers/pci/setup-res.c).
 *
 * @param place Where it lies; undefined for I/O ports, and where it lies nowhere.
 */
export function mmapVerdict(
  bar: PciResource,
  place: BarPlace | undefined,
  pageSize: bigint,
  kernel: KernelRelease | undefined,
): MmapVerdict {
  const sure = (code: MmapVerdictCode, text: string) => ({ code, text, certain: true });
  if (bar.kind === 'rom') return sure('rom', 'the expansion ROM can never be mapped');
  if (!bar.assigned || place?.claimed === false) {
    return sure('unassigned', 'the kernel found no address for it');
  }
  if (place === undefined) return sure('io-ports', 'I/O ports can never be mapped');
  if (bar.size >= pageSize) return sure('mappable', 'a page or more');
  if (!isAtLeast(kernel, 4, 8)) {
    return sure('old-kernel', `Linux ${kernel?.text} maps only BARs of a page and more`);
  }
  return subPageVerdict(bar, place, pageSize);
}

function subPageVerdict(bar: PciResource, place: BarPlace, pageSize: bigint): MmapVerdict {
  const { pages, neighbours, windowLast, complete } = place;
  const page = `page ${hex(pages.first)}`;
  if (alignmentOf(bar) !== 0n && alignmentOf(bar) < pageSize) {
    const text = `it begins at ${hex(bar.first)}, within ${page}`;
    return { code: 'not-page-aligned', text, certain: true };
  }
  const [neighbour] = neighbours;
  if (neighbour !== undefined) {
    const others = neighbours.length > 1 ? ` and ${neighbours.length - 1} more` : '';
    const text = `${neighbour.name} is in its ${page}${others}`;
    return { code: 'page-shared', text, certain: true };
  }
  if (windowLast !== undefined && windowLast < pages.last) {
    const text = `its bridge's window ends at ${hex(windowLast)}, within ${page}`;
    return { code: 'beyond-window', text, certain: true };
  }
  const text = complete
    ? `alone in its ${page}`
    : `no other PCI device is in its ${page}; /proc/iomem would say what else is`;
  return { code: 'mappable', text, certain: complete };
}
