// N regions beside each other: io regions of a page in every second page, priorities 0 and 1 in turn, and over every
// eighth one a smaller one on top.

import type { Random } from './random.js';
import { subPageBar } from './sub-page-bar.js';
import { type Bar, TreeBuilder } from './tree-builder.js';

const page = 0x1000n;
const stride = 2n * page;
const overlay = { offset: 0x400n, size: 0x400n, priority: 2 } as const;

/** BARs smaller than a page are among those that have no overlay. */
const subPageSize = 0x400n;
const isSubPage = (index: number): boolean => index % 8 === 3;
const maxSubPageBars = 64;

export interface FlatTree {
  readonly builder: TreeBuilder;
  readonly root: number;
  readonly bars: readonly Bar[];
}

export interface FlatTreeOptions {
  readonly count: number;
  readonly random: Random;
  /** Whether some BARs are smaller than a page and have nested regions, as VFIO's have. */
  readonly withSubPageBars?: boolean;
}

/** The tree, with address space 0. Regions go in from the lowest priority up, otherwise in random order. */
export function flatTree({ count, random, withSubPageBars = false }: FlatTreeOptions): FlatTree {
  const builder = new TreeBuilder();
  const root = builder.region('container', 1n << 64n);
  builder.space(root);
  const bars: Bar[] = [];
  let subPageBars = 0;
  for (let index = 0; index < count; index++) {
    const place = { parent: root, address: BigInt(index) * stride, priority: index % 2 };
    const isNested = withSubPageBars && isSubPage(index) && subPageBars++ < maxSubPageBars;
    if (isNested) {
      bars.push({ ...place, ...subPageBar(builder, subPageSize) });
    } else {
      bars.push({ ...place, size: page, region: builder.region('io', page) });
    }
    if (index % 8 !== 0) continue;
    const address = place.address + overlay.offset;
    const region = builder.region('io', overlay.size);
    bars.push({ ...overlay, parent: root, address, region });
  }
  builder.calls.push(['begin']);
  const order = random.shuffled(bars).sort((a, b) => a.priority - b.priority);
  for (const bar of order) builder.add(bar.region, bar);
  builder.calls.push(['commit']);
  return { builder, root, bars };
}

/** A page that no region of a tree of `count` regions has, chosen at random. */
export function freePage(count: number, random: Random): bigint {
  return BigInt(random.below(count)) * stride + page;
}
