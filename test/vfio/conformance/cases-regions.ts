import { vfioPciRegion } from '../../../lib/vfio/index.js';
import type { EmulatedDeviceName } from '../emulated-machine.js';
import { type Case, refused, type Step, step } from './case.js';

const { config, rom, vga } = vfioPciRegion;
const page = 0x1000n;
const commandAt = 4n;
const decodeMemory = 2n;

interface BarFacts {
  readonly size: bigint;
  readonly canMap?: boolean;
  readonly isMsixMappable?: boolean;
}

function bar(name: EmulatedDeviceName, index: number, facts: BarFacts): Step {
  const { size, canMap = true, isMsixMappable = false } = facts;
  const isThere = size > 0n;
  return step(`${name}, BAR ${index}`, (s) => s.device(name).regionInfo(index), {
    returns: {
      index,
      size,
      canRead: isThere,
      canWrite: isThere,
      canMap: isThere && canMap,
      sparseAreas: undefined,
      isMsixMappable,
      type: undefined,
    },
  });
}

/** Maps, and gives it back at once. */
function map(
  name: EmulatedDeviceName,
  region: number,
  offset: bigint,
  size: bigint,
  gives = 'ok',
): Step {
  const what = `map 0x${size.toString(16)} bytes at 0x${offset.toString(16)} of ${name}, region ${region}`;
  return step(what, (s) => s.device(name).map(region, offset, size).close(), { gives });
}

function read(
  name: EmulatedDeviceName,
  region: number,
  offset: bigint,
  width: 1 | 2 | 4 | 8,
  gives = 'ok',
): Step {
  const what = `read ${width} bytes at 0x${offset.toString(16)} of ${name}, region ${region}`;
  return step(what, (s) => s.device(name).read(region, offset, width), { gives });
}

/** Sets the command register. */
function command(name: EmulatedDeviceName, value: bigint): Step {
  return step(`command ${value} of ${name}`, (s) =>
    s.device(name).write(config, commandAt, value, 2),
  );
}

export const regionCases: readonly Case[] = [
  {
    name: 'a device says what it is',
    steps: [
      step('edu, which can not be reset', (s) => s.device('edu').info(), {
        returns: { isPci: true, canReset: false, regionCount: 9, irqCount: 5 },
      }),
      refused('reset', 'EINVAL', (s) => s.device('edu').reset()),
    ],
  },
  {
    name: 'memory of a page or more can be mapped, ports can not',
    steps: [
      bar('edu', 0, { size: 1n << 20n }),
      bar('edu', 1, { size: 0n }),
      bar('testdev', 0, { size: page }),
      bar('testdev', 1, { size: 256n, canMap: false }),
      bar('e1000e', 0, { size: 128n << 10n }),
      bar('e1000e', 1, { size: 128n << 10n }),
      bar('e1000e', 2, { size: 32n, canMap: false }),
      bar('ivshmem', 2, { size: 1n << 20n }),
      bar('ivshmem', 3, { size: 0n }),
      bar('display', 0, { size: 16n << 20n }),
      bar('display', 2, { size: page }),
    ],
  },
  {
    name: 'memory that is less than a page can be mapped where it has the page for itself',
    steps: [
      bar('sdhci', 0, { size: 256n }),
      bar('rtl8139', 0, { size: 256n, canMap: false }),
      bar('rtl8139', 1, { size: 256n }),
      bar('watchdog', 0, { size: 16n }),
      bar('pvpanic', 0, { size: 16n }),
      bar('ohci', 0, { size: 256n }),
      bar('ivshmem', 0, { size: 256n }),
      bar('sdhci-shared-start', 0, { size: 256n, canMap: false }),
      bar('sdhci-shared-behind', 0, { size: 256n, canMap: false }),
      map('sdhci-shared-start', 0, 0n, page, 'EINVAL'),
      map('sdhci-shared-behind', 0, 0n, page, 'EINVAL'),
    ],
  },
  {
    name: 'the BAR with the MSI-X table can be mapped as a whole',
    steps: [
      bar('e1000e', 3, { size: 16n << 10n, isMsixMappable: true }),
      bar('nvme', 0, { size: 16n << 10n, isMsixMappable: true }),
      bar('xhci', 0, { size: 16n << 10n, isMsixMappable: true }),
      map('e1000e', 3, 0n, 16n << 10n),
    ],
  },
  {
    name: 'there are nine regions, and VGA only where a device has it',
    steps: [
      step('config space', (s) => s.device('edu').regionInfo(config).size, { returns: 256n }),
      step('of PCI Express', (s) => s.device('e1000e').regionInfo(config).size, {
        returns: 4096n,
      }),
      step('no ROM', (s) => s.device('edu').regionInfo(rom).size, { returns: 0n }),
      refused('VGA', 'EINVAL', (s) => s.device('edu').regionInfo(vga)),
      refused('region 9', 'EINVAL', (s) => s.device('edu').regionInfo(9)),
      refused('region 42', 'EINVAL', (s) => s.device('edu').regionInfo(42)),
    ],
  },
  {
    name: 'whole pages are mapped, up to the end of the last one',
    steps: [
      map('edu', 0, 0n, 1n << 20n),
      map('edu', 0, 0xff000n, page),
      map('edu', 0, 0n, (1n << 20n) + page, 'EINVAL'),
      map('edu', 0, 1n << 20n, page, 'EINVAL'),
      map('sdhci', 0, 0n, page),
      map('sdhci', 0, 0n, 2n * page, 'EINVAL'),
      map('sdhci', 0, page, page, 'EINVAL'),
      map('edu', 1, 0n, page, 'EINVAL'),
      map('rtl8139', 0, 0n, page, 'EINVAL'),
      map('edu', config, 0n, page, 'EINVAL'),
      map('edu', rom, 0n, page, 'EINVAL'),
      map('edu', 42, 0n, page, 'EINVAL'),
    ],
  },
  {
    name: 'a read ends where the region does',
    steps: [
      read('sdhci', 0, 0xfcn, 4),
      read('sdhci', 0, 0xfen, 4, 'EIO'),
      read('sdhci', 0, 0x100n, 1, 'EINVAL'),
      read('sdhci', 0, 0x100n, 4, 'EINVAL'),
      read('edu', 1, 0n, 4, 'EINVAL'),
      read('edu', 42, 0n, 4, 'EINVAL'),
      read('edu', rom, 0n, 4, 'EINVAL'),
      read('rtl8139', 0, 0x40n, 4),
    ],
  },
  {
    name: 'without decode memory is not there, and comes back with it',
    steps: [
      read('sdhci', 0, 0x40n, 4),
      command('sdhci', 0n),
      read('sdhci', 0, 0x40n, 4, 'EIO'),
      refused('write', 'EIO', (s) => s.device('sdhci').write(0, 8n, 0n, 4)),
      map('sdhci', 0, 0n, page),
      command('sdhci', decodeMemory),
      read('sdhci', 0, 0x40n, 4),
    ],
  },
  {
    name: 'a device is opened with decode on, and bus master off',
    steps: [
      step('command', (s) => s.device('edu').read(config, commandAt, 2) & 6n, {
        returns: decodeMemory,
      }),
    ],
  },
  {
    name: "BARs in config space are the user's own, and tell their size as hardware does",
    steps: [
      step('write ones', (s) => s.device('edu').write(config, 0x10n, 0xffff_ffffn, 4)),
      step('size', (s) => s.device('edu').read(config, 0x10n, 4), { returns: 0xfff0_0000n }),
      step('write an address', (s) => s.device('edu').write(config, 0x10n, 0x1234_5678n, 4)),
      step('address', (s) => s.device('edu').read(config, 0x10n, 4), { returns: 0x1230_0000n }),
      step('the device stays where it is', (s) => s.device('edu').read(0, 0n, 4)),
      step('write to none', (s) => s.device('edu').write(config, 0x14n, 0xffff_ffffn, 4)),
      step('none', (s) => s.device('edu').read(config, 0x14n, 4), { returns: 0n }),
      step('ports: write ones', (s) => s.device('rtl8139').write(config, 0x10n, 0xffff_ffffn, 4)),
      step('size', (s) => s.device('rtl8139').read(config, 0x10n, 4), { returns: 0xffff_ff01n }),
      step('64 bits: ones above', (s) => s.device('nvme').write(config, 0x14n, 0xffff_ffffn, 4)),
      step('ones below', (s) => s.device('nvme').write(config, 0x10n, 0xffff_ffffn, 4)),
      step('size', (s) => s.device('nvme').read(config, 0x10n, 8), {
        returns: 0xffff_ffff_ffff_c004n,
      }),
    ],
  },
  {
    name: 'vendor and device can not be written, the interrupt line can',
    steps: [
      step('write', (s) => s.device('edu').write(config, 0n, 0n, 4)),
      step('read', (s) => s.device('edu').read(config, 0n, 4), { returns: 0x11e8_1234n }),
      step('write', (s) => s.device('edu').write(config, 0x3cn, 0x55n, 1)),
      step('read', (s) => s.device('edu').read(config, 0x3cn, 1), { returns: 0x55n }),
      refused('beyond', 'EINVAL', (s) => s.device('edu').read(config, 0x100n, 4)),
      refused('across', 'EFAULT', (s) => s.device('edu').read(config, 0xfen, 4)),
    ],
  },
];
