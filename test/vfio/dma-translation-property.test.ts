// A guest that makes and takes back translations at random, in any size and place; after each, what the device reaches is compared
// with what the guest was promised, page by page.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { type IommuPermission, type IommuRegion, MemoryTopology } from '../../lib/index.js';
import { VfioDmaMapper } from '../../lib/vfio/index.js';
import { pages } from '../kvm/guest.js';
import { runs } from '../oracle/runs.js';
import { accessOf, type DmaHost, dmaHost } from './dma-machine.js';

const page = 0x1000n;

/** IOVAs and addresses of the target have so many pages; RAM is in the first half of these, a rom and a device behind it. */
const pageCount = 24n;

type Step =
  | {
      readonly do: 'map';
      readonly iova: bigint;
      readonly size: bigint;
      readonly address: bigint;
      readonly permission: IommuPermission;
    }
  | { readonly do: 'unmap'; readonly iova: bigint; readonly size: bigint }
  | { readonly do: 'fail'; readonly ioctl: 'VFIO_IOMMU_MAP_DMA' | 'VFIO_IOMMU_UNMAP_DMA' }
  | { readonly do: 'toggle' };

const pagesUpTo = (most: bigint, least = 0n) => fc.bigInt(least, most).map((it) => it * page);

const place = { iova: pagesUpTo(pageCount - 1n), size: pagesUpTo(6n, 1n) };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('map' as const),
      ...place,
      address: pagesUpTo(pageCount),
      permission: fc.constantFrom(
        'read' as const,
        'write' as const,
        'read-write' as const,
        'none' as const,
      ),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('unmap' as const), ...place }) },
  fc.record({
    do: fc.constant('fail' as const),
    ioctl: fc.constantFrom('VFIO_IOMMU_MAP_DMA' as const, 'VFIO_IOMMU_UNMAP_DMA' as const),
  }),
  fc.record({ do: fc.constant('toggle' as const) }),
);

/** What a page of IOVAs leads to. */
interface Promise {
  readonly address: bigint;
  readonly permission: IommuPermission;
}

class Guest {
  readonly topology = new MemoryTopology();
  readonly #vfio: DmaHost;
  readonly #mapper: VfioDmaMapper;
  readonly #iommu: IommuRegion;
  readonly #table = new Map<bigint, Promise>();
  readonly #memory = this.topology.addressSpace(
    'device',
    this.topology.container('device', 1n << 64n),
  );
  readonly #ram = this.topology.ram('ram', 12n * page, { memory: pages(Number(12n * page)) });
  readonly #rom = this.topology.rom('rom', 4n * page, { memory: pages(Number(4n * page)) });
  readonly #target = this.topology.addressSpace(
    'physical',
    this.topology.container('physical', 1n << 64n),
  );

  constructor(entryLimit: number) {
    const { topology } = this;
    this.#vfio = dmaHost({ entryLimit });
    this.#mapper = new VfioDmaMapper(this.#vfio.dma);
    const physical = this.#target.root;
    physical.addSubregion(0, this.#ram);
    physical.addSubregion(12n * page, this.#rom);
    physical.addSubregion(16n * page, topology.io('device', 2n * page, {}));
    this.#iommu = topology.iommu('iommu', (pageCount + 8n) * page, {
      translate: (iova) => {
        const known = this.#table.get(iova - (iova % page));
        return known && { target: this.#target, mask: page - 1n, ...known };
      },
    });
    this.#memory.root.addSubregion(0, this.#iommu);
    this.#memory.addListener(this.#mapper);
  }

  run(it: Step): void {
    switch (it.do) {
      case 'fail':
        this.#vfio.host.order({ ioctl: it.ioctl, call: 1, errno: 'ENOMEM' });
        return;
      case 'toggle':
        this.#vfio.host.cancelFaults();
        this.#iommu.enabled = !this.#iommu.enabled;
        return;
      case 'map':
        for (let at = 0n; at < it.size; at += page) {
          if (it.permission === 'none') this.#table.delete(it.iova + at);
          else
            this.#table.set(it.iova + at, { address: it.address + at, permission: it.permission });
        }
        this.#iommu.notifiers.notify(0, { type: 'map', target: this.#target, ...it });
        return;
      case 'unmap':
        for (let at = 0n; at < it.size; at += page) this.#table.delete(it.iova + at);
        this.#iommu.notifiers.notify(0, { type: 'unmap', iova: it.iova, size: it.size });
    }
  }

  /** The device reaches nothing that it wasn't promised; and all of that, where no refusal says why not. */
  assertAsPromised(): void {
    for (let iova = 0n; iova < (pageCount + 8n) * page; iova += page) {
      const [read, write] = [this.#access(iova, false), this.#access(iova, true)];
      const verdict = this.#mapper.verdictAt(iova, this.#memory);
      const wanted = this.#wanted(iova);
      if (verdict?.code === 'errno' || verdict?.code === 'budget') {
        assert.deepEqual([read, write], [undefined, undefined]);
      } else {
        assert.deepEqual([read, write], wanted, `${iova.toString(16)}: ${verdict?.text}`);
      }
      const isReached = read !== undefined || write !== undefined;
      assert.equal(verdict?.mapped ?? false, isReached);
    }
  }

  /** As after trouble with the kernel: an unmap that failed is made up for. */
  settle(): void {
    this.#vfio.host.cancelFaults();
    if (this.#mapper.translationCounts.failed > 0) this.#mapper.retry();
  }

  get refusals(): number {
    return this.#mapper.refusals.length;
  }

  #access(iova: bigint, write: boolean): bigint | undefined {
    const reached = accessOf(this.#vfio.host, iova, write);
    return typeof reached === 'bigint' ? reached : undefined;
  }

  #wanted(iova: bigint): [bigint | undefined, bigint | undefined] {
    const known = this.#iommu.enabled ? this.#table.get(iova) : undefined;
    if (known === undefined) return [undefined, undefined];
    const range = this.#target.flatView.lookup(known.address);
    const region = [this.#ram, this.#rom].find((it) => it === range?.region);
    if (range === undefined || region?.memory === undefined) return [undefined, undefined];
    const host = region.memory.hostAddress + range.offset + (known.address - range.address);
    const canRead = known.permission !== 'write';
    const canWrite = known.permission !== 'read' && !range.readonly;
    return [canRead ? host : undefined, canWrite ? host : undefined];
  }
}

suite('an IOMMU of the guest', () => {
  test('the device reaches what it translates, and nothing else, whatever the guest does and the kernel refuses', (t) => {
    let refusals = 0;
    const steps = fc.array(step, { maxLength: 30 });
    const limit = fc.constantFrom(16, 20, 65535);
    const property = fc.property(steps, limit, (them, entryLimit) => {
      const guest = new Guest(entryLimit);
      for (const it of them) {
        guest.run(it);
        if (it.do === 'fail') continue;
        guest.settle();
        guest.assertAsPromised();
        refusals += guest.refusals;
      }
      guest.topology.close();
    });
    fc.assert(property, runs<[Step[], number]>(t, 200, 0.05));
    assert.ok(refusals > 100, `only ${refusals} refusals were seen`);
  });
});
