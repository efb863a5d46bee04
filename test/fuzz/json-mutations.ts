// Changes of a JSON document that leave it one.

import type { Random } from '../../benchmarks/trace/random.js';

/** A place in a document: a member of an object or an element of an array. */
interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

const values: readonly unknown[] = [
  null,
  true,
  false,
  '',
  0,
  1,
  -1,
  0.5,
  1e300,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 53,
  '0x0',
  '0x1000',
  '0xffffffffffffffff',
  '0x10000000000000000',
  '0x10000000000000001',
  '0x',
  [],
  {},
  'alias',
  'container',
  'i/o',
  'ram',
  'rom',
  'romd',
  'ramd',
];
const members = [
  'alias',
  'enabled',
  'flat',
  'iommu',
  'name',
  'order',
  'owner',
  'parent',
  'priority',
  'ram_device',
  'readonly',
  'reservation',
  'rom_device',
  'romd',
  'terminates',
  'unmergeable',
  '__proto__',
];

/** Every place of a document, but for very many elements only those of the first thousands. */
function placesIn(document: unknown): Place[] {
  const places: Place[] = [];
  const pending: unknown[] = [document];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    const holder = value as Record<string, unknown>;
    for (const key of Object.keys(holder)) {
      places.push({ holder, key });
      if (places.length < 5000) pending.push(holder[key]);
    }
  }
  return places;
}

/** A copy of what stands somewhere in a document, or next to it. */
function someValue(places: readonly Place[], random: Random): unknown {
  const place = places[random.below(Math.max(places.length, 1))];
  if (place === undefined || random.below(2) === 0) return values[random.below(values.length)];
  const value = place.holder[place.key];
  if (typeof value === 'number') return value + random.below(3) - 1;
  return value === undefined ? null : JSON.parse(JSON.stringify(value));
}

function changePlace({ holder, key }: Place, value: unknown, random: Random): void {
  const kind = random.below(8);
  if (Array.isArray(holder)) {
    const at = Number(key);
    if (kind === 0) holder.splice(at, 1);
    else if (kind === 1) holder.push(value);
    else if (kind === 2) holder.push(...holder.slice(at, at + 1 + random.below(3)));
    else if (kind === 3) [holder[0], holder[at]] = [holder[at], holder[0]];
    else holder[at] = value;
  } else if (kind === 0) delete holder[key];
  else if (kind < 3) setMember(holder, members[random.below(members.length)] ?? '', value);
  else setMember(holder, key, value);
}

/** Also a member whose name is `__proto__`, as JSON.parse makes it. */
function setMember(holder: object, key: string, value: unknown): void {
  const property = { value, configurable: true, enumerable: true, writable: true };
  Object.defineProperty(holder, key, property);
}

/**
 * Makes one change in a document.
 *
 * @param text JSON; undefined comes of any other.
 */
export function mutateJson(text: string, random: Random): string | undefined {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return undefined;
  }
  const places = placesIn(document);
  const place = places[random.below(Math.max(places.length, 1))];
  if (place) changePlace(place, someValue(places, random), random);
  return JSON.stringify(document);
}
