import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { FlatView, MemoryRegion } from '../../lib/index.js';
import { MemoryTopology } from '../../lib/index.js';
import { apiTraces, type Hex, type TraceCall } from './corpus.js';

/** In QEMU's API this size means 2^64. */
const WHOLE = 0xffff_ffff_ffff_ffffn;

function sizeOf(value: Hex | number): bigint {
  const size = BigInt(value);
  return size === WHOLE ? size + 1n : size;
}

type Handlers = {
  readonly [Op in TraceCall['op']]: (call: TraceCall & { readonly op: Op }) => void;
};

/** Makes the calls of a trace; counts the views that it compared. */
class TracePlayer {
  readonly topology: MemoryTopology = new MemoryTopology();
  readonly #regions = new Map<string, MemoryRegion>();
  compared = 0;

  readonly #handlers: Handlers = {
    container: ({ name, size }) => this.#made(this.topology.container(name, sizeOf(size))),
    io: ({ name, size }) => this.#made(this.topology.io(name, sizeOf(size), {})),
    ram: ({ name, size }) => this.#made(this.topology.ram(name, sizeOf(size), { backing: 'none' })),
    ram_device: ({ name, size }) =>
      this.#made(this.topology.ramDevice(name, sizeOf(size), { backing: 'none' })),
    alias: ({ name, target, offset, size }) => {
      const options = { offset: BigInt(offset), size: sizeOf(size) };
      this.#made(this.topology.alias(name, this.#region(target), options));
    },
    as: ({ name, root }) => this.topology.addressSpace(name, this.#region(root)),
    add: ({ parent, name, addr, prio }) =>
      this.#region(parent).addSubregion(BigInt(addr), this.#region(name), { priority: prio }),
    del: ({ parent, name }) => this.#region(parent).removeSubregion(this.#region(name)),
    enable: ({ name, value }) => {
      this.#region(name).enabled = value;
    },
    readonly: ({ name, value }) => {
      this.#region(name).readonly = value;
    },
    size: ({ name, size }) => {
      this.#region(name).size = sizeOf(size);
    },
    begin: () => this.topology.begin(),
    commit: () => this.topology.commit(),
    flat: (call) => this.#compare(call),
  };

  call(call: TraceCall): void {
    (this.#handlers[call.op] as (call: TraceCall) => void)(call);
  }

  #compare({ as, count, ranges }: TraceCall & { op: 'flat' }): void {
    const view: FlatView | undefined = this.topology.addressSpaces.find(
      ({ name }) => name === as,
    )?.flatView;
    assert.ok(view);
    const shown = Array.from(view.ranges(), (it) =>
      [hex(it.address), hex(it.size), it.region.name, hex(it.offset)].join(' '),
    );
    const wanted = ranges.map((range) => range.join(' '));
    assert.deepEqual(shown, wanted, `view ${this.compared + 1}`);
    assert.equal(view.rangeCount, count);
    this.compared++;
  }

  #made(region: MemoryRegion): void {
    this.#regions.set(region.name, region);
  }

  #region(name: string): MemoryRegion {
    const region = this.#regions.get(name);
    assert.ok(region, `no region ${name} yet`);
    return region;
  }
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

suite('Exact: every view of the traces of calls to QEMU', () => {
  for (const { name, calls } of apiTraces()) {
    test(name, () => {
      const player = new TracePlayer();
      for (const call of calls) player.call(call);
      assert.equal(player.compared, calls.filter(({ op }) => op === 'flat').length);
      assert.ok(player.compared > 0);
      player.topology.close();
    });
  }
});
