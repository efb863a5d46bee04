// The command as a process: what a pipe, a shell and a terminal make of it.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe as suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { caseTexts } from '../corpus/corpus.js';
import { sortedBlocks } from '../mtree/text-blocks.js';
import type { Outcome } from './command.js';

const main = fileURLToPath(new URL('../../bundle/cli/main.js', import.meta.url));
const texts = caseTexts().get('q35-bridge180-b08') ?? assert.fail();
const all = texts.treeWithOwnersAndDisabled + texts.flatWithOwners;
const printAll = ['mtree', '-o', '-D', '-'];

function start(args: readonly string[], nodeArgs: readonly string[] = []): ChildProcess {
  return spawn(process.execPath, [...nodeArgs, main, ...args]);
}

async function outcome(child: ChildProcess, input: string | Uint8Array = ''): Promise<Outcome> {
  const { stdin, stdout, stderr } = child;
  assert.ok(stdin && stdout && stderr);
  stdin.on('error', () => assert.fail('the command closed its input'));
  stdin.end(input);
  const [[status], out, err] = await Promise.all([
    once(child, 'close'),
    text(stdout),
    text(stderr),
  ]);
  return { status, stdout: out, stderr: err };
}

suite('flatview as a process', () => {
  test('prints everything into a pipe before it ends', async () => {
    const { status, stdout } = await outcome(start(printAll), all);
    assert.equal(status, 0);
    assert.deepEqual(sortedBlocks(stdout), sortedBlocks(texts.treeWithOwnersAndDisabled));
    assert.ok(stdout.length > 1 << 16, 'more than a pipe holds');
  });

  test('reads text as Windows has it: UTF-16 with a byte order mark, and CRLF', async () => {
    const windows = (texts.tree + texts.flat).replaceAll('\n', '\r\n');
    const bytes = Buffer.concat([Buffer.of(0xff, 0xfe), Buffer.from(windows, 'utf16le')]);
    const { stdout } = await outcome(start(['flat', '-']), bytes);
    assert.equal(stdout, texts.flat);
  });

  test('reads gzipped text', async () => {
    const { stdout } = await outcome(start(['flat', '-']), gzipSync(texts.tree + texts.flat));
    assert.equal(stdout, texts.flat);
  });

  test('ends in peace when its reader has gone', async () => {
    const child = start(printAll);
    const { stdin, stdout, stderr } = child;
    assert.ok(stdin && stdout && stderr);
    stdout.once('data', () => stdout.destroy());
    stdin.end(all);
    const [[status], err] = await Promise.all([once(child, 'exit'), text(stderr)]);
    assert.equal(status, 0);
    assert.doesNotMatch(err, /EPIPE|Error/);
  });

  test('tells a shell yes, no and bad input', async () => {
    const at = (address: string) =>
      outcome(start(['explain', '-', address]), texts.tree + texts.flat);
    assert.equal((await at('0')).status, 0);
    assert.equal((await at('ffff_0000_0000_0000')).status, 1);
    const bad = await outcome(start(['flat', '-']), 'x');
    assert.equal(bad.status, 2);
    assert.match(bad.stderr, /^flatview: -: neither .* \(ERR_MALFORMED_INPUT\)\n$/);
  });

  test('refuses what its memory cannot hold, instead of crashing', async () => {
    const line = '    0000000000000000-ffffffffffffffff (prio 0, i/o): x\n';
    const child = start(['flat', '-'], ['--max-old-space-size=64']);
    const { status, stderr } = await outcome(
      child,
      `address-space: memory\n${line.repeat(100_000)}`,
    );
    assert.equal(status, 2);
    assert.match(stderr, /ERR_INPUT_TOO_LARGE/);
  });

  test('runs the demo', async () => {
    const { status, stdout } = await outcome(start(['demo']));
    assert.equal(status, 0);
    assert.match(stdout, /guest: Done\. Good night!/);
  });
});
