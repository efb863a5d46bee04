import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { FlatviewError } from '../../lib/errors.js';
import { loadAddon } from '../../lib/native/load.js';

const platform = `${process.platform}-${process.arch}`;

/** A WebAssembly module that has nothing but a function `_initialize`, which does nothing. */
const emptyModule = Buffer.from(
  '0061736d010000000104016000000302010007' + '0f010b5f696e697469616c697a650000' + '0a040102000b',
  'hex',
);

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

  function writeAddon(candidate: string, content: string | Buffer): void {
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

  describe('without a native addon that loads', () => {
    const wasm = 'prebuilds/wasm32/flatview.wasm';

    /** The warnings of loading, and the error of an attempt to open KVM. */
    async function loaded(): Promise<{ warnings: Error[]; error: FlatviewError }> {
      const warnings: Error[] = [];
      const listener = (warning: Error) => warnings.push(warning);
      process.on('warning', listener);
      const { kvmOpen } = loadAddon(packageRoot) as { kvmOpen(path: string): never };
      // A warning comes in a tick of its own.
      await setImmediate();
      process.off('warning', listener);
      try {
        kvmOpen('/dev/kvm');
      } catch (error) {
        assert.ok(error instanceof FlatviewError);
        return { warnings, error };
      }
      return assert.fail('opened KVM without a native addon');
    }

    it('takes WebAssembly where one exists and does not load, with a warning that says why', async () => {
      writeAddon(`prebuilds/${platform}/flatview.node`, 'for a newer C library');
      writeAddon(wasm, emptyModule);
      const { warnings, error } = await loaded();
      assert.equal(warnings.length, 1);
      assert.match(
        warnings[0]?.message ?? '',
        /without KVM, VFIO and shared memory: .*flatview\.node: /,
      );
      assert.equal((warnings[0] as NodeJS.ErrnoException).code, 'FLATVIEW_WEBASSEMBLY');
      assert.equal(error.code, 'ERR_NEEDS_NATIVE_ADDON');
      assert.match(error.message, /^KVM takes .*glibc.*flatview\.node: file too short/);
    });

    it('takes WebAssembly where one should be, with a warning', async () => {
      writeAddon(wasm, emptyModule);
      const { warnings, error } = await loaded();
      const why = `prebuilds/${platform}/flatview.node is not there`;
      assert.ok(warnings[0]?.message.endsWith(why), warnings[0]?.message);
      assert.ok(error.message.includes(why), error.message);
    });

    it('takes WebAssembly without a word where it was chosen', async () => {
      writeAddon('mine.wasm', emptyModule);
      process.env['FLATVIEW_ADDON'] = path.join(packageRoot, 'mine.wasm');
      const { warnings, error } = await loaded();
      assert.deepEqual(warnings, []);
      assert.match(error.message, /FLATVIEW_ADDON is .*mine\.wasm/);
    });

    it('reports what is wrong with all of them when none loads', () => {
      writeAddon(`prebuilds/${platform}/flatview.node`, 'broken in transit');
      writeAddon(wasm, 'broken in transit, too');
      const { message } = failure();
      assert.match(message, /flatview\.node: .*\n.*WebAssembly\.Module/);
    });
  });
});
