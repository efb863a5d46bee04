// Puts the devices where the table has them, and binds them to vfio-pci.

import { devices } from '../devices.js';
import { bindToVfio, placeBars } from './sysfs-pci.js';

placeBars(devices.filter(({ bar0At }) => bar0At !== undefined));
for (const device of devices) {
  if (device.keepsDriver !== true) bindToVfio(device);
}
