import type { Call } from './trace.js';

/** Where a region is put. */
export interface Place {
  readonly parent: number;
  readonly address: bigint;
  readonly priority: number;
}

/** A region that a guest can move. */
export interface Bar extends Place {
  readonly region: number;
  readonly size: bigint;
  /** For a BAR smaller than a page: itself, and what is nested in it. */
  readonly nested?: readonly number[];
}

/** Collects the calls that build a tree, and numbers its regions. */
export class TreeBuilder {
  readonly calls: Call[] = [];
  #regions = 0;
  #spaces = 0;

  /** A new region, nowhere yet. */
  region(verb: 'container' | 'io' | 'ram' | 'ram-device', size: bigint): number {
    const region = this.#regions++;
    this.calls.push([verb, region, size]);
    return region;
  }

  /** A new alias, nowhere yet. */
  alias(target: number, offset: bigint, size: bigint): number {
    const region = this.#regions++;
    this.calls.push(['alias', region, target, offset, size]);
    return region;
  }

  add(region: number, { parent, address, priority }: Place): void {
    this.calls.push(['add', parent, region, address, priority]);
  }

  set(verb: 'enabled' | 'readonly', region: number, on: boolean): void {
    this.calls.push([verb, region, on ? 1 : 0]);
  }

  /** A new address space. */
  space(root: number): void {
    this.calls.push(['space', this.#spaces++, root]);
  }
}
