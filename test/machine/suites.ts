// Which tests run inside of which machine: those that need a real kernel.

import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Machine } from './machine.js';

/** The sources of all tests, seen from the compiled file. */
const sources = fileURLToPath(new URL('../../../test/', import.meta.url));

/** In every machine: what is made for it, and what needs real VFIO. */
const everywhere = [
  /^machine\/suite\/.*\.machine\.test\.ts$/,
  /^vfio\/(.*\/)?real[^/]*\.test\.ts$/,
];

/** What needs KVM and no more, to which the IOMMU is nothing: once for each kernel. */
const oncePerKernel = [
  /^kvm\/(.*\/)?real[^/]*\.test\.ts$/,
  /^kvm\/(vcpu|vcpu-lifecycle|changes-under-guest|direct-memory|dirty-ring|errors)\.test\.ts$/,
  /^examples\/tiny-vmm\.test\.ts$/,
];

/**
 * The compiled tests that run in a machine, as paths below dist/test. With `parts`, those that could run in any and whose paths
 * contain one.
 */
export function suiteFiles(machine: Machine, parts: readonly string[]): string[] {
  const isChosen = parts.length > 0;
  const wanted =
    isChosen || machine.iommu === 'intel' ? [...everywhere, ...oncePerKernel] : everywhere;
  return readdirSync(sources, { recursive: true, encoding: 'utf8' })
    .filter((file) => wanted.some((pattern) => pattern.test(file)))
    .filter((file) => !isChosen || parts.some((part) => file.includes(part)))
    .map((file) => file.replace(/\.ts$/, '.js'))
    .sort();
}
