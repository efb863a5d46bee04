import type { MapChange } from './map-changes.js';
import type { MapRange, MapRegion } from './page-map.js';
import { sizeText } from './size-text.js';
import { stateWords } from './state-words.js';
import { clean } from './terminal-name.js';

/** What changed, for people: a line for each change, with what showed, what shows, and what consumers make of it. */
export function* terminalChangeLines(
  name: string,
  changes: readonly MapChange[],
  before: readonly MapRegion[],
  after: readonly MapRegion[],
): Generator<string, void> {
  if (changes.length === 0) {
    yield `${clean(name)}: nothing changed`;
    return;
  }
  yield `${clean(name)}: ${changes.length} changes`;
  const digits = Math.max(8, changes.at(-1)?.last.toString(16).length ?? 0);
  const hex = (address: bigint) => address.toString(16).padStart(digits, '0');
  for (const change of changes) {
    const { first, last, consumers } = change;
    yield '';
    yield `${hex(first)}-${hex(last)} ${sizeText(last - first + 1n).padStart(9)}`;
    yield `  - ${shown(change.before, before, first)}`;
    yield `  + ${shown(change.after, after, first)}`;
    for (const { name: consumer, before: was, after: is } of consumers) {
      yield `    ${consumer}: ${was ?? 'nothing'} -> ${is ?? 'nothing'}`;
    }
  }
}

function shown(range: MapRange | undefined, regions: readonly MapRegion[], at: bigint): string {
  if (range === undefined) return 'nothing';
  const offset = range.offset + (at - range.first);
  const name = clean(regions[range.region]?.name ?? '');
  return `${name} +0x${offset.toString(16)} (${stateWords[range.state].word})`;
}
