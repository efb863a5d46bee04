import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type {
  AddressSpace,
  IommuEvent,
  IommuEventType,
  IommuNotifier,
  IommuOps,
  IommuRegion,
} from '../../lib/index.js';
import { flatviewError, machine } from './machine.js';

/** A notifier that writes down what it hears as `type iova+size[ -> address]`. */
function notifier(
  heard: string[],
  events: readonly IommuEventType[],
  rest: Partial<IommuNotifier> = {},
): IommuNotifier {
  const notify = (event: IommuEvent): void => {
    const where =
      event.type === 'map' ? ` -> ${event.address.toString(16)} ${event.permission}` : '';
    heard.push(`${event.type} ${event.iova.toString(16)}+${event.size.toString(16)}${where}`);
  };
  return { events, notify, ...rest };
}

function withIommu(
  ops: Partial<IommuOps> = {},
  size: bigint | number = 0x10_0000,
): {
  readonly iommu: IommuRegion;
  readonly memory: AddressSpace;
} {
  const { topology, memory } = machine();
  const iommu = topology.iommu('iommu', size, { translate: () => undefined, ...ops });
  return { iommu, memory };
}

function unmap(
  iova: bigint,
  size: bigint,
  type: 'unmap' | 'device-iotlb-unmap' = 'unmap',
): IommuEvent {
  return { type, iova, size };
}

suite('IOMMU notifiers', () => {
  test('hear of the kinds of events that they want, in the table that they watch', () => {
    const { iommu, memory } = withIommu({ indexCount: 2 });
    const heard: Record<'a' | 'b' | 'c', string[]> = { a: [], b: [], c: [] };
    iommu.notifiers.add(notifier(heard.a, ['map', 'unmap']));
    iommu.notifiers.add(notifier(heard.b, ['unmap'], { index: 1 }));
    iommu.notifiers.add(notifier(heard.c, ['device-iotlb-unmap']));
    iommu.notifiers.notify(0, unmap(0n, 0x1000n));
    iommu.notifiers.notify(1, unmap(0x1000n, 0x1000n));
    iommu.notifiers.notify(0, unmap(0x2000n, 0x1000n, 'device-iotlb-unmap'));
    iommu.notifiers.notify(0, {
      type: 'map',
      iova: 0x3000n,
      size: 0x1000n,
      target: memory,
      address: 0x8000n,
      permission: 'read',
    });
    assert.deepEqual(heard, {
      a: ['unmap 0+1000', 'map 3000+1000 -> 8000 read'],
      b: ['unmap 1000+1000'],
      c: ['device-iotlb-unmap 2000+1000'],
    });
  });

  test('hear of the part of an event that lies in their range', () => {
    const { iommu, memory } = withIommu();
    const heard: string[] = [];
    const events = ['map', 'unmap', 'device-iotlb-unmap'] as const;
    iommu.notifiers.add(notifier(heard, events, { iova: 0x2000, size: 0x2000 }));
    const all: readonly [bigint, bigint][] = [
      [0n, 0x2000n],
      [0n, 0x2001n],
      [0x3fffn, 0x10n],
      [0x4000n, 0x1000n],
      [0x1000n, 0x1_0000n],
      [0x2800n, 0x100n],
      [0x2800n, 0n],
      [0n, 1n << 64n],
    ];
    for (const [iova, size] of all) iommu.notifiers.notify(0, unmap(iova, size));
    iommu.notifiers.notify(0, unmap(0x1000n, 0x1800n, 'device-iotlb-unmap'));
    const mapped = { target: memory, address: 0x70_0000n, permission: 'read-write' } as const;
    iommu.notifiers.notify(0, { type: 'map', iova: 0x1000n, size: 0x4000n, ...mapped });
    assert.deepEqual(heard, [
      'unmap 2000+1',
      'unmap 3fff+1',
      'unmap 2000+2000',
      'unmap 2800+100',
      'unmap 2000+2000',
      'device-iotlb-unmap 2000+800',
      'map 2000+2000 -> 701000 read-write',
    ]);
  });

  test('may come and go while events are told', () => {
    const { iommu } = withIommu();
    const heard: string[] = [];
    const late = notifier(heard, ['unmap']);
    const first: IommuNotifier = {
      events: ['unmap'],
      notify: () => {
        heard.push('first');
        iommu.notifiers.remove(first);
        iommu.notifiers.add(late);
      },
    };
    iommu.notifiers.add(first);
    iommu.notifiers.notify(0, unmap(0n, 1n));
    assert.deepEqual(heard, ['first']);
    iommu.notifiers.notify(0, unmap(0n, 1n));
    assert.deepEqual(heard, ['first', 'unmap 0+1']);
  });

  test('the IOMMU hears which kinds of events are wanted, when that changes', () => {
    const changes: string[] = [];
    const { iommu } = withIommu({
      notifyFlagChanged: (previous, next) => {
        changes.push(`${[...previous].join()} -> ${[...next].join()}`);
      },
    });
    const a = notifier([], ['map', 'unmap']);
    const b = notifier([], ['unmap']);
    iommu.notifiers.add(b);
    iommu.notifiers.add(a);
    iommu.notifiers.remove(b);
    iommu.notifiers.remove(a);
    assert.deepEqual(changes, [' -> unmap', 'unmap -> unmap,map', 'map,unmap -> ']);
    assert.equal(iommu.notifiers.wanted.size, 0);
  });

  test('the IOMMU may refuse one', () => {
    const { iommu } = withIommu({
      notifyFlagChanged: (_previous, next) => {
        if (next.has('map')) throw new Error('caching mode is off');
      },
    });
    const heard: string[] = [];
    const refused = notifier(heard, ['map', 'unmap']);
    const refuses = (error: Error): boolean => {
      assert.match(error.message, /"iommu".*refuses to report map, unmap/);
      assert.match(String(error.cause), /caching mode is off/);
      return 'code' in error && error.code === 'ERR_IOMMU';
    };
    assert.throws(() => iommu.notifiers.add(refused), refuses);
    iommu.notifiers.notify(0, unmap(0n, 1n));
    assert.deepEqual(heard, []);
    iommu.notifiers.add(notifier(heard, ['unmap']));
    iommu.notifiers.notify(0, unmap(0n, 1n));
    assert.deepEqual(heard, ['unmap 0+1']);
  });

  test('are refused with a reason', () => {
    const { iommu } = withIommu({ indexCount: 2 });
    const wrong = flatviewError('ERR_IOMMU', /"iommu"/);
    const range = flatviewError('ERR_ADDRESS_RANGE');
    const good = notifier([], ['unmap']);
    iommu.notifiers.add(good);
    assert.throws(() => iommu.notifiers.add(good), wrong);
    assert.throws(() => iommu.notifiers.add(notifier([], [])), wrong);
    for (const index of [-1, 2, 0.5]) {
      assert.throws(() => iommu.notifiers.add(notifier([], ['map'], { index })), wrong);
    }
    const ranges: readonly Partial<IommuNotifier>[] = [
      { iova: 0x10_0000 },
      { iova: -1 },
      { size: 0 },
      { iova: 0x1000, size: 0x10_0000 },
      { size: 1n << 65n },
    ];
    for (const rest of ranges) {
      assert.throws(() => iommu.notifiers.add(notifier([], ['map'], rest)), range);
    }
    iommu.notifiers.remove(good);
    assert.throws(() => iommu.notifiers.remove(good), wrong);
    assert.throws(() => iommu.notifiers.replay(good), wrong);
  });
});

suite('replay', () => {
  test('asks for one page after the other, and tells of those that are there', () => {
    const { memory } = withIommu();
    const asked: string[] = [];
    const { iommu } = withIommu({
      indexCount: 2,
      translate: (iova, access, index) => {
        asked.push(`${iova.toString(16)} ${access} ${index}`);
        if (iova === 0x3000n) return undefined;
        const permission = iova === 0x4000n ? 'none' : 'read';
        return { target: memory, address: iova + 0x80_0123n, mask: 0xfffn, permission };
      },
    });
    const heard: string[] = [];
    const wants = notifier(heard, ['map'], { iova: 0x2800, size: 0x3000, index: 1 });
    iommu.notifiers.add(wants);
    assert.deepEqual(asked, []);
    iommu.notifiers.replay(wants);
    assert.deepEqual(asked, ['2800 none 1', '3000 none 1', '4000 none 1', '5000 none 1']);
    assert.deepEqual(heard, ['map 2800+800 -> 802800 read', 'map 5000+800 -> 805000 read']);
  });

  test('goes by the sizes of the pages', () => {
    const { memory } = withIommu();
    let asked = 0;
    const { iommu } = withIommu(
      {
        minPageSize: 0x10_0000n,
        translate: (iova) => {
          asked++;
          if (iova >= 1n << 63n)
            return { target: memory, address: 0n, mask: (1n << 63n) - 1n, permission: 'read' };
          return { target: memory, address: 0n, mask: (1n << 62n) - 1n, permission: 'none' };
        },
      },
      1n << 64n,
    );
    const heard: string[] = [];
    const all = notifier(heard, ['map']);
    iommu.notifiers.add(all);
    iommu.notifiers.replay(all);
    assert.equal(asked, 3);
    assert.deepEqual(heard, ['map 8000000000000000+8000000000000000 -> 0 read']);
  });

  test("is the IOMMU's where it has one, clipped to the notifier's range", () => {
    const { memory } = withIommu();
    const { iommu } = withIommu({
      replay: (who) => {
        const mapped = { target: memory, address: 0n, permission: 'read' } as const;
        iommu.notifiers.notifyOne(who, { type: 'map', iova: 0n, size: 0x10_0000n, ...mapped });
      },
    });
    const heard: string[] = [];
    const wants = notifier(heard, ['map'], { iova: 0x1000, size: 0x1000 });
    iommu.notifiers.add(wants);
    iommu.notifiers.replay(wants);
    assert.deepEqual(heard, ['map 1000+1000 -> 1000 read']);
  });

  test('The guest can not hurt: too many pages are refused instead of walked', () => {
    const { iommu } = withIommu({ minPageSize: 1n }, 1n << 64n);
    const wants = notifier([], ['map']);
    iommu.notifiers.add(wants);
    const tooMany = flatviewError('ERR_IOMMU', /too many pages.*replay/);
    assert.throws(() => iommu.notifiers.replay(wants), tooMany);
  });
});
