import { hex } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import type { MappingPlan } from '../../mapping/mapping-plan.js';
import { type AddressRange, endOf, type PageMapping } from '../../mapping/page-mapping.js';
import { inOrder } from '../../mapping/range-sweep.js';
import type { DmaMapping } from '../vfio-interface.js';
import type { DmaSpace } from './dma-space.js';

/** Mappings that lie one behind the other, and can be unmapped at once. */
export interface MappingRun extends AddressRange {
  readonly mappings: readonly PageMapping[];
}

/** A mapping that the kernel refused, and that can be done without. */
export interface RefusedMapping {
  readonly mapping: PageMapping;
  readonly error: FlatviewError;
}

/** What became of a plan. */
export interface DmaOutcome {
  /** What is no longer mapped; after an error: what could not be mapped again. */
  readonly gone: readonly PageMapping[];
  /** What is newly mapped; after an error: what could not be unmapped again. */
  readonly fresh: readonly PageMapping[];
  /** What is not mapped and can be done without. */
  readonly refused: readonly RefusedMapping[];
  /** What stopped it. */
  readonly error?: unknown;
  /** What went wrong while what was done before was undone. */
  readonly undoFailures: readonly unknown[];
}

/** How a plan is carried out. */
export interface DmaCallsOptions {
  /** Whether the commit goes on when the kernel refuses this mapping, which is wanted. */
  readonly isOptional: (mapping: PageMapping) => boolean;
  /** The same of one that was there before, and is to be again. */
  readonly wasOptional: (mapping: PageMapping) => boolean;
  /** Unmaps a run, by one call. */
  readonly unmap: (run: MappingRun) => void;
  /** Bytes of the longest run of several mappings. */
  readonly longestRun: bigint;
}

/**
 * Unmaps what `plan` deletes, then maps what it adds: all of it, or nothing but what can be done without. When the kernel
 * refuses, what was done is undone, the last first.
 */
export function carryOut(
  space: DmaSpace,
  { deletes, adds }: Pick<MappingPlan<PageMapping>, 'deletes' | 'adds'>,
  { isOptional, wasOptional, unmap, longestRun }: DmaCallsOptions,
): DmaOutcome {
  const unmapped: PageMapping[] = [];
  const mapped: PageMapping[] = [];
  const refused: RefusedMapping[] = [];
  const tryMap = (mapping: PageMapping, isFree: DmaCallsOptions['isOptional']): boolean => {
    try {
      mapOne(space, mapping);
      return true;
    } catch (error) {
      if (!(error instanceof FlatviewError && isRefusal(error) && isFree(mapping))) throw error;
      refused.push({ mapping, error });
      return false;
    }
  };
  try {
    for (const run of runsOf(deletes, longestRun)) {
      unmap(run);
      unmapped.push(...run.mappings);
    }
    for (const mapping of adds) if (tryMap(mapping, isOptional)) mapped.push(mapping);
    return { gone: unmapped, fresh: mapped, refused, undoFailures: [] };
  } catch (error) {
    refused.length = 0;
    const undoFailures: unknown[] = [];
    const failing = <Item>(items: readonly Item[], undo: (item: Item) => boolean): Item[] =>
      items.filter((item) => {
        try {
          return !undo(item);
        } catch (failure) {
          undoFailures.push(failure);
          return true;
        }
      });
    const stuck = failing(runsOf(mapped, longestRun), (run) => {
      unmap(run);
      return true;
    });
    const lost = failing(unmapped.reverse(), (mapping) => tryMap(mapping, wasOptional));
    const fresh = stuck.flatMap(({ mappings }) => mappings);
    return { gone: lost, fresh, refused, error, undoFailures };
  }
}

/** `mapping` as the kernel takes it. */
export function dmaMappingOf({
  address,
  size,
  hostAddress,
  readonly,
  writeonly,
}: PageMapping): DmaMapping {
  return { iova: address, size, hostAddress, read: writeonly !== true, write: !readonly };
}

/** `error` with what the mapping was to show, and what the errno means that the kernel can't know. */
export function mapError(error: unknown, space: DmaSpace, mapping: PageMapping): unknown {
  if (!(error instanceof FlatviewError && isRefusal(error))) return error;
  const { code, message, errno, syscall } = error;
  const what = `to show ${hex(mapping.offset)} of region "${mapping.region.name}"`;
  const known = errno === undefined ? undefined : hints[errno]?.(space);
  const hint = known === undefined ? '' : `; ${known}`;
  return new FlatviewError(code, `${message} (${what})${hint}`, {
    cause: error,
    ...(errno === undefined ? {} : { errno }),
    ...(syscall === undefined ? {} : { syscall }),
  });
}

/** What an errno means where the mapper has nothing mapped at the addresses that it maps. */
const hints: Readonly<Record<string, (space: DmaSpace) => string>> = {
  EEXIST: ({ label }) =>
    `nothing of this mapper is there: somebody else maps into ${label}, which one VfioDmaMapper must have to itself`,
  EBUSY: ({ label }) =>
    `the IOMMU has pages there that ${label} doesn't know of, also after they were unmapped`,
};

/** Maps one; pages that the IOMMU still has there from before (EBUSY) are unmapped first, once. */
function mapOne(space: DmaSpace, mapping: PageMapping): void {
  const wanted = dmaMappingOf(mapping);
  try {
    try {
      space.map(wanted);
    } catch (error) {
      if (!(error instanceof FlatviewError) || error.errno !== 'EBUSY') throw error;
      unmapUnknown(space, mapping);
      space.map(wanted);
    }
  } catch (error) {
    throw mapError(error, space, mapping);
  }
}

/** Unmaps where nothing may be mapped, which an IOAS refuses. */
function unmapUnknown(space: DmaSpace, { address, size }: AddressRange): void {
  try {
    space.unmap({ address, size });
  } catch (error) {
    if (!(error instanceof FlatviewError && error.errno === 'ENOENT')) throw error;
  }
}

function isRefusal({ code }: FlatviewError): boolean {
  return code === 'ERR_SYSTEM_CALL';
}

/** `mappings` in as few runs as can be, none of several mappings longer than `longestRun`. */
export function runsOf(mappings: readonly PageMapping[], longestRun: bigint): MappingRun[] {
  const runs: { address: bigint; size: bigint; mappings: PageMapping[] }[] = [];
  for (const mapping of inOrder(mappings)) {
    const last = runs.at(-1);
    const joins = last !== undefined && endOf(last) === mapping.address;
    if (joins && last.size + mapping.size <= longestRun) {
      last.size += mapping.size;
      last.mappings.push(mapping);
    } else runs.push({ address: mapping.address, size: mapping.size, mappings: [mapping] });
  }
  return runs;
}
