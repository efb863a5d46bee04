import { mapPages } from '../../mapping/map-pages.js';
import { checkRules, type MappingRules } from '../../mapping/mapping-rules.js';
import { endOf, type PageMapping } from '../../mapping/page-mapping.js';
import type { AddressSpace } from '../../memory/address-space.js';
import { dmaRules, slotRules } from '../assumed-rules.js';
import type { Consumer } from './consumer.js';
import type { MapVerdict } from './page-map.js';

/**
 * What KVM and VFIO would make of a topology that nobody maps, such as one from a dump, on a host with pages of
 * `pageSize` bytes. Each region's memory is taken to begin with a page of the host, as that of RAM and of BARs does; the
 * limits of a processor's or an IOMMU's addresses are not known.
 *
 * @throws `ERR_INVALID_ARGUMENT` unless the page size is a power of two
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { assumedConsumers } from 'flatview/map';
 *
 * const topology = new MemoryTopology();
 * const bar = topology.ram('nvme-cmb', 0x8000n, { backing: 'none' });
 * const memory = topology.addressSpace('memory', bar);
 * const codes = (pageSize: bigint) =>
 *   assumedConsumers(pageSize).map(({ name, verdictsOn }) => [name, verdictsOn(memory)[0]?.code]);
 * codes(0x1000n); // => [['KVM', 'mapped'], ['VFIO', 'mapped']]
 * codes(0x1_0000n); // => [['KVM', 'sub-page'], ['VFIO', 'sub-page']]
 * topology.close();
 * ```
 */
export function assumedConsumers(pageSize: bigint): Consumer[] {
  return [
    assumed('KVM', 'a slot', slotRules(pageSize)),
    assumed('VFIO', 'a DMA mapping', dmaRules(pageSize)),
  ];
}

function assumed(name: string, what: string, rules: MappingRules): Consumer {
  checkRules(rules);
  return {
    name,
    verdictsOn: (space: AddressSpace) => {
      const { mappings, refusals } = mapPages(space.flatView.ranges(), rules);
      const verdicts: MapVerdict[] = mappings.map((mapping) => mappedVerdict(what, mapping));
      for (const { code, range, text } of refusals) {
        verdicts.push({ first: range.address, last: range.last, mapped: false, code, text });
      }
      return verdicts.sort((a, b) => (a.first < b.first ? -1 : 1));
    },
  };
}

function mappedVerdict(what: string, mapping: PageMapping): MapVerdict {
  const [first, last] = [mapping.address, endOf(mapping) - 1n];
  const text = `${what} can show it${mapping.readonly ? ', for reading alone' : ''}`;
  return { first, last, mapped: true, code: 'mapped', text };
}
