import { regionRecordDirtyLogShift, regionRecordFlag } from '../../native/engine-addon.js';
import type { CoalescedRange } from '../regions/coalesced-range.js';
import type { IoEventFd } from '../regions/ioeventfd.js';
import type { MemoryRegion } from '../regions/memory-region.js';

/**
 * What kind of thing answers at a region's addresses.
 *
 * - `container`: nothing of its own; holes between its subregions show what lies below.
 * - `io`: callbacks of the embedder.
 * - `ram`, `rom`: memory of this process; a rom is read-only.
 * - `ram-device`: mapped device memory, accessed in exactly the width that was asked for.
 * - `rom-device`: reads come from memory while `romd` is on; writes always go to callbacks.
 * - `alias`: a window into another region.
 * - `reservation`: claims its addresses without answering; hides what lies below.
 * - `iommu`: translates each access into another address space.
 *
 * @example
 * ```ts
 * import { MemoryTopology, type RegionKind } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const bios = topology.rom('pc.bios', 0x4_0000n, { backing: 'none' });
 * const regions = [bios, topology.alias('isa-bios', bios), topology.container('pci', 1n << 64n)];
 * const kinds: RegionKind[] = regions.map(({ kind }) => kind);
 * kinds; // => ['rom', 'alias', 'container']
 * topology.close();
 * ```
 */
export type RegionKind =
  | 'container'
  | 'io'
  | 'ram'
  | 'rom'
  | 'ram-device'
  | 'rom-device'
  | 'alias'
  | 'reservation'
  | 'iommu';

/** Bits of {@link RegionState.flags}. Above them lies the dirty-log mask, as in the engine's record of a region. */
export const regionFlag = { ...regionRecordFlag, destroyed: 1 << 9 } as const;

/** Where the dirty-log mask starts within {@link RegionState.flags}, which it fills for eight bits. */
export const dirtyLogShift = regionRecordDirtyLogShift;

/**
 * The clients of the dirty log and their bits in a mask, as QEMU numbers them.
 *
 * @example
 * ```ts
 * import { dirtyLogClients, MemoryTopology } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const vram = topology.ram('vga.vram', 0x10_0000n, { backing: 'none' });
 * vram.setDirtyLog('vga', true);
 * vram.dirtyLogMask === dirtyLogClients.vga; // => true
 * topology.close();
 * ```
 */
export const dirtyLogClients = { vga: 1, code: 2, migration: 4 } as const;

/** Who wants to know which pages were written. */
export type DirtyLogClient = keyof typeof dirtyLogClients;

/**
 * All of a region that a transaction can change, as an immutable value: an edit replaces it, and taking an edit
 * back is putting the earlier value back.
 */
export interface RegionState {
  readonly address: bigint;
  readonly size: bigint;
  readonly aliasOffset: bigint;
  readonly priority: number;
  /** Among siblings of equal priority the one with the higher sequence wins: it was added later. */
  readonly sequence: number;
  readonly flags: number;
  readonly parent: MemoryRegion | undefined;
  readonly ioeventfds: readonly IoEventFd[];
  readonly coalescedRanges: readonly CoalescedRange[];
}

/**
 * `state` with `changes`. Every state is made here, so that all have one hidden class: that, and naming the fields,
 * makes the copy ten times faster than spreading would.
 */
export function changeState(state: RegionState, changes: Partial<RegionState>): RegionState {
  return {
    address: changes.address ?? state.address,
    size: changes.size ?? state.size,
    aliasOffset: changes.aliasOffset ?? state.aliasOffset,
    priority: changes.priority ?? state.priority,
    sequence: changes.sequence ?? state.sequence,
    flags: changes.flags ?? state.flags,
    parent: 'parent' in changes ? changes.parent : state.parent,
    ioeventfds: changes.ioeventfds ?? state.ioeventfds,
    coalescedRanges: changes.coalescedRanges ?? state.coalescedRanges,
  };
}
