import { hex } from '../../address.js';
import type { Outcome } from '../../mapping/mapped-space.js';
import { endOf, type PageMapping } from '../../mapping/page-mapping.js';
import { Refusal } from '../../mapping/refusal.js';
import type { ConsumerVerdict } from '../../memory/explain/consumer-verdict.js';
import type { FlatRange } from '../../memory/views/flat-view.js';

/**
 * What became of an address of a device's address space: the DMA mapping that shows it, or why there is none.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { SimulatedVfio } from 'flatview/simulated';
 * import { type DmaVerdict, dmaSpaceOf, VfioDmaMapper, vfioExtension } from 'flatview/vfio';
 *
 * const nvme = { name: '0000:05:00.0', group: 12, vendorId: 0x144d, deviceId: 0xa808, bars: [] };
 * const host = new SimulatedVfio({ devices: [nvme] }); // VT-d of 39 bits
 * using container = host.openContainer();
 * using group = host.openGroup(12);
 * group.setContainer(container);
 * container.setIommu(vfioExtension.type1v2);
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * system.addSubregion(0x7f_fff0_0000n, topology.ram('above4g', 0x20_0000n));
 * const memory = topology.addressSpace('memory', system);
 * const mapper = new VfioDmaMapper(dmaSpaceOf(container));
 * memory.addListener(mapper);
 *
 * const below: DmaVerdict | undefined = mapper.verdictAt(0x7f_fff0_0000n, memory);
 * below?.mapping?.size; // => 0x10_0000n
 * const beyond: DmaVerdict | undefined = mapper.verdictAt(0x80_0000_0000n, memory);
 * [beyond?.code, beyond?.first, beyond?.last]; // => ['out-of-window', 0x80_0000_0000n, 0x80_000f_ffffn]
 * topology.close();
 * ```
 */
export interface DmaVerdict extends ConsumerVerdict {
  /** The DMA mapping that shows the address, where there is one. */
  readonly mapping?: PageMapping;
  /** Why there is none, where the address is memory. */
  readonly refusal?: Refusal;
}

/** The verdict on a part of a flat range. */
export function verdictOf({ range, mapping, refusal }: Outcome<PageMapping>): DmaVerdict {
  const place = { first: range.address, last: range.last };
  if (mapping !== undefined) {
    return { mapped: true, code: 'mapped', text: mappedText(mapping), ...place, mapping };
  }
  const why = refusal ?? notRestored(range);
  return { mapped: false, code: why.code, text: why.text, ...place, refusal: why };
}

function mappedText(mapping: PageMapping): string {
  const { address, hostAddress, readonly, writeonly } = mapping;
  const how = readonly ? 'for reading' : writeonly ? 'for writing' : 'for reading and writing';
  const where = `${hex(address)}-${hex(endOf(mapping) - 1n)}`;
  return `IOVA ${where} reaches ${hex(hostAddress)} of this process, ${how}`;
}

function notRestored(range: FlatRange): Refusal {
  const detail = (): string =>
    'the kernel refused a change, and then to undo it; the next commit tries again';
  return new Refusal('errno', range, detail);
}
