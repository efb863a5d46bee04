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
 *
 * @example
 * ```ts
 * import { type FlatViewTextOptions, flatViewLines, MemoryTopology } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * const ram = topology.ram('pc.ram', 0x8000_0000n, { backing: 'none' });
 * system.addSubregion(0x0n, ram);
 * const window = topology.alias('shadow', ram, { offset: 0x7000_0000n, size: 0x4_0000n });
 * system.addSubregion(0xfffc_0000n, window);
 * const memory = topology.addressSpace('memory', system);
 * const options: FlatViewTextOptions = { owners: false };
 * [...flatViewLines([memory], options)];
 * // => [
 * //   'FlatView #0',
 * //   ' AS "memory", root: system',
 * //   ' Root memory region: system',
 * //   '  0000000000000000-000000007fffffff (prio 0, ram): pc.ram',
 * //   '  00000000fffc0000-00000000ffffffff (prio 0, ram): pc.ram @0000000070000000',
 * //   '',
 * // ]
 * topology.close();
 * ```
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
