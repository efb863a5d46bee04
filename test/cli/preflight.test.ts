import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe as suite, test } from 'node:test';
import { mmapVerdictCodes, obstacleIds } from '../../lib/pci/host/index.js';
import { HostFixture } from '../pci/host-fixture.js';
import { card, smallHost } from '../pci/small-host.js';
import { flatview, type Outcome } from './command.js';

/** The options that make the command look at a machine of a test. */
function optionsFor({ roots }: HostFixture): string[] {
  return ['--sysfs', roots.sys, '--proc', roots.proc, '--dev', roots.dev];
}

function preflight(host: HostFixture, ...args: string[]): Promise<Outcome> {
  return flatview(['preflight', ...args, ...optionsFor(host)]);
}

suite('flatview preflight', () => {
  const pc = HostFixture.of('emulated-q35');
  after(() => pc[Symbol.dispose]());

  test('answers yes where nothing is in the way, of one device and of all', async () => {
    using host = smallHost();
    for (const args of [[], [card.address], ['05:00.0', '--memory', '8M']]) {
      const { status, stdout, stderr } = await preflight(host, ...args);
      assert.equal(stderr, '');
      assert.equal(status, 0, stdout);
    }
    const { stdout } = await preflight(host);
    assert.match(stdout, /^0000:00:1c\.0 .* bridge$/m);
    assert.match(stdout, /^1 of 1 devices are ready\./m);
  });

  test('answers no where something is, and a note is nothing', async () => {
    using host = smallHost();
    host.remove('/proc/iomem');
    assert.equal((await preflight(host, '05:00.0')).status, 0);
    assert.equal((await preflight(host, '05:00.0', '--memory', '1G')).status, 1);
    assert.equal((await preflight(host, '00:1c.0')).status, 1);
    assert.equal((await preflight(host, '05:00.0', '--page-size', '64K')).status, 0);
    host.remove(`${card.folder}/driver`);
    assert.equal((await preflight(host)).status, 1);
  });

  test('says with whom a BAR shares its page, and prints a cure once', async () => {
    const { status, stdout } = await preflight(pc, '02:02.0');
    assert.equal(status, 1);
    assert.match(
      stdout,
      /^BAR 1 shares page 0xfe400000 with 0000:02:01\.0 BAR 0 \(0xfe400000-0xfe4000ff\)$/m,
    );
    const large = await preflight(pc, '00:0b.0', '--page-size', '64K');
    assert.equal(large.stdout.match(/resource_alignment=16@0000:00:0b\.0/g)?.length, 1);
  });

  test('keeps to 100 columns, but for tables and commands', async () => {
    const { stdout } = await preflight(pc, '00:14.0', '--memory', '300G');
    const long = stdout.split('\n').filter((line) => line.length > 100);
    assert.deepEqual(long, []);
  });

  test('prints JSON: all devices, numbers as in other JSON of this command', async () => {
    const { status, stdout } = await preflight(pc, '--json', '--memory', '1G');
    assert.equal(status, 1);
    const { host, devices, problems } = JSON.parse(stdout);
    assert.deepEqual(problems, []);
    assert.equal(host.page_size, '0x1000');
    assert.equal(host.memory_lock.soft, '0x800000');
    assert.equal(devices.length, 27);
    const shared = devices.find((one: { address: string }) => one.address === '0000:00:10.0');
    assert.equal(shared.clear, false);
    assert.deepEqual(shared.bars, [
      {
        index: 0,
        kind: 'memory32',
        prefetchable: false,
        address: '0x40000000',
        size: '0x100',
        alignment: '0x40000000',
        mmap: false,
        verdict: 'page-shared',
        certain: true,
        text: '0000:00:11.0 BAR 0 is in its page 0x40000000',
        neighbours: [
          {
            first: '0x40000100',
            last: '0x400001ff',
            name: '0000:00:11.0 BAR 0',
            device: '0000:00:11.0',
          },
        ],
      },
    ]);
    assert.deepEqual(
      shared.obstacles.map(({ id, severity }: { id: string; severity: string }) => [id, severity]),
      [
        ['bar-shares-page', 'slows'],
        ['no-reset', 'note'],
      ],
    );
  });

  test('says on the standard error what it could not read', async () => {
    using host = smallHost();
    host.write('/proc/iomem', 'none');
    const { stderr, stdout } = await preflight(host, '05:00.0');
    assert.equal(stderr, 'note: /proc/iomem is not a list of address ranges\n');
    assert.match(stdout, /neighbours-unknown/);
  });

  test("another machine's sysfs is not mixed with this one's files", async () => {
    const { stdout } = await flatview(['preflight', '--sysfs', pc.roots.sys]);
    assert.match(stdout, /^kernel +not known, pages of 4 KiB$/m);
    assert.match(stdout, /^pinned memory +limit not known$/m);
  });

  test('looks at this machine, if it has PCI', async () => {
    const { status, stdout, stderr } = await flatview(['preflight', '--json']);
    assert.notEqual(stdout === '', stderr === '');
    assert.ok(status === 0 || status === 1 || /no bus\/pci\/devices/.test(stderr));
  });

  test('bad usage: status 2, one message, nothing else', async () => {
    const bad: readonly (readonly [args: string[], message: RegExp])[] = [
      [
        ['00:18.0'],
        /^flatview: there is no PCI device 0000:00:18\.0; near it are: 0000:00:17\.0, /,
      ],
      [['eth0'], /^flatview: "eth0" is not a PCI address: 0000:05:00\.0 or 05:00\.0 is expected/],
      [['--memory', 'lots'], /^flatview: "lots" is not a size: /],
      [['--memory', '-1'], /^(flatview|error): /],
      [['--page-size', '5000'], /^flatview: 5000 is no size of a page/],
      [['--sysfs', '/nowhere'], /^flatview: there is no bus\/pci\/devices in sysfs/],
      [['00:04.0', '00:05.0'], /^error: too many arguments/],
    ];
    for (const [args, message] of bad) {
      const { status, stdout, stderr } = await flatview(['preflight', ...optionsFor(pc), ...args]);
      assert.match(stderr, message);
      assert.equal(stdout, '');
      assert.equal(status, 2, stderr);
    }
  });
});

suite('docs/preflight.md', () => {
  const file = path.resolve(import.meta.dirname, '../../../docs/preflight.md');
  const page = readFileSync(file, 'utf8');

  test('has each obstacle and each verdict, with its meaning', () => {
    for (const [id, [severity, meaning]] of Object.entries(obstacleIds)) {
      assert.ok(page.includes(`| \`${id}\` | ${severity} | ${meaning} |`), id);
    }
    for (const code of Object.keys(mmapVerdictCodes)) assert.ok(page.includes(`\`${code}\``), code);
  });
});
