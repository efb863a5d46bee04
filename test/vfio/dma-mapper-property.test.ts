// Random edits of a small machine in which everything overlaps; after each, what the simulated IOMMU lets the device reach is
// compared with what the flat view says, page by page, and with the verdicts.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { type FlatRange, FlatviewError } from '../../lib/index.js';
import { planCost, type RefusalCode } from '../../lib/mapping/index.js';
import type { SimulatedVfio, SimulatedVfioOptions } from '../../lib/simulated/index.js';
import { type DmaVerdict, VfioDmaMapper, type VfioDmaMapperOptions } from '../../lib/vfio/index.js';
import { pageOf } from '../mapping/mapped-pages-oracle.js';
import { type Edit, pageCount, SmallMachine, someEdits } from '../mapping/small-machine.js';
import { runs } from '../oracle/runs.js';
import { accessOf, dmaHost, type Path } from './dma-machine.js';

/** Pages that anything can lie in. */
const lastPage = Number(pageCount + 10n);

const none = 'unmapped';

function reached(host: SimulatedVfio, pageSize: bigint): string[] {
  return Array.from({ length: lastPage }, (_, i) => {
    const iova = BigInt(i) * pageSize;
    const read = accessOf(host, iova, false);
    if (typeof read === 'string') return read;
    return `${read.toString(16)}${accessOf(host, iova, true) === read ? '' : ' r'}`;
  });
}

/** What the device is to reach, from the flat view: rom devices are nothing to it. */
function expected(ranges: readonly FlatRange[], pageSize: bigint, path: Path): string[] {
  const seen = ranges.filter(
    ({ region }) =>
      region.kind !== 'rom-device' && (path === 'container' || region.kind !== 'ram-device'),
  );
  return Array.from({ length: lastPage }, (_, i) => {
    const page = pageOf(seen, BigInt(i) * pageSize, pageSize);
    return page === undefined
      ? none
      : `${page.hostAddress.toString(16)}${page.readonly ? ' r' : ''}`;
  });
}

class Machine extends SmallMachine {
  readonly host: SimulatedVfio;
  readonly mapper: VfioDmaMapper;
  readonly #pageSize: bigint;
  readonly #path: Path;

  constructor(
    pageSize: bigint,
    options: VfioDmaMapperOptions = {},
    kernel: SimulatedVfioOptions = {},
    path: Path = 'container',
  ) {
    super(pageSize);
    this.#pageSize = pageSize;
    this.#path = path;
    const pages = { pageSize, pageSizes: pageSize, ...kernel };
    const { host, dma } = dmaHost(pages, path);
    this.host = host;
    this.mapper = new VfioDmaMapper(dma, options);
  }

  get reached(): string[] {
    return reached(this.host, this.#pageSize);
  }

  /** The kernel has what the flat view says, the mapper knows it, and has a verdict on every byte. */
  assertConsistent(): void {
    const ranges = [...this.memory.flatView.ranges()];
    const now = this.reached;
    assert.deepEqual(now, expected(ranges, this.#pageSize, this.#path));
    this.assertVerdicts(ranges, now);
  }

  /** What is not mapped and could be has this verdict. */
  assertOnlyMissing(code: RefusalCode): void {
    const ranges = [...this.memory.flatView.ranges()];
    const wanted = expected(ranges, this.#pageSize, this.#path);
    const now = this.reached;
    for (const [i, page] of now.entries()) {
      if (page === wanted[i]) continue;
      const verdict = this.mapper.verdictAt(BigInt(i) * this.#pageSize, this.memory);
      assert.deepEqual([page, verdict?.code], [none, code]);
    }
    this.assertVerdicts(ranges, now);
  }

  /** The mapper knows what the kernel has. */
  assertNothingUnknown(): void {
    const known = this.mapper.mappings.reduce((sum, { size }) => sum + size, 0n);
    const mapped = this.reached.filter((page) => page !== none);
    assert.equal(known, BigInt(mapped.length) * this.#pageSize);
  }

  /** Runs an edit. Returns the code of the error that it failed with and was undone for, if it did. */
  attempt(body: () => void): FlatviewError | undefined {
    const before = { reached: this.reached, view: this.memory.flatView };
    try {
      body();
      return undefined;
    } catch (error) {
      assert.ok(error instanceof FlatviewError && error.cause instanceof FlatviewError);
      assert.equal(error.code, 'ERR_LISTENER_FAILED');
      assert.equal(this.memory.flatView, before.view);
      if (error.cause.undoFailures === undefined) this.#assertAsBefore(before.reached);
      return error.cause;
    }
  }

  /** The device reaches what it did, but for memory of devices that the kernel didn't map again. */
  #assertAsBefore(before: readonly string[]): void {
    for (const [i, page] of this.reached.entries()) {
      if (page === before[i]) continue;
      const verdict = this.mapper.verdictAt(BigInt(i) * this.#pageSize, this.memory);
      assert.deepEqual(
        [page, verdict?.code, verdict?.refusal?.range.region.kind],
        [none, 'errno', 'ram-device'],
      );
    }
  }

  assertVerdicts(ranges: readonly FlatRange[], now: readonly string[]): void {
    const verdicts = [...this.mapper.verdicts(this.memory)];
    const edges = verdicts.map(({ first, last }) => [first, last] as const);
    for (const [i, verdict] of verdicts.entries()) {
      const { first, last, mapped, code, text } = verdict;
      const range = ranges.find((it) => it.contains(first));
      assert.ok(range !== undefined && range.last >= last, text);
      assert.ok(first === range.address || edges[i - 1]?.[1] === first - 1n, text);
      assert.ok(last === range.last || edges[i + 1]?.[0] === last + 1n, text);
      assert.equal(this.mapper.verdictAt(first, this.memory)?.code, code);
      for (let page = first / this.#pageSize; page * this.#pageSize <= last; page++) {
        assert.equal(mapped, now[Number(page)] !== none, text);
      }
    }
    for (const { address } of ranges) assert.ok(edges.some(([first]) => first === address));
    this.#assertKept(verdicts);
  }

  /** What is kept and counted as refused is what verdicts tell of memory. */
  #assertKept(verdicts: readonly DmaVerdict[]): void {
    const { refusals, refusalCounts } = this.mapper;
    const kept = refusals.map(({ code, address, size }) => `${code} ${address}+${size}`);
    const told = verdicts.flatMap(({ refusal, code, first, last }) =>
      refusal?.range.region.isRam ? [`${code} ${first}+${last - first + 1n}`] : [],
    );
    assert.deepEqual(kept, told);
    assert.equal(
      [...refusalCounts.values()].reduce((sum, it) => sum + it, 0),
      kept.length,
    );
  }
}

suite('DMA mappings follow the flat view', () => {
  for (const path of ['container', 'ioas'] as const) {
    for (const pageSize of [0x1000n, 0x4000n, 0x10000n]) {
      test(`${path}, pages of ${pageSize / 1024n} KiB: what the device reaches, at each ioctl as planned`, (t) => {
        const property = fc.property(someEdits(pageSize), (edits: Edit[]) => {
          let interrupted = 0n;
          let hasGap = false;
          let pauses = 0;
          const machine = new Machine(
            pageSize,
            {
              review: (plan) => {
                ({ bytesInterrupted: interrupted, hasGap } = planCost(plan));
              },
              quiesce: () => pauses++,
            },
            {},
            path,
          );
          machine.memory.addListener(machine.mapper);
          machine.assertConsistent();
          for (const edit of edits) {
            interrupted = 0n;
            hasGap = false;
            pauses = 0;
            const before = machine.reached;
            machine.run(edit);
            machine.assertConsistent();
            const same = machine.reached.filter((page, i) => page !== none && page === before[i]);
            assert.ok(interrupted <= BigInt(same.length) * pageSize);
            assert.equal(pauses, Number(hasGap));
          }
          machine.memory.removeListener(machine.mapper);
          assert.deepEqual(machine.mapper.mappings, []);
          assert.ok(machine.reached.every((page) => page === none));
          assert.equal(machine.host.lockedMemory, 0n);
          machine.topology.close();
        });
        fc.assert(property, runs<[Edit[]]>(t, 60, 0.05));
      });
    }
  }

  test('with few mappings: joined, memory of devices left out, or refused and all as it was', (t) => {
    const pageSize = 0x1000n;
    let refused = 0;
    const property = fc.property(
      someEdits(pageSize),
      fc.integer({ min: 3, max: 9 }),
      (edits, entryLimit) => {
        const machine = new Machine(pageSize, {}, { entryLimit });
        const succeeds = (body: () => void): boolean => {
          const error = machine.attempt(body);
          if (error === undefined) return true;
          assert.equal(error.code, 'ERR_OUT_OF_DMA_MAPPINGS');
          refused++;
          return false;
        };
        if (!succeeds(() => machine.memory.addListener(machine.mapper))) return;
        for (const edit of edits) {
          succeeds(() => machine.run(edit));
          machine.assertOnlyMissing('budget');
        }
        machine.topology.close();
      },
    );
    fc.assert(property, runs<[Edit[], number]>(t, 250, 0.05));
    assert.ok(refused > 10, `only ${refused} commits were refused`);
  });
});

type Order = readonly {
  readonly ioctl: 'VFIO_IOMMU_MAP_DMA' | 'VFIO_IOMMU_UNMAP_DMA';
  readonly call: number;
}[];

suite('All or nothing', () => {
  const pageSize = 0x1000n;
  const ioctl = fc.constantFrom('VFIO_IOMMU_MAP_DMA' as const, 'VFIO_IOMMU_UNMAP_DMA' as const);
  const fault = fc.record({ ioctl, call: fc.integer({ min: 1, max: 3 }) });

  const orders = (count: number): fc.Arbitrary<Order[]> =>
    fc.array(fc.array(fault, { minLength: count, maxLength: count }), {
      minLength: 20,
      maxLength: 20,
    });

  /** Makes edits of which each can fail, and calls `check` after each. */
  function withFaults(
    edits: readonly Edit[],
    faults: readonly Order[],
    check: (machine: Machine, error: FlatviewError | undefined) => void,
  ): void {
    const machine = new Machine(pageSize);
    machine.memory.addListener(machine.mapper);
    for (const [i, edit] of edits.entries()) {
      for (const order of faults[i] ?? []) machine.host.order({ ...order, errno: 'ENOMEM' });
      const error = machine.attempt(() => machine.run(edit));
      machine.host.cancelFaults();
      check(machine, error);
    }
    machine.topology.close();
  }

  test('an error at any ioctl: tree, view and mappings are as before, and go on from there', (t) => {
    let failures = 0;
    let spared = 0;
    const property = fc.property(someEdits(pageSize), orders(1), (edits, faults) => {
      withFaults(edits, faults, (machine, error) => {
        if (error !== undefined) {
          assert.equal(error.errno, 'ENOMEM');
          assert.match(error.syscall ?? '', /^VFIO_IOMMU_(UN)?MAP_DMA\(iova 0x/);
          failures++;
        }
        if (machine.mapper.refusalCounts.has('errno')) {
          machine.assertOnlyMissing('errno');
          spared++;
          machine.mapper.retry();
        }
        machine.assertConsistent();
      });
    });
    fc.assert(property, runs<[Edit[], Order[]]>(t, 400, 0.05));
    assert.ok(failures > 100, `only ${failures} failures were tested`);
    assert.ok(spared > 5, `only ${spared} refusals were tested`);
  });

  test('errors while undoing, too: what is left is known, and made up for by the next change', (t) => {
    let stuck = 0;
    const property = fc.property(someEdits(pageSize), orders(3), (edits, faults) => {
      withFaults(edits, faults, (machine, error) => {
        if (error?.undoFailures !== undefined) stuck++;
        machine.assertNothingUnknown();
        machine.mapper.retry();
        machine.assertConsistent();
      });
    });
    fc.assert(property, runs<[Edit[], Order[]]>(t, 300, 0.05));
    assert.ok(stuck > 10, `only ${stuck} failures of undoing were tested`);
  });
});
