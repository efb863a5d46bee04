// Which compiled tests run inside of which machine: all of test/machine/suite, and those of the rest that need a real kernel.

import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Machine } from './machine.js';

/** The tests, as they are compiled. */
const tests = fileURLToPath(new URL('..', import.meta.url));

/** Files outside of test/machine/suite whose tests are skipped where there is no KVM. */
const kvmFiles = [
  'kvm/conformance/real.test.js',
  'kvm/vcpu.test.js',
  'kvm/vcpu-lifecycle.test.js',
  'kvm/real-listeners.test.js',
  'kvm/changes-under-guest.test.js',
  'kvm/direct-memory.test.js',
  'kvm/dirty-ring.test.js',
  'kvm/errors.test.js',
  'examples/tiny-vmm.test.js',
];

/**
 * Paths below dist/test of what runs in a machine. The tests of KVM alone run once for each kernel, as the IOMMU is nothing to
 * them. With `parts`, those whose names contain one, in whatever machine.
 */
export function suiteFiles(machine: Machine, parts: readonly string[]): string[] {
  const own = readdirSync(path.join(tests, 'machine/suite'))
    .filter((file) => file.endsWith('.machine.test.js'))
    .map((file) => `machine/suite/${file}`);
  if (parts.length > 0) {
    return [...own, ...kvmFiles].filter((file) => parts.some((part) => file.includes(part)));
  }
  return machine.iommu === 'intel' ? [...own, ...kvmFiles] : own;
}
