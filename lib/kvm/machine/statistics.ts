/** struct kvm_stats_header and struct kvm_stats_desc (Documentation/virt/kvm/api.rst, 4.133). */
const header = { nameBytes: 4, count: 8, descriptors: 16, data: 20 } as const;
const descriptor = { size: 6, offset: 8, name: 16 } as const;

/**
 * What KVM counts, by name: `exits`, `mmio_exits`, `io_exits`, `halt_exits` and so on. Of a histogram the sum of all
 * buckets. Names and numbers are the kernel's, and differ among kernels.
 *
 * @param file All of the file of KVM_GET_STATS_FD.
 */
export function readStatistics(file: ArrayBuffer): Map<string, bigint> {
  const view = new DataView(file);
  const at = (offset: number): number => view.getUint32(offset, true);
  const descriptorBytes = descriptor.name + at(header.nameBytes);
  const statistics = new Map<string, bigint>();
  for (let index = 0; index < at(header.count); index++) {
    const start = at(header.descriptors) + index * descriptorBytes;
    const values = at(header.data) + at(start + descriptor.offset);
    let sum = 0n;
    for (let bucket = 0; bucket < view.getUint16(start + descriptor.size, true); bucket++) {
      sum += view.getBigUint64(values + bucket * 8, true);
    }
    const name = Buffer.from(file, start + descriptor.name, at(header.nameBytes));
    statistics.set(textOf(name), sum);
  }
  return statistics;
}

function textOf(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('ascii', 0, end === -1 ? bytes.length : end);
}
