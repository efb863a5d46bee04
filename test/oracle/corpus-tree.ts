// The corpus' trees as plain regions, for the painter.

import type { CorpusFlatView, CorpusRegion, RegionId, SequenceOp } from '../corpus/corpus.js';
import type { PaintedRange } from './painter.js';
import { addPlain, movePlain, type PlainRegion, plainRegion, removePlain } from './plain-region.js';

/** QEMU's bit for the client that watches code; under TCG, as in all of the corpus, it watches all RAM. */
const CODE = 2;

/** The dirty-log mask that QEMU gave to ranges of a region. */
function effectiveDirtyLogMask(region: CorpusRegion): number {
  const hasMemory = region.ram || region.rom_device === true;
  return (region.dirty_log_mask ?? 0) | (hasMemory ? CODE : 0);
}

/** A file's regions as plain ones, by id. */
export type PlainTree = Map<RegionId, PlainRegion>;

/** The tree of a state of the corpus. */
export function plainTree(regions: readonly CorpusRegion[]): PlainTree {
  const byId = new Map(regions.map((region) => [region.id, region]));
  const tree: PlainTree = new Map();

  function create(region: CorpusRegion): void {
    if (tree.has(region.id)) return;
    if (region.alias !== undefined) create(found(byId, region.alias.target));
    createPlain(tree, region);
  }

  for (const region of regions) create(region);
  for (const region of [...regions].sort((a, b) => a.order - b.order)) {
    if (region.parent === null) continue;
    const child = found(tree, region.id);
    child.parent = found(tree, region.parent);
    child.parent.subregions.push(child);
  }
  return tree;
}

/** Makes the calls of a step of a sequence. */
export function callPlain(tree: PlainTree, op: SequenceOp): void {
  const of = (id: RegionId): PlainRegion => found(tree, id);
  switch (op.op) {
    case 'create':
      createPlain(tree, op.region);
      break;
    case 'attach_list':
      of(op.parent).subregions = op.children.map(of);
      for (const child of of(op.parent).subregions) child.parent = of(op.parent);
      break;
    case 'add':
      addPlain(of(op.parent), of(op.region), BigInt(op.addr), op.priority);
      break;
    case 'del':
      removePlain(of(op.region));
      break;
    case 'set_address':
      movePlain(of(op.region), BigInt(op.addr));
      break;
    case 'set_enabled':
    case 'set_readonly':
    case 'set_nonvolatile':
    case 'set_romd':
      of(op.region)[FLAGS[op.op]] = op.value;
      break;
    case 'set_size':
      of(op.region).size = BigInt(op.value);
      break;
    case 'set_alias_offset': {
      const { alias } = of(op.region);
      if (alias !== undefined) alias.offset = BigInt(op.value);
      break;
    }
    default:
      // Transactions and address spaces play no part in a tree.
      break;
  }
}

const FLAGS = {
  set_enabled: 'enabled',
  set_readonly: 'readonly',
  set_nonvolatile: 'nonvolatile',
  set_romd: 'romd',
} as const;

/** Makes one region, detached and without children; the target of an alias must be there. */
function createPlain(tree: PlainTree, region: CorpusRegion): void {
  const alias = region.alias && {
    target: found(tree, region.alias.target),
    offset: BigInt(region.alias.offset),
  };
  const made = plainRegion(`${region.id} ${region.name}`, BigInt(region.size), {
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
  tree.set(region.id, made);
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
