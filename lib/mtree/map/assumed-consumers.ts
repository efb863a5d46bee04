import { hex, wholeRange } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import { mapPages } from '../../mapping/map-pages.js';
import { checkRules, type MappingRules } from '../../mapping/mapping-rules.js';
import { endOf, type PageMapping } from '../../mapping/page-mapping.js';
import type { AddressSpace } from '../../memory/address-space.js';
import type { RamRegion } from '../../memory/ram-region.js';
import type { Consumer } from './consumer.js';
import type { MapVerdict } from './page-map.js';

/**
 * What KVM and VFIO would make of a topology that nobody maps, such as one from a dump, on a host with pages of
 * `pageSize` bytes. Each region's memory is taken to begin with a page of the host, as that of RAM and of BARs does; the
 * limits of a processor's or an IOMMU's addresses are not known.
 *
 * @throws `ERR_INVALID_ARGUMENT` unless the page size is a power of two
 */
export function assumedConsumers(pageSize: bigint): Consumer[] {
  return [
    assumed('KVM', 'a slot', {
      ...commonRules(pageSize),
      // 2^31 - 1 pages are the kernel's limit (KVM_MEM_MAX_NR_PAGES), so this is the largest power of two.
      largestMapping: pageSize << 30n,
      kinds: new Set(['ram', 'rom', 'ram-device', 'rom-device']),
    }),
    assumed('VFIO', 'a DMA mapping', {
      ...commonRules(pageSize),
      // The dirty bitmap of a mapping has 2^31 bits at most.
      largestMapping: 1n << 42n,
      kinds: new Set(['ram', 'rom', 'ram-device']),
      // What lies above are 64-bit BARs that are being sized (QEMU: vfio_listener_skipped_section).
      windows: [{ address: 0n, size: wholeRange >> 1n }],
    }),
  ];
}

function commonRules(pageSize: bigint) {
  return {
    pageSize,
    canMapReadonly: true,
    canWatch: () => false,
    // Far from each other, so that no region seems to continue another one.
    hostAddressOf: ({ id }: RamRegion) => BigInt(id + 1) * wholeRange,
  };
}

function assumed(name: string, what: string, rules: MappingRules): Consumer {
  checkRules(rules);
  if (rules.pageSize > rules.largestMapping) {
    const message = `pages of ${hex(rules.pageSize)} bytes are larger than any mapping`;
    throw new FlatviewError('ERR_INVALID_ARGUMENT', message);
  }
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
  const how = mapping.readonly ? ', for reading alone' : '';
  const text = `${what} can show ${hex(first)}-${hex(last)}${how}`;
  return { first, last, mapped: true, code: 'mapped', text };
}
