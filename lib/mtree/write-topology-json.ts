import { hex } from '../address.js';
import { monitorType } from './monitor-format.js';
import type {
  FlatRangeRecord,
  FlatViewRecord,
  RegionRecord,
  TopologyDocument,
} from './topology-document.js';

/**
 * The text of a JSON file that {@link readTopologyJson} reads; `docs/topology-json.md` describes it.
 *
 * @example
 * ```ts
 * import { describeTopology, MemoryTopology, readTopologyJson, writeTopologyJson } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * system.addSubregion(0x0n, topology.ram('pc.ram', 0x8000_0000n, { backing: 'none' }));
 * topology.addressSpace('memory', system);
 * const document = describeTopology(topology.addressSpaces, { flatViews: true });
 * const text = writeTopologyJson(document);
 * JSON.parse(text).regions[0].size; // => '0x10000000000000000'
 * readTopologyJson(text); // => document
 * topology.close();
 * ```
 */
export function writeTopologyJson(document: TopologyDocument): string {
  const { name, regions, addressSpaces, flatViews } = document;
  const views = flatViews ?? [];
  const viewOf = new Map(
    views.flatMap((view, index) => view.addressSpaces.map((space) => [space, index] as const)),
  );
  const byId = new Map(flatViews && regions.map((region) => [region.id, region]));
  const lists = [
    ...(name === undefined ? [] : [`"name":${JSON.stringify(name)}`]),
    list('regions', regions.map(regionJson)),
    list(
      'address_spaces',
      addressSpaces.map((space, index) => ({ ...space, flat: viewOf.get(index) })),
    ),
    ...(flatViews
      ? [
          list(
            'flat',
            views.map((view) => viewJson(view, document, byId)),
          ),
        ]
      : []),
  ];
  return `{${lists.join(',\n')}}\n`;
}

/** A member of the document with one element on each line, so that two files compare line by line. */
function list(name: string, elements: readonly object[]): string {
  return `"${name}":[\n${elements.map((element) => JSON.stringify(element)).join(',\n')}\n]`;
}

/** One element of `regions`. Members that are undefined are left out by JSON.stringify. */
export function regionJson(region: RegionRecord): object {
  const { kind, alias } = region;
  const isRam = kind === 'ram' || kind === 'rom' || kind === 'ram-device';
  const isRomDevice = kind === 'rom-device';
  return {
    id: region.id,
    name: region.name,
    type: alias ? 'alias' : monitorType(region, 'newest'),
    addr: hex(region.address),
    size: hex(region.size),
    priority: region.priority,
    enabled: region.enabled,
    parent: region.parent ?? null,
    order: region.order,
    alias: alias && { target: alias.target, offset: hex(alias.offset) },
    terminates: kind !== 'container' && kind !== 'alias',
    ram: isRam,
    readonly: region.readonly,
    romd: isRomDevice && region.romd,
    nonvolatile: region.nonvolatile,
    rom_device: isRomDevice || undefined,
    ram_device: kind === 'ram-device' || undefined,
    iommu: kind === 'iommu' || undefined,
    reservation: kind === 'reservation' || undefined,
    unmergeable: region.unmergeable || undefined,
    dirty_log_mask: region.dirtyLogMask || undefined,
    owner: region.owner,
  };
}

function viewJson(
  view: FlatViewRecord,
  document: TopologyDocument,
  regions: ReadonlyMap<number, RegionRecord>,
): object {
  const roots = new Set(view.addressSpaces.map((space) => document.addressSpaces[space]?.root));
  return {
    root: [...roots][0],
    roots: [...roots],
    view_root: view.root ?? null,
    ranges: view.ranges.map((range) => rangeJson(range, regions.get(range.region))),
  };
}

function rangeJson(range: FlatRangeRecord, region: RegionRecord | undefined): object {
  return {
    start: hex(range.address),
    end: hex(range.address + range.size - 1n),
    region: range.region,
    name: region?.name,
    offset: hex(range.offset),
    type: range.readonly ? 'rom' : region && monitorType(region),
    priority: region?.priority,
    readonly: range.readonly,
    nonvolatile: range.nonvolatile || undefined,
    romd_mode: region?.kind === 'rom-device' ? range.romd : undefined,
    dirty_log_mask: range.dirtyLogMask || undefined,
  };
}
