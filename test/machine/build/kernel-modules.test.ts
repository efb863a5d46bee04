import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { dependencies, findModules, insertionOrder } from './kernel-modules.js';

test('a module says what it depends on among other things, in names with dashes or not', () => {
  const module = Buffer.from('ELF\0\0license=GPL\0depends=vfio-pci-core,vfio\0name=vfio_pci\0');
  assert.deepEqual(dependencies(module), ['vfio_pci_core', 'vfio']);
  assert.deepEqual(dependencies(Buffer.from('\0depends=\0name=vfio\0')), []);
  assert.deepEqual(dependencies(Buffer.from('\0name=no_field\0')), []);
});

test('each module comes once, after what it depends on; what is built in is left out', () => {
  const needs = new Map([
    ['kvm_amd', ['kvm', 'ccp']],
    ['kvm', ['irqbypass', 'built_in']],
    ['vfio_pci', ['vfio_pci_core', 'vfio']],
    ['vfio_pci_core', ['vfio', 'irqbypass']],
    ...['ccp', 'irqbypass', 'vfio'].map((name) => [name, []] as [string, string[]]),
  ]);
  const order = insertionOrder(
    ['vfio-pci', 'kvm-amd', 'vfio', 'built-in'],
    (name) => (needs.has(name) ? name : undefined),
    (name) => needs.get(name) ?? [],
  );
  assert.deepEqual(order, [
    'vfio',
    'irqbypass',
    'vfio_pci_core',
    'vfio_pci',
    'kvm',
    'ccp',
    'kvm_amd',
  ]);
});

test('modules are found by name, those of the first folder before others', () => {
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'flatview-modules-'));
  try {
    const put = (file: string) => {
      mkdirSync(path.dirname(path.join(scratch, file)), { recursive: true });
      writeFileSync(path.join(scratch, file), '');
    };
    for (const file of ['own/vfio.ko', 'kernel/drivers/vfio/vfio.ko.xz', 'kernel/fs/9p/9p.ko'])
      put(file);
    put('kernel/modules.order');
    const modules = findModules([path.join(scratch, 'own'), path.join(scratch, 'kernel')]);
    const found = [...modules].map(([name, { file }]) => [name, path.relative(scratch, file)]);
    assert.deepEqual(found.sort(), [
      ['9p', 'kernel/fs/9p/9p.ko'],
      ['vfio', 'own/vfio.ko'],
    ]);
  } finally {
    rmSync(scratch, { recursive: true });
  }
});
