import { vfioExtension } from '../../../lib/vfio/index.js';
import { type Case, refused, step } from './case.js';

const { type1, type1v2, spaprTce, noIommu, dmaCoherent, unmapAll } = vfioExtension;

export const containerCases: readonly Case[] = [
  {
    name: 'an empty one knows its version and what IOMMUs there are, and maps nothing',
    steps: [
      step('version', (s) => s.container().apiVersion(), { returns: 0 }),
      step('type1', (s) => s.container().checkExtension(type1), { returns: 1 }),
      step('type1v2', (s) => s.container().checkExtension(type1v2), { returns: 1 }),
      step('unmap all', (s) => s.container().checkExtension(unmapAll), { returns: 1 }),
      step('sPAPR', (s) => s.container().checkExtension(spaprTce), { returns: 0 }),
      step('no IOMMU', (s) => s.container().checkExtension(noIommu), { returns: 0 }),
      step('coherent', (s) => s.container().checkExtension(dmaCoherent), { returns: 0 }),
      step('unknown', (s) => s.container().checkExtension(9999), { returns: 0 }),
      refused('set IOMMU', 'EINVAL', (s) => s.container().setIommu(type1v2)),
      refused('info', 'EINVAL', (s) => s.container().iommuInfo()),
      refused('map', 'EINVAL', (s) =>
        s.container().mapDma({
          iova: 0n,
          size: 0x1000n,
          hostAddress: s.bench.memory.hostAddress,
          read: true,
          write: true,
        }),
      ),
      refused('unmap', 'EINVAL', (s) => s.container().unmapDma({ address: 0n, size: 0x1000n })),
    ],
  },
  {
    name: 'with a group it takes an IOMMU that there is, once',
    steps: [
      step('set container', (s) => s.group('edu').setContainer(s.container())),
      refused('info', 'EINVAL', (s) => s.container().iommuInfo()),
      refused('type 99', 'ENODEV', (s) => s.container().setIommu(99)),
      refused('sPAPR', 'ENODEV', (s) => s.container().setIommu(spaprTce)),
      refused('no IOMMU', 'ENODEV', (s) => s.container().setIommu(noIommu)),
      step('type1v2', (s) => s.container().setIommu(type1v2)),
      refused('again', 'EINVAL', (s) => s.container().setIommu(type1v2)),
    ],
  },
  {
    name: 'its last group takes the IOMMU along, and a new one can be set',
    steps: [
      step('type1v2', (s) => s.mapper(type1v2)),
      step('map', (s) =>
        s.container().mapDma({
          iova: 0n,
          size: 0x1000n,
          hostAddress: s.bench.memory.hostAddress,
          read: true,
          write: true,
        }),
      ),
      step('unset container', (s) => s.group('edu').unsetContainer()),
      refused('info', 'EINVAL', (s) => s.container().iommuInfo()),
      step('set container', (s) => s.group('edu').setContainer(s.container())),
      step('type1', (s) => s.container().setIommu(type1)),
      step('nothing is mapped', (s) => s.container().unmapAll(), { returns: 0n }),
    ],
  },
  {
    name: 'VT-d of 39 bits: pages, ranges but for the window of interrupts, entries, dirty pages',
    needs: 'vtd',
    steps: [
      step('info', (s) => s.mapper().iommuInfo(), {
        returns: {
          pageSizes: 0x4020_1000n,
          iovaRanges: [
            { address: 0n, size: 0xfee0_0000n },
            { address: 0xfef0_0000n, size: 0x80_0000_0000n - 0xfef0_0000n },
          ],
          mappingsLeft: 65535,
          dirtyTracking: { pageSizes: 0x1000n, largestBitmapBytes: 0x1000_0000n },
        },
      }),
    ],
  },
  {
    name: 'its IOMMU lives on while a group is in it, though its file is closed',
    steps: [
      step('type1v2', (s) => s.mapper()),
      step('close', (s) => s.container().close()),
      step('status', (s) => s.group('edu').status(), {
        returns: { viable: true, containerSet: true },
      }),
      step('open a device', (s) => s.device('edu').info().regionCount, { returns: 9 }),
    ],
  },
];
