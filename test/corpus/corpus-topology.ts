// The corpus' trees and calls, made through the public API.

import {
  type AddressSpace,
  type AliasRegion,
  type FlatView,
  type MemoryRegion,
  MemoryTopology,
  type RegionOptions,
  type RomDeviceRegion,
} from '../../lib/index.js';
import type { CorpusFlatView, CorpusRegion, CorpusState, RegionId, SequenceOp } from './corpus.js';

/** An address space as the corpus lists it. */
export interface SpaceName {
  readonly name: string;
  readonly root: RegionId;
}

/** What the corpus' IOMMUs translate is not known. */
const NO_TRANSLATION = { translate: () => undefined };

type Handlers = {
  readonly [Op in SequenceOp['op']]: (
    op: SequenceOp & { readonly op: Op },
    remaining: readonly SpaceName[],
  ) => void;
};

/** A topology made from a state of the corpus, and the regions by the ids that they have there. */
export class CorpusTopology {
  readonly topology: MemoryTopology = new MemoryTopology();
  readonly #regions = new Map<RegionId, MemoryRegion>();
  readonly #ids = new Map<MemoryRegion, RegionId>();

  readonly #handlers: Handlers = {
    begin: () => this.topology.begin(),
    commit: () => this.topology.commit(),
    create: ({ region }) => this.#create(region),
    attach_list: ({ parent, children }) => this.#attach(parent, children),
    add: ({ parent, region, addr, priority }) =>
      this.region(parent).addSubregion(BigInt(addr), this.region(region), { priority }),
    del: ({ parent, region }) => this.region(parent).removeSubregion(this.region(region)),
    set_address: ({ region, addr }) => {
      this.region(region).address = BigInt(addr);
    },
    set_enabled: ({ region, value }) => {
      this.region(region).enabled = value;
    },
    set_readonly: ({ region, value }) => {
      this.region(region).readonly = value;
    },
    set_nonvolatile: ({ region, value }) => {
      this.region(region).nonvolatile = value;
    },
    set_romd: ({ region, value }) => {
      this.#romDevice(region).romd = value;
    },
    set_size: ({ region, value }) => {
      this.region(region).size = BigInt(value);
    },
    set_alias_offset: ({ region, value }) => {
      this.#alias(region).offset = BigInt(value);
    },
    as_init: ({ name, root }) => this.topology.addressSpace(name, this.region(root)),
    as_destroy: ({ as }, remaining) => this.#goneSpace(as, remaining).destroy(),
  };

  constructor(state: CorpusState) {
    this.topology.transaction(() => {
      this.#createAll(state.regions);
      // What is added last is on top: each parent's children go in from the lowest to the highest.
      for (const region of [...state.regions].sort((a, b) => b.order - a.order)) {
        if (region.parent === null) continue;
        const { addr, priority } = region;
        this.region(region.parent).addSubregion(BigInt(addr), this.region(region.id), { priority });
      }
      for (const { name, root } of state.address_spaces) {
        this.topology.addressSpace(name, this.region(root));
      }
    });
  }

  /** The region with this id in the corpus. */
  region(id: RegionId): MemoryRegion {
    const region = this.#regions.get(id);
    if (region === undefined) throw new Error(`no region ${id} yet`);
    return region;
  }

  /** The corpus' id of a region. */
  id(region: MemoryRegion): RegionId {
    const id = this.#ids.get(region);
    if (id === undefined) throw new Error(`${region.name} is not of the corpus`);
    return id;
  }

  /** The corpus' ids of a region's children, in stacking order. */
  children(id: RegionId): RegionId[] {
    return this.region(id).subregions.map((child) => this.id(child));
  }

  /** Address spaces as the corpus lists them. */
  get addressSpaces(): SpaceName[] {
    return this.topology.addressSpaces.map(({ name, root }) => ({ name, root: this.id(root) }));
  }

  /**
   * Makes one call. An address space goes by a name that may repeat: `remaining`, the list after the step, tells which
   * one is meant.
   */
  call(op: SequenceOp, remaining: readonly SpaceName[] = []): void {
    const handler = this.#handlers[op.op] as (op: SequenceOp, remaining: unknown) => void;
    handler(op, remaining);
  }

  #alias(id: RegionId): AliasRegion {
    const region = this.region(id);
    if (region.kind !== 'alias') throw new Error(`region ${id} is no alias`);
    return region as AliasRegion;
  }

  #romDevice(id: RegionId): RomDeviceRegion {
    const region = this.region(id);
    if (region.kind !== 'rom-device') throw new Error(`region ${id} is no rom device`);
    return region as RomDeviceRegion;
  }

  #attach(parent: RegionId, children: readonly RegionId[]): void {
    for (const id of [...children].reverse()) {
      const child = this.region(id);
      this.region(parent).addSubregion(child.address, child, child);
    }
  }

  #goneSpace(name: string, remaining: readonly SpaceName[]): AddressSpace {
    const gone = this.topology.addressSpaces.find(
      (space) =>
        space.name === name &&
        !remaining.some((it) => it.name === name && it.root === this.id(space.root)),
    );
    if (gone === undefined) throw new Error(`no address space ${name} is gone`);
    return gone;
  }

  #createAll(regions: readonly CorpusRegion[]): void {
    const byId = new Map(regions.map((region) => [region.id, region]));
    const create = (region: CorpusRegion): void => {
      if (this.#regions.has(region.id)) return;
      const target = region.alias && byId.get(region.alias.target);
      if (target !== undefined) create(target);
      this.#create(region);
    };
    for (const region of regions) create(region);
  }

  /** Makes a region, detached and without children. */
  #create(region: CorpusRegion): void {
    const made = this.#make(region);
    made.address = BigInt(region.addr);
    made.priority = region.priority;
    const mask = region.dirty_log_mask ?? 0;
    if ((mask & 1) !== 0) made.setDirtyLog('vga', true);
    // Under TCG, as in all of the corpus, code in any RAM is watched.
    if (region.ram || region.rom_device === true) made.setDirtyLog('code', true);
    this.#regions.set(region.id, made);
    this.#ids.set(made, region.id);
  }

  #make(region: CorpusRegion): MemoryRegion {
    const name = region.name ?? '';
    const size = BigInt(region.size);
    const { enabled, readonly, nonvolatile, owner } = region;
    const options: RegionOptions = {
      enabled,
      readonly,
      nonvolatile,
      ...(owner === undefined ? {} : { owner }),
    };
    if (region.alias !== undefined) {
      const target = this.region(region.alias.target);
      const offset = BigInt(region.alias.offset);
      return this.topology.alias(name, target, { ...options, offset, size });
    }
    if (region.rom_device === true) {
      const memory = { backing: 'none', romd: region.romd } as const;
      return this.topology.romDevice(name, size, {}, { ...options, ...memory });
    }
    if (region.ram_device === true) {
      return this.topology.ramDevice(name, size, { ...options, backing: 'none' });
    }
    if (region.ram) return this.topology.ram(name, size, { ...options, backing: 'none' });
    if (region.iommu === true) return this.topology.iommu(name, size, NO_TRANSLATION, options);
    return region.terminates
      ? this.topology.io(name, size, {}, options)
      : this.topology.container(name, size, options);
  }
}

/**
 * A view as lines, the same for QEMU's and ours: range, region's id, offset, and all attributes. QEMU's data has the
 * romd mode of rom devices only, so it counts for those only.
 */
export function viewLines(view: FlatView, id: (region: MemoryRegion) => RegionId): string[] {
  return Array.from(view.ranges(), (range) =>
    line(
      range.address,
      range.address + range.size - 1n,
      id(range.region),
      range.offset,
      range.readonly,
      range.nonvolatile,
      range.region.kind === 'rom-device' ? range.romd : undefined,
      range.dirtyLogMask,
    ),
  );
}

/** QEMU's view as lines of the form of {@link viewLines}. */
export function qemuLines(view: CorpusFlatView): string[] {
  return view.ranges.map((range) =>
    line(
      BigInt(range.start),
      BigInt(range.end),
      range.region,
      BigInt(range.offset),
      range.readonly,
      range.nonvolatile ?? false,
      range.romd_mode,
      range.dirty_log_mask ?? 0,
    ),
  );
}

function line(
  first: bigint,
  last: bigint,
  region: RegionId,
  offset: bigint,
  readonly: boolean,
  nonvolatile: boolean,
  romd: boolean | undefined,
  mask: number,
): string {
  const flags = `${readonly ? 'readonly ' : ''}${nonvolatile ? 'nonvolatile ' : ''}`;
  const mode = romd === undefined ? '' : romd ? 'romd' : 'callbacks';
  return `${hex(first)}-${hex(last)} region ${region} @${hex(offset)} ${flags}${mode} log ${mask}`;
}

function hex(value: bigint): string {
  return value.toString(16).padStart(16, '0');
}
