import { lastAddress } from '../address.js';
import type { AddressSpace } from '../memory/address-space.js';
import { AliasRegion } from '../memory/regions/alias-region.js';
import type { MemoryRegion } from '../memory/regions/memory-region.js';
import { monitorOwner, monitorRange } from './monitor-format.js';
import { regionType } from './region-type.js';

/** What {@link regionTreeLines} gives beside the enabled regions. */
export interface RegionTreeOptions {
  /** Append each region's owner, as `-o` does. Default: false. */
  readonly owners?: boolean;
  /** Print disabled regions too, as `-D` does. Default: false. */
  readonly disabled?: boolean;
}

/**
 * The lines that `info mtree` prints for these address spaces: a block for each root, then one for each region that an alias
 * shows. The blocks of the roots come in the order of the address spaces, and so those of the targets may come in
 * another order than QEMU's, which prints the roots in the order of a hash table.
 *
 * @example
 * ```ts
 * import { MemoryTopology, type RegionTreeOptions, regionTreeLines } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * system.addSubregion(0x0n, topology.ram('pc.ram', 0x8000_0000n, { backing: 'none' }));
 * system.addSubregion(0xfebf_0000n, topology.io('nvme-bar0', 0x4000n, {}, { enabled: false }));
 * const memory = topology.addressSpace('memory', system);
 * const options: RegionTreeOptions = { disabled: true };
 * [...regionTreeLines([memory], options)];
 * // => [
 * //   'address-space: memory',
 * //   '  0000000000000000-ffffffffffffffff (prio 0, i/o): system',
 * //   '    0000000000000000-000000007fffffff (prio 0, ram): pc.ram',
 * //   '    00000000febf0000-00000000febf3fff (prio 0, i/o): nvme-bar0 [disabled]',
 * //   '',
 * // ]
 * topology.close();
 * ```
 */
export function* regionTreeLines(
  spaces: readonly AddressSpace[],
  options: RegionTreeOptions = {},
): Generator<string, void> {
  const targets = new Set<MemoryRegion>();
  for (const [root, names] of groupByRoot(spaces)) {
    for (const name of names) yield `address-space: ${name}`;
    yield* treeLines(root, targets, options);
  }
  for (const target of targets) {
    // Targets seen on the way join the set, and their turn comes.
    yield `memory-region: ${target.name}`;
    yield* treeLines(target, targets, options);
  }
}

/** Roots with the names of their address spaces, sorted as the monitor sorts them: by their bytes. */
function groupByRoot(spaces: readonly AddressSpace[]): Map<MemoryRegion, string[]> {
  const groups = new Map<MemoryRegion, string[]>();
  for (const { name, root } of spaces) groups.set(root, [...(groups.get(root) ?? []), name]);
  for (const names of groups.values()) names.sort(compareBytes);
  return groups;
}

function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** A region that is still to be printed, its level and where its parent starts. */
interface Pending {
  readonly region: MemoryRegion;
  readonly level: number;
  readonly base: bigint;
}

function* treeLines(
  root: MemoryRegion,
  targets: Set<MemoryRegion>,
  options: RegionTreeOptions,
): Generator<string, void> {
  let warnings = '';
  const stack: Pending[] = [{ region: root, level: 1, base: 0n }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { region, level, base } = next;
    const start = BigInt.asUintN(64, base + region.address);
    if (region instanceof AliasRegion) targets.add(region.target);
    // QEMU warns before it knows whether it prints the line: a hidden region's warning stands before the next line.
    if (wraps(base, start, region.size)) warnings += '[DETECTED OVERFLOW!] ';
    if (region.enabled || options.disabled) {
      yield `${warnings}${'  '.repeat(level)}${regionText(region, start, options)}`;
      warnings = '';
    }
    for (const child of inPrintedOrder(region.subregions).reverse()) {
      stack.push({ region: child, level: level + 1, base: start });
    }
  }
  yield warnings;
}

/** Whether a region leaves the 64 bits of an address, at its start or its end. */
function wraps(base: bigint, start: bigint, size: bigint): boolean {
  return start < base || (size > 0n && start + size - 1n > lastAddress);
}

/** By address, then priority; those that are equal in both stay in stacking order. */
function inPrintedOrder(regions: readonly MemoryRegion[]): MemoryRegion[] {
  return [...regions].sort((a, b) =>
    a.address === b.address ? b.priority - a.priority : a.address < b.address ? -1 : 1,
  );
}

function regionText(region: MemoryRegion, start: bigint, options: RegionTreeOptions): string {
  const nonvolatile = region.nonvolatile ? 'nv-' : '';
  const head = `${monitorRange(start, region.size)} (prio ${region.priority}, `;
  const disabled = region.enabled ? '' : ' [disabled]';
  const owner = options.owners ? ` ${monitorOwner(region.owner)}` : '';
  return `${head}${nonvolatile}${regionType(region)}): ${nameText(region)}${disabled}${owner}`;
}

function nameText(region: MemoryRegion): string {
  if (!(region instanceof AliasRegion)) return region.name;
  const window = monitorRange(region.offset, region.size);
  return `alias ${region.name} @${region.target.name} ${window}`;
}
