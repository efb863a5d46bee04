// Whatever is missing, unreadable, garbage or gone: preflight answers, or throws an error with a code.

import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { FlatviewError } from '../../../lib/errors.js';
import { HostFiles, preflight, readHostDevice } from '../../../lib/pci/host/index.js';
import { HostFixture } from '../host-fixture.js';
import { card, resources, smallHost } from '../small-host.js';

/** The names of all files and links of a machine, without those to which links lead. */
function namesIn(host: HostFixture, folder = ''): string[] {
  return readdirSync(host.path(folder), { withFileTypes: true }).flatMap((entry) => {
    const name = `${folder}/${entry.name}`;
    return entry.isDirectory() ? namesIn(host, name) : [name];
  });
}

/** Runs preflight on the machine, of one device and of all. Only errors with a code are let pass. */
function survives(host: HostFixture, what: string): void {
  for (const address of [undefined, card.address]) {
    try {
      preflight({
        roots: host.roots,
        guestMemory: 1n << 32n,
        ...(address !== undefined && { address }),
      });
    } catch (error) {
      assert.ok(error instanceof FlatviewError, `${what}: ${error}`);
    }
  }
}

/** Does something to each file of a machine in turn, and puts it back. */
function eachFile(change: (host: HostFixture, name: string) => void): number {
  using host = smallHost();
  const names = namesIn(host);
  for (const name of names) {
    const isLink = lstatSync(host.path(name)).isSymbolicLink();
    const content = isLink ? readlinkSync(host.path(name)) : readFileSync(host.path(name));
    host.remove(name);
    change(host, name);
    survives(host, name);
    if (lstatSync(host.path(name), { throwIfNoEntry: false })) host.remove(name);
    if (typeof content === 'string') host.link(name, content);
    else host.write(name, content);
  }
  assert.equal(
    preflight({ roots: host.roots }).devices.length,
    2,
    'the machine is as it was at the end',
  );
  return names.length;
}

suite('A host that is not as it should be', () => {
  test('each file in turn is missing', () => {
    assert.ok(eachFile(() => undefined) > 30);
  });

  test('each file in turn is garbage', () => {
    const garbage = [
      '',
      '\0',
      'x'.repeat(10_000),
      '-1',
      '0xzz 0x1 0x2',
      '99999999999999999999999999',
      '\u001b[2J',
    ];
    for (const text of garbage) eachFile((host, name) => host.write(name, text));
    eachFile((host, name) => host.write(name, Buffer.from([0xff, 0xfe, 0x80, 0x00])));
  });

  test('each file in turn cannot be read, and that is said', () => {
    // A folder in its place: an error other than "it is not there", also for root.
    eachFile((host, name) => mkdirSync(host.path(name)));
    using host = smallHost();
    host.remove('/proc/iomem');
    mkdirSync(host.path('/proc/iomem'));
    const { problems } = preflight({ roots: host.roots });
    assert.deepEqual(problems, [{ path: '/proc/iomem', reason: 'cannot be read: EISDIR' }]);
  });

  test('each file in turn is a link that leads to itself', () => {
    eachFile((host, name) => host.link(name, path.posix.basename(name)));
  });

  test('a file that this user may not read', {
    skip: process.getuid?.() === 0 && 'root may read everything; a folder in its place stands in',
  }, () => {
    using host = smallHost();
    host.write('/proc/iomem', 'secret');
    host.protect('/proc/iomem');
    const { problems } = preflight({ roots: host.roots });
    assert.deepEqual(problems, [{ path: '/proc/iomem', reason: 'cannot be read: EACCES' }]);
  });

  test('what makes no sense is said, with the file', () => {
    using host = smallHost();
    host.write(`${card.folder}/resource`, 'none');
    host.write(`${card.folder}/class`, 'none');
    host.write('/proc/iomem', 'none');
    host.write('/proc/self/limits', 'none');
    host.write('/proc/self/auxv', '');
    const { problems, host: report } = preflight({ roots: host.roots });
    assert.deepEqual(problems.map(({ path: name }) => name).sort(), [
      '/proc/iomem',
      '/proc/self/auxv',
      '/proc/self/limits',
      '/sys/bus/pci/devices/0000:05:00.0/class',
      '/sys/bus/pci/devices/0000:05:00.0/resource',
    ]);
    assert.equal(report.pageSize, 4096n);
  });

  test('a device that goes at any moment while it is read is not there', () => {
    /** Unplugs the card before the file with this number is read. */
    class Unplugged extends HostFiles {
      readonly #host: HostFixture;
      #left: number;

      constructor(host: HostFixture, left: number) {
        super(host.roots);
        this.#host = host;
        this.#left = left;
      }

      override text(name: string): string | undefined {
        if (this.#left-- === 0) this.#host.remove(card.folder);
        return super.text(name);
      }
    }
    for (let files = 0; files < 8; files++) {
      using host = smallHost();
      assert.equal(readHostDevice(new Unplugged(host, files), card.address), undefined);
    }
  });

  test('names do not steer the terminal, and no command has what a file says', () => {
    using host = smallHost();
    host.write('/sys/bus/pci/resource_alignment', "12@0000:06:00.0;'; reboot; echo '\n");
    host.write(
      '/proc/iomem',
      'e0000000-e0000fff : a\n  e0000000-e00000ff : 0000:05:00.0\n  e0000100-e00001ff : \u001b[2J\n',
    );
    host.link('/sys/kernel/iommu_groups/7/devices/$(reboot)/driver', '../evil');
    const [report] = preflight({ roots: host.roots, address: card.address }).devices;
    const obstacles = report?.obstacles ?? [];
    assert.deepEqual(
      obstacles.map(({ id }) => id),
      ['bar-shares-page', 'group-shared'],
    );
    assert.ok(!JSON.stringify(obstacles.map(({ text }) => text)).includes('u001b'));
    const commands = obstacles.flatMap(({ cure }) => cure?.commands ?? []);
    assert.equal(
      commands[0],
      "echo '12@0000:06:00.0;12@0000:05:00.0' > /sys/bus/pci/resource_alignment",
    );
    assert.ok(commands.every((command) => !command.includes('reboot')));
  });

  test('a range that ends before it begins is no BAR', () => {
    using host = smallHost();
    const line = '0x00000000e0001000 0x00000000e0000000 0x0000000000040200';
    host.write(`${card.folder}/resource`, resources({ 0: line }));
    const { problems } = preflight({ roots: host.roots });
    assert.match(problems[0]?.reason ?? '', /not a list of address ranges/);
  });

  test('no sysfs at all', () => {
    using host = new HostFixture('');
    assert.throws(() => preflight({ roots: host.roots }), { code: 'ERR_MALFORMED_INPUT' });
    assert.throws(() => preflight({ roots: {} }), { code: 'ERR_MALFORMED_INPUT' });
  });

  test('an address that no device has: the nearest ones are named', () => {
    using host = HostFixture.of('thinkpad-t60');
    const look = (address: string) => () => preflight({ roots: host.roots, address });
    assert.throws(look('02:00.1'), {
      code: 'ERR_INVALID_ARGUMENT',
      message: /^there is no PCI device 0000:02:00\.1; near it are: 0000:02:00\.0, /,
    });
    for (const address of ['', '05', '05:20.0', '05:00.8', '0000:05:00', 'g:00.0', '../x']) {
      assert.throws(look(address), { code: 'ERR_INVALID_ARGUMENT' }, address);
    }
    for (const address of ['02:00.0', '2:0.0', '0000:02:00.0', '0:02:00.0']) {
      assert.equal(look(address)().devices[0]?.device.address, '0000:02:00.0');
    }
  });

  test('a size that no page has', () => {
    using host = smallHost();
    for (const pageSize of [0n, 1n, 2048n, 4097n, 12_288n, 1n << 21n, -4096n]) {
      assert.throws(() => preflight({ roots: host.roots, pageSize }), {
        code: 'ERR_INVALID_ARGUMENT',
      });
    }
  });
});
