// The corpus' trees as plain regions, for the painter.

import type { CorpusFlatView, CorpusRegion, RegionId } from '../corpus/corpus.js';
import type { PaintedRange } from './painter.js';
import { type PlainRegion, plainRegion } from './plain-region.js';

/** QEMU's bit for the client that watches code; under TCG, as in all of the corpus, it watches all RAM. */
const CODE = 2;

/** The dirty-log mask that QEMU gave to ranges of a region. */
export function effectiveDirtyLogMask(region: CorpusRegion): number {
  const hasMemory = region.ram || region.rom_device === true;
  return (region.dirty_log_mask ?? 0) | (hasMemory ? CODE : 0);
}

/** A file's regions as plain ones, by id. */
export function plainTree(regions: readonly CorpusRegion[]): Map<RegionId, PlainRegion> {
  const byId = new Map(regions.map((region) => [region.id, region]));
  const plain = new Map<RegionId, PlainRegion>();

  function build(region: CorpusRegion): PlainRegion {
    const known = plain.get(region.id);
    if (known !== undefined) return known;
    const alias = region.alias && {
      target: build(found(byId, region.alias.target)),
      offset: BigInt(region.alias.offset),
    };
    const built = plainRegion(`${region.id} ${region.name}`, BigInt(region.size), {
      address: BigInt(region.addr),
      priority: region.priority,
      enabled: region.enabled,
      readonly: region.readonly,
      nonvolatile: region.nonvolatile,
      romd: region.romd,
      dirtyLogMask: effectiveDirtyLogMask(region),
      terminates: region.terminates,
      alias,
    });
    plain.set(region.id, built);
    return built;
  }

  for (const region of regions) build(region);
  for (const region of [...regions].sort((a, b) => a.order - b.order)) {
    if (region.parent === null) continue;
    const child = found(plain, region.id);
    child.parent = found(plain, region.parent);
    child.parent.subregions.push(child);
  }
  return plain;
}

/** One line per range, the same for QEMU's ranges and the painter's, for comparison and for reading a failure. */
export function describeQemu(
  view: CorpusFlatView,
  regions: ReadonlyMap<RegionId, PlainRegion>,
): string[] {
  return view.ranges.map((range) => {
    const region = found(regions, range.region);
    return describe({
      first: BigInt(range.start),
      last: BigInt(range.end),
      region,
      offset: BigInt(range.offset),
      readonly: range.readonly,
      nonvolatile: range.nonvolatile ?? false,
      unmergeable: false,
      // The corpus has the mode of rom devices only.
      romd: range.romd_mode ?? region.romd,
      dirtyLogMask: range.dirty_log_mask ?? 0,
    });
  });
}

/** One line that says all of a painted range. */
export function describe(range: PaintedRange): string {
  const flags = (['readonly', 'nonvolatile', 'unmergeable', 'romd'] as const).filter(
    (it) => range[it],
  );
  const mask = range.dirtyLogMask === 0 ? [] : [`log ${range.dirtyLogMask}`];
  const place = `${hex(range.first)}-${hex(range.last)} ${range.region.name} @${hex(range.offset)}`;
  return [place, ...flags, ...mask].join(' ');
}

function hex(value: bigint): string {
  return value.toString(16).padStart(16, '0');
}

function found<K, V>(map: ReadonlyMap<K, V>, key: K): V {
  const value = map.get(key);
  if (value === undefined) throw new Error(`no region ${String(key)} in this file`);
  return value;
}
