import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { assembly, romImage, texts } from '../../examples/tiny-vmm/rom.js';
import { placeBar } from '../../examples/tiny-vmm/sub-page-bar.js';
import { noKvm } from '../kvm/real-mode-guest.js';

const main = fileURLToPath(new URL('../../examples/tiny-vmm/main.js', import.meta.url));

function output(...options: string[]): string {
  return execFileSync(process.execPath, [main, ...options], { encoding: 'utf8', timeout: 600_000 });
}

/** What must be told in every way, apart from how much is counted while the guest polls. */
function assertStory(story: string): void {
  assert.match(story, /guest: Hello! I am 16-bit code in a ROM\.\n/);
  assert.match(story, /KVM: slot 1 moves from d0000 to d8000\n/);
  const [, before, after] = story.match(/(\d+) polls at d0000, (\d+) at d8000/) ?? [];
  assert.ok(Number(before) >= 10_000 && Number(after) >= 10_000, `${before}, ${after}`);
  // At most the poll that was under way when the card moved: a read and a write, and one more read.
  const [, polling] = chapter(story, 3).match(/mmio_exits (\d+)/) ?? [];
  assert.ok(Number(polling) <= 3, `${polling} exits while the guest polled what is mapped`);
  assert.match(chapter(story, 4), /no slot: 0xe0800-0xe08ff of "small BAR"/);
  assert.match(chapter(story, 4), /the counter is 1000\n {2}mmio_exits 2000/);
  assert.match(chapter(story, 5), /KVM: e1000-e1fff of small BAR becomes a slot\n/);
  assert.match(chapter(story, 5), /the counter is 2000\n {2}mmio_exits 0,/);
  assert.match(chapter(story, 6), /guest: Done\. Good night!\n/);
  assert.match(chapter(story, 7), /000e1000-000e1fff {2}small BAR ram-device slot 4\n/);
}

function chapter(story: string, number: number): string {
  return story.slice(story.indexOf(`\n${number}. `), story.indexOf(`\n${number + 1}. `) >>> 0);
}

suite("the tiny VMM's story", () => {
  test('on KVM, with a thread for the vCPU', { skip: noKvm }, () => {
    const story = output();
    assertStory(story);
    assert.match(chapter(story, 4), /mmio_exits 2000 \(2000 of them answered without JavaScript\)/);
  });

  test('on KVM, in a worker', { skip: noKvm }, () => assertStory(output('--worker')));

  test('on the simulated KVM, which says that it is', () => {
    const story = output('--simulated');
    assert.match(story, /a simulated KVM: .* no processor; this program makes the accesses/);
    assertStory(story);
  });
});

suite('the ROM', () => {
  test('holds what the listing says, by GNU as', { skip: noAssembler() }, () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'flatview-rom-'));
    try {
      const [source, object, bytes] = ['rom.s', 'rom.o', 'rom.bin'].map((name) =>
        path.join(folder, name),
      ) as [string, string, string];
      writeFileSync(source, assembly);
      // Not under a sanitizer that these tests run with: binutils leak.
      const env = { ...process.env, LD_PRELOAD: undefined };
      execFileSync('as', ['--32', '-o', object, source], { env });
      execFileSync('objcopy', ['-O', 'binary', '-j', '.text', object, bytes], { env });
      assert.deepEqual(Buffer.from(romImage()), readFileSync(bytes));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('holds the texts that the simulated processor prints', () => {
    const image = Buffer.from(romImage());
    for (const text of Object.values(texts)) assert.ok(image.includes(text), text);
  });
});

function noAssembler(): string | false {
  try {
    execFileSync('as', ['--version'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'GNU as is not installed (on Debian: binutils)';
  }
}

suite('a BAR smaller than a page', () => {
  test('shows its page where a page starts, below others, and itself anywhere else', () => {
    const at = (address: bigint, size: bigint) => placeBar(address, size, 0x1000n);
    assert.deepEqual(at(0x5000n, 0x100n), { address: 0x5000n, size: 0x1000n, priority: 0 });
    assert.deepEqual(at(0x5100n, 0x100n), { address: 0x5100n, size: 0x100n, priority: 1 });
    assert.deepEqual(at(0x4000n, 0x4000n), { address: 0x4000n, size: 0x4000n, priority: 1 });
    assert.deepEqual(placeBar(0x5000n, 0x100n, 0x1_0000n).size, 0x100n);
  });
});
