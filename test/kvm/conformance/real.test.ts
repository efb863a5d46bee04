import { closeSync, openSync, readFileSync } from 'node:fs';
import os from 'node:os';
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

/**
 * Where user space ends for this kernel, less a page: access_ok in arch/x86/include/asm/uaccess_64.h. Five levels of page tables
 * make it larger; in Linux 6.4 to 6.11 it takes half of all addresses.
 */
function userSpaceBits(): bigint {
  const features =
    readFileSync('/proc/cpuinfo', 'utf8')
      .match(/^flags.*$/m)?.[0]
      .split(' ') ?? [];
  const [major = 0, minor = 0] = os.release().split('.').map(Number);
  const looksAtTheSign = major === 6 && minor >= 4 && minor < 12;
  if (looksAtTheSign) return 63n;
  return features.includes('la57') ? 56n : 47n;
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
    userSpaceEnd: (1n << userSpaceBits()) - 0x1000n,
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
