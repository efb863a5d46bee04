import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertVcpus } from '../../lib/kvm/machine/vcpu-architecture.js';
import { whyNoKvm } from './real-mode-guest.js';

describe('assertVcpus', () => {
  it('has nothing against x86-64', () => {
    assertVcpus('x64');
  });

  it('says plainly that the registers are of x86-64 only, and what works elsewhere', () => {
    assert.throws(() => assertVcpus('arm64'), {
      code: 'ERR_PROCESSOR',
      message: /x86-64 only.*registers.*this machine is arm64.*slots.*Kvm\.vmAt/,
    });
  });

  it('is why tests with vCPUs are skipped on others, whether they have KVM or not', () => {
    assert.match(String(whyNoKvm('arm64')), /x86-64 only/);
  });
});
