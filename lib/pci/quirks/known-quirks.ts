import { displayQuirks } from './display.js';
import type { Quirk } from './quirk.js';
import { rtl8168 } from './rtl8168.js';

/**
 * The quirks that come with this package.
 *
 * @example
 * ```ts
 * import { isMatch, knownQuirks } from 'flatview/pci';
 *
 * const rtl8168 = {
 *   vendorId: 0x10ec,
 *   deviceId: 0x8168,
 *   subsystemVendorId: 0x1043,
 *   subsystemId: 0x8677,
 *   classCode: 0x02_0000,
 * };
 * const itsQuirks = knownQuirks.filter(({ match }) => isMatch(match, rtl8168));
 * itsQuirks.map(({ name }) => name); // => ['rtl8168 msix window']
 * ```
 */
export const knownQuirks: readonly Quirk[] = [rtl8168, ...displayQuirks];
