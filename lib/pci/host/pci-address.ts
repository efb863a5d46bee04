/** The parts of a PCI address, `domain:bus:device.function`. */
const form = /^(?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):([0-9a-f]{1,2})\.([0-7])$/i;

/**
 * The address as the kernel writes it (`pci_name`, drivers/pci/probe.c): `0000:05:00.0` for `05:00.0` and `5:0.0`.
 * Undefined where `text` is no PCI address: a device number has 5 bits, a function 3.
 */
export function parsePciAddress(text: string): string | undefined {
  const parts = form.exec(text);
  if (parts === null) return undefined;
  const [, domain = '0', bus = '', device = '', functionNumber = ''] = parts;
  if (Number.parseInt(device, 16) > 0x1f) return undefined;
  const padded = (digits: string, width: number) =>
    Number.parseInt(digits, 16).toString(16).padStart(width, '0');
  return `${padded(domain, 4)}:${padded(bus, 2)}:${padded(device, 2)}.${functionNumber}`;
}

/** Those of `addresses` that are closest to `address` by their number, the closest one first. */
export function nearestPciAddresses(
  address: string,
  addresses: readonly string[],
  count: number,
): string[] {
  const at = routingId(address);
  const distance = (other: string) => Math.abs(routingId(other) - at);
  return [...addresses].sort((a, b) => distance(a) - distance(b)).slice(0, count);
}

/** Orders addresses by domain, bus, device and function. */
export function comparePciAddresses(a: string, b: string): number {
  return routingId(a) - routingId(b);
}

/** Domain, bus, device and function as one number; names that are no address come last. */
function routingId(address: string): number {
  const parts = form.exec(address);
  if (parts === null) return Number.MAX_SAFE_INTEGER;
  const [domain = 0, bus = 0, device = 0, functionNumber = 0] = parts
    .slice(1)
    .map((digits) => Number.parseInt(digits ?? '0', 16));
  return ((domain * 256 + bus) * 32 + device) * 8 + functionNumber;
}
