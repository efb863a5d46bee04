/** Addresses, and the end of the last one, ascending and each once. */
export function sortedAddresses(addresses: Iterable<bigint>): bigint[] {
  const unique = new Set(addresses);
  // What comes behind the last address is no address, and has no room in 64 bits.
  const end = 1n << 64n;
  const hasEnd = unique.delete(end);
  // Several times as fast as sorting with a function.
  const sorted = [...BigUint64Array.from(unique).sort()];
  if (hasEnd) sorted.push(end);
  return sorted;
}
