import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  FlatviewError,
  HostMemory,
  type MemoryRegion,
  RamDiscardManager,
} from '../../lib/index.js';
import { planCost, type RefusalChange } from '../../lib/mapping/index.js';
import { VfioDmaMapper } from '../../lib/vfio/index.js';
import { pages } from '../kvm/guest.js';
import { noNativeAddon } from '../native-addon.js';
import { type DmaMachine, dmaMachine } from './dma-machine.js';

const KIB = 1024;
const MIB = KIB * KIB;

/** `0x1000-0x1fff mapped`, for all of the flat view. */
function verdicts({ mapper, memory }: DmaMachine): string[] {
  return [...mapper.verdicts(memory)].map(
    ({ first, last, code }) => `0x${first.toString(16)}-0x${last.toString(16)} ${code}`,
  );
}

/** Memory of the device, as a region. */
function barRegion({ topology, bar }: DmaMachine, name = 'bar'): MemoryRegion {
  return topology.ramDevice(name, 0x1_0000, { memory: bar() });
}

/** An error that a commit failed with, and what the kernel or the mapper said. */
function refusedBy(check: (cause: FlatviewError, error: FlatviewError) => void) {
  return (error: unknown): true => {
    assert.ok(error instanceof FlatviewError);
    assert.equal(error.code, 'ERR_LISTENER_FAILED');
    assert.ok(error.cause instanceof FlatviewError);
    check(error.cause, error);
    return true;
  };
}

/** Lets what is told after a commit be told. */
const afterwards = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

suite('who gets a DMA map (QEMU: vfio_listener_region_add)', () => {
  test('row 1: what is neither memory nor an IOMMU is not mapped', () => {
    const machine = dmaMachine();
    const { topology, system, io, ioctls } = machine;
    io('uart', 0x1000, 0);
    const ops = { read: () => 0n, write: () => undefined };
    const flash = topology.romDevice('flash', 0x1000, ops, { memory: pages(0x1000) });
    system.addSubregion(0x1000, flash);
    assert.deepEqual(ioctls(), []);
    assert.deepEqual(verdicts(machine), ['0x0-0xfff not-ram', '0x1000-0x1fff not-ram']);
  });

  test('row 2: protected memory is not mapped', () => {
    const machine = dmaMachine({ isProtected: ({ name }) => name === 'private' });
    machine.ram('private', 0x1000, 0);
    machine.ram('shared', 0x1000, 0x1000);
    assert.deepEqual(machine.ioctls(), ['map 0x1000+0x1000 rw']);
    assert.deepEqual(verdicts(machine), ['0x0-0xfff protected', '0x1000-0x1fff mapped']);
  });

  test('row 3: a 64-bit BAR that is being sized is not mapped, and comes back', () => {
    const machine = dmaMachine({}, { iovaRanges: [{ address: 0n, size: 1n << 64n }] });
    const region = machine.ram('vram', 0x10000, 0x1_0000_0000n);
    machine.ioctls();
    region.address = 0xffff_ffff_ffff_0000n;
    assert.deepEqual(machine.ioctls(), ['unmap 0x100000000+0x10000']);
    assert.deepEqual(verdicts(machine), ['0xffffffffffff0000-0xffffffffffffffff sizing']);
    region.address = 0x2_0000_0000n;
    assert.deepEqual(machine.ioctls(), ['map 0x200000000+0x10000 rw']);
  });

  test('row 3b: a BAR that the embedder leaves out', () => {
    const machine = dmaMachine({ peerToPeer: ({ name }) => name !== 'bar' });
    machine.system.addSubregion(0, barRegion(machine));
    machine.system.addSubregion(0x10000, barRegion(machine, 'other'));
    assert.deepEqual(machine.ioctls(), ['map 0x10000+0x10000 rw']);
    assert.deepEqual(verdicts(machine), ['0x0-0xffff opt-out', '0x10000-0x1ffff mapped']);
  });

  test('row 4: another place within a page than in this process', () => {
    const machine = dmaMachine();
    machine.ram('crb', 0x2000, 0x1080);
    assert.deepEqual(machine.ioctls(), []);
    assert.deepEqual(verdicts(machine), ['0x1080-0x307f not-congruent']);
  });

  test('row 5: less than a page; it is remembered, and mapped when its neighbour goes', () => {
    const machine = dmaMachine();
    const { ram, io, ioctls } = machine;
    ram('pc.ram', 0x2000, 0);
    const quirk = io('quirk', 0x10, 0x1070, 1);
    assert.deepEqual(ioctls(), ['map 0x0+0x2000 rw', 'unmap 0x0+0x2000', 'map 0x0+0x1000 rw']);
    assert.deepEqual(verdicts(machine), [
      '0x0-0xfff mapped',
      '0x1000-0x106f sub-page',
      '0x1070-0x107f not-ram',
      '0x1080-0x1fff sub-page',
    ]);
    quirk.enabled = false;
    assert.deepEqual(ioctls(), ['map 0x1000+0x1000 rw']);
  });

  test('row 6: outside of the IOVA ranges', () => {
    const machine = dmaMachine();
    machine.ram('pc.ram', 0x40_0000, 0xfed0_0000);
    assert.deepEqual(machine.ioctls(), [
      'map 0xfed00000+0x100000 rw',
      'map 0xfef00000+0x100000 rw',
      'map 0xff000000+0x100000 rw',
    ]);
    assert.deepEqual(verdicts(machine), [
      '0xfed00000-0xfedfffff mapped',
      '0xfee00000-0xfeefffff out-of-window',
      '0xfef00000-0xfeffffff mapped',
      '0xff000000-0xff0fffff mapped',
    ]);
  });

  test('row 6: a BAR above the width of the IOMMU is refused, and nothing fails', () => {
    const machine = dmaMachine();
    const bar = barRegion(machine);
    machine.system.addSubregion(0x3800_1000_0000n, bar);
    assert.deepEqual(machine.ioctls(), []);
    assert.deepEqual([...machine.mapper.refusalCounts], [['out-of-window', 1]]);
    bar.address = 0xe000_0000n;
    assert.deepEqual(machine.ioctls(), ['map 0xe0000000+0x10000 rw']);
    assert.deepEqual(machine.mapper.refusals, []);
  });

  test('row 9: whole pages of the host, but not of the IOMMU', () => {
    const machine = dmaMachine({}, { pageSizes: 0x1_0000n });
    const { system, topology } = machine;
    const bar = topology.ramDevice('bar', 0x1_0000, { memory: pages(0x1_0000) });
    system.addSubregion(0xe000_0000, bar);
    system.addSubregion(0xe000_8000, topology.io('quirk', 0x10, {}), { priority: 1 });
    system.addSubregion(
      0xd000_1000,
      topology.alias('piece', bar, { offset: 0x1000, size: 0x1000 }),
    );
    system.addSubregion(
      0xc000_0000,
      topology.alias('moved', bar, { offset: 0x1000, size: 0x1000 }),
    );
    system.addSubregion(0xc001_0000, topology.alias('odd', bar, { offset: 0x80, size: 0x1000 }));
    assert.deepEqual(verdicts(machine), [
      '0xc0000000-0xc0000fff iommu-page',
      '0xc0010000-0xc0010fff not-congruent',
      '0xd0001000-0xd0001fff iommu-page',
      '0xe0000000-0xe0007fff iommu-page',
      '0xe0008000-0xe000800f not-ram',
      '0xe0008010-0xe0008fff sub-page',
      '0xe0009000-0xe000ffff iommu-page',
    ]);
  });

  test('row 10: what shows read-only is mapped for reading alone, by an alias too', () => {
    const machine = dmaMachine();
    const { topology, system, ram, ioctls, access } = machine;
    const shared = ram('pc.ram', 0x4000, 0);
    system.addSubregion(0x10000, topology.rom('bios', 0x1000, { memory: pages(0x1000) }));
    const how = { offset: 0x1000, size: 0x1000, readonly: true };
    system.addSubregion(0x20000, topology.alias('pam', shared, how));
    assert.deepEqual(ioctls(), [
      'map 0x0+0x4000 rw',
      'map 0x10000+0x1000 r',
      'map 0x20000+0x1000 r',
    ]);
    assert.equal(access(0x20000n, true), 'protected');
    assert.equal(access(0x20000n, false), (shared.memory?.hostAddress ?? 0n) + 0x1000n);
  });

  test('row 10: RAM that the kernel refuses fails the commit; the error says what it was to show', () => {
    const { ram, host, mapper } = dmaMachine();
    host.order({ ioctl: 'VFIO_IOMMU_MAP_DMA', call: 1, errno: 'ENOMEM' });
    assert.throws(
      () => ram('pc.ram', 0x4000, 0x10000),
      refusedBy((cause, error) => {
        assert.equal(error.listener, 'VfioDmaMapper');
        assert.equal(error.errno, 'ENOMEM');
        assert.match(error.syscall ?? '', /^VFIO_IOMMU_MAP_DMA\(iova 0x10000, size 0x4000/);
        assert.match(cause.message, /to show 0x0 of region "pc.ram"/);
      }),
    );
    assert.deepEqual(mapper.mappings, []);
  });

  test('verdicts and `explain` say what a device reaches, and why not', () => {
    const { ram, io, memory, mapper } = dmaMachine();
    const region = ram('pc.ram', 0x4000, 0);
    io('uart', 8, 0x1000, 1);
    const [mapped] = memory.explain(0n).verdicts;
    assert.equal(mapped?.listener, 'VfioDmaMapper');
    const host = (region.memory?.hostAddress ?? 0n).toString(16);
    assert.equal(
      mapped.text,
      `IOVA 0x0-0xfff reaches 0x${host} of this process, for reading and writing`,
    );
    assert.equal(memory.explain(0x1ff0n).verdicts[0]?.code, 'sub-page');
    assert.equal(mapper.verdictAt(0x1ff0n, memory)?.refusal?.range.region, region);
    assert.equal(mapper.verdictAt(0x8000n, memory), undefined);
  });
});

suite('DMA map failures that people meet', () => {
  test('EFAULT, a BAR whose device sleeps: refused with its reason, and tried again on request', () => {
    const machine = dmaMachine();
    const { decode, mapper, memory, ioctls, system } = machine;
    const bar = barRegion(machine);
    decode(false);
    ioctls();
    system.addSubregion(0xe000_0000, bar);
    assert.deepEqual(ioctls(), ['map 0xe0000000+0x10000 rw EFAULT']);
    const verdict = mapper.verdictAt(0xe000_0000n, memory);
    assert.equal(verdict?.code, 'errno');
    assert.match(verdict.text, /of "bar": VFIO_IOMMU_MAP_DMA\(.*EFAULT/);
    decode(true);
    machine.ram('elsewhere', 0x1000, 0);
    assert.deepEqual(ioctls(), ['map 0x0+0x1000 rw']);
    mapper.retry();
    assert.deepEqual(ioctls(), ['map 0xe0000000+0x10000 rw']);
    assert.deepEqual(mapper.refusals, []);
  });

  test('EFAULT, a BAR: tried again by the next commit that touches it; its map goes when it is not decoded', () => {
    const machine = dmaMachine();
    const { decode, ioctls, system } = machine;
    const bar = barRegion(machine);
    decode(false);
    system.addSubregion(0xe000_0000, bar);
    ioctls();
    decode(true);
    bar.address = 0xe001_0000n;
    assert.deepEqual(ioctls(), ['map 0xe0010000+0x10000 rw']);
    bar.enabled = false;
    assert.deepEqual(ioctls(), ['unmap 0xe0010000+0x10000']);
  });

  test('EFAULT, a BAR by iommufd: refused without asking, and said plainly', () => {
    const machine = dmaMachine({}, {}, 'ioas');
    machine.system.addSubregion(0xe000_0000, barRegion(machine));
    machine.ram('pc.ram', 0x1000, 0);
    assert.deepEqual(machine.ioctls(), ['map 0x0+0x1000 rw']);
    const verdict = machine.mapper.verdictAt(0xe000_0000n, machine.memory);
    assert.equal(verdict?.code, 'device-memory');
    assert.match(verdict.text, /iommufd pins pages/);
  });

  test('ENOSPC is forecast: counted, with what takes most, before anything is mapped', () => {
    const { ram, mapper, ioctls } = dmaMachine({}, { entryLimit: 3 });
    for (const i of [0, 1, 2]) ram(`ram ${i}`, 0x1000, i * 0x10000);
    ioctls();
    assert.throws(
      () => ram('one more', 0x1000, 0x80000),
      refusedBy(({ code, message }) => {
        assert.equal(code, 'ERR_OUT_OF_DMA_MAPPINGS');
        assert.match(message, /4 DMA mappings are needed, and VFIO container has 3/);
        assert.match(message, /ram 0 1, ram 1 1, ram 2 1, one more 1/);
      }),
    );
    assert.deepEqual(ioctls(), []);
    assert.equal(mapper.mappings.length, 3);
  });

  test('ENOSPC that the forecast did not see, as others map, too: undone, and known from then on', () => {
    const { ram, dma, io } = dmaMachine({}, { entryLimit: 3 });
    ram('pc.ram', 0x10000, 0);
    for (const iova of [0x10_0000n, 0x20_0000n]) {
      dma.map({ iova, size: 0x1000n, hostAddress: 0x1000n, read: true, write: true });
    }
    assert.throws(
      () => io('hole', 0x1000, 0x4000, 1),
      refusedBy(({ errno }) => assert.equal(errno, 'ENOSPC')),
    );
    assert.throws(
      () => io('hole', 0x1000, 0x4000, 1),
      refusedBy(({ code }) => assert.equal(code, 'ERR_OUT_OF_DMA_MAPPINGS')),
    );
  });

  test('what a hole cut is joined when mappings are short', () => {
    const { ram, io, mapper, ioctls } = dmaMachine({}, { entryLimit: 3 });
    ram('pc.ram', 0x10000, 0);
    const hole = io('hole', 0x1000, 0x4000, 1);
    hole.enabled = false;
    assert.equal(mapper.mappings.length, 3);
    ioctls();
    ram('more', 0x1000, 0x80000);
    assert.deepEqual(ioctls(), [
      'unmap 0x0+0x10000',
      'map 0x0+0x10000 rw',
      'map 0x80000+0x1000 rw',
    ]);
  });

  test('pieces of RAM become larger when mappings are short', () => {
    const { ram, mapper } = dmaMachine({}, { entryLimit: 8 });
    ram('pc.ram', 8 * MIB, 0);
    assert.equal(mapper.mappings.length, 2);
    for (let i = 1; i <= 7; i++) ram(`more ${i}`, 0x1000, 0x1000_0000 + i * 0x2000);
    assert.equal(mapper.mappings.length, 8);
    assert.equal(mapper.mappings[0]?.size, BigInt(8 * MIB));
  });

  test('a BAR for which there is no mapping left is refused, and mapped when there is', () => {
    const machine = dmaMachine({}, { entryLimit: 2 });
    const { ram, mapper, ioctls, system } = machine;
    const [first] = [ram('a', 0x1000, 0), ram('b', 0x1000, 0x10000)];
    system.addSubregion(0xe000_0000, barRegion(machine));
    assert.deepEqual([...mapper.refusalCounts], [['budget', 1]]);
    ioctls();
    first.enabled = false;
    assert.deepEqual([...mapper.refusalCounts], []);
    assert.deepEqual(ioctls(), ['unmap 0x0+0x1000', 'map 0xe0000000+0x10000 rw']);
    ram('c', 0x1000, 0x20000);
    assert.deepEqual([...mapper.refusalCounts], [['budget', 1]]);
    assert.deepEqual(ioctls(), ['unmap 0xe0000000+0x10000', 'map 0x20000+0x1000 rw']);
  });

  test('ENOMEM, RLIMIT_MEMLOCK: what was mapped before it is unmapped', () => {
    const { topology, ram, ioctls, host } = dmaMachine({}, { memlockLimit: 0x5000n });
    assert.throws(
      () =>
        topology.transaction(() => {
          ram('a', 0x4000, 0);
          ram('b', 0x2000, 0x10000);
        }),
      refusedBy(({ errno }) => assert.equal(errno, 'ENOMEM')),
    );
    assert.deepEqual(ioctls(), [
      'map 0x0+0x4000 rw',
      'map 0x10000+0x2000 rw ENOMEM',
      'unmap 0x0+0x4000',
    ]);
    assert.equal(host.lockedMemory, 0n);
  });

  test('EEXIST: somebody else mapped there, and the error says so', () => {
    const { ram, dma } = dmaMachine();
    dma.map({ iova: 0x2000n, size: 0x1000n, hostAddress: 0x1000n, read: true, write: true });
    assert.throws(
      () => ram('pc.ram', 0x4000, 0),
      refusedBy(({ errno, message }) => {
        assert.equal(errno, 'EEXIST');
        assert.match(
          message,
          /nothing of this mapper is there: somebody else maps into VFIO container/,
        );
      }),
    );
  });

  test('a second mapper for the same DMA space is refused, and says who has it', () => {
    const { topology, dma, ram } = dmaMachine();
    ram('pc.ram', 0x4000, 0);
    const other = topology.container('other', 1n << 64n);
    other.addSubregion(0, topology.ram('other ram', 0x1000));
    const space = topology.addressSpace('of another device', other);
    assert.throws(
      () => space.addListener(new VfioDmaMapper(dma)),
      refusedBy(({ message }) =>
        assert.match(
          message,
          /VFIO container shows address space "memory" by another VfioDmaMapper/,
        ),
      ),
    );
  });

  test('one mapper shows one address space, and another one once that is gone', () => {
    const { topology, memory, mapper, ram, system } = dmaMachine();
    const region = ram('pc.ram', 0x4000, 0);
    const space = topology.addressSpace('second', topology.container('other', 1n << 64n));
    space.root.addSubregion(0, topology.alias('again', region));
    assert.throws(
      () => space.addListener(mapper),
      refusedBy(({ message }) => assert.match(message, /address space "second" needs/)),
    );
    system.removeSubregion(region);
    space.addListener(mapper);
    assert.equal(mapper.mappings.length, 1);
    memory.removeListener(mapper);
  });

  test('EBUSY: unmapped and mapped again, once', () => {
    const { ram, host, ioctls } = dmaMachine();
    host.order({ ioctl: 'VFIO_IOMMU_MAP_DMA', call: 1, errno: 'EBUSY' });
    ram('a', 0x1000, 0);
    assert.deepEqual(ioctls(), [
      'map 0x0+0x1000 rw EBUSY',
      'unmap 0x0+0x1000',
      'map 0x0+0x1000 rw',
    ]);
    host.order({ ioctl: 'VFIO_IOMMU_MAP_DMA', call: 1, errno: 'EBUSY' });
    host.order({ ioctl: 'VFIO_IOMMU_MAP_DMA', call: 2, errno: 'EBUSY' });
    assert.throws(
      () => ram('b', 0x1000, 0x10000),
      refusedBy(({ errno }) => assert.equal(errno, 'EBUSY')),
    );
    assert.equal(ioctls().length, 3);
  });

  test('EBUSY of an IOAS, where nothing is to be unmapped', () => {
    const { ram, host, ioctls } = dmaMachine({}, {}, 'ioas');
    host.order({ ioctl: 'IOMMU_IOAS_MAP', call: 1, errno: 'EBUSY' });
    ram('a', 0x1000, 0);
    assert.deepEqual(ioctls(), [
      'map 0x0+0x1000 rw EBUSY',
      'unmap 0x0+0x1000 ENOENT',
      'map 0x0+0x1000 rw',
    ]);
  });
});

suite('Left alone: RAM in pieces', () => {
  const sizes = (machine: DmaMachine): bigint[] => machine.mapper.mappings.map(({ size }) => size);

  test('of 2 MiB in a small guest; of more where there are too many', {
    skip: noNativeAddon,
  }, () => {
    const small = dmaMachine();
    small.ram('pc.ram', 8 * MIB, 0);
    assert.deepEqual(sizes(small), Array(4).fill(BigInt(2 * MIB)));
    const large = dmaMachine({}, { iovaRanges: [{ address: 0n, size: 1n << 57n }] });
    const all = HostMemory.allocate(64n << 30n);
    const region = large.topology.ram('pc.ram', 64n << 30n, { memory: all });
    large.system.addSubregion(0, region);
    assert.deepEqual([sizes(large).length, sizes(large)[1]], [16384, 4n << 20n]);
    all.close();
  });

  test('of huge pages where the memory has them', () => {
    const machine = dmaMachine();
    const memory = pages(8 * MIB);
    Object.defineProperty(memory, 'pageSize', { value: BigInt(4 * MIB) });
    machine.system.addSubregion(0, machine.topology.ram('huge', 8 * MIB, { memory }));
    assert.deepEqual(sizes(machine), Array(2).fill(BigInt(4 * MIB)));
  });

  test('a hole takes one piece; closing and opening it again takes nothing', () => {
    let interrupted = 0n;
    const log: string[] = [];
    const { ram, io, ioctls } = dmaMachine({
      review: (plan) => {
        interrupted = planCost(plan).bytesInterrupted;
      },
      quiesce: () => log.push('quiesce'),
      resume: () => log.push('resume'),
    });
    ram('pc.ram', 8 * MIB, 0);
    assert.deepEqual(log, []);
    ioctls();
    const hole = io('hole', 0x1000, 3 * MIB, 1);
    assert.deepEqual(ioctls(), [
      'unmap 0x200000+0x200000',
      'map 0x200000+0x100000 rw',
      'map 0x301000+0xff000 rw',
    ]);
    assert.equal(interrupted, BigInt(2 * MIB - 0x1000));
    assert.deepEqual(log, ['quiesce', 'resume']);
    hole.enabled = false;
    assert.deepEqual(ioctls(), ['map 0x300000+0x1000 rw']);
    hole.enabled = true;
    assert.deepEqual(ioctls(), ['unmap 0x300000+0x1000']);
    assert.equal(log.length, 2);
  });

  test('what goes together is unmapped together', () => {
    const { ram, memory, mapper, ioctls } = dmaMachine();
    ram('pc.ram', 64 * MIB, 0);
    ram('more', 0x1000, 0x1_0000_0000n);
    ioctls();
    memory.removeListener(mapper);
    assert.deepEqual(ioctls(), ['unmap 0x0+0x4000000', 'unmap 0x100000000+0x1000']);
  });

  test('a review refuses the commit before anything is done', () => {
    let allowed = true;
    const { ram, io, ioctls } = dmaMachine({
      review: (plan) => {
        if (!allowed && planCost(plan).bytesInterrupted > 0n) throw new RangeError('too much');
      },
    });
    ram('pc.ram', 8 * MIB, 0);
    ioctls();
    allowed = false;
    assert.throws(() => io('hole', 0x1000, 0x1000, 1), /too much/);
    assert.deepEqual(ioctls(), []);
  });

  test('devices go on when the kernel refuses', () => {
    const log: string[] = [];
    const { ram, io, host } = dmaMachine({
      quiesce: () => log.push('quiesce'),
      resume: () => log.push('resume'),
    });
    ram('pc.ram', 2 * MIB, 0);
    host.order({ ioctl: 'VFIO_IOMMU_MAP_DMA', call: 2, errno: 'ENOMEM' });
    assert.throws(() => io('hole', 0x1000, 0x1000, 1), { code: 'ERR_LISTENER_FAILED' });
    assert.deepEqual(log, ['quiesce', 'resume']);
  });
});

suite('All or nothing', () => {
  test('what was done before an error is undone, the last first', () => {
    const { ram, io, host, ioctls } = dmaMachine();
    ram('pc.ram', 0x10000, 0);
    ioctls();
    host.order({ ioctl: 'VFIO_IOMMU_MAP_DMA', call: 2, errno: 'ENOMEM' });
    assert.throws(() => io('hole', 0x1000, 0x4000, 1), { code: 'ERR_LISTENER_FAILED' });
    assert.deepEqual(ioctls(), [
      'unmap 0x0+0x10000',
      'map 0x0+0x4000 rw',
      'map 0x5000+0xb000 rw ENOMEM',
      'unmap 0x0+0x4000',
      'map 0x0+0x10000 rw',
    ]);
  });

  test('an undo that fails as well is said, remembered and made up for by the next commit', () => {
    const { memory, ram, io, host, mapper, access } = dmaMachine();
    const region = ram('pc.ram', 0x10000, 0);
    const uart = io('uart', 8, 0x80000);
    host.order({ ioctl: 'VFIO_IOMMU_MAP_DMA', call: 2, errno: 'ENOMEM' });
    host.order({ ioctl: 'VFIO_IOMMU_MAP_DMA', call: 3, errno: 'EIO' });
    assert.throws(
      () => io('hole', 0x1000, 0x4000, 1),
      refusedBy((cause, { errno }) => {
        assert.equal(errno, 'ENOMEM');
        assert.equal(cause.undoFailures?.length, 1);
      }),
    );
    assert.equal(mapper.verdictAt(0x3000n, memory)?.code, 'errno');
    assert.match(mapper.verdictAt(0x3000n, memory)?.text ?? '', /then to undo it/);
    assert.equal(access(0x3000n), 'unmapped');
    uart.address = 0x90000n;
    assert.equal(access(0x3000n), (region.memory?.hostAddress ?? 0n) + 0x3000n);
  });

  test('a BAR that cannot be mapped again is a refusal, and no failure of the undo', () => {
    const machine = dmaMachine();
    const { topology, system, ram, host, mapper, memory } = machine;
    const bar = barRegion(machine);
    system.addSubregion(0xe000_0000, bar);
    host.order({ ioctl: 'VFIO_IOMMU_MAP_DMA', call: 1, errno: 'ENOMEM' });
    host.order({ ioctl: 'VFIO_IOMMU_MAP_DMA', call: 2, errno: 'EFAULT' });
    assert.throws(
      () =>
        topology.transaction(() => {
          bar.enabled = false;
          ram('pc.ram', 0x1000, 0);
        }),
      refusedBy((cause) => assert.equal(cause.undoFailures, undefined)),
    );
    assert.equal(mapper.verdictAt(0xe000_0000n, memory)?.code, 'errno');
    mapper.retry();
    assert.equal(mapper.verdictAt(0xe000_0000n, memory)?.code, 'mapped');
  });

  test('when another listener fails, the device reaches what it did before', () => {
    for (const priority of [-1, 10]) {
      const { memory, ram, io, access } = dmaMachine();
      const region = ram('pc.ram', 0x10000, 0);
      let fails = false;
      memory.addListener({
        priority,
        commit: () => {
          if (fails) throw new Error('no');
        },
      });
      fails = true;
      assert.throws(() => io('hole', 0x1000, 0x4000, 1), /no/);
      assert.equal(access(0x4000n), (region.memory?.hostAddress ?? 0n) + 0x4000n);
      assert.equal(access(0x8000n), (region.memory?.hostAddress ?? 0n) + 0x8000n);
    }
  });

  test('memory that was closed is not taken for other memory at the same address', () => {
    const { topology, system, host, ioctls } = dmaMachine();
    const first = pages(0x1000);
    const second = HostMemory.at(first.hostAddress, 0x1000n);
    const [a, b] = [
      topology.ram('a', 0x1000, { memory: first }),
      topology.ram('b', 0x1000, { memory: second }),
    ];
    system.addSubregion(0, a);
    ioctls();
    first.close();
    topology.transaction(() => {
      system.removeSubregion(a);
      system.addSubregion(0, b);
    });
    assert.deepEqual(ioctls(), ['unmap 0x0+0x1000', 'map 0x0+0x1000 rw']);
    assert.equal(host.calls.length, 0);
  });
});

suite('Nothing is forgotten: refusals are told', () => {
  test('what is refused newly, and what no longer is, after the commit', async () => {
    const told: string[] = [];
    const onRefusals = ({ refused, resolved }: RefusalChange): void => {
      for (const { code, range } of refused) told.push(`+ ${code} ${range.region.name}`);
      for (const { code, range } of resolved) told.push(`- ${code} ${range.region.name}`);
    };
    const { ram, io } = dmaMachine({ onRefusals });
    ram('pc.ram', 0x2000, 0);
    const quirk = io('quirk', 0x10, 0x1ff0, 1);
    assert.deepEqual(told, [], 'not within the commit');
    await afterwards();
    assert.deepEqual(told.splice(0), ['+ sub-page pc.ram']);
    quirk.size = 0x8n;
    await afterwards();
    assert.deepEqual(told.splice(0), ['+ sub-page pc.ram']);
    quirk.enabled = false;
    await afterwards();
    assert.deepEqual(told.splice(0), ['- sub-page pc.ram', '- sub-page pc.ram']);
  });

  test('windows that grow are found by a retry', () => {
    const iovaRanges = [{ address: 0n, size: 0x10000n }];
    const machine = dmaMachine({}, { iovaRanges });
    machine.ram('pc.ram', 0x1000, 0x10000);
    assert.deepEqual([...machine.mapper.refusalCounts], [['out-of-window', 1]]);
    iovaRanges[0] = { address: 0n, size: 0x20000n };
    machine.mapper.retry();
    assert.deepEqual(machine.ioctls(), ['map 0x10000+0x1000 rw']);
    assert.deepEqual([...machine.mapper.refusalCounts], []);
  });
});

suite('memory that is only partly there', () => {
  function virtioMem(options: Parameters<typeof dmaMachine>[0] = {}, entryLimit = 65535) {
    const machine = dmaMachine(options, { entryLimit });
    const region = machine.topology.ram('virtio-mem', 4 * MIB, { memory: pages(4 * MIB) });
    const manager = new RamDiscardManager(region, { granularity: 0x10_0000 });
    return { ...machine, machine, region, manager };
  }

  test('is mapped granule by granule, and goes so', () => {
    const { machine, system, region, manager, ioctls, mapper } = virtioMem();
    manager.populate(0, 0x10_0000);
    system.addSubregion(0x1_0000_0000n, region);
    assert.deepEqual(ioctls(), ['map 0x100000000+0x100000 rw']);
    manager.populate(0x20_0000, 0x20_0000);
    assert.deepEqual(ioctls(), ['map 0x100200000+0x100000 rw', 'map 0x100300000+0x100000 rw']);
    assert.deepEqual(verdicts(machine), [
      '0x100000000-0x1000fffff mapped',
      '0x100100000-0x1001fffff discarded',
      '0x100200000-0x1002fffff mapped',
      '0x100300000-0x1003fffff mapped',
    ]);
    manager.discard(0x30_0000, 0x10_0000);
    assert.deepEqual(ioctls(), ['unmap 0x100300000+0x100000']);
    region.enabled = false;
    assert.deepEqual(ioctls(), ['unmap 0x100000000+0x100000', 'unmap 0x100200000+0x100000']);
    manager.populate(0x30_0000, 0x10_0000);
    assert.deepEqual([ioctls(), mapper.mappings], [[], []]);
    region.enabled = true;
    assert.equal(mapper.mappings.length, 3);
  });

  test('what the kernel refuses is not populated', () => {
    const { system, region, manager, host, mapper, ioctls } = virtioMem();
    system.addSubregion(0, region);
    host.order({ ioctl: 'VFIO_IOMMU_MAP_DMA', call: 2, errno: 'ENOMEM' });
    assert.throws(() => manager.populate(0, 0x20_0000), { code: 'ERR_LISTENER_FAILED' });
    assert.equal(manager.isPopulated({ offset: 0n, size: 0x1000n }), false);
    assert.deepEqual([ioctls().length, mapper.mappings], [3, []]);
    manager.populate(0, 0x20_0000);
    assert.equal(mapper.mappings.length, 2);
  });

  test('granules are joined when mappings are short, and refused when there are too few even so', () => {
    const { ram, system, region, manager, mapper } = virtioMem({}, 3);
    system.addSubregion(0, region);
    for (const i of [0, 1, 2, 3]) manager.populate(i * 0x10_0000, 0x10_0000);
    assert.equal(mapper.mappings.length, 2);
    ram('more', 0x1000, 0x1000_0000);
    manager.discard(0x10_0000, 0x10_0000);
    assert.equal(mapper.mappings.length, 3);
    assert.throws(
      () => ram('last', 0x1000, 0x2000_0000),
      refusedBy(({ code }) => assert.equal(code, 'ERR_OUT_OF_DMA_MAPPINGS')),
    );
    manager.populate(0x10_0000, 0x10_0000);
    ram('now it fits', 0x1000, 0x3000_0000);
  });

  test('a commit that fails leaves the manager as it was', () => {
    const { system, region, manager, host, ioctls, topology } = virtioMem();
    manager.populate(0, 0x10_0000);
    host.order({ ioctl: 'VFIO_IOMMU_MAP_DMA', call: 1, errno: 'ENOMEM' });
    assert.throws(() => system.addSubregion(0, region), { code: 'ERR_LISTENER_FAILED' });
    ioctls();
    manager.populate(0x10_0000, 0x10_0000);
    assert.deepEqual(ioctls(), []);
    topology.transaction(() => system.addSubregion(0, region));
    assert.equal(ioctls().length, 2);
  });
});
