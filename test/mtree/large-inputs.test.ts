// Big and deep inputs end in a result or an error: no crash, and no time that grows with the square of the size.
// (There is no stopwatch: what is quadratic here would run into the test runner's time limit.)

import assert from 'node:assert/strict';
import { describe as suite, test } from 'node:test';
import { buildTopology } from '../../lib/mtree/build-topology.js';
import { readMonitorText } from '../../lib/mtree/monitor-text/read-monitor-text.js';
import { readTopologyJson } from '../../lib/mtree/read-topology-json.js';
import type { TopologyDocument } from '../../lib/mtree/topology-document.js';

const whole = '0000000000000000-ffffffffffffffff';

function hex(address: number): string {
  return address.toString(16).padStart(16, '0');
}

function page(number: number): string {
  return `${hex(number * 4096)}-${hex(number * 4096 + 4095)}`;
}

function lines(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => `${line(index)}\n`).join('');
}

const root = `address-space: memory\n  ${whole} (prio 0, i/o): system\n`;
const view = 'FlatView #0\n AS "memory", root: system\n Root memory region: system\n';

function rangeCount(document: TopologyDocument): number | undefined {
  const { topology, addressSpaces } = buildTopology(document);
  const count = addressSpaces[0]?.flatView.rangeCount;
  topology.close();
  return count;
}

suite('large monitor texts', () => {
  test('very many siblings, with a flat view that agrees', () => {
    const tree = root + lines(20_000, (at) => `    ${page(at)} (prio 0, i/o): device-${at}`);
    const flat = view + lines(20_000, (at) => `  ${page(at)} (prio 0, i/o): device-${at}`);
    const { document, notes } = readMonitorText(`${tree}\n${flat}`);
    assert.ok(notes.every(({ confirmed }) => confirmed));
    assert.equal(rangeCount(document), 20_000);
  });

  test('very many siblings, with a flat view of something else: it is given up, and said', () => {
    const tree = root + lines(10_000, (at) => `    ${page(at)} (prio 0, i/o): device-${at}`);
    const flat = view + lines(10_000, (at) => `  ${page(at)} (prio 0, i/o): other-${at}`);
    const { notes } = readMonitorText(`${tree}\n${flat}`);
    assert.ok(notes.some(({ code }) => code === 'gave-up'));
    assert.ok(notes.some(({ message }) => message.endsWith('more like this)')));
  });

  test('siblings that all overlap, with equal priorities', () => {
    const tree = lines(
      10_000,
      (at) => `    ${hex(at)}-ffffffffffffffff (prio 0, ram): device-${at}`,
    );
    const { document } = readMonitorText(root + tree);
    assert.equal(rangeCount(document), 10_000);
  });

  test('thousands of aliases of thousands of regions that look the same', () => {
    const aliases = lines(
      10_000,
      (at) => `    ${page(at)} (prio 0, ram): alias a @same 0000000000000000-0000000000000fff`,
    );
    const block = `memory-region: same\n  ${page(0)} (prio 0, ram): same\n\n`;
    const { document } = readMonitorText(`${root}${aliases}\n${block.repeat(10_000)}`);
    assert.equal(rangeCount(document), 10_000);
  });

  test('a nesting that is deeper than can be rendered', () => {
    const tree = lines(3000, (at) => `${'  '.repeat(at + 1)}${whole} (prio 0, i/o): level-${at}`);
    const { document } = readMonitorText(`address-space: memory\n${tree}`);
    assert.equal(document.regions.length, 3000);
    assert.throws(() => buildTopology(document), { code: 'ERR_TOO_DEEP' });
  });

  test('very many lines that mean nothing', () => {
    const { notes } = readMonitorText(lines(200_000, (at) => `noise ${at}`) + root);
    assert.equal(notes.filter(({ code }) => code === 'ignored-line').length, 20);
    assert.ok(notes.some(({ message }) => message.endsWith('(and 199980 more like this)')));
  });

  test('a line of ten million characters', () => {
    const name = 'x'.repeat(10_000_000);
    const { document } = readMonitorText(`${root}    ${page(0)} (prio 0, ram): ${name}\n`);
    assert.equal(document.regions[1]?.name.length, 10_000_000);
    const noise = `${root}    (prio 0, ram): ${' @'.repeat(1_000_000)}\n`;
    assert.throws(() => readMonitorText(noise), { code: 'ERR_MALFORMED_INPUT', line: 3 });
  });

  test('an alias whose names can be taken apart in very many ways', () => {
    const names = 'a @'.repeat(20_000);
    const line = `    ${page(0)} (prio 0, ram): alias ${names}x ${page(0)}\n`;
    assert.equal(readMonitorText(root + line).document.regions.length, 3);
  });
});

suite('large JSON', () => {
  function chain(count: number, parentOf: (id: number) => number | null): string {
    const regions = Array.from({ length: count }, (_, id) => ({
      id,
      type: 'container',
      size: '0x1000',
      parent: parentOf(id),
    }));
    const top = regions.find(({ parent }) => parent === null)?.id ?? 0;
    return JSON.stringify({ regions, address_spaces: [{ name: 'memory', root: top }] });
  }

  test('a chain of parents from the top, and from the bottom', () => {
    const count = 50_000;
    for (const parentOf of [
      (id: number) => (id === 0 ? null : id - 1),
      (id: number) => (id === count - 1 ? null : id + 1),
    ]) {
      const document = readTopologyJson(chain(count, parentOf));
      assert.throws(() => buildTopology(document), { code: 'ERR_TOO_DEEP' });
    }
  });

  test('a circle of parents, and a chain of aliases', () => {
    const count = 50_000;
    assert.throws(() => readTopologyJson(chain(count, (id) => (id + 1) % count)), {
      code: 'ERR_MALFORMED_INPUT',
      message: /lies under itself/,
    });
    const regions = Array.from({ length: count }, (_, id) => ({
      id,
      ...(id === count - 1 ? { type: 'ram' } : { type: 'alias', alias: { target: id + 1 } }),
      size: 16,
    }));
    const text = JSON.stringify({ regions, address_spaces: [{ name: 'memory', root: 0 }] });
    assert.throws(() => buildTopology(readTopologyJson(text)), { code: 'ERR_TOO_DEEP' });
  });

  test('brackets a million deep', () => {
    const text = `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`;
    assert.throws(() => readTopologyJson(text), { code: 'ERR_MALFORMED_INPUT' });
  });
});
