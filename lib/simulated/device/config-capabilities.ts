import type { SimulatedDeviceDescription, SimulatedMsix } from './device-description.js';

/** Bytes of a capability that can be written, or that the kernel keeps for the user. */
export interface BytePermissions {
  /** Offset within the capability. */
  readonly at: number;
  readonly size: number;
  /** Bits of each byte. */
  readonly isVirtual: number;
  readonly isWritable: number;
}

/** A capability at its place in config space. */
export interface CapabilityBytes {
  readonly id: number;
  readonly offset: number;
  /** What follows the ID and the pointer to the next one. */
  readonly bytes: Uint8Array;
  readonly permissions: readonly BytePermissions[];
}

type Unplaced = Omit<CapabilityBytes, 'offset'>;

/** The capabilities of a device, in the order of their chain, one behind the other from 0x40 on. */
export function capabilitiesOf(description: SimulatedDeviceDescription): CapabilityBytes[] {
  const { hasPowerManagement = true, msiVectors = 0, msix, isExpress = false } = description;
  const all: Unplaced[] = [];
  if (hasPowerManagement) all.push(powerManagement);
  if (msiVectors > 0) all.push(msiCapability(msiVectors));
  if (isExpress) all.push(express);
  if (msix !== undefined) all.push(msixCapability(msix));
  for (const { id, bytes } of description.capabilities ?? []) {
    all.push({ id, bytes, permissions: [] });
  }
  let offset = 0x40;
  return all.map((capability) => {
    const placed = { ...capability, offset };
    offset += (capability.bytes.length + 2 + 3) & ~3;
    return placed;
  });
}

/** Version 3; no soft reset, so that registers survive D3hot (PCI Bus Power Management Interface Specification 1.2, 3.2). */
const powerManagement: Unplaced = {
  id: 1,
  bytes: Uint8Array.of(3, 0, 8, 0, 0, 0),
  permissions: [{ at: 5, size: 1, isVirtual: 0x81, isWritable: 0x81 }],
};

/** An endpoint of version 2. */
const express: Unplaced = {
  id: 0x10,
  bytes: Uint8Array.of(2, ...Array.from({ length: 57 }, () => 0)),
  permissions: [],
};

/** 64-bit addresses, no masking: the kernel keeps the registers for the user. */
function msiCapability(vectors: number): Unplaced {
  const control = 0x80 | (Math.log2(vectors) << 1);
  return {
    id: 5,
    bytes: Uint8Array.of(control, ...Array.from({ length: 11 }, () => 0)),
    permissions: [
      { at: 2, size: 1, isVirtual: 0xff, isWritable: 0x71 },
      { at: 3, size: 1, isVirtual: 0xff, isWritable: 0 },
      { at: 4, size: 10, isVirtual: 0xff, isWritable: 0xff },
    ],
  };
}

function msixCapability({ vectors, ...more }: SimulatedMsix): Unplaced {
  const { tableBar, tableOffset, pendingBar = tableBar, pendingOffset } = more;
  const bytes = new Uint8Array(10);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, vectors - 1, true);
  view.setUint32(2, Number(tableOffset) | tableBar, true);
  view.setUint32(6, Number(pendingOffset) | pendingBar, true);
  return { id: 0x11, bytes, permissions: [] };
}
