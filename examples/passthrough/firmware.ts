import { type AssignedPciDevice, commandBit, configRegister } from 'flatview/pci';

/** Where memory BARs go that a guest can reach with 32 bits, and those that are too large for that. */
const windows = { low: 0xe000_0000n, high: 0x10_0000_0000n };

/** Larger BARs go where 64 bits are needed. */
const largestLowBar = 0x800_0000n;

/**
 * What a guest's firmware does with a device: gives each memory BAR an address, and has the device answer there. A BAR that is smaller
 * than a page gets a page of its own, so that it can be mapped.
 */
export function placeBars(assigned: AssignedPciDevice, pageSize: bigint): void {
  const pci = assigned.function;
  const next = { ...windows };
  for (const { layout } of pci.bars) {
    const { index, kind, size, is64Bit } = layout;
    if (kind !== 'memory') continue;
    const window = size > largestLowBar && is64Bit ? 'high' : 'low';
    const room = size < pageSize ? pageSize : size;
    const address = roundUp(next[window], room);
    next[window] = address + room;
    const register = configRegister.bar0 + 4 * index;
    pci.writeConfig(register, 4, Number(BigInt.asUintN(32, address)));
    if (is64Bit) pci.writeConfig(register + 4, 4, Number(address >> 32n));
  }
  pci.writeConfig(configRegister.command, 2, commandBit.memory | commandBit.busMaster);
}

function roundUp(value: bigint, unit: bigint): bigint {
  return ((value + unit - 1n) / unit) * unit;
}
