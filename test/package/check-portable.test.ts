// That scripts/check-portable.mjs, which judges the addons that are shipped, finds what it is there to find.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { foreignEnvironment } from '../foreign-environment.js';

const script = fileURLToPath(new URL('../../../scripts/check-portable.mjs', import.meta.url));

suite('scripts/check-portable.mjs', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'flatview-portable-'));
    // A C library that has one function which all have, and one which only a newer one has.
    const versions = 'GLIBC_2.2.5 { global: malloc; };\nGLIBC_2.38 { global: novelty; };\n';
    writeFileSync(path.join(folder, 'libc.map'), versions);
    const options = ['-Wl,-soname,libc.so.6', '-Wl,--version-script=libc.map'];
    compile('libc.so.6', 'void malloc(void) {} void novelty(void) {}', ...options);
    compile('libother.so', 'void other(void) {}', '-Wl,-soname,libother.so.1');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function compile(output: string, source: string, ...options: string[]): void {
    const shared = ['-shared', '-fPIC', '-nostdlib', '-fno-builtin', '-Wl,--no-as-needed'];
    const args = [...shared, '-x', 'c', '-', '-x', 'none', '-o', output, ...options];
    const env = foreignEnvironment();
    execFileSync('gcc', args, { cwd: folder, env, input: source });
  }

  /** What is said of an addon that calls `functions`, which `libraries` have. */
  function check(functions: readonly string[], ...libraries: string[]) {
    const body = functions.map(
      (name) => `extern void ${name}(void); void (*${name}_)(void) = ${name};`,
    );
    compile('addon.node', body.join('\n'), ...libraries);
    const args = [script, path.join(folder, 'addon.node')];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    return { status, stdout, stderr };
  }

  test('lets pass what needs nothing but an old C library, and Node-API', () => {
    const { status, stdout, stderr } = check(['malloc', 'napi_create_object'], './libc.so.6');
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.match(
      stdout,
      /needs libc\.so\.6, glibc 2\.2\.5 or musl \(1 functions\), Node-API \(1\)/,
    );
  });

  test('finds a function that an old C library does not have', () => {
    const { status, stderr } = check(['malloc', 'novelty'], './libc.so.6');
    assert.match(stderr, /addon\.node: it needs novelty of GLIBC_2\.38\n$/);
    assert.equal(status, 1);
  });

  test('finds a function that nobody has', () => {
    const { status, stderr } = check(['malloc', 'nowhere'], './libc.so.6');
    assert.match(stderr, /addon\.node: it needs nowhere of nobody knows where\n$/);
    assert.equal(status, 1);
  });

  test('finds another library', () => {
    const { status, stderr } = check(['malloc'], './libc.so.6', './libother.so');
    assert.match(
      stderr,
      /it needs the library libother\.so\.1, which musl doesn't stand in for\n$/,
    );
    assert.equal(status, 1);
  });
});
