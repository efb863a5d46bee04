import { FlatviewError } from '../errors.js';
import { atOnce, inSlices, type LongWorkOptions, type Steps } from '../long-work.js';
import type { AddressSpace } from '../memory/address-space.js';
import { type DirtyLogClient, dirtyLogClients } from '../memory/commit/region-state.js';
import type { IommuOps } from '../memory/regions/iommu.js';
import type { MemoryRegion, RegionOptions } from '../memory/regions/memory-region.js';
import { MemoryTopology } from '../memory/topology.js';
import type { RegionRecord, TopologyDocument } from './topology-document.js';

/** So many regions are made or placed in a step. */
const recordsAStep = 1024;

/** A dump doesn't say what its IOMMUs translate: these permit nothing. */
const untranslated: IommuOps = { translate: () => undefined };

/** A document as a live tree. Closing `topology` ends it. */
export interface BuiltTopology {
  /** The topology that was made; the caller closes it. */
  readonly topology: MemoryTopology;
  /** The regions by their id in the document. */
  readonly regions: ReadonlyMap<number, MemoryRegion>;
  /** The address spaces in the document's order. */
  readonly addressSpaces: readonly AddressSpace[];
}

/**
 * Builds the tree of a document through the public API. Its RAM has no memory behind it and its devices don't
 * answer: it is there to be looked at, rendered and changed.
 *
 * @throws whatever the calls throw: the document is taken as checked, but a tree can be too deep or too large to
 *   render, or its aliases recurse without end. Nothing is left behind then.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { type BuiltTopology, buildTopology, readTopology } from 'flatview';
 *
 * const dump = readFileSync('examples/dumps/pc-i440fx.txt.gz');
 * const built: BuiltTopology = buildTopology(readTopology(dump).document);
 * const memory = built.addressSpaces.find(({ name }) => name === 'memory');
 * memory?.lookup(0xffff_fff0n)?.region.name; // => 'pc.bios'
 *
 * const vga = [...built.regions.values()].find(({ name }) => name === 'vga.vram');
 * if (vga) vga.address = 0xe000_0000n;
 * memory?.lookup(0xe000_0000n)?.region.name; // => 'vga.vram'
 * built.topology.close();
 * ```
 */
export function buildTopology(document: TopologyDocument): BuiltTopology {
  return atOnce(buildSteps(document));
}

/**
 * The same as {@link buildTopology}, while the event loop turns. It does not while the tree is rendered.
 *
 * @throws As {@link buildTopology}; the signal's reason.
 *
 * @example
 * ```ts
 * import { buildTopologyAsync, readTopologyJson } from 'flatview';
 *
 * const document = readTopologyJson(`{
 *   "regions": [{ "id": 0, "name": "ports", "type": "i/o", "size": "0x10000" }],
 *   "address_spaces": [{ "name": "I/O", "root": 0 }]
 * }`);
 * const { topology, addressSpaces } = await buildTopologyAsync(document);
 * addressSpaces[0]?.lookup(0xcf8n)?.region.name; // => 'ports'
 * topology.close();
 * ```
 */
export function buildTopologyAsync(
  document: TopologyDocument,
  options: LongWorkOptions = {},
): Promise<BuiltTopology> {
  return inSlices(buildSteps(document), options);
}

/** Builds a tree step by step. Nobody else sees it before it is done. */
export function* buildSteps(document: TopologyDocument): Steps<BuiltTopology> {
  const topology = new MemoryTopology();
  let isDone = false;
  try {
    topology.begin();
    const built = yield* build(topology, document);
    topology.commit();
    isDone = true;
    return built;
  } finally {
    if (!isDone) topology.close();
  }
}

function* build(topology: MemoryTopology, document: TopologyDocument): Steps<BuiltTopology> {
  const regions = new Map<number, MemoryRegion>();
  const total = document.regions.length;
  for (const record of targetsFirst(document.regions)) {
    regions.set(record.id, createRegion(topology, record, regions));
    if (regions.size % recordsAStep === 0) {
      yield { what: 'regions made', done: regions.size, total };
    }
  }
  for (const record of document.regions) placeRoot(record, regions);
  yield* attachChildren(document.regions, regions);
  const addressSpaces = document.addressSpaces.map(({ name, root }) =>
    topology.addressSpace(name, found(regions, root)),
  );
  return { topology, regions, addressSpaces };
}

/** The records in an order in which each alias comes behind its target. */
function targetsFirst(records: readonly RegionRecord[]): RegionRecord[] {
  const waiting = new Map<number, RegionRecord[]>();
  const order: RegionRecord[] = [];
  for (const record of records) {
    if (record.alias === undefined) order.push(record);
    else listed(waiting, record.alias.target).push(record);
  }
  for (const { id } of order) {
    // The list grows while it is walked: aliases of aliases follow their targets.
    for (const alias of waiting.get(id) ?? []) order.push(alias);
  }
  return order;
}

/** Makes the region of a record, without a place; the target of an alias must be there. */
export function createRegion(
  topology: MemoryTopology,
  record: RegionRecord,
  regions: ReadonlyMap<number, MemoryRegion>,
): MemoryRegion {
  const region = regionOfKind(topology, record, regions);
  for (const [client, bit] of Object.entries(dirtyLogClients)) {
    if (record.dirtyLogMask & bit) region.setDirtyLog(client as DirtyLogClient, true);
  }
  return region;
}

function regionOfKind(
  topology: MemoryTopology,
  record: RegionRecord,
  regions: ReadonlyMap<number, MemoryRegion>,
): MemoryRegion {
  const { kind, name, size, alias } = record;
  const options = optionsOf(record);
  const backing = 'none';
  switch (kind) {
    case 'container':
      return topology.container(name, size, options);
    case 'io':
      return topology.io(name, size, {}, options);
    case 'reservation':
      return topology.reservation(name, size, options);
    case 'ram':
      return topology.ram(name, size, { ...options, backing });
    case 'rom':
      return topology.rom(name, size, { ...options, backing });
    case 'ram-device':
      return topology.ramDevice(name, size, { ...options, backing });
    case 'rom-device':
      return topology.romDevice(name, size, {}, { ...options, backing, romd: record.romd });
    case 'iommu':
      return topology.iommu(name, size, untranslated, options);
    case 'alias': {
      const { target, offset } = alias ?? malformed(record);
      return topology.alias(name, found(regions, target), { ...options, offset, size });
    }
  }
}

function optionsOf(record: RegionRecord): RegionOptions {
  const { enabled, readonly, nonvolatile, unmergeable, owner } = record;
  return { enabled, readonly, nonvolatile, unmergeable, ...(owner !== undefined && { owner }) };
}

/** A root's address shifts its address spaces; the priority that it had in a parent is still printed. */
function placeRoot(record: RegionRecord, regions: ReadonlyMap<number, MemoryRegion>): void {
  if (record.parent !== undefined) return;
  const region = found(regions, record.id);
  region.address = record.address;
  region.priority = record.priority;
}

/** From the roots downwards, and among siblings from the lowest to the highest precedence: the last one added wins. */
function* attachChildren(
  records: readonly RegionRecord[],
  regions: ReadonlyMap<number, MemoryRegion>,
): Steps<void> {
  const childrenOf = new Map<number | undefined, RegionRecord[]>();
  for (const record of records) listed(childrenOf, record.parent).push(record);
  const parents = [...(childrenOf.get(undefined) ?? [])];
  for (const { id } of parents) {
    const parent = found(regions, id);
    const children = childrenOf.get(id) ?? [];
    for (const child of children.sort((a, b) => b.order - a.order)) {
      const { address, priority } = child;
      parent.addSubregion(address, found(regions, child.id), { priority });
      if (parents.push(child) % recordsAStep === 0) {
        yield { what: 'regions put in their places', done: parents.length, total: records.length };
      }
    }
  }
}

function listed<K>(lists: Map<K, RegionRecord[]>, key: K): RegionRecord[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}

/** @throws `ERR_MALFORMED_INPUT`: there is no such region. */
export function found(regions: ReadonlyMap<number, MemoryRegion>, id: number): MemoryRegion {
  const region = regions.get(id);
  if (region) return region;
  throw new FlatviewError('ERR_MALFORMED_INPUT', `the document has no region ${id}`);
}

function malformed(record: RegionRecord): never {
  throw new FlatviewError('ERR_MALFORMED_INPUT', `alias "${record.name}" has no target`);
}
