import { hex } from '../../address.js';
import type { MapChange } from './map-changes.js';
import type { MapRange, MapRegion } from './page-map.js';

/** What changed, for programs, as `docs/map.md` describes it. */
export function mapChangesJson(
  name: string,
  changes: readonly MapChange[],
  before: readonly MapRegion[],
  after: readonly MapRegion[],
): object {
  return {
    address_space: name,
    changes: changes.map((change) => ({
      first: hex(change.first),
      last: hex(change.last),
      before: rangeJson(change.before, before, change.first),
      after: rangeJson(change.after, after, change.first),
      consumers: change.consumers.map((consumer) => ({
        name: consumer.name,
        before: consumer.before ?? null,
        after: consumer.after ?? null,
      })),
    })),
  };
}

function rangeJson(
  range: MapRange | undefined,
  regions: readonly MapRegion[],
  at: bigint,
): object | null {
  if (range === undefined) return null;
  const { name, kind, owner } = regions[range.region] ?? {};
  const offset = hex(range.offset + (at - range.first));
  return { region: name, kind, owner: owner ?? null, offset, state: range.state };
}
