import { vfioExtension } from '../../../lib/vfio/index.js';
import { type Case, refused, step } from './case.js';

const { type1v2 } = vfioExtension;

export const groupCases: readonly Case[] = [
  {
    name: 'one is opened once; a closed one can be opened again',
    steps: [
      step('open', (s) => s.openGroup('edu')),
      refused('again', 'EBUSY', (s) => s.openGroup('edu')),
      step('close', (s) => s.group('edu').close()),
      step('open', (s) => s.openGroup('edu')),
    ],
  },
  {
    name: 'one that is not there is not opened',
    steps: [
      refused('group 9999', 'ENOENT', (s) => s.bench.host.openGroup(9999)),
      refused('without IOMMU', 'ENOENT', (s) =>
        s.bench.host.openGroup(s.bench.device('edu').group, { noIommu: true }),
      ),
    ],
  },
  {
    name: 'it is in one container at a time',
    steps: [
      step('status', (s) => s.group('edu').status(), {
        returns: { viable: true, containerSet: false },
      }),
      refused('unset', 'EINVAL', (s) => s.group('edu').unsetContainer()),
      step('set', (s) => s.group('edu').setContainer(s.container(0))),
      step('status', (s) => s.group('edu').status(), {
        returns: { viable: true, containerSet: true },
      }),
      refused('again', 'EINVAL', (s) => s.group('edu').setContainer(s.container(0))),
      refused('another', 'EINVAL', (s) => s.group('edu').setContainer(s.container(1))),
      step('unset', (s) => s.group('edu').unsetContainer()),
      step('another', (s) => s.group('edu').setContainer(s.container(1))),
    ],
  },
  {
    name: "one with a device that a driver of the host's has is not viable",
    steps: [
      step('status', (s) => s.group('edu-in-shared-group').status(), {
        returns: { viable: false, containerSet: false },
      }),
      refused('set', 'EPERM', (s) => s.group('edu-in-shared-group').setContainer(s.container())),
      refused('a device', 'EINVAL', (s) =>
        s.group('edu-in-shared-group').openDevice(s.bench.device('edu-in-shared-group').name),
      ),
      refused("the other's", 'ENODEV', (s) =>
        s.group('edu-in-shared-group').openDevice(s.bench.device('rng-in-shared-group').name),
      ),
    ],
  },
  {
    name: 'a device is opened by its name, once there is an IOMMU',
    steps: [
      refused('without container', 'EINVAL', (s) =>
        s.group('edu').openDevice(s.bench.device('edu').name),
      ),
      step('set', (s) => s.group('edu').setContainer(s.container())),
      refused('without IOMMU', 'EINVAL', (s) =>
        s.group('edu').openDevice(s.bench.device('edu').name),
      ),
      step('set IOMMU', (s) => s.container().setIommu(type1v2)),
      refused('a wrong name', 'ENODEV', (s) => s.group('edu').openDevice('0000:ff:1f.7')),
      refused("another group's", 'ENODEV', (s) =>
        s.group('edu').openDevice(s.bench.device('sdhci').name),
      ),
      step('open', (s) => s.device('edu').name === s.bench.device('edu').name, { returns: true }),
    ],
  },
  {
    name: 'it stays in its container while a device is open, or one of its BARs is mapped',
    steps: [
      step('map', (s) => s.barOf('edu', 0)),
      refused('unset', 'EBUSY', (s) => s.group('edu').unsetContainer()),
      step('close the device', (s) => s.device('edu').close()),
      refused('unset', 'EBUSY', (s) => s.group('edu').unsetContainer()),
      step('unmap', (s) => s.barOf('edu', 0).close()),
      step('unset', (s) => s.group('edu').unsetContainer()),
    ],
  },
  {
    name: 'it stays open while a device is, though its file is closed',
    steps: [
      step('open a device', (s) => s.device('edu')),
      step('close the group', (s) => s.group('edu').close()),
      refused('open', 'EBUSY', (s) => s.openGroup('edu')),
      step('the device works', (s) => s.device('edu').read(0, 0n, 4)),
      step('close the device', (s) => s.device('edu').close()),
      step('open', (s) => s.openGroup('edu')),
    ],
  },
  {
    name: 'two can be in one container, and share its mappings',
    steps: [
      step('edu', (s) => s.device('edu')),
      step('sdhci', (s) => s.device('sdhci')),
      step('map', (s) =>
        s.container().mapDma({
          iova: 0n,
          size: 0x1000n,
          hostAddress: s.bench.memory.hostAddress,
          read: true,
          write: true,
        }),
      ),
      step('close edu', (s) => s.device('edu').close()),
      step('edu leaves', (s) => s.group('edu').unsetContainer()),
      step('it is mapped', (s) => s.container().unmapAll(), { returns: 0x1000n }),
    ],
  },
];
