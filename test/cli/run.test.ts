import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe as suite, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type CaseTexts, caseFiles, caseTexts } from '../corpus/corpus.js';
import { sortedBlocks } from '../mtree/text-blocks.js';
import { flatview } from './command.js';

const files = caseFiles();
const texts = caseTexts();

function fileOf(name: string): string {
  return files.find((file) => path.basename(file, '.json.gz') === name) ?? assert.fail(name);
}

function textsOf(name: string): CaseTexts {
  return texts.get(name) ?? assert.fail(name);
}

suite('flatview flat', () => {
  test('prints what the monitor prints, for every case of the corpus', async () => {
    for (const file of files) {
      const { status, stdout, stderr } = await flatview(['flat', file]);
      const name = path.basename(file, '.json.gz');
      assert.equal(stderr, '', name);
      assert.deepEqual(sortedBlocks(stdout), sortedBlocks(textsOf(name).flat), name);
      assert.equal(status, 0, name);
    }
    assert.equal(files.length, 317);
  });

  test('reads the standard input, plain JSON, and text', async () => {
    const { tree, flat } = textsOf('pc-smp8');
    const json = gunzipSync(readFileSync(fileOf('pc-smp8'))).toString();
    const fromJson = await flatview(['flat', '-'], json);
    assert.deepEqual(sortedBlocks(fromJson.stdout), sortedBlocks(flat));
    const fromText = await flatview(['flat', '-'], tree + flat);
    assert.equal(fromText.stdout, flat);
  });

  test('appends owners with -o', async () => {
    const { stdout } = await flatview(['flat', '-o', fileOf('pc-smp8')]);
    assert.deepEqual(sortedBlocks(stdout), sortedBlocks(textsOf('pc-smp8').flatWithOwners));
  });

  test('prints JSON that it reads again', async () => {
    const { stdout } = await flatview(['flat', '--json', fileOf('q35-mix25-8G-b00')]);
    const { flat, regions, address_spaces: spaces } = JSON.parse(stdout);
    const again = await flatview(['flat', '-'], stdout);
    assert.deepEqual(sortedBlocks(again.stdout), sortedBlocks(textsOf('q35-mix25-8G-b00').flat));
    assert.deepEqual(Object.keys(spaces[0]), ['name', 'root', 'flat']);
    const [range] = flat[1].ranges;
    assert.equal(
      regions.find((region: { id: number }) => region.id === range.region).name,
      range.name,
    );
  });
});

suite('flatview mtree', () => {
  test('prints what the monitor prints, with -o and -D too', async () => {
    for (const name of ['pc-maxram1g-b02', 'q35-bridge180-b08', 'm68k-q800']) {
      const { tree, treeWithOwnersAndDisabled } = textsOf(name);
      const plain = await flatview(['mtree', fileOf(name)]);
      assert.deepEqual(sortedBlocks(plain.stdout), sortedBlocks(tree), name);
      const all = await flatview(['mtree', fileOf(name), '-o', '-D']);
      assert.deepEqual(sortedBlocks(all.stdout), sortedBlocks(treeWithOwnersAndDisabled), name);
    }
  });

  test('turns text into JSON', async () => {
    const { treeWithOwnersAndDisabled: tree, flatWithOwners } = textsOf('pc-maxram1g-b02');
    const { status, stdout } = await flatview(['mtree', '--json', '-'], tree + flatWithOwners);
    assert.equal(status, 0);
    const again = await flatview(['flat', '-o', '-'], stdout);
    assert.equal(again.stdout, flatWithOwners);
    assert.equal(again.stderr, '');
  });

  test('says on the standard error what a text does not tell, with the line', async () => {
    const { tree, flat } = textsOf('aarch64-ast1030-evb');
    const alone = await flatview(['mtree', '-'], tree);
    const [, line] = /^note: line (\d+): "nvic-default" .* overlap/m.exec(alone.stderr) ?? [];
    assert.match(tree.split('\n')[Number(line) - 1] ?? '', /: nvic-default$/);
    assert.match(alone.stderr, /^note: line \d+: \d+ regions are printed as i\/o/m);
    assert.equal(alone.status, 0);
    const both = await flatview(['mtree', '-'], tree + flat);
    assert.match(both.stderr, /^note: the tree leaves \d+ questions open \(first: line \d+\)/);
    assert.equal(both.stderr.split('\n').length, 2);
  });
});

suite('flatview explain', () => {
  const file = fileOf('pc-maxram1g-b02');

  test('names the winner, and what it shadows with the reason', async () => {
    const { status, stdout } = await flatview(['explain', file, '0xcb123']);
    assert.equal(status, 0);
    assert.match(stdout, /^00000000000cb123 in "memory": pc\.ram \+0xcb123 \(ram\) answers$/m);
    assert.match(stdout, /^ 1\. pc\.ram .*through pam-ram\n +disabled: pam-ram is disabled$/m);
    assert.match(stdout, /lower-priority: in system, pam-rom \(priority 1\) is below kvmvapic-rom/);
    assert.ok(stdout.split('\n').every((line) => line.length <= 100));
  });

  test('reads addresses as they are printed', async () => {
    const { stdout } = await flatview(['explain', file, '0xcb123']);
    for (const address of ['cb123', '00000000000cb123', '0xC_B123']) {
      assert.equal((await flatview(['explain', file, address])).stdout, stdout);
    }
  });

  test('answers no where nothing answers', async () => {
    const { status, stdout, stderr } = await flatview(['explain', file, 'f0000000']);
    assert.equal(status, 1);
    assert.match(stdout, /^00000000f0000000 in "memory": nothing answers$/m);
    assert.equal(stderr, '');
  });

  test('looks at another address space with --as, at each of that name', async () => {
    const io = await flatview(['explain', file, '70', '--as', 'I/O']);
    assert.match(io.stdout, /^0000000000000070 in "I\/O": rtc-index \+0x0 \(i\/o\) answers$/m);
    assert.match(io.stdout, /behind-subregion: its own subregion rtc-index is in front of it/);
    const flash = fileOf('aarch64-ast1030-evb');
    const many = await flatview(['explain', flash, '0', '--as', 'aspeed.smc.dma-flash']);
    assert.equal(many.stdout.match(/in "aspeed\.smc\.dma-flash"/g)?.length, 3);
  });

  test('prints JSON', async () => {
    const { stdout } = await flatview(['explain', '--json', file, 'cb123']);
    const [{ address, winner, shadowed, complete }] = JSON.parse(stdout);
    assert.equal(address, '0xcb123');
    assert.equal(winner.region, 'pc.ram');
    assert.equal(winner.offset, '0xcb123');
    assert.deepEqual(
      winner.path.map(({ name, kind }: { name: string; kind: string }) => [name, kind]),
      [
        ['system', 'container'],
        ['kvmvapic-rom', 'alias'],
        ['pc.ram', 'ram'],
      ],
    );
    assert.equal(shadowed[0].reason.code, 'disabled');
    assert.equal(shadowed[0].reason.by.name, 'pam-ram');
    assert.equal(complete, true);
    const nothing = await flatview(['explain', '--json', file, 'f0000000']);
    assert.equal(nothing.status, 1);
    assert.equal(JSON.parse(nothing.stdout)[0].winner, null);
  });
});

suite('flatview demo', () => {
  test('runs the tiny VMM, and names a command that goes on from there', async () => {
    const { status, stdout, stderr } = await flatview(['demo']);
    assert.equal(status, 0);
    assert.equal(stderr, '');
    assert.match(stdout, /guest: Done\. Good night!/);
    assert.ok(!stdout.includes('\u001b'), 'no colours where nobody sees them');
    const next = stdout.match(/^ {2}npx flatview (.*)$/m)?.[1] ?? '';
    const explained = await flatview(next.split(' '));
    assert.equal(explained.status, 0);
    assert.match(explained.stdout, /pc\.rom \+0xb123 \(rom\)/);
  });
});

suite('bad input and usage: status 2 and one message', () => {
  const { tree } = textsOf('pc-smp8');
  const bad: readonly (readonly [what: string, args: string[], input: string, message: RegExp])[] =
    [
      [
        'a file that is not there',
        ['flat', '/nowhere'],
        '',
        /^flatview: \/nowhere: cannot be read: ENOENT/,
      ],
      ['a folder', ['flat', '/'], '', /^flatview: \/: cannot be read: EISDIR/],
      ['nothing', ['flat', '-'], '', /^flatview: -: neither a topology as JSON nor/],
      [
        'a text that was cut',
        ['flat', '-'],
        `${tree}    0000000000000`,
        /^flatview: -: line \d+ is not a range/,
      ],
      ['JSON that is none', ['mtree', '-'], '{', /^flatview: -: not JSON: /],
      [
        'a document with a mistake',
        ['mtree', '-'],
        '{"regions":[{}]}',
        /^flatview: -: regions\[0\]\.type is missing/,
      ],
      [
        'an address that is none',
        ['explain', '-', '0x'],
        tree,
        /^flatview: "0x" is not an address/,
      ],
      ['an address beyond 2^64', ['explain', '-', '1'.repeat(17)], tree, /is not an address/],
      [
        'an unknown address space',
        ['explain', '-', '0', '--as', 'x'],
        tree,
        /there is no address space "x", but: /,
      ],
      ['an unknown command', ['show'], '', /^error: unknown command 'show'/],
      ['an unknown option', ['flat', '--fast', '-'], '', /^error: unknown option '--fast'/],
      ['a missing argument', ['explain', '-'], '', /^error: missing required argument 'ADDRESS'/],
    ];
  for (const [what, args, input, message] of bad) {
    test(what, async () => {
      const { status, stdout, stderr } = await flatview(args, input);
      assert.match(
        stderr
          .split('\n')
          .filter((line) => !line.startsWith('note: '))
          .join('\n'),
        message,
      );
      assert.doesNotMatch(stderr, /^ +at /m);
      assert.equal(stdout, '');
      assert.equal(status, 2);
    });
  }

  test('help and version are no mistakes', async () => {
    const help = await flatview(['--help']);
    assert.equal(help.status, 0);
    assert.match(help.stdout, /Exit status: 0 it worked, 1 the answer is no, 2 bad input/);
    for (const command of ['flat', 'mtree', 'explain', 'preflight', 'demo']) {
      assert.match(help.stdout, new RegExp(`^  ${command}`, 'm'));
    }
    const version = await flatview(['--version']);
    assert.equal(version.status, 0);
    assert.match(version.stdout, /^\d+\.\d+\.\d+/);
  });
});
