import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FlatviewError } from '../../lib/errors.js';
import { loadAddon } from '../../lib/native/load.js';

const platform = `${process.platform}-${process.arch}`;

describe('loadAddon', () => {
  const chosen = process.env['FLATVIEW_ADDON'];
  let packageRoot = '';

  beforeEach(() => {
    delete process.env['FLATVIEW_ADDON'];
    packageRoot = mkdtempSync(path.join(os.tmpdir(), 'flatview-load-'));
  });

  afterEach(() => {
    rmSync(packageRoot, { recursive: true });
    if (chosen === undefined) delete process.env['FLATVIEW_ADDON'];
    else process.env['FLATVIEW_ADDON'] = chosen;
  });

  function writeAddon(candidate: string, content: string): void {
    const file = path.join(packageRoot, candidate);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  function failure(): FlatviewError {
    try {
      loadAddon(packageRoot);
    } catch (error) {
      assert.ok(error instanceof FlatviewError);
      assert.equal(error.code, 'ERR_ADDON_NOT_FOUND');
      return error;
    }
    return assert.fail('loaded an addon from a folder that has none');
  }

  it('loads the addon of this package, once', () => {
    const addon = loadAddon();
    assert.equal(typeof addon, 'object');
    assert.equal(loadAddon(), addon);
  });

  it('says what it looked for, on what platform, and what helps, when there is no addon', () => {
    const { message, cause } = failure();
    assert.match(message, new RegExp(`on ${platform} \\(.*glibc.*, Node.js ${process.version}\\)`));
    assert.ok(message.includes(packageRoot));
    assert.match(message, /build\/Release\/flatview\.node/);
    assert.ok(message.includes(`prebuilds/${platform}/flatview.node`));
    assert.match(message, /None of these files exists/);
    assert.match(message, /npm run build:native/);
    assert.match(message, /npx node-gyp rebuild/);
    assert.equal(cause, undefined);
  });

  it("says why an addon that exists does not load, in the dynamic linker's words", () => {
    writeAddon(`prebuilds/${platform}/flatview.node`, 'not a shared library');
    const { message, cause } = failure();
    assert.match(message, /What exists does not load:\n.*flatview\.node/);
    assert.ok(cause instanceof Error);
    assert.ok(message.includes(cause.message));
  });

  it('tries what was shipped when what was built does not load, and reports both', () => {
    writeAddon('build/Release/flatview.node', 'built elsewhere');
    writeAddon(`prebuilds/${platform}/flatview.node`, 'broken in transit');
    const { message } = failure();
    assert.match(message, /build\/Release\/flatview\.node: /);
    assert.ok(message.includes(`prebuilds/${platform}/flatview.node: `));
  });

  it('loads only what FLATVIEW_ADDON names, when it names something', () => {
    process.env['FLATVIEW_ADDON'] = path.join(packageRoot, 'mine.node');
    const { message } = failure();
    assert.ok(message.includes(path.join(packageRoot, 'mine.node')));
    assert.doesNotMatch(message, /prebuilds/);
  });
});
