import type { RegionKind } from '../../memory/commit/region-state.js';
import type { MonitorType } from '../monitor-format.js';
import type { TreeLine } from './dump.js';

/**
 * A region as far as a text tells it. What the text leaves open starts as the likeliest guess and may be changed by
 * what a flat view shows.
 */
export class TextRegion {
  /** The first line that shows the region: where notes point to. */
  readonly line: TreeLine;
  name: string;
  /** As printed. An alias has the type of the region it ends at. */
  readonly type: MonitorType;
  /** As printed, `orphan` too; undefined where it was not. */
  readonly owner: string | undefined;
  readonly nonvolatile: boolean;
  readonly priority: number;
  /** Offset within the parent; of a root its address. */
  readonly address: bigint;
  readonly parent: TextRegion | undefined;
  enabled: boolean;
  size: bigint;
  kind: RegionKind;
  readonly: boolean;
  unmergeable = false;
  /** In stacking order. */
  subregions: TextRegion[] = [];
  /** What an alias shows: the likeliest of the candidates. */
  target: TextRegion | undefined;
  /** All regions that the alias may mean. */
  candidates: readonly TextRegion[] = [];

  constructor(line: TreeLine, parent: TextRegion | undefined, kind: RegionKind) {
    this.line = line;
    this.parent = parent;
    this.kind = kind;
    this.name = line.name;
    this.type = line.type;
    this.owner = line.owner;
    this.enabled = !line.disabled;
    this.nonvolatile = line.nonvolatile;
    this.priority = line.priority;
    this.readonly = line.type === 'rom' && !line.alias;
    this.address = BigInt.asUintN(64, line.start - (parent?.line.start ?? 0n));
    this.size = BigInt.asUintN(64, line.end - line.start) + 1n;
    parent?.subregions.push(this);
  }

  /** Where in its target an alias starts. */
  get offset(): bigint {
    return this.line.alias?.offset ?? 0n;
  }

  /** Makes an alias show another of the regions that it may mean, unless that leads back to it: then nothing changes. */
  retarget(target: TextRegion): boolean {
    for (let at: TextRegion | undefined = target; at; at = at.target) if (at === this) return false;
    this.target = target;
    return true;
  }

  /** Whether the region answers itself. */
  get terminates(): boolean {
    return this.kind !== 'container' && this.kind !== 'alias';
  }

  /** How notes name the region. */
  get label(): string {
    return `"${this.name}" (line ${this.line.line})`;
  }
}

/** Whether two owners as printed can be the same: one that was not printed can be any. */
export function isSameOwner(one: string | undefined, other: string | undefined): boolean {
  return one === undefined || other === undefined || one === other;
}
