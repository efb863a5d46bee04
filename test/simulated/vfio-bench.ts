import {
  type SimulatedDeviceDescription,
  SimulatedVfio,
  type SimulatedVfioOptions,
} from '../../lib/simulated/index.js';
import { vfioExtension } from '../../lib/vfio/index.js';

/** Where the device under test is on its bus. */
export const slot = '0000:05:00.0';

/** A host with one device in group 5, opened by the legacy way. */
export function openOne(
  description: SimulatedDeviceDescription,
  options: SimulatedVfioOptions = {},
  iommuType: number = vfioExtension.type1v2,
) {
  const host = new SimulatedVfio({ ...options, devices: [description] });
  const container = host.openContainer();
  const group = host.openGroup(5);
  group.setContainer(container);
  container.setIommu(iommuType);
  const device = group.openDevice(slot);
  return { host, container, group, device, hardware: host.device(slot) };
}

/** A device at {@link slot}, whose only BAR is of `size` bytes. */
export function plainDevice(
  size: bigint,
  more: Partial<SimulatedDeviceDescription> = {},
): SimulatedDeviceDescription {
  return {
    name: slot,
    group: 5,
    vendorId: 0x1b36,
    deviceId: 7,
    bars: [{ index: 0, kind: 'memory', size }],
    ...more,
  };
}
