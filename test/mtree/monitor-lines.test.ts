import assert from 'node:assert/strict';
import { describe as suite, test } from 'node:test';
import { buildTopology } from '../../lib/mtree/build-topology.js';
import type { NoteCode } from '../../lib/mtree/monitor-text/notes.js';
import { readMonitorText } from '../../lib/mtree/monitor-text/read-monitor-text.js';
import { readTopology } from '../../lib/mtree/read-topology.js';
import type { RegionRecord } from '../../lib/mtree/topology-document.js';
import { flatViewLines } from '../../lib/mtree/write-flat-views.js';
import { caseTexts } from '../corpus/corpus.js';
import { textOf } from './text-blocks.js';

const whole = '0000000000000000-ffffffffffffffff';

function range(first: number, last: number): string {
  return [first, last].map((address) => address.toString(16).padStart(16, '0')).join('-');
}

/** The text of one address space over `system`, with these lines below. */
function tree(...lines: string[]): string {
  return ['address-space: memory', `  ${whole} (prio 0, i/o): system`, ...lines, '', ''].join('\n');
}

/** The text of the flat view of that address space. */
function view(...lines: string[]): string {
  const heading = ['FlatView #0', ' AS "memory", root: system', ' Root memory region: system'];
  return [...heading, ...lines, '', ''].join('\n');
}

function regionsOf(text: string): Map<string, RegionRecord> {
  const { regions } = readMonitorText(text).document;
  return new Map(regions.map((region) => [region.name, region]));
}

function codesOf(text: string): NoteCode[] {
  return readMonitorText(text)
    .notes.filter(({ confirmed }) => !confirmed)
    .map(({ code }) => code);
}

function flatText(text: string): string {
  const { topology, addressSpaces } = buildTopology(readMonitorText(text).document);
  const flat = textOf(flatViewLines(addressSpaces));
  topology.close();
  return flat;
}

suite('malformed monitor text: an error that gives the line', () => {
  const device = `    ${range(0, 15)} (prio 0, i/o): device`;
  const malformed: readonly (readonly [what: string, text: string, line: number, says: RegExp])[] =
    [
      ['no text at all', '', 1, /neither a topology as JSON nor/],
      ['another text', 'hello\nworld\n', 1, /neither a topology as JSON nor/],
      ['flat views without a tree', view(`  ${range(0, 15)} (prio 0, ram): ram`), 1, /but no tree/],
      ['a line that was cut', tree(device, '    00000000000000'), 4, /not a range/],
      [
        'a line that ends within the addresses',
        tree(device, `    ${range(0, 15).slice(0, 20)}`),
        4,
        /not a range/,
      ],
      [
        'an address of 68 bits',
        tree('    00000000000000000-ffffffffffffffff0 (prio 0, ram): x'),
        3,
        /64 bits/,
      ],
      [
        'a priority of 40 bits',
        tree(`    ${range(0, 15)} (prio 1099511627776, ram): x`),
        3,
        /32 bits/,
      ],
      [
        'a priority that is one more than 31 bits and a sign hold',
        tree(`    ${range(0, 15)} (prio 2147483648, ram): x`),
        3,
        /32 bits/,
      ],
      [
        'a priority that is no number',
        tree(`    ${range(0, 15)} (prio high, ram): x`),
        3,
        /not a range/,
      ],
      ['an unknown type', tree(`    ${range(0, 15)} (prio 0, flash): x`), 3, /not a range/],
      ['a region outside all blocks', `\n\n${device}\n${tree()}`, 3, /outside "address-space:"/],
      ['two roots', tree(`  ${whole} (prio 0, i/o): other`), 3, /second root/],
      ['an odd indentation', tree(`   ${range(0, 15)} (prio 0, ram): x`), 3, /odd width/],
      [
        'an indentation beyond all reason',
        tree(`${' '.repeat(100)}${range(0, 15)} (prio 0, ram): x`),
        3,
        /deeper than/,
      ],
      [
        'a missing level although disabled regions are shown',
        tree(
          `    ${range(0, 15)} (prio 0, ram): off [disabled]`,
          `        ${range(0, 15)} (prio 0, ram): x`,
        ),
        4,
        /deeper than/,
      ],
      [
        'a region below an alias although disabled regions are shown',
        tree(
          `    ${range(0, 15)} (prio 0, ram): alias a @x ${range(0, 15)} [disabled]`,
          `      ${range(0, 15)} (prio 0, ram): y`,
        ),
        4,
        /below an alias/,
      ],
      ['an address space outside a view', ' AS "memory", root: system\n', 1, /outside a FlatView/],
      [
        'flat ranges that overlap',
        tree() + view(`  ${range(0, 15)} (prio 0, ram): x`, `  ${range(15, 16)} (prio 0, ram): x`),
        8,
        /overlaps the range of line 7/,
      ],
      [
        'a flat range that ends before it starts',
        tree() + view(`  ${range(16, 15)} (prio 0, ram): x`),
        7,
        /ends before/,
      ],
    ];

  for (const [what, text, line, message] of malformed) {
    test(what, () => {
      assert.throws(() => readMonitorText(text), { code: 'ERR_MALFORMED_INPUT', line, message });
    });
  }

  test('the message shows the line, but not all of a very long one', () => {
    const text = tree(`    ${range(0, 15)} (prio 0, flash): ${'x'.repeat(5000)}`);
    assert.throws(
      () => readMonitorText(text),
      ({ message }: Error) => message.includes('(prio 0, flash): xxx') && message.length < 250,
    );
  });
});

suite('monitor text as it comes', () => {
  const [, texts] = [...caseTexts()].find(([name]) => name === 'pc-smp8') ?? assert.fail();
  const plain = texts.tree + texts.flat;

  test('with carriage returns', () => {
    assert.equal(flatText(plain.replaceAll('\n', '\r\n')), texts.flat);
  });

  test('with prompts, echoed commands and what a terminal does to them', () => {
    const echo = '(qemu) i\u001b[K\u001b[Di\u001b[Kn\u001b[D\u001b[Dinfo mtree\u001b[K\r\n';
    const text = `QEMU 7.2.22 monitor - type 'help' for more information\n${echo}${texts.tree}(qemu) info mtree -f\n${texts.flat}(qemu) quit\n`;
    assert.equal(flatText(text), texts.flat);
    assert.deepEqual(new Set(codesOf(text)), new Set(['ignored-line', 'hidden-region']));
  });

  test('with the heading behind the prompt', () => {
    assert.equal(flatText(`(qemu) ${plain}`), texts.flat);
  });

  test('as the answer of QMP', () => {
    const answer = JSON.stringify({ return: plain.replaceAll('\n', '\r\n'), id: 'libvirt-7' });
    const { document } = readTopology(Buffer.from(answer));
    const { topology, addressSpaces } = buildTopology(document);
    assert.equal(textOf(flatViewLines(addressSpaces)), texts.flat);
    topology.close();
  });

  test('with dispatch trees (-d) and the name of the accelerator behind its ranges', () => {
    const dispatch =
      '  Dispatch\n    Physical sections\n      #0 @0000000000000000..ffffffffffffffff (noname) [unassigned]\n';
    const flat = texts.flat
      .replaceAll(/(, ram\): [^\n]*)\n/g, '$1 KVM\n')
      .replaceAll('\n\nFlatView', `\n${dispatch}\n\nFlatView`);
    assert.notEqual(flat, texts.flat);
    assert.equal(flatText(texts.tree + flat), texts.flat);
  });

  test('with owners, the name of the accelerator stands behind them, whoever owns the range', () => {
    for (const owner of ['orphan', 'owner:{dev id=card}', 'parent:{obj path=/a}']) {
      const lines = ['0000000000000000-000000000000000f (prio 0, ram): x'];
      const owned = lines.map((line) => `  ${line} ${owner}`);
      const text =
        tree(...owned.map((line) => `  ${line}`)).replace('): system', '): system orphan') +
        view(...owned.map((line) => `${line} KVM`));
      assert.deepEqual(codesOf(text), []);
      assert.match(flatText(text), /ram\): x\n/);
    }
  });

  test('in the words of the newest QEMU, which tells containers', () => {
    const text = tree(
      `    ${range(0, 0xfff)} (prio 0, container): box`,
      `      ${range(0, 15)} (prio 0, i/o): device`,
    ).replace('(prio 0, i/o): system', '(prio 0, container): system');
    const regions = regionsOf(text);
    assert.equal(regions.get('system')?.kind, 'container');
    assert.equal(regions.get('box')?.kind, 'container');
    assert.equal(regions.get('device')?.kind, 'io');
    assert.ok(!codesOf(text).includes('container-or-io'));
  });

  test('with regions that reach past 2^64, the warning before or behind the indentation', () => {
    const line = 'fffffffffffff000-0000000000000fff (prio 0, i/o): wraps';
    for (const text of [
      tree(`[DETECTED OVERFLOW!]     ${line}`),
      tree(`    [DETECTED OVERFLOW!] ${line}`),
      `${tree(`    ${line}`)}[DETECTED OVERFLOW!] \n`,
    ]) {
      assert.equal(regionsOf(text).get('wraps')?.size, 0x2000n);
    }
  });

  test('with names that look like something else', () => {
    const names = [
      'alias',
      'a @b',
      'x [disabled] y',
      'pci@8000.io',
      'owner:{',
      '(prio 0, ram): z',
      '',
    ];
    const lines = names.map(
      (name, at) => `    ${range(at * 16, at * 16 + 15)} (prio 0, ram): ${name}`,
    );
    assert.deepEqual([...regionsOf(tree(...lines)).keys()], ['system', ...names]);
  });

  test('a range is that of the longest name that a region has', () => {
    const names = ['x', 'x @0000000000000000 hvf', 'x @0000000000000010', 'x KVM'];
    for (const owner of ['', ' orphan', ' owner:{dev id=card}']) {
      const lines = names.map(
        (name, at) => `  ${range(at * 16, at * 16 + 15)} (prio 0, ram): ${name}${owner}`,
      );
      const text =
        tree(...lines.map((line) => `  ${line}`)).replace('): system', `): system${owner}`) +
        view(...lines);
      assert.deepEqual(codesOf(text), []);
      assert.deepEqual(
        [...flatText(text).matchAll(/ram\): (.*)/g)].map(([, name]) => name),
        names,
      );
    }
  });

  test('an alias line is taken apart where its target has a block', () => {
    const text =
      tree(`    ${range(0, 15)} (prio 0, ram): alias window @left @right ${range(16, 31)}`) +
      `memory-region: left @right\n  ${range(0, 99)} (prio 0, ram): left @right\n\n`;
    const regions = regionsOf(text);
    const target = regions.get('left @right');
    assert.deepEqual(regions.get('window')?.alias, { target: target?.id, offset: 16n });
  });
});

suite('what a tree leaves open, and its flat views settle', () => {
  const io = (first: number, last: number, name: string, level = 2, priority = 0) =>
    `${'  '.repeat(level)}${range(first, last)} (prio ${priority}, i/o): ${name}`;

  test('i/o that does not answer is a container, and one with subregions that does is not', () => {
    const text =
      tree(io(0, 15, 'bus'), io(0x100, 0x1ff, 'bar'), io(0x100, 0x103, 'register', 3)) +
      view(
        `  ${range(0x100, 0x103)} (prio 0, i/o): register`,
        `  ${range(0x104, 0x1ff)} (prio 0, i/o): bar @0000000000000004`,
      );
    const regions = regionsOf(text);
    assert.equal(regions.get('bus')?.kind, 'container');
    assert.equal(regions.get('bar')?.kind, 'io');
    assert.deepEqual(codesOf(text), []);
    assert.deepEqual(codesOf(tree(io(0, 15, 'bus'))), ['container-or-io', 'disabled-missing']);
  });

  test('the order of siblings', () => {
    const lines = [io(0, 0xfff, 'big'), io(0x800, 0x17ff, 'same'), io(0x900, 0x90f, 'small')];
    const text =
      tree(...lines) +
      view(
        `  ${range(0, 0xfff)} (prio 0, i/o): big`,
        `  ${range(0x1000, 0x17ff)} (prio 0, i/o): same @0000000000000800`,
      );
    const { regions } = readMonitorText(text).document;
    const order = ['big', 'same', 'small'].map(
      (name) => regions.find((one) => one.name === name)?.order,
    );
    assert.equal(order[0], 0);
    assert.deepEqual(codesOf(text), []);
    const open = readMonitorText(tree(...lines)).notes.find(({ code }) => code === 'sibling-order');
    assert.equal(open?.line, 4);
    assert.match(open?.message ?? '', /"big" \(line 3\).*0x800/);
  });

  test('read-only aliases: the one closest to the memory', () => {
    const ram = `memory-region: ram\n  ${range(0, 0xfff)} (prio 0, ram): ram\n\n`;
    const text =
      tree(
        `    ${range(0, 0xff)} (prio 0, ram): alias low @ram ${range(0, 0xff)}`,
        `    ${range(0x100, 0x1ff)} (prio 0, ram): alias high @ram ${range(0x100, 0x1ff)}`,
      ) +
      ram +
      view(
        `  ${range(0, 0xff)} (prio 0, rom): ram`,
        `  ${range(0x100, 0x1ff)} (prio 0, ram): ram @0000000000000100`,
      );
    const regions = regionsOf(text);
    assert.equal(regions.get('low')?.readonly, true);
    assert.equal(regions.get('high')?.readonly, false);
    assert.equal(regions.get('ram')?.readonly, false);
  });

  test('which of two regions of one name an alias shows', () => {
    const blocks = [15, 31].map(
      (last) => `memory-region: mem\n  ${range(0, last)} (prio ${last}, i/o): mem\n\n`,
    );
    const text =
      tree(
        `    ${range(0, 15)} (prio 0, i/o): alias one @mem ${range(0, 15)}`,
        `    ${range(0x100, 0x10f)} (prio 0, i/o): alias two @mem ${range(0, 15)}`,
      ) + blocks.join('');
    assert.ok(codesOf(text).includes('ambiguous-target'));
    const settled = `${text}${view(
      `  ${range(0, 15)} (prio 31, i/o): mem`,
      `  ${range(0x100, 0x10f)} (prio 15, i/o): mem`,
    )}`;
    const { regions } = readMonitorText(settled).document;
    const targetOf = (name: string) =>
      regions.find(({ id }) => id === regions.find((one) => one.name === name)?.alias?.target);
    assert.equal(targetOf('one')?.priority, 31);
    assert.equal(targetOf('two')?.priority, 15);
  });

  test('which of two regions of one name answers, when the owners are printed', () => {
    const [orphan, owned] = ['orphan', 'parent:{obj path=/a}'].map(
      (owner) => `  ${range(0, 15)} (prio 0, i/o): device ${owner}`,
    );
    const both = tree(`  ${orphan}`, `  ${owned}`).replace('): system', '): system orphan');
    const kindsWith = (shown: string | undefined) => {
      const text = both + view(shown ?? '');
      assert.ok(!codesOf(text).includes('view-mismatch'));
      const { regions } = readMonitorText(text).document;
      return regions.filter(({ name }) => name === 'device').map(({ kind }) => kind);
    };
    assert.deepEqual(kindsWith(orphan), ['io', 'io']);
    assert.deepEqual(kindsWith(owned), ['container', 'io']);
  });

  test('size 0, which is printed like size 1', () => {
    const text =
      tree(`    ${range(0, 0)} (prio 0, ram): empty`, io(0, 15, 'below', 2, -1)) +
      view(`  ${range(0, 15)} (prio -1, i/o): below`);
    assert.equal(regionsOf(text).get('empty')?.size, 0n);
    assert.deepEqual(codesOf(text), []);
  });

  test('what hides below a disabled region that was not printed', () => {
    const hidden = tree(io(0, 0xff, 'shown'), `        ${range(0x10, 0x1f)} (prio 0, ram): below`);
    assert.equal(regionsOf(hidden).get('below')?.enabled, true);
    assert.equal(regionsOf(hidden).get('(disabled, not printed)')?.enabled, false);
    assert.ok(codesOf(hidden).includes('hidden-region'));
    const backwards = tree(
      io(0x100, 0x1ff, 'shown'),
      io(0x180, 0x18f, 'own', 3),
      io(0x20, 0x2f, 'of another', 3),
    );
    const regions = regionsOf(backwards);
    assert.equal(regions.get('own')?.parent, regions.get('shown')?.id);
    assert.equal(regions.get('of another')?.parent, regions.get('(disabled, not printed)')?.id);
  });

  test('ranges that stay apart belong to an unmergeable region', () => {
    const text =
      tree(`    ${range(0, 31)} (prio 0, ram): ram`) +
      view(
        `  ${range(0, 15)} (prio 0, ram): ram`,
        `  ${range(16, 31)} (prio 0, ram): ram @0000000000000010`,
      );
    assert.equal(regionsOf(text).get('ram')?.unmergeable, true);
  });

  test('an alias without its target stands for what its type says', () => {
    const text = tree(`    ${range(0, 15)} (prio 0, ram): alias window @gone ${range(16, 31)}`);
    assert.ok(codesOf(text).includes('missing-target'));
    assert.match(flatText(text), /-000000000000000f \(prio 0, ram\): gone @0000000000000010\n/);
  });

  test('a priority of -0 is 0, in text and in JSON', () => {
    const text = tree(`    ${range(0, 15)} (prio -0, ram): x`);
    const json =
      '{"regions":[{"id":-0,"name":"x","type":"ram","size":1,"priority":-0}],"address_spaces":[]}';
    for (const source of [text, json]) {
      const { regions } = readTopology(Buffer.from(source)).document;
      assert.equal(regions.find(({ name }) => name === 'x')?.priority, 0);
    }
  });

  test('an alias does not show itself, nor what leads back to it', () => {
    const alias = (name: string, target: string) =>
      `  ${range(0, 15)} (prio 0, ram): alias ${name} @${target} ${range(0, 15)}`;
    const itself = ['memory-region: a', alias('b', 'a'), ''].join('\n');
    const circle = [
      'memory-region: a',
      alias('b', 'c'),
      '',
      'memory-region: c',
      alias('d', 'a'),
      '',
    ];
    for (const text of [itself, circle.join('\n')]) {
      const { document, notes } = readMonitorText(tree() + text);
      assert.ok(notes.some(({ code }) => code === 'missing-target'));
      buildTopology(document).topology.close();
    }
  });

  test('a flat view of an address space that the tree does not have is said with its line', () => {
    const ram = `  ${range(0, 15)} (prio 0, ram): ram`;
    const other = view(ram).replace('root: system', 'root: another');
    const { notes } = readMonitorText(tree(`  ${ram}`) + view(ram) + other);
    const note = notes.find(({ code }) => code === 'view-mismatch');
    assert.equal(note?.line, 11);
    assert.match(note.message, /"memory".*"another"/);
    assert.ok(notes.every(({ confirmed }) => !confirmed));
  });

  test('what cannot be settled is said with its line', () => {
    const text = tree(io(0, 15, 'device')) + view(`  ${range(0, 15)} (prio 0, i/o): another`);
    const note = readMonitorText(text).notes.find(({ code }) => code === 'view-mismatch');
    assert.equal(note?.line, 8);
    assert.match(note.message, /"device".*instead of "another"/);
    const owners =
      tree(`${io(0, 15, 'device')} orphan`) + view(`${io(0, 15, 'device', 1)} owner:{dev id=a}`);
    const other = readMonitorText(owners).notes.find(({ code }) => code === 'view-mismatch');
    assert.match(
      other?.message ?? '',
      /"device" \(i\/o, orphan\).*"device" \(i\/o, owner:{dev id=a}\)/,
    );
  });
});
