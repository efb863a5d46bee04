import { hex } from '../address.js';
import { FlatviewError } from '../errors.js';
import { atOnce, type Steps } from '../long-work.js';
import type { RegionKind } from '../memory/commit/region-state.js';
import { checkReferences } from './check-references.js';
import { JsonValue } from './json-value.js';
import type {
  AddressSpaceRecord,
  AliasRecord,
  FlatRangeRecord,
  FlatViewRecord,
  RegionRecord,
  TopologyDocument,
} from './topology-document.js';

const monitorTypes = ['container', 'i/o', 'ram', 'rom', 'romd', 'ramd', 'alias'] as const;
type MonitorType = (typeof monitorTypes)[number];

/** So many regions are read in a step. */
const regionsAStep = 1024;

/** The highest id that a region can have in a document. */
export const highestId: number = 2 ** 31 - 1;

/**
 * Reads a topology from the text of a JSON file, the form that `docs/topology-json.md` describes.
 *
 * @throws `ERR_MALFORMED_INPUT` that names the place in the document, or the line where it isn't JSON at all.
 *
 * @example
 * ```ts
 * import { readTopologyJson } from 'flatview';
 *
 * const { regions } = readTopologyJson(`{
 *   "regions": [
 *     { "id": 0, "name": "system", "type": "container", "size": "0x10000000000000000" },
 *     { "id": 1, "name": "pc.ram", "type": "ram", "size": "0x80000000", "parent": 0 }
 *   ],
 *   "address_spaces": [{ "name": "memory", "root": 0 }]
 * }`);
 * regions.map(({ size }) => size); // => [1n << 64n, 0x8000_0000n]
 * readTopologyJson('{ "regions": [] }'); // throws ERR_MALFORMED_INPUT
 * ```
 */
export function readTopologyJson(text: string): TopologyDocument {
  return atOnce(readJsonSteps(text));
}

/** Reads the text of a JSON file step by step. */
export function readJsonSteps(text: string): Steps<TopologyDocument> {
  return readDocumentSteps(new JsonValue(parseJson(text)));
}

/**
 * Reads a topology from its place in a JSON document.
 *
 * @throws As {@link readTopologyJson}.
 */
export function readTopologyDocument(document: JsonValue): TopologyDocument {
  return atOnce(readDocumentSteps(document));
}

function* readDocumentSteps(document: JsonValue): Steps<TopologyDocument> {
  const name = document.optional('name')?.string();
  const regions = yield* readRegions(document.member('regions'));
  const { addressSpaces, viewIndexes } = readAddressSpaces(document.member('address_spaces'));
  const flat = document.optional('flat');
  const topology: TopologyDocument = {
    ...(name !== undefined && { name }),
    regions,
    addressSpaces,
    ...(flat && { flatViews: readFlatViews(flat, viewIndexes) }),
  };
  checkReferences(topology);
  return topology;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const position = /position (\d+)/.exec(reason)?.[1];
    const line = text
      .slice(0, position === undefined ? text.length : Number(position))
      .split('\n').length;
    throw new FlatviewError('ERR_MALFORMED_INPUT', `not JSON: ${reason}`, { line });
  }
}

function* readRegions(list: JsonValue): Steps<RegionRecord[]> {
  const nextOrder = new Map<number | undefined, number>();
  const regions: RegionRecord[] = [];
  const elements = list.elements();
  for (const value of elements) {
    const parent = value.optional('parent')?.integer(0, highestId);
    const implied = nextOrder.get(parent) ?? 0;
    nextOrder.set(parent, implied + 1);
    if (regions.push(readRegion(value, parent, implied)) % regionsAStep === 0) {
      yield { what: 'regions read', done: regions.length, total: elements.length };
    }
  }
  return regions;
}

/** One region. Siblings that don't say their order have the order in which they stand in the file. */
export function readRegion(value: JsonValue, parent?: number, impliedOrder = 0): RegionRecord {
  const flag = (name: string) => value.optional(name)?.boolean() ?? false;
  const kind = readKind(value);
  return {
    id: value.member('id').integer(0, highestId),
    name: value.optional('name')?.string() ?? '(null)',
    kind,
    address: value.optional('addr')?.address() ?? 0n,
    size: value.member('size').size(),
    priority: value.optional('priority')?.integer(-(2 ** 31), 2 ** 31 - 1) ?? 0,
    enabled: value.optional('enabled')?.boolean() ?? true,
    parent,
    order: value.optional('order')?.integer(0, highestId) ?? impliedOrder,
    alias: kind === 'alias' ? readAlias(value.member('alias')) : undefined,
    readonly: kind === 'rom' || flag('readonly'),
    nonvolatile: flag('nonvolatile'),
    romd: kind !== 'rom-device' || readRomd(value),
    unmergeable: flag('unmergeable'),
    dirtyLogMask: value.optional('dirty_log_mask')?.integer(0, 7) ?? 0,
    owner: value.optional('owner')?.string(),
  };
}

/** The kind, from the type that the monitor would print and the flags that tell apart what it prints alike. */
function readKind(value: JsonValue): RegionKind {
  const type = value.member('type').oneOf(monitorTypes);
  const flag = (name: string) => value.optional(name)?.boolean() ?? false;
  if (type !== 'alias' && value.optional('alias'))
    value.fail(`is of type ${type} but has an alias`);
  if (flag('rom_device')) return 'rom-device';
  if (flag('ram_device')) return 'ram-device';
  if (flag('iommu')) return 'iommu';
  if (flag('reservation')) return 'reservation';
  if (type === 'i/o' && value.optional('terminates')?.boolean() === false) return 'container';
  if (type === 'ram' && flag('readonly')) return 'rom';
  return kindOfType[type];
}

const kindOfType: Readonly<Record<MonitorType, RegionKind>> = {
  container: 'container',
  'i/o': 'io',
  ram: 'ram',
  rom: 'rom',
  romd: 'rom-device',
  ramd: 'ram-device',
  alias: 'alias',
};

function readRomd(value: JsonValue): boolean {
  return value.optional('romd')?.boolean() ?? value.member('type').string() === 'romd';
}

function readAlias(value: JsonValue): AliasRecord {
  return {
    target: value.member('target').integer(0, highestId),
    offset: value.optional('offset')?.address() ?? 0n,
  };
}

function readAddressSpaces(list: JsonValue) {
  const viewIndexes: (number | undefined)[] = [];
  const addressSpaces: AddressSpaceRecord[] = list.elements().map((value) => {
    viewIndexes.push(value.optional('flat')?.integer(0, highestId));
    return {
      name: value.member('name').string(),
      root: value.member('root').integer(0, highestId),
    };
  });
  return { addressSpaces, viewIndexes };
}

function readFlatViews(
  list: JsonValue,
  viewIndexes: readonly (number | undefined)[],
): FlatViewRecord[] {
  return list.elements().map((view, index) => ({
    addressSpaces: [...viewIndexes.keys()].filter((space) => viewIndexes[space] === index),
    root: view.optional('view_root')?.integer(0, highestId),
    ranges: view.member('ranges').elements().map(readFlatRange),
  }));
}

function readFlatRange(value: JsonValue): FlatRangeRecord {
  const address = value.member('start').address();
  const last = value.member('end').address();
  if (last < address) value.fail(`ends at ${hex(last)}, before its start ${hex(address)}`);
  return {
    address,
    size: last - address + 1n,
    region: value.member('region').integer(0, highestId),
    offset: value.optional('offset')?.address() ?? 0n,
    readonly: value.optional('readonly')?.boolean() ?? false,
    nonvolatile: value.optional('nonvolatile')?.boolean() ?? false,
    romd: value.optional('romd_mode')?.boolean() ?? true,
    dirtyLogMask: value.optional('dirty_log_mask')?.integer(0, 7) ?? 0,
  };
}
