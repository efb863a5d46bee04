import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { Vfio } from '../../lib/vfio/index.js';

/**
 * A real host whose files are there, and are all /dev/null: each opens, and answers every ioctl with ENOTTY. There is a group 26,
 * a group 27 without an IOMMU, and a cdev vfio0.
 */
export function nullHost(t: TestContext): Vfio {
  const devfs = mkdtempSync(path.join(os.tmpdir(), 'flatview-devfs-'));
  t.after(() => rmSync(devfs, { recursive: true }));
  mkdirSync(path.join(devfs, 'vfio/devices'), { recursive: true });
  const files = ['vfio/vfio', 'vfio/26', 'vfio/noiommu-27', 'vfio/devices/vfio0', 'iommu'];
  for (const file of files) symlinkSync('/dev/null', path.join(devfs, file));
  return new Vfio({ devfs, sysfs: devfs });
}
