import { hex } from '../address.js';
import {
  alignmentOf,
  anyInTheWay,
  type BarReport,
  type DeviceReport,
  type HostReport,
  isBridge,
  type Obstacle,
  type PageNeighbour,
  type PreflightReport,
} from '../pci/host/index.js';

/** A report for programs, as `docs/preflight.md` describes it: addresses and sizes are hex strings. */
export function preflightJson({ host, devices, problems }: PreflightReport): object {
  return { host: hostJson(host), devices: devices.map(deviceJson), problems };
}

function hostJson(host: HostReport): object {
  const { iommu, vfio, memoryLock } = host;
  return {
    kernel: host.kernel?.text ?? null,
    page_size: hex(host.pageSize),
    io_memory_known: host.ioMemoryKnown,
    iommu: {
      present: iommu.present,
      units: iommu.units,
      firmware_tables: iommu.firmwareTables ?? null,
      interrupt_remapping: iommu.interruptRemapping,
    },
    vfio: {
      pci_driver: vfio.pciDriver,
      container: vfio.container,
      iommufd: vfio.iommufd,
      no_iommu: vfio.noIommu,
      unsafe_interrupts: vfio.unsafeInterrupts,
      dma_entry_limit: vfio.dmaEntryLimit ?? null,
      disable_idle_d3: vfio.idleDevicesStayOn,
      ids: vfio.ids ?? null,
    },
    memory_lock: memoryLock
      ? {
          soft: limitJson(memoryLock.soft),
          hard: limitJson(memoryLock.hard),
          exempt: memoryLock.exempt,
        }
      : null,
    obstacles: host.obstacles.map(obstacleJson),
  };
}

function limitJson(limit: bigint | 'unlimited'): string {
  return limit === 'unlimited' ? limit : hex(limit);
}

function deviceJson({ device, group, bars, obstacles }: DeviceReport): object {
  return {
    address: device.address,
    vendor: device.vendor ?? null,
    device: device.device ?? null,
    class: device.classCode ?? null,
    bridge: isBridge(device),
    parent: device.parent ?? null,
    driver: device.driver ?? null,
    driver_override: device.driverOverride ?? null,
    iommu_group: group ? { id: group.id, made_up: group.noIommu, members: group.members } : null,
    numa_node: device.numaNode ?? null,
    power_state: device.powerState ?? null,
    reset_methods: device.resetMethods,
    physical_function: device.physicalFunction ?? null,
    virtual_functions: device.virtualFunctions,
    vfio_device: device.vfioDevice ?? null,
    clear: !anyInTheWay(obstacles),
    bars: bars.map(barJson),
    obstacles: obstacles.map(obstacleJson),
  };
}

function barJson({ bar, verdict, place }: BarReport): object {
  return {
    index: bar.index,
    kind: bar.kind,
    prefetchable: bar.prefetchable,
    address: bar.assigned ? hex(bar.first) : null,
    size: hex(bar.size),
    alignment: bar.assigned ? hex(alignmentOf(bar)) : null,
    mmap: verdict.code === 'mappable',
    verdict: verdict.code,
    certain: verdict.certain,
    text: verdict.text,
    neighbours: (place?.neighbours ?? []).map(neighbourJson),
  };
}

function neighbourJson({ first, last, name, device }: PageNeighbour): object {
  return { first: hex(first), last: hex(last), name, device: device ?? null };
}

function obstacleJson({ id, severity, text, cure }: Obstacle): object {
  return { id, severity, text, cure: cure ?? null };
}
