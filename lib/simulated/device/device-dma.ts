import type { AddressRange } from '../../mapping/page-mapping.js';
import type { HostPiece } from '../vfio/mapped-bars.js';
import type { SimulatedKernel } from '../vfio/simulated-kernel.js';
import type { SimulatedDevice } from './simulated-device.js';

/** What became of a device's access to memory. */
export type SimulatedDma =
  /** It reached these parts of the process's memory, in order; those of BARs say so. */
  | { readonly kind: 'reached'; readonly pieces: readonly DmaPiece[] }
  | {
      readonly kind: 'blocked';
      /**
       * `closed`: nobody has the device open. `not-master`: bus master is off, or it sleeps. `detached`: it has no IO address space.
       * `unmapped`: a byte is not mapped. `protected`: a byte is mapped, but not for this.
       */
      readonly why: 'closed' | 'not-master' | 'detached' | 'unmapped' | 'protected';
    };

/** A part of the memory that an access reached. */
export interface DmaPiece extends HostPiece {
  /** Whether it belongs to a BAR that doesn't answer: what a driver does wrong that lets a device reach it. */
  readonly isRevoked: boolean;
}

/** A device reads or writes. */
export function simulateDma(
  kernel: SimulatedKernel,
  device: SimulatedDevice,
  range: AddressRange,
  write: boolean,
): SimulatedDma {
  if (!kernel.isOpen(device)) return { kind: 'blocked', why: 'closed' };
  if (!device.config.isBusMaster) return { kind: 'blocked', why: 'not-master' };
  const mappings = kernel.mappingsOf(device);
  if (mappings === undefined) return { kind: 'blocked', why: 'detached' };
  const parts = mappings.translate(range);
  if (parts === undefined) return { kind: 'blocked', why: 'unmapped' };
  if (parts.some(({ mapping }) => !(write ? mapping.write : mapping.read))) {
    return { kind: 'blocked', why: 'protected' };
  }
  if (write) kernel.groupOf(device.description.group).container?.type1?.markWritten(range);
  const pieces = parts.flatMap(({ hostAddress, size }) =>
    kernel.bars.piecesOf({ address: hostAddress, size }),
  );
  return { kind: 'reached', pieces: pieces.map(withRevocation) };
}

function withRevocation(piece: HostPiece): DmaPiece {
  const isRevoked = piece.bar !== undefined && !piece.bar.device.config.isMemoryEnabled;
  return { ...piece, isRevoked };
}
