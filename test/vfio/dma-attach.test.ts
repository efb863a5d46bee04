import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type AddressSpace, type MemoryRegion, MemoryTopology } from '../../lib/index.js';
import type { SimulatedVfioOptions } from '../../lib/simulated/index.js';
import { type AttachOptions, VfioDmaMapper } from '../../lib/vfio/index.js';
import { pages } from '../kvm/guest.js';
import { accessOf, dmaHost } from './dma-machine.js';

const MIB = 1024 * 1024;

/** A machine with 8 MiB of RAM that no device sees yet. */
function unattached(kernel: SimulatedVfioOptions = {}) {
  const topology = new MemoryTopology();
  const system: MemoryRegion = topology.container('system', 1n << 64n);
  const memory: AddressSpace = topology.addressSpace('memory', system);
  const ram = topology.ram('pc.ram', 8 * MIB, { memory: pages(8 * MIB) });
  system.addSubregion(0, ram);
  const vfio = dmaHost(kernel);
  const maps = () => vfio.host.calls.filter(({ call }) => call === 'VFIO_IOMMU_MAP_DMA').length;
  const attach = (options?: AttachOptions) => VfioDmaMapper.attach(memory, vfio.dma, options);
  return { topology, system, memory, ram, maps, attach, ...vfio };
}

suite('mapping big RAM off the event loop', () => {
  test('piece by piece, with progress; then the mapper listens', async () => {
    const { system, topology, attach, maps, host, ram } = unattached();
    const progress: bigint[] = [];
    let ticks = 0;
    const timer = setInterval(() => ticks++, 0);
    const mapper = await attach({
      onProgress: ({ bytesMapped, bytesTotal }) => {
        assert.equal(bytesTotal, BigInt(8 * MIB));
        progress.push(bytesMapped);
      },
    });
    clearInterval(timer);
    assert.deepEqual(
      progress,
      [2, 4, 6, 8].map((it) => BigInt(it * MIB)),
    );
    assert.equal(maps(), 4, 'nothing is mapped twice');
    assert.equal(mapper.mappings.length, 4);
    assert.equal(accessOf(host, 0x1234n, true), (ram.memory?.hostAddress ?? 0n) + 0x1234n);
    system.addSubregion(0x4000, topology.io('hole', 0x1000, {}), { priority: 1 });
    assert.equal(accessOf(host, 0x4000n, true), 'unmapped');
  });

  test('an abort undoes it', async () => {
    const { memory, attach, host, dma } = unattached();
    const aborter = new AbortController();
    const attaching = attach({
      signal: aborter.signal,
      onProgress: () => aborter.abort(new RangeError('enough')),
    });
    await assert.rejects(attaching, /enough/);
    assert.equal(host.lockedMemory, 0n);
    const mapper = new VfioDmaMapper(dma);
    memory.addListener(mapper);
    assert.equal(mapper.mappings.length, 4, 'the DMA space is free again');
  });

  test('a refusal of the kernel undoes it', async () => {
    const { attach, host } = unattached();
    host.order({ ioctl: 'VFIO_IOMMU_MAP_DMA', call: 3, errno: 'ENOMEM' });
    await assert.rejects(attach(), { errno: 'ENOMEM', message: /of region "pc.ram"/ });
    assert.equal(host.lockedMemory, 0n);
  });

  test('what changes meanwhile is made up for', async () => {
    const { topology, system, memory, ram, attach, host } = unattached();
    let step = 0;
    const more = topology.ram('more', 0x1000, { memory: pages(0x1000) });
    const mapper = await attach({
      onProgress: () => {
        step++;
        if (step === 1) ram.address = 0x1_0000_0000n;
        if (step === 2) system.addSubregion(0, more);
      },
    });
    assert.equal(accessOf(host, 0x10_0000n, true), 'unmapped');
    assert.equal(accessOf(host, 0n, true), more.memory?.hostAddress);
    assert.equal(accessOf(host, 0x1_0000_0000n, true), ram.memory?.hostAddress);
    const mapped = mapper.mappings.reduce((sum, { size }) => sum + size, 0n);
    assert.equal(mapped, BigInt(8 * MIB + 0x1000));
    memory.removeListener(mapper);
    assert.equal(host.lockedMemory, 0n);
  });

  test('memory that is closed meanwhile is passed over', async () => {
    const { attach, ram, system, host } = unattached();
    const mapper = await attach({
      onProgress: () => {
        if (ram.memory?.closed === false) {
          ram.memory.close();
          system.removeSubregion(ram);
        }
      },
    });
    assert.deepEqual(mapper.mappings, []);
    assert.equal(host.lockedMemory, 0n);
  });

  test('an address space that is gone meanwhile undoes it', async () => {
    const { attach, memory, host } = unattached();
    const attaching = attach({ onProgress: () => memory.isDestroyed || memory.destroy() });
    await assert.rejects(attaching, { code: 'ERR_ADDRESS_SPACE_DESTROYED' });
    assert.equal(host.lockedMemory, 0n);
  });

  test('another mapper for the same DMA space is refused meanwhile', async () => {
    const { attach, memory, dma } = unattached();
    const attaching = attach();
    assert.throws(() => memory.addListener(new VfioDmaMapper(dma)), /by another VfioDmaMapper/);
    await attaching;
  });

  test('RAM for which there are too few mappings in pieces is joined at the end', async () => {
    const { attach, maps } = unattached({ entryLimit: 1 });
    const mapper = await attach();
    assert.equal(mapper.mappings.length, 1);
    assert.equal(maps(), 1);
  });
});
