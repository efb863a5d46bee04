import type { HostFiles } from './host-files.js';
import { readIommuGroup } from './iommu-group.js';

/** The IOMMUs of the host, and whether they keep devices from making interrupts of others. */
export interface HostIommu {
  /** Devices are in groups: the kernel uses an IOMMU. On some machines it is in no list of units. */
  readonly present: boolean;
  /** As /sys/class/iommu has them: `dmar0`, `ivhd0`, `smmu3.0x...`. */
  readonly units: readonly string[];
  /** The tables in which the firmware describes IOMMUs; undefined where the kernel doesn't show its tables. */
  readonly firmwareTables: readonly string[] | undefined;
  readonly interruptRemapping: 'on' | 'off' | 'unknown';
}

/** Intel's, AMD's and Arm's table (ACPI: DMAR, IVRS, IORT). */
const iommuTables = ['DMAR', 'IVRS', 'IORT'];

export function readHostIommu(files: HostFiles): HostIommu {
  const tables = files.list('/sys/firmware/acpi/tables');
  const units = files.list('/sys/class/iommu');
  return {
    present: units.length > 0 || hasGroups(files),
    units,
    firmwareTables:
      tables.length > 0 ? iommuTables.filter((table) => tables.includes(table)) : undefined,
    interruptRemapping: interruptRemapping(files),
  };
}

/** Whether there are groups, other than those that VFIO makes up. */
function hasGroups(files: HostFiles): boolean {
  return files.list('/sys/kernel/iommu_groups').some((id) => !readIommuGroup(files, id).noIommu);
}

/**
 * sysfs doesn't say whether interrupts are remapped, but the names of x86's interrupt chips do: those that go through the
 * IOMMU begin with `IR-` (arch/x86/kernel/apic, drivers/iommu/intel/irq_remapping.c, drivers/iommu/amd/iommu.c).
 */
function interruptRemapping(files: HostFiles): HostIommu['interruptRemapping'] {
  const folder = '/sys/kernel/irq';
  const chips = files.list(folder).map((irq) => files.text(`${folder}/${irq}/chip_name`) ?? '');
  if (chips.some((chip) => chip.startsWith('IR-'))) return 'on';
  return chips.some((chip) => /^(IO-APIC|PCI-MSI)/.test(chip)) ? 'off' : 'unknown';
}
