import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CpioEntry, cpioArchive } from './cpio.js';

interface Unpacked {
  readonly mode: string;
  readonly content: string;
  readonly device: readonly [number, number];
}

/** Reads an archive as the kernel does: init/initramfs.c. */
function unpack(archive: Buffer): Map<string, Unpacked> {
  const found = new Map<string, Unpacked>();
  const aligned = (offset: number) => Math.ceil(offset / 4) * 4;
  for (let at = 0; ; ) {
    assert.equal(archive.toString('latin1', at, at + 6), '070701');
    const field = (index: number) =>
      Number.parseInt(archive.toString('latin1', at + 6 + 8 * index, at + 14 + 8 * index), 16);
    const [mode, size, nameSize] = [field(1), field(6), field(11)];
    const device = [field(9), field(10)] as const;
    const name = archive.toString('utf8', at + 110, at + 110 + nameSize - 1);
    assert.equal(archive[at + 110 + nameSize - 1], 0);
    const content = aligned(at + 110 + nameSize);
    at = aligned(content + size);
    if (name === 'TRAILER!!!') {
      assert.equal(at, archive.length);
      return found;
    }
    assert.ok(!found.has(name), `${name} twice`);
    found.set(name, {
      mode: mode.toString(8),
      content: archive.toString('utf8', content, content + size),
      device,
    });
  }
}

function file(path: string, content: string): CpioEntry {
  return { kind: 'file', path, content: Buffer.from(content) };
}

test('files, links, devices, and the folders that they are in, before them and once', () => {
  const archive = cpioArchive([
    file('a/b/file', 'content'),
    { kind: 'file', path: 'a/program', content: Buffer.from('#!'), executable: true },
    { kind: 'folder', path: 'a' },
    { kind: 'folder', path: 'empty' },
    { kind: 'link', path: 'a/link', target: '../there' },
    { kind: 'device', path: 'dev/console', major: 5, minor: 1 },
  ]);
  const nowhere = [0, 0] as const;
  assert.deepEqual(
    [...unpack(archive)],
    [
      ['a', { mode: '40755', content: '', device: nowhere }],
      ['a/b', { mode: '40755', content: '', device: nowhere }],
      ['a/b/file', { mode: '100644', content: 'content', device: nowhere }],
      ['a/program', { mode: '100755', content: '#!', device: nowhere }],
      ['empty', { mode: '40755', content: '', device: nowhere }],
      ['a/link', { mode: '120777', content: '../there', device: nowhere }],
      ['dev', { mode: '40755', content: '', device: nowhere }],
      ['dev/console', { mode: '20600', content: '', device: [5, 1] }],
    ],
  );
});

test('names and contents of every length are padded to four bytes', () => {
  const lengths = [0, 1, 2, 3, 4, 5];
  const entries = lengths.flatMap((name) =>
    lengths.map((size) => file(`${'n'.repeat(name)}-${size}`, 'x'.repeat(size))),
  );
  const unpacked = unpack(cpioArchive(entries));
  assert.equal(unpacked.size, entries.length);
  for (const [name, { content }] of unpacked) assert.equal(content.length, Number(name.at(-1)));
});
