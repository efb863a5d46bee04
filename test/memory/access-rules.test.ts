import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { suite, test } from 'node:test';
import { HostMemory, type MemoryRegionOps, MemTxResult, type Rejection } from '../../lib/index.js';
import { Access } from '../../lib/memory/access/access.js';
import { nextPart, valueSize } from '../../lib/memory/access/part.js';
import { flatviewError, machine, Recorder } from './machine.js';

const { ok, error, decodeError, accessError } = MemTxResult;
const debug = { debug: true };

suite('memory', () => {
  test('is read and written directly, in any size at any alignment', () => {
    const { topology, system, memory } = machine();
    const ram = topology.ram('ram', 0x1000);
    system.addSubregion(0x1000, ram);
    const value = 0x8877_6655_4433_2211n;
    for (let size = 1; size <= 8; size++) {
      for (let offset = 0; offset < 8; offset++) {
        const part = BigInt.asUintN(size * 8, value);
        assert.equal(memory.write(0x1000 + offset, size, value), ok);
        assert.deepEqual(memory.read(0x1000 + offset, size), { value: part, result: ok });
        assert.equal(ram.memory?.load(offset, 1), 0x11n);
        ram.memory?.copyIn(0, new Uint8Array(16));
      }
    }
  });

  test('has no byte order of its own: an access has', () => {
    const { topology, system, memory } = machine();
    system.addSubregion(0, topology.ram('ram', 0x1000));
    memory.write(0, 4, 0x1122_3344, {}, 'big');
    assert.equal(memory.read(0, 4, {}, 'big').value, 0x1122_3344n);
    assert.equal(memory.read(0, 4).value, 0x4433_2211n);
    assert.equal(memory.read(0, 3, {}, 'big').value, 0x11_2233n);
  });

  test('an access goes on in the next region where a range ends', () => {
    const { topology, system, memory } = machine();
    const [low, high] = [topology.ram('low', 0x1000), topology.ram('high', 0x1000)];
    system.addSubregion(0, low);
    system.addSubregion(0x1000, high);
    assert.equal(memory.write(0xffd, 8, 0x8877_6655_4433_2211n), ok);
    assert.equal(low.memory?.load(0xffd, 2), 0x2211n);
    assert.equal(low.memory?.load(0xfff, 1), 0x33n);
    assert.equal(high.memory?.load(0, 4), 0x7766_5544n);
    assert.equal(memory.read(0xffd, 8).value, 0x8877_6655_4433_2211n);
  });

  test('a buffer crosses memory, a device, a hole and memory', () => {
    const { topology, system, memory } = machine();
    const recorder = new Recorder();
    system.addSubregion(0, topology.ram('low', 0x10));
    system.addSubregion(0x10, topology.io('device', 0x10, recorder.ops(0x0403_0201n)));
    system.addSubregion(0x28, topology.ram('high', 0x10));
    const from = Uint8Array.from({ length: 0x28 }, (_, i) => i + 1);
    assert.equal(memory.writeBytes(0x8, from), decodeError);
    assert.deepEqual(recorder.take(), [
      'write 0+4 c0b0a09',
      'write 4+4 100f0e0d',
      'write 8+4 14131211',
      'write c+4 18171615',
    ]);
    const into = new Uint8Array(0x28).fill(0xee);
    assert.equal(memory.readBytes(0x8, into), decodeError);
    const device = [1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4];
    assert.deepEqual([...into.subarray(0, 8)], [1, 2, 3, 4, 5, 6, 7, 8]);
    assert.deepEqual([...into.subarray(8, 0x18)], device);
    assert.deepEqual([...into.subarray(0x18, 0x20)], [0, 0, 0, 0, 0, 0, 0, 0]);
    assert.deepEqual([...into.subarray(0x20)], [0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28]);
  });

  test('addresses wrap around at 2^64', () => {
    const { topology, system, memory } = machine();
    const [first, last] = [topology.ram('first', 0x1000), topology.ram('last', 0x1000)];
    system.addSubregion(0, first);
    system.addSubregion((1n << 64n) - 0x1000n, last);
    assert.equal(memory.write((1n << 64n) - 2n, 4, 0x4433_2211n), ok);
    assert.equal(last.memory?.load(0xffe, 2), 0x2211n);
    assert.equal(first.memory?.load(0, 2), 0x4433n);
    assert.equal(memory.read((1n << 64n) - 2n, 4).value, 0x4433_2211n);
  });

  test('a buffer of no bytes touches nothing', () => {
    const { memory } = machine();
    assert.equal(memory.readBytes(0, new Uint8Array(0)), ok);
    assert.equal(memory.writeBytes(0, new Uint8Array(0)), ok);
  });

  test('is found through aliases and at offsets', () => {
    const { topology, system, memory } = machine();
    const ram = topology.ram('ram', 0x4000);
    const alias = topology.alias('alias', ram, { offset: 0x1800, size: 0x1000 });
    system.addSubregion(0x7_0000, alias);
    memory.write(0x7_0010, 2, 0xabcd);
    assert.equal(ram.memory?.load(0x1810, 2), 0xabcdn);
  });

  test('that was made without backing is an error of the embedder', () => {
    const { topology, system, memory } = machine();
    system.addSubregion(0, topology.ram('dump.ram', 0x1000, { backing: 'none' }));
    const noMemory = flatviewError('ERR_NO_HOST_MEMORY', /"dump\.ram"/);
    assert.throws(() => memory.read(0, 4), noMemory);
    assert.throws(() => memory.writeBytes(0, new Uint8Array(1)), noMemory);
    assert.throws(() => memory.mapDma(0, 1, { isWrite: false }), noMemory);
  });
});

suite('Nothing is exposed: read-only is what the flat range says', () => {
  test('a read-only alias of writable memory keeps its promise', () => {
    const { topology, system, memory } = machine();
    const ram = topology.ram('ram', 0x1000);
    system.addSubregion(0, ram);
    system.addSubregion(0x10_0000, topology.alias('shadow', ram, { readonly: true }));
    assert.equal(memory.write(0, 4, 0x1234), ok);
    assert.equal(memory.write(0x10_0000, 4, 0xdead), decodeError);
    assert.equal(memory.writeBytes(0x10_0004, Uint8Array.of(1, 2, 3)), decodeError);
    assert.deepEqual(memory.read(0x10_0000, 4), { value: 0x1234n, result: ok });
    assert.equal(memory.read(4, 4).value, 0n);
    const mapping = memory.mapDma(0x10_0000, 0x10, { isWrite: true });
    assert.equal(mapping?.isBounce, true);
    mapping?.bytes.fill(0xff);
    assert.equal(mapping?.unmap(), decodeError);
    assert.equal(memory.read(0, 4).value, 0x1234n);
  });

  test('memory in a read-only container, and a rom, keep what they have', () => {
    const { topology, system, memory } = machine();
    const box = topology.container('box', 0x2000, { readonly: true });
    const rom = topology.rom('rom', 0x1000);
    box.addSubregion(0, topology.ram('ram', 0x1000));
    system.addSubregion(0, box);
    system.addSubregion(0x2000, rom);
    rom.memory?.store(0, 4, 0x55n);
    assert.equal(memory.write(0, 1, 1), decodeError);
    assert.equal(memory.write(0x2000, 4, 1), decodeError);
    assert.deepEqual(memory.read(0x2000, 4), { value: 0x55n, result: ok });
  });

  test('a write over its border is made as far as it may', () => {
    const { topology, system, memory } = machine();
    const ram = topology.ram('ram', 0x2000);
    system.addSubregion(0, ram);
    const upper = topology.alias('upper', ram, { offset: 0x1000, readonly: true });
    system.addSubregion(0x1000, upper, { priority: 1 });
    assert.equal(memory.write(0xffc, 8, -1n), decodeError);
    assert.equal(ram.memory?.load(0xffc, 8), 0xffff_ffffn);
  });

  test('mapped device memory too', () => {
    const { topology, system, memory } = machine();
    const bar = topology.ramDevice('bar', 0x1000, { memory: new Uint8Array(0x1000) });
    system.addSubregion(0, topology.alias('view', bar, { readonly: true }));
    assert.equal(memory.write(0, 4, 1), decodeError);
    assert.equal(bar.memory?.load(0, 4), 0n);
  });

  test('a debugger writes to roms nevertheless', () => {
    const { topology, system, memory } = machine();
    const rom = topology.rom('rom', 0x1000);
    system.addSubregion(0, rom);
    assert.equal(memory.write(0, 4, 0x1234, debug), ok);
    assert.equal(memory.writeBytes(4, Uint8Array.of(5, 6), debug), ok);
    assert.equal(rom.memory?.load(0, 8), 0x0605_0000_1234n);
  });

  test('callbacks decide for themselves', () => {
    const { topology, system, memory } = machine();
    const recorder = new Recorder();
    const device = topology.io('device', 0x1000, recorder.ops());
    system.addSubregion(0, topology.alias('view', device, { readonly: true }));
    assert.equal(memory.write(0, 4, 1), ok);
    assert.deepEqual(recorder.take(), ['write 0+4 1']);
  });
});

suite('a rom device', () => {
  test('is read directly while romd is on, and written through callbacks', () => {
    const { topology, system, memory } = machine();
    const recorder = new Recorder();
    const flash = topology.romDevice('flash', 0x1000, recorder.ops(0x99n));
    system.addSubregion(0, flash);
    flash.memory?.store(0, 4, 0x1234n);
    assert.deepEqual(memory.read(0, 4), { value: 0x1234n, result: ok });
    assert.equal(memory.write(0, 4, 0x40), ok);
    assert.deepEqual(recorder.take(), ['write 0+4 40']);
    assert.equal(flash.memory?.load(0, 4), 0x1234n);
  });

  test('is read and written through callbacks while romd is off', () => {
    const { topology, system, memory } = machine();
    const recorder = new Recorder();
    const flash = topology.romDevice('flash', 0x1000, recorder.ops(0x99n), { romd: false });
    system.addSubregion(0, flash);
    assert.deepEqual(memory.read(0, 4), { value: 0x99n, result: ok });
    assert.equal(memory.write(8, 2, 0x41), ok);
    assert.deepEqual(recorder.take(), ['read 0+4', 'write 8+2 41']);
    flash.romd = true;
    assert.equal(memory.read(0, 4).value, 0n);
    assert.deepEqual(recorder.take(), []);
  });

  test('is written directly by a debugger while romd is on', () => {
    const { topology, system, memory } = machine();
    const recorder = new Recorder();
    const flash = topology.romDevice('flash', 0x1000, recorder.ops());
    system.addSubregion(0, flash);
    assert.equal(memory.write(0, 4, 0x77, debug), ok);
    assert.equal(flash.memory?.load(0, 4), 0x77n);
    assert.deepEqual(recorder.take(), []);
    flash.romd = false;
    memory.write(0, 4, 0x78, debug);
    assert.deepEqual(recorder.take(), ['write 0+4 78']);
  });
});

suite('mapped device memory', () => {
  /** The sizes of the accesses that a buffer of `length` bytes at `offset` is made of. */
  function widths(offset: number, length: number): number[] {
    const { topology, system, memory } = machine();
    const bar = topology.ramDevice('bar', 0x1000, { memory: new Uint8Array(0x1000) });
    system.addSubregion(0x1000, bar);
    const found: number[] = [];
    for (let done = 0; done < length; ) {
      const at = BigInt(0x1000 + offset + done);
      const part = nextPart(memory.flatView, at, length - done, new Access(false, {}));
      assert.equal(part.answerer, 'mapped-device');
      found.push(valueSize(part));
      done += part.length;
    }
    return found;
  }

  test('is accessed in exactly the width of each access', () => {
    for (const size of [1, 2, 4, 8]) assert.deepEqual(widths(0x10, size), [size]);
  });

  test('a buffer is cut into accesses of 8 bytes, and smaller ones at its end', () => {
    assert.deepEqual(widths(0x10, 0x20), [8, 8, 8, 8]);
    assert.deepEqual(widths(0x10, 0x17), [8, 8, 4, 2, 1]);
    assert.deepEqual(widths(0xff8, 8), [8]);
  });

  test('an access ends where the range ends', () => {
    const { topology, system, memory } = machine();
    const bytes = new Uint8Array(0x1000);
    const bar = topology.ramDevice('bar', 0x1000, { memory: bytes });
    system.addSubregion(0, bar);
    assert.equal(memory.write(0xffc, 8, -1n), decodeError);
    assert.deepEqual([...bytes.subarray(0xff8)], [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
  });

  test('reads back what was written, through buffers too', () => {
    const { topology, system, memory } = machine();
    const device = HostMemory.allocate(0x1000);
    const lent = HostMemory.at(device.hostAddress, 0x1000, device);
    system.addSubregion(0, topology.ramDevice('bar', 0x1000, { memory: lent }));
    const from = Uint8Array.from({ length: 0x35 }, (_, i) => i + 1);
    const into = new Uint8Array(0x35);
    assert.equal(memory.writeBytes(3, from), ok);
    assert.equal(memory.readBytes(3, into), ok);
    assert.deepEqual(into, from);
    assert.equal(device.load(3, 1), 1n);
    assert.deepEqual(memory.read(3, 4), { value: 0x0403_0201n, result: ok });
  });
});

suite('where nobody answers', () => {
  test('a hole reads as 0, drops writes, and says decode error', () => {
    const { memory } = machine();
    assert.deepEqual(memory.read(0x1234, 4), { value: 0n, result: decodeError });
    assert.equal(memory.write(0x1234, 4, 1), decodeError);
    const into = Uint8Array.of(1, 2, 3);
    assert.equal(memory.readBytes(0x1234, into), decodeError);
    assert.deepEqual([...into], [0, 0, 0]);
    assert.equal(memory.writeBytes(0x1234, into), decodeError);
  });

  test('a reservation is like a hole, also where memory lies below it', () => {
    const { topology, system, memory } = machine();
    const ram = topology.ram('ram', 0x1000);
    system.addSubregion(0, ram);
    system.addSubregion(0x100, topology.reservation('reserved', 0x10), { priority: 1 });
    assert.equal(memory.write(0x100, 4, 0x1234), decodeError);
    assert.deepEqual(memory.read(0x100, 4), { value: 0n, result: decodeError });
    assert.equal(ram.memory?.load(0x100, 4), 0n);
    assert.equal(memory.write(0xfe, 4, 0x1_0002), decodeError);
    assert.equal(ram.memory?.load(0xfe, 2), 2n);
  });

  test('a large hole is passed over in one step', () => {
    const { topology, system, memory } = machine();
    system.addSubregion(0, topology.io('device', 1, new Recorder().ops(1n)));
    const into = new Uint8Array(1 << 24).fill(0xee);
    assert.equal(memory.readBytes(0, into), decodeError);
    assert.equal(into[0], 1);
    assert.equal(
      into.subarray(1).every((byte) => byte === 0),
      true,
    );
  });
});

suite('callbacks', () => {
  /** A machine with one device at 0x1000. */
  function withDevice(ops: MemoryRegionOps): ReturnType<typeof machine> {
    const it = machine();
    it.system.addSubregion(0x1000, it.topology.io('device', 0x10, ops, { owner: 'dev' }));
    return it;
  }

  test('an access is the region it starts in, even where it leads out', () => {
    const recorder = new Recorder();
    const rules = { valid: { unaligned: true }, implementation: { unaligned: true } };
    const { topology, system, memory } = withDevice(recorder.ops(0x4433_2211n, rules));
    const ram = topology.ram('ram', 0x1000);
    system.addSubregion(0x1010, ram);
    assert.equal(memory.write(0x100e, 4, 0xaabb_ccdd), ok);
    assert.deepEqual(memory.read(0x100e, 4), { value: 0x4433_2211n, result: ok });
    assert.deepEqual(recorder.take(), ['write e+4 aabbccdd', 'read e+4']);
    assert.equal(ram.memory?.load(0, 2), 0n);
  });

  test('get the attributes as they were passed', () => {
    const seen: unknown[] = [];
    const attributes = { requesterId: 0x1a8, secure: true };
    const { memory } = withDevice({
      valid: {
        accepts: (_offset, _size, _isWrite, given) => {
          seen.push(given);
          return true;
        },
      },
      read: (_offset, _size, given) => {
        seen.push(given);
        return 0;
      },
      write: (_offset, _value, _size, given) => {
        seen.push(given);
      },
    });
    memory.read(0x1000, 1, attributes);
    memory.write(0x1000, 1, 0, attributes);
    assert.equal(seen.length, 4);
    assert.ok(seen.every((it) => it === attributes));
  });

  test('a device without read or without write answers with a decode error', () => {
    const { memory } = withDevice({ write: () => 'error' });
    assert.deepEqual(memory.read(0x1000, 4), { value: 0n, result: decodeError });
    assert.equal(memory.write(0x1000, 4, 1), error);
    const other = withDevice({ read: () => 0x1234n });
    assert.equal(other.memory.write(0x1000, 4, 1), decodeError);
    assert.equal(other.memory.read(0x1000, 4).value, 0x1234n);
  });

  test('every part is made whatever becomes of the others, and results are OR-ed', () => {
    const calls: bigint[] = [];
    const faults = ['error', 'access-error'] as const;
    const { memory } = withDevice({
      implementation: { maxSize: 1 },
      read: (offset) => {
        calls.push(offset);
        return faults[Number(offset)] ?? 0x55;
      },
      write: (offset) => {
        calls.push(offset);
        return faults[Number(offset)];
      },
    });
    const outcome = memory.read(0x1000, 4);
    assert.deepEqual(outcome, { value: 0x5555_0000n, result: error | accessError });
    assert.equal(memory.write(0x1000, 4, 0), error | accessError);
    assert.deepEqual(calls, [0n, 1n, 2n, 3n, 0n, 1n, 2n, 3n]);
    assert.equal(memory.readBytes(0x100c, new Uint8Array(8)), decodeError);
    assert.equal(memory.readBytes(0xffc, new Uint8Array(8)), decodeError | error | accessError);
  });

  test('values are cut to the width of the access', () => {
    const answers = [-1n, 0x1234_5678_9abc_def0n, -2, 2 ** 40 + 3, 0x1_0000_0000n];
    const { memory } = withDevice({ read: () => answers.shift() ?? 0 });
    assert.equal(memory.read(0x1000, 4).value, 0xffff_ffffn);
    assert.equal(memory.read(0x1000, 2).value, 0xdef0n);
    assert.equal(memory.read(0x1000, 1).value, 0xfen);
    assert.equal(memory.read(0x1000, 4).value, 3n);
    assert.equal(memory.read(0x1000, 4).value, 0n);

    const recorder = new Recorder();
    const other = withDevice(recorder.ops());
    other.memory.write(0x1000, 2, -1);
    other.memory.write(0x1000, 1, 0x1_23n);
    assert.deepEqual(recorder.take(), ['write 0+2 ffff', 'write 0+1 23']);
  });

  test('one that throws is a bug of its author: the caller gets it, and the device works again', () => {
    let isBroken = true;
    const { memory } = withDevice({
      read: () => {
        if (isBroken) throw new Error('bug');
        return 7;
      },
      write: () => {
        if (isBroken) throw new Error('bug');
      },
    });
    assert.throws(() => memory.read(0x1000, 4), /^Error: bug$/);
    assert.throws(() => memory.write(0x1000, 4, 0), /^Error: bug$/);
    isBroken = false;
    assert.deepEqual(memory.read(0x1000, 4), { value: 7n, result: ok });
    assert.equal(memory.write(0x1000, 4, 0), ok);
  });

  test('one that answers nonsense is a bug of its author', () => {
    const nonsense = flatviewError('ERR_INVALID_ARGUMENT', /"device".*at offset 0x4/);
    for (const answer of [undefined, null, 1.5, Number.NaN, 'oops', 'toString', {}]) {
      const { memory } = withDevice({ read: () => answer as never, write: () => answer as never });
      assert.throws(() => memory.read(0x1004, 4), nonsense);
      if (typeof answer === 'string') assert.throws(() => memory.write(0x1004, 4, 1), nonsense);
    }
  });

  test('what an arrow function happens to return from a write says nothing', () => {
    for (const answer of [undefined, null, true, 4, 7n, {}]) {
      const { memory } = withDevice({ write: () => answer as never });
      assert.equal(memory.write(0x1004, 4, 1), ok);
    }
  });

  test('the flat view is the one at the beginning of the access', () => {
    const { topology, system, memory } = machine();
    const ram = topology.ram('ram', 0x1000);
    const device = topology.io('device', 4, {
      write: () => {
        system.removeSubregion(ram);
      },
    });
    system.addSubregion(0, device);
    system.addSubregion(4, ram);
    assert.equal(memory.write(0, 8, -1n), ok);
    assert.equal(ram.memory?.load(0, 4), 0xffff_ffffn);
    assert.equal(memory.write(4, 4, 0), decodeError);
  });

  test('an access within an access sees the change that was made in between; the outer one goes on as it began', () => {
    const { topology, system, memory } = machine();
    const ram = topology.ram('ram', 0x1000);
    const results: MemTxResult[] = [];
    const device = topology.io('device', 4, {
      write: () => {
        results.push(memory.write(4, 4, 0x1111_1111));
        system.removeSubregion(ram);
        results.push(memory.write(4, 4, 0x2222_2222));
      },
    });
    system.addSubregion(0, device);
    system.addSubregion(4, ram);
    for (let round = 0; round < 2; round++) {
      assert.equal(memory.write(0, 8, 0x3333_3333_0000_0000n), ok);
      assert.deepEqual(results.splice(0), [ok, decodeError]);
      assert.equal(ram.memory?.load(0, 4), 0x3333_3333n);
      system.addSubregion(4, ram);
    }
  });

  test('an access that a callback breaks off leaves nothing behind', () => {
    const { topology, system, memory } = machine();
    const broken = topology.io('broken', 4, {
      read: () => {
        throw new Error('broken');
      },
    });
    system.addSubregion(0, broken);
    assert.throws(() => memory.read(0, 4), { message: 'broken' });
    broken.enabled = false;
    assert.deepEqual(memory.read(0, 4), { value: 0n, result: decodeError });
  });
});

suite('an access that is meant for memory', () => {
  const attributes = { memory: true };

  test('finds memory', () => {
    const { topology, system, memory } = machine();
    system.addSubregion(0, topology.ram('ram', 0x1000));
    system.addSubregion(0x1000, topology.rom('rom', 0x1000));
    const bar = topology.ramDevice('bar', 0x1000, { memory: new Uint8Array(0x1000) });
    system.addSubregion(0x2000, bar);
    for (const address of [0, 0x1000, 0x2000]) {
      assert.deepEqual(memory.read(address, 4, attributes), { value: 0n, result: ok });
    }
  });

  test('gets an access error from everything else, which does not notice', () => {
    const { topology, system, memory } = machine();
    const recorder = new Recorder();
    system.addSubregion(0, topology.io('device', 0x1000, recorder.ops(1n)));
    system.addSubregion(0x1000, topology.romDevice('flash', 0x1000, recorder.ops(1n)));
    system.addSubregion(0x2000, topology.reservation('reserved', 0x1000));
    for (const address of [0, 0x1000, 0x2000, 0x3000]) {
      assert.deepEqual(memory.read(address, 4, attributes), { value: 0n, result: accessError });
      assert.equal(memory.write(address, 4, 1, attributes), accessError);
    }
    assert.deepEqual(recorder.take(), []);
  });

  test('goes on behind what is not memory', () => {
    const { topology, system, memory } = machine();
    const ram = topology.ram('ram', 0x1000);
    system.addSubregion(0, topology.io('device', 0x1000, new Recorder().ops(1n)));
    system.addSubregion(0x1000, ram);
    ram.memory?.store(0, 4, 0x1234n);
    assert.deepEqual(memory.read(0xffc, 8, attributes), {
      value: 0x1234_0000_0000n,
      result: accessError,
    });
  });
});

suite('The guest can not hurt: a device is not called while it is being called', () => {
  test('by itself, through another region of its owner, or through a buffer', () => {
    const { topology, system, memory } = machine();
    const results: number[] = [];
    const recorder = new Recorder();
    const dma = (): void => {
      results.push(memory.write(0x1000, 4, 1));
      results.push(memory.write(0x2000, 4, 1));
      results.push(memory.read(0x2000, 4).result);
      results.push(memory.writeBytes(0x2000, new Uint8Array(8)));
    };
    const command = topology.io('command', 0x10, { write: dma }, { owner: 'nic' });
    const status = topology.io('status', 0x10, recorder.ops(1n), { owner: 'nic' });
    system.addSubregion(0x1000, command);
    system.addSubregion(0x2000, status);
    assert.equal(memory.write(0x1000, 4, 1), ok);
    assert.deepEqual(results, [accessError, accessError, accessError, accessError]);
    assert.deepEqual(recorder.take(), []);
    assert.deepEqual(memory.read(0x2000, 4), { value: 1n, result: ok });
  });

  test('memory, other devices, and devices of other machines are free', () => {
    const { topology, system, memory } = machine();
    const other = machine();
    const results: number[] = [];
    const recorder = new Recorder();
    const write = (): void => {
      results.push(memory.write(0x2000, 4, 1));
      results.push(memory.write(0x3000, 4, 1));
      results.push(other.memory.write(0, 4, 1));
    };
    system.addSubregion(0x1000, topology.io('a', 0x10, { write }, { owner: 'a' }));
    system.addSubregion(0x2000, topology.ram('ram', 0x1000));
    system.addSubregion(0x3000, topology.io('b', 0x10, recorder.ops(), { owner: 'b' }));
    const twin = other.topology.io('a', 0x10, recorder.ops(), { owner: 'a' });
    other.system.addSubregion(0, twin);
    memory.write(0x1000, 4, 1);
    assert.deepEqual(results, [ok, ok, ok]);
    assert.deepEqual(recorder.take(), ['write 0+4 1', 'write 0+4 1']);
  });

  test('regions without an owner are guarded one by one', () => {
    const { topology, system, memory } = machine();
    const results: number[] = [];
    const recorder = new Recorder();
    const write = (): void => {
      results.push(memory.write(0x1000, 4, 1));
      results.push(memory.write(0x2000, 4, 1));
    };
    system.addSubregion(0x1000, topology.io('a', 0x10, { write }));
    system.addSubregion(0x2000, topology.io('b', 0x10, recorder.ops()));
    memory.write(0x1000, 4, 1);
    assert.deepEqual(results, [accessError, ok]);
  });

  test('unless it says that it can stand it; roms and rom devices are not guarded', () => {
    for (const make of ['reentrant', 'readonly', 'rom-device'] as const) {
      const { topology, system, memory } = machine();
      const results: number[] = [];
      const write = (offset: bigint): void => {
        if (offset === 0n) results.push(memory.write(0x1004, 4, 1));
      };
      const ops = { write, reentrant: make === 'reentrant' };
      const device =
        make === 'rom-device'
          ? topology.romDevice('device', 0x1000, ops)
          : topology.io('device', 0x1000, ops, { readonly: make === 'readonly' });
      system.addSubregion(0x1000, device);
      memory.write(0x1000, 4, 1);
      assert.deepEqual(results, [ok], make);
    }
  });

  test('the check of an access comes first: what the device refuses is refused in any case', () => {
    const { topology, system, memory } = machine();
    const results: number[] = [];
    const write = (): void => {
      results.push(memory.write(0x1000, 1, 1));
    };
    const ops = { write, valid: { minSize: 4, maxSize: 4 } };
    system.addSubregion(0x1000, topology.io('device', 0x10, ops));
    memory.write(0x1000, 4, 1);
    assert.deepEqual(results, [decodeError]);
  });
});

suite('rejected accesses', () => {
  test('are published for who subscribes, and only then', () => {
    const { topology, system, memory } = machine();
    const rules = { valid: { minSize: 4, maxSize: 4 } };
    const device = topology.io('device', 0x10, new Recorder().ops(0n, rules));
    system.addSubregion(0x1000, device);
    const heard: Rejection[] = [];
    const listen = (message: unknown): void => {
      heard.push(message as Rejection);
    };
    memory.read(0x1002, 1);
    subscribe('flatview:rejected-access', listen);
    memory.read(0x1002, 1);
    memory.write(0x2000, 2, 1);
    memory.read(0x1000, 4, { memory: true });
    unsubscribe('flatview:rejected-access', listen);
    memory.read(0x1002, 1);
    assert.deepEqual(heard, [
      { reason: 'invalid', region: device, offset: 2n, size: 1, isWrite: false },
      { reason: 'unassigned', region: undefined, offset: 0x2000n, size: 2, isWrite: true },
      { reason: 'not-memory', region: device, offset: 0n, size: 4, isWrite: false },
    ]);
  });
});

suite('writes to memory that is watched', () => {
  test('mark the pages that they touch for those who watch', () => {
    const { topology, system, memory } = machine();
    const ram = topology.ram('ram', 0x10000);
    system.addSubregion(0, ram);
    memory.write(0, 1, 1);
    ram.setDirtyLog('vga', true);
    memory.write(0x2ffe, 4, 1);
    memory.writeBytes(0x8000, new Uint8Array(0x1001));
    memory.read(0x5000, 4);
    const dirty = (): bigint[] =>
      [...ram.dirtyPages.snapshotAndClear('vga', 0, 0x10000).ranges()].flatMap((it) => [
        it.offset,
        it.size,
      ]);
    assert.equal(ram.dirtyPages.isDirty('migration', 0, 0x10000), false);
    assert.deepEqual(dirty(), [0x2000n, 0x2000n, 0x8000n, 0x2000n]);
    assert.deepEqual(dirty(), []);
    ram.setDirtyLog('vga', false);
    memory.write(0x6000, 4, 1);
    assert.deepEqual(dirty(), []);
  });

  test('mark them for migration while all memory is watched', () => {
    const { topology, system, memory } = machine();
    const ram = topology.ram('ram', 0x10000);
    system.addSubregion(0, topology.alias('alias', ram, { offset: 0x4000 }));
    topology.startDirtyLog();
    memory.write(0x1000, 4, 1);
    assert.equal(ram.dirtyPages.isDirty('migration', 0x5000, 1), true);
    assert.equal(ram.dirtyPages.isDirty('migration', 0x1000, 1), false);
    assert.equal(ram.dirtyPages.isDirty('vga', 0x5000, 1), false);
  });
});

suite('the embedder is told of his mistakes', () => {
  test('in the arguments of an access', () => {
    const { topology, system, memory } = machine();
    const recorder = new Recorder();
    system.addSubregion(0, topology.io('device', 0x1000, recorder.ops()));
    const range = flatviewError('ERR_ADDRESS_RANGE', /address in address space "memory"/);
    for (const address of [-1, 1.5, 1n << 64n, -1n, Number.MAX_VALUE]) {
      assert.throws(() => memory.read(address, 4), range);
      assert.throws(() => memory.write(address, 4, 1), range);
      assert.throws(() => memory.readBytes(address, new Uint8Array(4)), range);
      assert.throws(() => memory.writeBytes(address, new Uint8Array(4)), range);
    }
    const argument = flatviewError('ERR_INVALID_ARGUMENT');
    for (const size of [0, 9, -1, 1.5, Number.NaN]) {
      assert.throws(() => memory.read(0, size), argument);
      assert.throws(() => memory.write(0, size, 1), argument);
    }
    assert.throws(() => memory.write(0, 4, 1.5), argument);
    assert.throws(() => memory.readBytes(0, [1, 2] as never), argument);
    assert.throws(() => memory.writeBytes(0, new Uint16Array(2) as never), argument);
    assert.deepEqual(recorder.take(), []);
  });

  test('in memory that is smaller than its region', () => {
    const { topology, system, memory } = machine();
    const tooSmall = flatviewError('ERR_ADDRESS_RANGE', /has 0x1000 bytes, not 0x2000/);
    const bytes = new Uint8Array(0x1000);
    assert.throws(() => topology.ram('ram', 0x2000, { memory: bytes }), tooSmall);
    const host = HostMemory.over(bytes);
    assert.throws(() => topology.ramDevice('bar', 0x2000, { memory: host }), tooSmall);
    const ram = topology.ram('ram', 0x800, { memory: bytes });
    system.addSubregion(0, ram);
    assert.throws(() => {
      ram.size = 0x2000n;
    }, tooSmall);
    assert.equal(ram.size, 0x800n);
    ram.size = 0x1000n;
    assert.deepEqual(memory.read(0xffc, 4), { value: 0n, result: ok });
    const empty = topology.ram('empty', 0);
    assert.throws(() => {
      empty.size = 1n;
    }, flatviewError('ERR_ADDRESS_RANGE'));
  });

  test('in the callbacks of a region, when it is made', () => {
    const { topology } = machine();
    const bad: readonly unknown[] = [
      { read: 1 },
      { write: 'no' },
      { valid: { accepts: true } },
      { endianness: 'middle' },
      { valid: { minSize: 3 } },
      { valid: { maxSize: 16 } },
      { implementation: { minSize: 0 } },
      { implementation: { maxSize: 1.5 } },
      { valid: { minSize: 8, maxSize: 4 } },
      { implementation: { minSize: 2, maxSize: 1 } },
      { implementation: { unaligned: true } },
    ];
    for (const ops of bad) {
      const mistake = flatviewError('ERR_INVALID_ARGUMENT', /^ops of "bad"/);
      assert.throws(() => topology.io('bad', 4, ops as MemoryRegionOps), mistake);
      assert.throws(() => topology.romDevice('bad', 4, ops as MemoryRegionOps), mistake);
    }
  });
});
