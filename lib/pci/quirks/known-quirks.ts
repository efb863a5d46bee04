import { displayQuirks } from './display.js';
import type { Quirk } from './quirk.js';
import { rtl8168 } from './rtl8168.js';

/** The quirks that come with this package. */
export const knownQuirks: readonly Quirk[] = [rtl8168, ...displayQuirks];
