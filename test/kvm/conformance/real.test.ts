import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { HostMemory } from '../../../lib/index.js';
import { EventFd, Kvm, kvmCapability, type VirtualMachine } from '../../../lib/kvm/index.js';
import { noKvm } from '../real-mode-guest.js';
import { runCases } from './run-cases.js';

function guestMemfd(vm: VirtualMachine): number | undefined {
  return vm.checkExtension(kvmCapability.guestMemfd) === 0
    ? undefined
    : vm.createGuestMemfd(1n << 20n);
}

function openBench() {
  const kvm = Kvm.open();
  const vm = kvm.createVm();
  const memory = HostMemory.allocate(16n << 20n);
  const [a, b, closed] = [EventFd.create(), EventFd.create(), EventFd.create()];
  const other = openSync('/dev/null', 'r');
  const memfd = guestMemfd(vm);
  const fds = { a: a.fd, b: b.fd, other, closed: closed.fd };
  closed.close();
  return {
    vm,
    hostAddress: memory.hostAddress,
    fds,
    ...(memfd === undefined ? {} : { guestMemfd: memfd }),
    close(): void {
      vm.close();
      kvm.close();
      a.close();
      b.close();
      closeSync(other);
      if (memfd !== undefined) closeSync(memfd);
      memory.close();
    },
  };
}

if (noKvm === false) runCases('real', openBench);
else test('KVM conformance: real', { skip: noKvm }, () => undefined);
