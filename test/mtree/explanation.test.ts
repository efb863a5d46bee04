import assert from 'node:assert/strict';
import { describe as suite, test } from 'node:test';
import { MemoryTopology } from '../../lib/index.js';
import { explanationJson } from '../../lib/mtree/explanation-json.js';
import { explanationLines } from '../../lib/mtree/explanation-text.js';

/** A machine with a bus behind a window, a RAM, and what lies over it. */
function machine() {
  const topology = new MemoryTopology();
  const system = topology.container('system', 1n << 64n);
  const memory = topology.addressSpace('memory', system);
  const ram = topology.ram('ram', 0x1000, { backing: 'none', nonvolatile: true });
  system.addSubregion(0, ram);
  return { topology, system, memory, ram };
}

suite('an explanation in words', () => {
  test('names the winner, its way, and every loser with the reason', () => {
    const { topology, system, memory, ram } = machine();
    const window = topology.alias('window', ram, { offset: 0x800, size: 0x100, readonly: true });
    system.addSubregion(0x100, window, { priority: 1 });
    ram.addSubregion(0x908, topology.io('register', 8, {}));
    system.addSubregion(0x180, topology.io('off', 0x100, {}, { enabled: false }));
    assert.deepEqual(explanationLines(memory.explain(0x1f0)), [
      '00000000000001f0 in "memory": ram +0x8f0 (nv-rom) answers',
      '',
      '  0000000000000000-ffffffffffffffff  system  [container]',
      '  0000000000000100-00000000000001ff    window  [alias of ram +0x800, priority 1, read-only]',
      '  0000000000000100-00000000000001ff      ram  [ram, priority 0]',
      '',
      'It shadows, from top to bottom:',
      ' 1. off +0x70 (i/o)',
      '    disabled: off is disabled',
      ' 2. ram +0x1f0 (nv-ram)',
      '    lower-priority: in system, ram (priority 0) is below window (priority 1)',
    ]);
  });

  test('says what a window shows where something is cut off by it', () => {
    const { topology, system, memory } = machine();
    const bus = topology.container('bus', 0x10_0000);
    bus.addSubregion(0x2ff0, topology.io('bar', 0x20, {}));
    system.addSubregion(0x2000, topology.alias('window', bus, { offset: 0x2000, size: 0x1000 }));
    assert.deepEqual(explanationLines(memory.explain(0x3000)), [
      '0000000000003000 in "memory": nothing answers',
      '',
      'What lies here, from top to bottom:',
      ' 1. bar +0x10 (i/o), through window > bus',
      '    clipped: window does not reach here: it shows 0000000000002000-0000000000002fff',
    ]);
  });

  test('gives the verdicts of those who map memory', () => {
    const { memory } = machine();
    const verdict = { first: 0n, last: 0xfffn, mapped: false, code: 'sub-page', text: 'too small' };
    memory.addListener({ name: 'kvm', priority: 1, verdictAt: () => verdict });
    memory.addListener({
      name: 'vfio',
      verdictAt: (address, space) => ({
        ...verdict,
        mapped: true,
        text: `${address} in ${space.name}`,
      }),
    });
    memory.addListener({ name: 'silent', verdictAt: () => undefined });
    const explanation = memory.explain(0x123);
    const at = explanationLines(explanation).indexOf('vfio: 291 in memory');
    assert.deepEqual(explanationLines(explanation).slice(at - 1, at + 3), [
      '',
      'vfio: 291 in memory',
      'kvm: not mapped, sub-page: too small',
      '',
    ]);
    assert.deepEqual((explanationJson(explanation) as { verdicts: unknown[] }).verdicts[1], {
      listener: 'kvm',
      mapped: false,
      code: 'sub-page',
      text: 'too small',
      first: '0x0',
      last: '0xfff',
    });
  });

  test('keeps to 100 columns, whatever the names are', () => {
    const { topology, system, memory } = machine();
    for (const name of ['long name '.repeat(40), 'x'.repeat(500), 'y'.repeat(100_000)]) {
      system.addSubregion(0, topology.io(name, 16, {}));
    }
    const lines = explanationLines(memory.explain(0));
    assert.ok(lines.length > 20);
    for (const line of lines) assert.ok(line.length <= 100, line);
    assert.ok(lines.join('\n').length < 10_000);
  });

  test('says when it did not follow everything to its end', () => {
    const { memory } = machine();
    const incomplete = { ...memory.explain(0), complete: false };
    assert.match(explanationLines(incomplete).at(-1) ?? '', /^There is more/);
  });
});

suite('an explanation as JSON', () => {
  test('has everything that the words say', () => {
    const { topology, system, memory } = machine();
    const bar = topology.io('bar', 0x10, {}, { owner: '0000:01:00.0' });
    system.addSubregion(0x20, bar, { priority: 2 });
    assert.deepEqual(JSON.parse(JSON.stringify(explanationJson(memory.explain(0x21)))), {
      address_space: 'memory',
      address: '0x21',
      winner: {
        region: 'bar',
        owner: '0000:01:00.0',
        offset: '0x1',
        type: 'i/o',
        readonly: false,
        nonvolatile: false,
        path: [
          {
            name: 'system',
            kind: 'container',
            priority: 0,
            start: '0x0',
            first: '0x0',
            last: '0xffffffffffffffff',
          },
          {
            name: 'bar',
            kind: 'io',
            priority: 2,
            owner: '0000:01:00.0',
            start: '0x20',
            first: '0x20',
            last: '0x2f',
          },
        ],
      },
      shadowed: [
        {
          region: 'ram',
          offset: '0x21',
          type: 'ram',
          readonly: false,
          nonvolatile: true,
          path: [
            {
              name: 'system',
              kind: 'container',
              priority: 0,
              start: '0x0',
              first: '0x0',
              last: '0xffffffffffffffff',
            },
            { name: 'ram', kind: 'ram', priority: 0, start: '0x0', first: '0x0', last: '0xfff' },
          ],
          reason: {
            code: 'lower-priority',
            by: { name: 'bar', kind: 'io', priority: 2, owner: '0000:01:00.0' },
            branch: { name: 'ram', kind: 'ram', priority: 0 },
            level: { name: 'system', kind: 'container', priority: 0 },
            text: 'in system, ram (priority 0) is below bar (priority 2)',
          },
        },
      ],
      verdicts: [],
      complete: true,
    });
  });
});
