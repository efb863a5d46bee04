// That the machine is what it is said to be: nothing else in this folder says anything if it is not.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { noKvm } from '../../kvm/real-mode-guest.js';
import { job } from '../guest/job.js';

test('the kernel is the one that was asked for', () => {
  assert.equal(readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(), job.release);
  assert.ok(job.release.startsWith(`${job.kernel}.`));
});

test('KVM is there, with nested paging', () => {
  assert.equal(noKvm, false);
  assert.equal(readFileSync('/sys/module/kvm_amd/parameters/npt', 'utf8').trim(), 'Y');
});

test('VFIO is there, with the IOMMU that was asked for', () => {
  assert.ok(existsSync('/dev/vfio/vfio'));
  assert.equal(existsSync('/dev/iommu'), job.iommu === 'iommufd');
  const [unit = ''] = readdirSync('/sys/class/iommu');
  assert.match(unit, job.iommu === 'amd' ? /^ivhd/ : /^dmar/);
});
