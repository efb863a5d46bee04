import { smaller, wholeRange } from '../../address.js';
import type { AddressSpace } from '../address-space.js';
import { type IommuTranslation, pageMask } from '../regions/iommu.js';
import type { IommuRegion } from '../regions/iommu-region.js';
import type { FlatRange, FlatView } from '../views/flat-view.js';
import type { Access } from './access.js';
import { isIommuRegion } from './answering-regions.js';

/** So many IOMMUs may translate for each other, one after the other. */
const maxTranslations = 8;

/** Where an address leads. */
export interface Place {
  /** The range that answers; `undefined` where none does. */
  readonly range: FlatRange | undefined;
  /** Offset within the range's region; where no range answers, the address. */
  readonly offset: bigint;
  /** For how many bytes all this holds: up to the end of the range or hole, or of an IOMMU's page. */
  readonly extent: bigint;
  /** The same without regard to the range: accesses to devices may go on beyond its end. */
  readonly reach: bigint;
}

/**
 * Finds what answers at `address`, through as many IOMMUs as there are (QEMU: flatview_do_translate,
 * address_space_translate_iommu). What an IOMMU doesn't permit is answered by nobody, as is what it translates in
 * circles.
 *
 * @throws `ERR_IOMMU`: a translation is malformed, which is a bug in its IOMMU.
 */
export function locate(view: FlatView, address: bigint, access: Access): Place {
  let [currentView, at, reach] = [view, address, wholeRange];
  for (let translations = 0; ; translations++) {
    const range = currentView.lookup(at);
    if (range === undefined) return hole(currentView, at, reach);
    const offset = range.offset + (at - range.address);
    const extent = smaller(reach, range.last - at + 1n);
    if (!isIommuRegion(range.region)) return { range, offset, extent, reach };
    if (translations === maxTranslations) return nobody(at, extent);

    const translation = translate(range.region, offset, access);
    const mask = pageMask(range.region, translation);
    reach = smaller(extent, mask + 1n - (offset & mask));
    if (!permits(translation, access.isWrite)) return nobody(at, reach);
    currentView = presentView(translation.target);
    at = (translation.address & ~mask) | (offset & mask);
  }
}

/** What `space` shows now. Holds until the next callback. */
function presentView(space: AddressSpace): FlatView {
  const lent = space.borrowView();
  space.idleViews.push(lent);
  return lent.view;
}

function translate(
  region: IommuRegion,
  offset: bigint,
  access: Access,
): IommuTranslation | undefined {
  const { translator } = region;
  const index = translator.attributesToIndex?.(access.attributes) ?? 0;
  return translator.translate(offset, access.isWrite ? 'write' : 'read', index);
}

function permits(
  translation: IommuTranslation | undefined,
  isWrite: boolean,
): translation is IommuTranslation {
  const permission = translation?.permission;
  return permission === 'read-write' || permission === (isWrite ? 'write' : 'read');
}

/** A place where nothing is up to the next range. */
function hole(view: FlatView, address: bigint, reach: bigint): Place {
  const next = view.from(address).next().value;
  return nobody(address, smaller(reach, (next?.address ?? wholeRange) - address));
}

function nobody(address: bigint, extent: bigint): Place {
  return { range: undefined, offset: address, extent, reach: extent };
}
