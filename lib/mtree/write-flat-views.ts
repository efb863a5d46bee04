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
 * const vram = topology.ram('vga.vram', 0x100_0000n, { backing: 'none', owner: 'vga' });
 * const bank = topology.alias('vga.bank', vram, { offset: 0x4_0000n, size: 0x1_0000n });
 * system.addSubregion(0xfd00_0000n, vram);
 * system.addSubregion(0xa_0000n, bank);
 * const memory = topology.addressSpace('memory', system);
 * const options: FlatViewTextOptions = { owners: true };
 * [...flatViewLines([memory], options)];
 * // => [
 * //   'FlatView #0',
 * //   ' AS "memory", root: system',
 * //   ' Root memory region: system',
 * //   '  00000000000a0000-00000000000affff (prio 0, ram): vga.vram @0000000000040000 owner:{obj id=vga}',
 * //   '  00000000fd000000-00000000fdffffff (prio 0, ram): vga.vram owner:{obj id=vga}',
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
