// A trace played on our own memory core, through the public API.

import {
  type AddressSpace,
  type AliasRegion,
  type MemoryListener,
  type MemoryRegion,
  MemoryTopology,
  type RomDeviceRegion,
  type TopologyOptions,
} from '../../lib/index.js';
import type { Arguments, Call, Verb } from '../trace/trace.js';

/** A call of a trace, ready to be made as often as wanted. */
export type Action = () => void;

type Compilers = { readonly [V in Verb]: (...values: Arguments[V]) => Action };

/** Hears what changes, and counts. */
export class CountingListener implements MemoryListener {
  readonly name = 'counting';
  begins = 0;
  commits = 0;
  adds = 0;
  dels = 0;

  begin(): void {
    this.begins++;
  }

  commit(): void {
    this.commits++;
  }

  regionAdd(): void {
    this.adds++;
  }

  regionDel(): void {
    this.dels++;
  }
}

/** The number that a trace gave to a region. */
export function numberOf(region: MemoryRegion): number {
  return Number(region.name.slice(1));
}

/** A topology, and by number what a trace has made in it. */
export class TraceTopology {
  readonly topology: MemoryTopology;
  readonly spaces: AddressSpace[] = [];
  readonly listeners: CountingListener[] = [];
  readonly #regions: MemoryRegion[] = [];

  readonly #compilers: Compilers = {
    container: (region, size) => () =>
      this.#made(region, this.topology.container(`r${region}`, size)),
    io: (region, size) => () => this.#made(region, this.topology.io(`r${region}`, size, {})),
    ram: (region, size) => () =>
      this.#made(region, this.topology.ram(`r${region}`, size, { backing: 'none' })),
    'ram-device': (region, size) => () =>
      this.#made(region, this.topology.ramDevice(`r${region}`, size, { backing: 'none' })),
    'rom-device': (region, size) => () =>
      this.#made(region, this.topology.romDevice(`r${region}`, size, {}, { backing: 'none' })),
    alias: (region, target, offset, size) => () => {
      const options = { offset, size };
      this.#made(region, this.topology.alias(`r${region}`, this.#region(target), options));
    },
    space: (space, root) => () => {
      this.spaces[space] = this.topology.addressSpace(`s${space}`, this.#region(root));
    },
    listen: (space) => () => this.#listen(space),
    add: (parent, region, address, priority) => {
      const options = { priority };
      return () => this.#region(parent).addSubregion(address, this.#region(region), options);
    },
    remove: (parent, region) => () => this.#region(parent).removeSubregion(this.#region(region)),
    address: (region, value) => () => {
      this.#region(region).address = value;
    },
    size: (region, value) => () => {
      this.#region(region).size = value;
    },
    offset: (region, value) => () => {
      (this.#region(region) as AliasRegion).offset = value;
    },
    enabled: (region, on) => () => {
      this.#region(region).enabled = on !== 0;
    },
    readonly: (region, on) => () => {
      this.#region(region).readonly = on !== 0;
    },
    nonvolatile: (region, on) => () => {
      this.#region(region).nonvolatile = on !== 0;
    },
    romd: (region, on) => () => {
      (this.#region(region) as RomDeviceRegion).romd = on !== 0;
    },
    begin: () => () => this.topology.begin(),
    commit: () => () => this.topology.commit(),
  };

  constructor(options?: TopologyOptions) {
    this.topology = new MemoryTopology(options);
  }

  /** What makes a call. */
  compile([verb, ...values]: Call): Action {
    return (this.#compilers[verb] as (...values: readonly unknown[]) => Action)(...values);
  }

  #made(number: number, region: MemoryRegion): void {
    this.#regions[number] = region;
  }

  #listen(space: number): void {
    const listener = new CountingListener();
    this.listeners.push(listener);
    this.spaces[space]?.addListener(listener);
  }

  #region(number: number): MemoryRegion {
    const region = this.#regions[number];
    if (region === undefined) throw new Error(`no region ${number} yet`);
    return region;
  }
}
