// What a person does to a command that takes long: Ctrl-C at any moment, and closing what it writes to.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../lib/cli/main.js', import.meta.url));
const recording = fileURLToPath(
  new URL('../../../examples/recordings/pc-seabios.fvr.gz', import.meta.url),
);

/** A machine of so many devices: work for seconds. */
function machine(devices: number): string {
  const regions: object[] = [
    { id: 0, name: 'system', type: 'container', size: '0x10000000000000000' },
  ];
  for (let id = 1; id <= devices; id++) {
    const addr = `0x${(id * 0x2000).toString(16)}`;
    regions.push({ id, name: `device${id}`, type: 'ram', size: 0x1000, parent: 0, addr });
  }
  return JSON.stringify({ regions, address_spaces: [{ name: 'memory', root: 0 }] });
}

/** A process that ends at once leaves what it has: under a sanitizer that isn't to be what its status says. */
const environment = { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' };

/** To the beginning of the line, and nothing in it. */
const erase = '\r\u001b[2K';

suite('an interrupted command', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'flatview-interrupted-'));
  const input = path.join(folder, 'large.json');
  before(() => writeFileSync(input, machine(30_000)));
  after(() => rmSync(folder, { recursive: true, force: true }));

  function start(...args: string[]): ChildProcess {
    return spawn(process.execPath, [main, ...args], {
      env: environment,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  }

  /** What became of it: the exit code, or else the signal that ended it, and what it said. */
  async function outcome(child: ChildProcess) {
    const { stdout, stderr } = child;
    assert.ok(stdout && stderr);
    const [[code, signal], out, err] = await Promise.all([
      once(child, 'close'),
      text(stdout),
      text(stderr),
    ]);
    return { status: code ?? signal, out, err };
  }

  /** How long a command takes when nobody interrupts it, in milliseconds. */
  async function duration(args: readonly string[]): Promise<number> {
    const begin = performance.now();
    const { status } = await outcome(start(...args));
    assert.ok(status === 0 || status === 1, String(status));
    return performance.now() - begin;
  }

  const html = path.join(folder, 'map.html');
  const commands: readonly (readonly string[])[] = [
    ['flat', input],
    ['lint', input],
    ['diff', input, input],
    ['map', input, '--html', html],
  ];

  for (const args of commands) {
    const [name] = args;
    test(`${name}: ends with 130 whenever it is interrupted, and leaves files as they were`, async (t) => {
      const whole = await duration(args);
      writeFileSync(html, 'as it was');
      const ends = [];
      for (const share of [0.3, 0.5, 0.7]) {
        const child = start(...args);
        const ended = outcome(child);
        await new Promise((resolve) => setTimeout(resolve, whole * share));
        child.kill('SIGINT');
        const { status, err } = await ended;
        ends.push(status);
        if (status === 130) assert.equal(err, 'flatview: interrupted\n');
        // It was sooner done this time, or had not begun to listen.
        else assert.ok([0, 1, 'SIGINT'].includes(status), `${status}: ${err}`);
        if (status !== 0) assert.equal(readFileSync(html, 'utf8'), 'as it was');
        else writeFileSync(html, 'as it was');
        assert.deepEqual(readdirSync(folder).sort(), ['large.json', 'map.html']);
      }
      t.diagnostic(`ended by ${ends.join(', ')}`);
      assert.ok(ends.includes(130), ends.join(', '));
    });
  }

  test('waits neither for input that does not come nor for a reader that does not read', async () => {
    const waiting = start('flat', '-');
    const waited = outcome(waiting);
    await listening(waiting);
    waiting.kill('SIGINT');
    assert.equal((await waited).status, 130);

    const blocked = start('mtree', input, '--json');
    const { stdout, stderr } = blocked;
    assert.ok(stdout && stderr);
    const said = text(stderr);
    const ended = once(blocked, 'exit');
    await once(stdout, 'readable');
    blocked.kill('SIGINT');
    assert.deepEqual(await ended, [130, null]);
    assert.equal(await said, 'flatview: interrupted\n');
  });

  test('says 143 of SIGTERM and 129 of SIGHUP', async () => {
    for (const [signal, expected] of [
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const) {
      const child = start('flat', '-');
      const ended = outcome(child);
      await listening(child);
      child.kill(signal);
      assert.equal((await ended).status, expected);
    }
  });

  test('is quiet about a reader that has gone', async () => {
    for (const args of [
      ['flat', input],
      ['map', recording, '--json'],
      ['replay', recording, '--step', '41'],
    ]) {
      const child = start(...args);
      const { stdout, stderr } = child;
      assert.ok(stdout && stderr);
      stdout.once('data', () => stdout.destroy());
      const [[status], err] = await Promise.all([once(child, 'exit'), text(stderr)]);
      assert.deepEqual([status, err], [0, ''], args.join(' '));
    }
  });

  test('ends at once when it is interrupted twice, whatever it is doing', async () => {
    const module = new URL('../../lib/cli/interruption.js', import.meta.url).href;
    const program = `
      const { untilInterrupted } = await import('${module}');
      untilInterrupted().addEventListener('abort', () => console.log('heard'));
      setInterval(() => {}, 1000);
      console.log('ready');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      env: environment,
    });
    const ended = once(child, 'exit');
    for await (const said of child.stdout) {
      if (/ready/.test(String(said))) child.kill('SIGINT');
      if (/heard/.test(String(said))) child.kill('SIGINT');
    }
    assert.deepEqual(await ended, [null, 'SIGINT']);
  });

  const noScript = existsSync('/usr/bin/script') ? false : 'there is no /usr/bin/script';
  test('on a terminal: shows how far it is, and takes that away', { skip: noScript }, async () => {
    const large = path.join(folder, 'larger.json');
    writeFileSync(large, machine(100_000));
    const command = [process.execPath, main, 'lint', large].join(' ');
    const child = spawn('/usr/bin/script', ['-qefc', command, '/dev/null'], {
      env: { ...environment, TERM: 'xterm' },
    });
    const ended = once(child, 'exit');
    let shown = '';
    let isInterrupted = false;
    for await (const part of child.stdout) {
      shown += String(part);
      if (isInterrupted || !/\d [a-z ]+,? .*a second/.test(shown)) continue;
      isInterrupted = true;
      child.stdin.write('\u0003');
    }
    assert.deepEqual(await ended, [130, null]);
    const [, first = ''] = shown.split(erase);
    assert.match(first, /^[\d,]+ (?:of [\d,]+ )?[a-z ]+, /);
    const afterwards = shown.slice(shown.lastIndexOf(erase) + erase.length);
    assert.equal(afterwards.replace('^C', ''), 'flatview: interrupted\r\n');
    rmSync(large);
  });

  /** Waits until a process listens for signals: Linux says which ones it catches. */
  async function listening({ pid }: ChildProcess): Promise<void> {
    const { SIGINT, SIGTERM, SIGHUP } = os.constants.signals;
    const wanted = [SIGINT, SIGTERM, SIGHUP].reduce(
      (mask, one) => mask | (1n << BigInt(one - 1)),
      0n,
    );
    const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8');
    for (;;) {
      const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(read('status'))?.[1] ?? '0';
      // Before it is another program, it catches what this one does.
      if (read('cmdline').includes(main) && (BigInt(`0x${caught}`) & wanted) === wanted) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
});
