import type { AddressSpace } from '../memory/address-space.js';
import { AliasRegion } from '../memory/regions/alias-region.js';
import type { FlatRange } from '../memory/views/flat-view.js';
import { groupByFlatView } from './describe-topology.js';
import { hex16, monitorOwner, monitorRange } from './monitor-format.js';
import { regionType } from './region-type.js';

/** What {@link flatViewLines} gives beside the ranges. */
export interface FlatViewTextOptions {
  /** Append each region's owner, as `info mtree -f -o` does. Default: false. */
  readonly owners?: boolean;
}

/**
 * The lines that `info mtree -f` prints for these address spaces: a block for each distinct flat view. The blocks come
 * in the order of their first address spaces; QEMU prints them in the order of a hash table.
 */
export function* flatViewLines(
  spaces: readonly AddressSpace[],
  options: FlatViewTextOptions = {},
): Generator<string, void> {
  let number = 0;
  for (const [view, group] of groupByFlatView(spaces)) {
    yield `FlatView #${number++}`;
    yield* group.map(spaceLine);
    yield ` Root memory region: ${view.root?.name ?? '(none)'}`;
    if (view.rangeCount === 0) yield '  No rendered FlatView';
    for (const range of view.ranges()) yield `  ${rangeText(range, options)}`;
    yield '';
  }
}

function spaceLine({ name, root }: AddressSpace): string {
  const alias = root instanceof AliasRegion ? `, alias ${root.target.name}` : '';
  return ` AS "${name}", root: ${root.name}${alias}`;
}

/** One range in the monitor's words, without the indentation. */
export function rangeText(range: FlatRange, { owners = false }: FlatViewTextOptions = {}): string {
  const { region, offset } = range;
  const nonvolatile = range.nonvolatile ? 'nv-' : '';
  const type = range.readonly ? 'rom' : regionType(region);
  const place = offset === 0n ? '' : ` @${hex16(offset)}`;
  const owner = owners ? ` ${monitorOwner(region.owner)}` : '';
  const head = `${monitorRange(range.address, range.size)} (prio ${region.priority}, `;
  return `${head}${nonvolatile}${type}): ${region.name}${place}${owner}`;
}
