import { orphan } from '../monitor-format.js';
import type { RegionRecord, TopologyDocument } from '../topology-document.js';
import type { TextRegion } from './text-region.js';
import type { TextTree } from './text-tree.js';

/** The regions of a text as a document. Their ids follow the order of `regions`. */
export function toDocument(
  regions: readonly TextRegion[],
  spaces: TextTree['spaces'],
): TopologyDocument {
  const ids = new Map(regions.map((region, id) => [region, id]));
  const orders = new Map<TextRegion, number>();
  for (const { subregions } of regions) {
    for (const [order, child] of subregions.entries()) orders.set(child, order);
  }
  return {
    regions: regions.map((region, id) => record(region, id, ids, orders.get(region) ?? 0)),
    addressSpaces: spaces.map(({ name, root }) => ({ name, root: ids.get(root) ?? 0 })),
  };
}

function record(
  region: TextRegion,
  id: number,
  ids: ReadonlyMap<TextRegion, number>,
  order: number,
): RegionRecord {
  const target = region.target && ids.get(region.target);
  return {
    id,
    name: region.name,
    kind: region.kind,
    address: region.address,
    size: region.size,
    priority: region.priority,
    enabled: region.enabled,
    parent: region.parent && ids.get(region.parent),
    order,
    alias: target === undefined ? undefined : { target, offset: region.offset },
    readonly: region.readonly,
    nonvolatile: region.nonvolatile,
    romd: true,
    unmergeable: region.unmergeable,
    dirtyLogMask: 0,
    owner: region.owner === orphan ? undefined : region.owner,
  };
}
