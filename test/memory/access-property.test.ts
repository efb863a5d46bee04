// Random memory maps and random accesses, against plain arrays of bytes.
//
// FLATVIEW_TREES=100000 runs more of them; FLATVIEW_SEED=... repeats a run.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  type AddressSpace,
  type Endianness,
  type MemoryRegionOps,
  MemoryTopology,
  MemTxResult,
} from '../../lib/index.js';
import { runs } from '../oracle/runs.js';
import { toBytes, toValue } from './access-model.js';

/** Memory that aliases show parts of. */
const poolSize = 0x200;

/** One thing after the other from address 0 on. Devices are made of whole groups of 8 bytes, at such addresses. */
type Piece =
  | { readonly kind: 'ram' | 'rom' | 'ram-device' | 'hole'; readonly size: number }
  | {
      readonly kind: 'alias';
      readonly size: number;
      readonly offset: number;
      readonly readonly: boolean;
    }
  | {
      readonly kind: 'device';
      readonly size: number;
      readonly endianness: Endianness;
      readonly takes: number;
      readonly implements: number;
    };

const size = fc.integer({ min: 1, max: 40 });
const width = fc.constantFrom(1, 2, 4, 8);
const endianness = fc.constantFrom<Endianness>('little', 'big');

const piece: fc.Arbitrary<Piece> = fc.oneof(
  fc.record({ kind: fc.constantFrom('ram', 'rom', 'ram-device', 'hole'), size }),
  fc.record({
    kind: fc.constant('alias'),
    size,
    offset: fc.integer({ min: 0, max: poolSize - 40 }),
    readonly: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('device'),
    size: fc.integer({ min: 1, max: 5 }).map((groups) => groups * 8),
    endianness,
    takes: width,
    implements: width,
  }),
) as fc.Arbitrary<Piece>;

/** What is at one address: a byte of some array that may be written, or not; or nothing. */
interface Cell {
  readonly bytes: Uint8Array;
  readonly index: number;
  readonly isWritable: boolean;
}

/** A machine, and what must be found at each of its addresses. */
class Pair {
  readonly cells: (Cell | undefined)[] = [];
  readonly #topology = new MemoryTopology();
  readonly #system = this.#topology.container('system', 0x1_0000);
  readonly #pool = this.#topology.ram('pool', poolSize);
  readonly #poolBytes = new Uint8Array(poolSize);
  readonly memory: AddressSpace;

  constructor(pieces: readonly Piece[]) {
    this.#topology.transaction(() => {
      for (const it of pieces) this.#place(it);
    });
    this.memory = this.#topology.addressSpace('memory', this.#system);
  }

  close(): void {
    this.#topology.close();
  }

  #place(it: Piece): void {
    while (it.kind === 'device' && this.cells.length % 8 !== 0) this.cells.push(undefined);
    const address = this.cells.length;
    const topology = this.#topology;
    if (it.kind === 'hole') {
      for (let i = 0; i < it.size; i++) this.cells.push(undefined);
    } else if (it.kind === 'alias') {
      const { offset, readonly } = it;
      const alias = topology.alias('alias', this.#pool, { offset, size: it.size, readonly });
      this.#system.addSubregion(address, alias);
      this.#cells(this.#poolBytes, offset, it.size, !readonly);
    } else if (it.kind === 'device') {
      const bytes = new Uint8Array(it.size);
      this.#system.addSubregion(address, topology.io('device', it.size, byteStore(bytes, it)));
      this.#cells(bytes, 0, it.size, true);
    } else {
      const options = { memory: new Uint8Array(it.size) };
      const make = { ram: 'ram', rom: 'rom', 'ram-device': 'ramDevice' } as const;
      const region = topology[make[it.kind]](it.kind, it.size, options);
      this.#system.addSubregion(address, region);
      this.#cells(new Uint8Array(it.size), 0, it.size, it.kind !== 'rom');
    }
  }

  #cells(bytes: Uint8Array, first: number, count: number, isWritable: boolean): void {
    for (let i = 0; i < count; i++) this.cells.push({ bytes, index: first + i, isWritable });
  }
}

/** A device whose registers are plain bytes. */
function byteStore(bytes: Uint8Array, rules: Piece & { readonly kind: 'device' }): MemoryRegionOps {
  return {
    endianness: rules.endianness,
    valid: { maxSize: rules.takes },
    implementation: { maxSize: rules.implements },
    read: (offset, length) => {
      const at = Number(offset);
      return toValue([...bytes.subarray(at, at + length)], rules.endianness);
    },
    write: (offset, value, length) => {
      const little = toBytes(value, length);
      bytes.set(rules.endianness === 'little' ? little : little.reverse(), Number(offset));
    },
  };
}

interface Action {
  readonly kind: 'read' | 'write' | 'readBytes' | 'writeBytes' | 'dmaRead' | 'dmaWrite';
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly order: Endianness;
}

const action: fc.Arbitrary<Action> = fc.record({
  kind: fc.constantFrom('read', 'write', 'readBytes', 'writeBytes', 'dmaRead', 'dmaWrite'),
  address: fc.integer({ min: 0, max: 200 }),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 100 }),
  order: endianness,
});

function expectedRead(cells: readonly (Cell | undefined)[]): { bytes: number[]; result: number } {
  const isComplete = cells.every((cell) => cell !== undefined);
  return {
    bytes: cells.map((cell) => cell?.bytes[cell.index] ?? 0),
    result: isComplete ? MemTxResult.ok : MemTxResult.decodeError,
  };
}

/** Writes to the model, and returns what the result must be. */
function expectedWrite(cells: readonly (Cell | undefined)[], from: Uint8Array): number {
  for (const [i, cell] of cells.entries()) {
    if (cell?.isWritable) cell.bytes[cell.index] = from[i] ?? 0;
  }
  const isComplete = cells.every((cell) => cell?.isWritable);
  return isComplete ? MemTxResult.ok : MemTxResult.decodeError;
}

/** Maps one part after the other, as devices do. */
function throughDma(
  memory: AddressSpace,
  address: number,
  bytes: Uint8Array,
  isWrite: boolean,
): number {
  let result: number = MemTxResult.ok;
  for (let done = 0; done < bytes.length; ) {
    const rest = bytes.subarray(done);
    const mapping = memory.mapDma(address + done, rest.length, { isWrite });
    assert.ok(mapping && mapping.bytes.length > 0 && mapping.bytes.length <= rest.length);
    const part = rest.subarray(0, mapping.bytes.length);
    if (isWrite) mapping.bytes.set(part);
    else part.set(mapping.bytes);
    done += part.length;
    result |= mapping.result | mapping.unmap();
  }
  return result;
}

function check({ cells, memory }: Pair, { kind, address, bytes: from, order }: Action): void {
  const count = kind === 'read' || kind === 'write' ? Math.min(from.length, 8) : from.length;
  const bytes = from.subarray(0, count);
  const touched = Array.from({ length: count }, (_, i) => cells[address + i]);
  if (kind === 'write' || kind === 'writeBytes' || kind === 'dmaWrite') {
    const result = expectedWrite(touched, bytes);
    if (kind === 'write') {
      assert.equal(memory.write(address, count, toValue([...bytes], order), {}, order), result);
    } else if (kind === 'writeBytes') assert.equal(memory.writeBytes(address, bytes), result);
    else assert.equal(throughDma(memory, address, bytes, true), result);
    return;
  }
  const expected = expectedRead(touched);
  if (kind === 'read') {
    const value = toValue(expected.bytes, order);
    const outcome = memory.read(address, count, {}, order);
    assert.deepEqual(outcome, { value, result: expected.result });
    return;
  }
  const into = new Uint8Array(count).fill(0xee);
  const result =
    kind === 'dmaRead' ? throughDma(memory, address, into, false) : memory.readBytes(address, into);
  assert.deepEqual([...into], expected.bytes);
  assert.equal(result, expected.result);
}

suite('random accesses to random memory maps', () => {
  test('find and leave the same bytes as in plain arrays', (t) => {
    const parameters = runs<[Piece[], Action[]]>(t, 1000);
    const pieces = fc.array(piece, { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(pieces, fc.array(action, { maxLength: 30 }), (map, actions) => {
        const pair = new Pair(map);
        for (const it of actions) check(pair, it);
        pair.close();
      }),
      parameters,
    );
  });
});
