import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  type AddressSpace,
  type IommuOps,
  type IommuPermission,
  type IommuTranslation,
  MemTxResult,
  type RamRegion,
} from '../../lib/index.js';
import { flatviewError, type Machine, machine, Recorder } from './machine.js';

const { ok, decodeError, accessError } = MemTxResult;
const pageMask = 0xfffn;

/** An IOMMU of 4 KiB pages as a table: from page to page, with a permission. */
type PageTable = Record<number, readonly [page: number, permission: IommuPermission]>;

function translated(
  target: AddressSpace,
  table: PageTable,
  iova: bigint,
): IommuTranslation | undefined {
  const entry = table[Number(iova >> 12n)];
  if (entry === undefined) return undefined;
  const [page, permission] = entry;
  return { target, address: BigInt(page) << 12n, mask: pageMask, permission };
}

interface IommuMachine extends Machine {
  readonly ram: RamRegion;
  /** What a device behind the IOMMU sees. */
  readonly device: AddressSpace;
}

/** A machine with RAM from 0 to 0x1_0000, and a device that sees it through an IOMMU. */
function withIommu(table: PageTable, rest: Partial<IommuOps> = {}): IommuMachine {
  const { topology, system, memory } = machine();
  const ram = topology.ram('ram', 0x1_0000);
  system.addSubregion(0, ram);
  const translate: IommuOps['translate'] = (iova) => translated(memory, table, iova);
  const iommu = topology.iommu('iommu', 1n << 64n, { translate, ...rest });
  const device = topology.addressSpace('device', iommu);
  return { topology, system, memory, ram, device };
}

suite('through an IOMMU', () => {
  test('an access goes where the translation leads, page by page', () => {
    const { device, ram } = withIommu({ 16: [3, 'read-write'], 17: [1, 'read-write'] });
    assert.equal(device.write(0x1_0ffc, 8, 0x8877_6655_4433_2211n), ok);
    assert.equal(ram.memory?.load(0x3ffc, 4), 0x4433_2211n);
    assert.equal(ram.memory?.load(0x1000, 4), 0x8877_6655n);
    const bytes = new Uint8Array(8);
    assert.equal(device.readBytes(0x1_0ffc, bytes), ok);
    assert.deepEqual([...bytes], [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88]);
  });

  test('what is not translated or not permitted is answered by nobody', () => {
    const table: PageTable = { 0: [1, 'read'], 1: [2, 'write'], 2: [3, 'none'] };
    const { device, ram } = withIommu(table);
    for (const page of [1, 2, 3]) ram.memory?.store(page << 12, 4, 0x1234n);
    assert.deepEqual(device.read(0, 4), { value: 0x1234n, result: ok });
    assert.equal(device.write(0, 4, 1), decodeError);
    assert.deepEqual(device.read(0x1000, 4), { value: 0n, result: decodeError });
    assert.equal(device.write(0x1000, 4, 1), ok);
    assert.deepEqual(device.read(0x2000, 4), { value: 0n, result: decodeError });
    assert.equal(device.write(0x2000, 4, 1), decodeError);
    assert.equal(device.read(0x3000, 4).result, decodeError);
    assert.equal(device.read(0x0ffc, 8).result, decodeError);
    assert.equal(device.read(0x0ffc, 8).value, 0n);
    assert.deepEqual(
      [1, 2, 3].map((page) => ram.memory?.load(page << 12, 4)),
      [0x1234n, 1n, 0x1234n],
    );
  });

  test('a buffer goes on behind a page that is not there', () => {
    const { device, ram } = withIommu({ 0: [4, 'read'], 2: [5, 'read'] });
    ram.memory?.window(0x4000, 0x2000).fill(7);
    const bytes = new Uint8Array(0x3000).fill(0xee);
    assert.equal(device.readBytes(0, bytes), decodeError);
    assert.ok(bytes.subarray(0, 0x1000).every((byte) => byte === 7));
    assert.ok(bytes.subarray(0x1000, 0x2000).every((byte) => byte === 0));
    assert.ok(bytes.subarray(0x2000).every((byte) => byte === 7));
  });

  test('the translator hears the IOVA, the kind of access, and the table for the attributes', () => {
    const heard: unknown[] = [];
    const { device } = withIommu(
      {},
      {
        translate: (...args) => {
          heard.push(args);
          return undefined;
        },
        attributesToIndex: ({ pasid = 0 }) => pasid,
        indexCount: 4,
      },
    );
    device.read(0x1234, 2, { pasid: 3 });
    device.write(0x1234, 2, 0);
    assert.deepEqual(heard, [
      [0x1234n, 'read', 3],
      [0x1234n, 'write', 0],
    ]);
  });

  test('an IOVA is an offset within the region, wherever it shows', () => {
    const heard: bigint[] = [];
    const { topology, system, memory } = machine();
    const translate = (iova: bigint): undefined => {
      heard.push(iova);
    };
    const iommu = topology.iommu('iommu', 0x10000, { translate });
    system.addSubregion(0x100000, topology.alias('view', iommu, { offset: 0x4000 }));
    memory.read(0x100010, 4);
    assert.deepEqual(heard, [0x4010n]);
  });

  test('large pages are taken whole', () => {
    let asked = 0;
    const { device, ram, memory } = withIommu({});
    const { topology } = device;
    const translate: IommuOps['translate'] = () => {
      asked++;
      return { target: memory, address: 0x123n, mask: 0xffffn, permission: 'read-write' };
    };
    const large = topology.addressSpace('large', topology.iommu('iommu', 1n << 32n, { translate }));
    assert.equal(large.writeBytes(0x7_0000, new Uint8Array(0x1_0000).fill(3)), ok);
    assert.equal(asked, 1);
    assert.equal(ram.memory?.load(0, 1), 3n);
    assert.equal(ram.memory?.load(0xffff, 1), 3n);
  });

  test('an access to a device ends with the page', () => {
    const { topology, system, device } = withIommu({ 0: [0x20, 'read-write'], 1: [0x40, 'read'] });
    const recorder = new Recorder();
    const rules = {
      valid: { maxSize: 8, unaligned: true },
      implementation: { maxSize: 8, unaligned: true },
    };
    const io = topology.io('io', 0x2000, recorder.ops(0x1122_3344_5566_7788n, rules));
    system.addSubregion(0x2_0000, io);
    assert.equal(device.write(0xffe, 8, 0x8877_6655_4433_2211n), decodeError);
    assert.deepEqual(recorder.take(), ['write ffe+2 2211']);
  });

  test('an IOMMU may lead to another one', () => {
    const { topology, device, ram } = withIommu({ 5: [7, 'read-write'] });
    const translate: IommuOps['translate'] = (iova) => translated(device, { 1: [5, 'read'] }, iova);
    const outer = topology.addressSpace('outer', topology.iommu('outer', 0x10000, { translate }));
    ram.memory?.store(0x7010, 4, 0x55n);
    assert.deepEqual(outer.read(0x1010, 4), { value: 0x55n, result: ok });
    assert.equal(outer.write(0x1010, 4, 1), decodeError);
  });

  test('The guest can not hurt: IOMMUs that lead in circles end in a decode error', () => {
    const { topology } = machine();
    const spaces: AddressSpace[] = [];
    let asked = 0;
    const translate: IommuOps['translate'] = (iova) => {
      asked++;
      const target = spaces[0];
      return target && { target, address: iova, mask: pageMask, permission: 'read-write' };
    };
    const space = topology.addressSpace('loop', topology.iommu('loop', 1n << 64n, { translate }));
    spaces.push(space);
    assert.deepEqual(space.read(0x1000, 4), { value: 0n, result: decodeError });
    assert.ok(asked <= 16, `${asked} translations`);
    assert.equal(space.write(0x1000, 4, 1), decodeError);
    const mapping = space.mapDma(0x1000, 0x10, { isWrite: false });
    assert.equal(mapping?.result, decodeError);
  });

  test('DMA is mapped as far as pages follow one another', () => {
    const { device, ram } = withIommu({
      0: [2, 'read-write'],
      1: [3, 'read-write'],
      2: [4, 'read'],
      3: [9, 'read'],
    });
    const forReading = device.mapDma(0x800, 0x10000, { isWrite: false });
    assert.equal(forReading?.isBounce, false);
    assert.equal(forReading?.bytes.length, 0x2800);
    const forWriting = device.mapDma(0x800, 0x10000, { isWrite: true });
    assert.equal(forWriting?.bytes.length, 0x1800);
    forWriting?.bytes.fill(1);
    assert.equal(ram.memory?.load(0x2800, 1), 1n);
    assert.equal(ram.memory?.load(0x3fff, 1), 1n);
  });

  test('accesses that are meant for memory find it', () => {
    const { device, topology, system } = withIommu({ 0: [2, 'read'], 1: [0x20, 'read'] });
    system.addSubregion(0x2_0000, topology.io('io', 0x1000, new Recorder().ops()));
    assert.equal(device.read(0, 4, { memory: true }).result, ok);
    assert.equal(device.read(0x1000, 4, { memory: true }).result, accessError);
  });

  test('a translation with a malformed mask is a bug of its author', () => {
    for (const mask of [0xff0n, -1n, 1n << 64n, 0x1001n]) {
      const { device, memory } = withIommu({});
      const { topology } = device;
      const translate: IommuOps['translate'] = () => ({
        target: memory,
        address: 0n,
        mask,
        permission: 'read',
      });
      const space = topology.addressSpace('bad', topology.iommu('bad', 0x1000, { translate }));
      assert.throws(() => space.read(0, 4), flatviewError('ERR_IOMMU', /"bad".*mask of a page/));
    }
  });
});
