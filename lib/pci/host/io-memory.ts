import type { HostFiles } from './host-files.js';

/** A range of the host's physical addresses and who has it: an entry of /proc/iomem. */
export interface IoMemoryRange {
  readonly first: bigint;
  readonly last: bigint;
  /** A PCI address for a BAR, `PCI Bus ...` for a window, else the name of a driver or of what the firmware said. */
  readonly name: string;
  /** The range in which it was requested. */
  readonly parent: IoMemoryRange | undefined;
  readonly children: IoMemoryRange[];
}

/**
 * The tree of /proc/iomem: what is on the top level. Undefined where the kernel hides it: without CAP_SYS_ADMIN all
 * addresses read as zero (`r_show`, kernel/resource.c).
 */
export function readIoMemory(files: HostFiles): IoMemoryRange[] | undefined {
  const name = '/proc/iomem';
  const text = files.text(name);
  if (text === undefined) return undefined;
  const roots = parseIoMemory(text);
  if (roots === undefined) return files.complain(name, 'is not a list of address ranges');
  return roots.every(({ last }) => last === 0n) ? undefined : roots;
}

/** Two spaces of indentation lead one level down. */
function parseIoMemory(text: string): IoMemoryRange[] | undefined {
  const roots: IoMemoryRange[] = [];
  const path: IoMemoryRange[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const parts = /^( *)([0-9a-f]{1,16})-([0-9a-f]{1,16}) : (.*)$/i.exec(line);
    if (parts === null) return undefined;
    const [, indent = '', first = '', last = '', name = ''] = parts;
    path.length = Math.min(path.length, indent.length / 2);
    const parent = path.at(-1);
    const range = {
      first: BigInt(`0x${first}`),
      last: BigInt(`0x${last}`),
      name,
      parent,
      children: [],
    };
    (parent?.children ?? roots).push(range);
    path.push(range);
  }
  return roots;
}

/** The entry of a BAR: the outermost one of the device's name and of exactly these addresses. */
export function findBar(
  ranges: readonly IoMemoryRange[],
  name: string,
  first: bigint,
  last: bigint,
): IoMemoryRange | undefined {
  for (const range of ranges) {
    if (range.first > first || range.last < last) continue;
    if (range.name === name && range.first === first && range.last === last) return range;
    const found = findBar(range.children, name, first, last);
    if (found !== undefined) return found;
  }
  return undefined;
}
