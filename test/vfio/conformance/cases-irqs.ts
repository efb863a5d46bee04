import { vfioPciIrq } from '../../../lib/vfio/index.js';
import { type Case, refused, type Step, step } from './case.js';

const { intx, msi, msix, error, request } = vfioPciIrq;

function signalled(times: bigint): Step {
  return step(`signalled ${times} times`, (s) => s.bench.eventFd.take(), { returns: times });
}

export const irqCases: readonly Case[] = [
  {
    name: 'a device says which it has',
    steps: [
      step('INTx', (s) => s.device('edu').irqInfo(intx), {
        returns: {
          index: intx,
          count: 1,
          canSignal: true,
          isMaskable: true,
          isAutomasked: true,
          isFixedCount: false,
        },
      }),
      step('MSI', (s) => s.device('edu').irqInfo(msi), {
        returns: {
          index: msi,
          count: 1,
          canSignal: true,
          isMaskable: false,
          isAutomasked: false,
          isFixedCount: true,
        },
      }),
      step('no MSI-X', (s) => s.device('edu').irqInfo(msix).count, { returns: 0 }),
      step('MSI-X', (s) => s.device('e1000e').irqInfo(msix).count, { returns: 5 }),
      step('requests', (s) => s.device('edu').irqInfo(request).count, { returns: 1 }),
      refused('errors of a conventional device', 'EINVAL', (s) => s.device('edu').irqInfo(error)),
      refused('index 5', 'EINVAL', (s) => s.device('edu').irqInfo(5)),
    ],
  },
  {
    name: 'MSI signals the eventfd that it was given',
    needs: 'eventFd',
    steps: [
      refused('trigger', 'EINVAL', (s) => s.device('edu').triggerIrqs(msi, 0, 1)),
      refused('take away', 'EINVAL', (s) => s.device('edu').setIrqEventFds(msi, 0, [])),
      step('set', (s) => s.device('edu').setIrqEventFds(msi, 0, [s.bench.eventFd.fd])),
      step('trigger', (s) => s.device('edu').triggerIrqs(msi, 0, 1)),
      step('trigger', (s) => s.device('edu').triggerIrqs(msi, 0, 1)),
      signalled(2n),
      refused('mask', 'ENOTTY', (s) => s.device('edu').maskIrqs(msi, 0, 1, true)),
      refused('vector 1', 'EINVAL', (s) =>
        s.device('edu').setIrqEventFds(msi, 1, [s.bench.eventFd.fd]),
      ),
      refused('INTx meanwhile', 'EINVAL', (s) =>
        s.device('edu').setIrqEventFds(intx, 0, [s.bench.eventFd.fd]),
      ),
      step('take away', (s) => s.device('edu').setIrqEventFds(msi, 0, [])),
      refused('trigger', 'EINVAL', (s) => s.device('edu').triggerIrqs(msi, 0, 1)),
      step('INTx now', (s) => s.device('edu').setIrqEventFds(intx, 0, [s.bench.eventFd.fd])),
      signalled(0n),
    ],
  },
  {
    name: 'vectors of MSI-X are set one by one, and left out',
    needs: 'eventFd',
    steps: [
      step('set', (s) =>
        s.device('e1000e').setIrqEventFds(msix, 0, [undefined, s.bench.eventFd.fd, undefined]),
      ),
      step('trigger one that has none', (s) => s.device('e1000e').triggerIrqs(msix, 0, 1)),
      signalled(0n),
      step('trigger all', (s) => s.device('e1000e').triggerIrqs(msix, 0, 3)),
      signalled(1n),
      refused('too many', 'EINVAL', (s) =>
        s.device('e1000e').setIrqEventFds(msix, 3, [undefined, undefined, undefined]),
      ),
    ],
  },
  {
    name: 'INTx is masked and unmasked, while it is in use',
    needs: 'eventFd',
    steps: [
      refused('mask', 'EINVAL', (s) => s.device('edu').maskIrqs(intx, 0, 1, true)),
      step('set', (s) => s.device('edu').setIrqEventFds(intx, 0, [s.bench.eventFd.fd])),
      step('mask', (s) => s.device('edu').maskIrqs(intx, 0, 1, true)),
      step('unmask', (s) => s.device('edu').maskIrqs(intx, 0, 1, false)),
      refused('number 1', 'EINVAL', (s) => s.device('edu').maskIrqs(intx, 1, 1, true)),
      step('trigger', (s) => s.device('edu').triggerIrqs(intx, 0, 1)),
      signalled(1n),
    ],
  },
];
