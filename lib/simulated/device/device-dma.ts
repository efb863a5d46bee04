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

/**
 * A part of the memory that an access reached.
 *
 * @example
 * ```ts
 * import { type BarPiece, type DmaPiece, type HostPiece, SimulatedVfio } from 'flatview/simulated';
 * import { vfioExtension, vfioPciRegion } from 'flatview/vfio';
 *
 * // Peer to peer: the NIC reads the memory of the GPU.
 * const gpu = { name: '0000:01:00.0', group: 3, vendorId: 0x10de, deviceId: 0x2204 };
 * const nic = { name: '0000:02:00.0', group: 4, vendorId: 0x15b3, deviceId: 0x1017, bars: [] };
 * const bars = [{ index: 1, kind: 'memory', size: 0x1_0000n }] as const;
 * const host = new SimulatedVfio({ devices: [{ ...gpu, bars }, nic] });
 * using container = host.openContainer();
 * using groupOfGpu = host.openGroup(3);
 * using groupOfNic = host.openGroup(4);
 * groupOfGpu.setContainer(container);
 * container.setIommu(vfioExtension.type1v2);
 * groupOfNic.setContainer(container);
 * using from = groupOfGpu.openDevice('0000:01:00.0');
 * using to = groupOfNic.openDevice('0000:02:00.0');
 * to.write(vfioPciRegion.config, 0x4n, 0x4n, 2); // bus master
 * using bar = from.map(1, 0x0n, 0x1_0000n);
 * const { hostAddress, size } = bar;
 * container.mapDma({ iova: 0xe000_0000n, size, hostAddress, read: true, write: true });
 *
 * const reached = host.dma('0000:02:00.0', 0xe000_2000n, 64n, false);
 * const pieces: readonly DmaPiece[] = reached.kind === 'reached' ? reached.pieces : [];
 * const ofBar = ({ bar }: HostPiece): BarPiece | undefined => bar;
 * pieces.map((piece) => [ofBar(piece)?.device.name, ofBar(piece)?.region, ofBar(piece)?.offset]);
 * // => [['0000:01:00.0', 1, 0x2000n]]
 * pieces[0]?.isRevoked; // => false
 * ```
 */
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
