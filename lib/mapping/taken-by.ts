import type { PageMapping } from './page-mapping.js';

/** How many regions a message names. */
const namedRegions = 8;

/** Which regions most of `mappings` show, and how many each: for the error that says that there are too few. */
export function takenBy(mappings: readonly PageMapping[]): string {
  const counts = new Map<string, number>();
  for (const { region } of mappings) counts.set(region.name, (counts.get(region.name) ?? 0) + 1);
  const most = [...counts].sort(([, a], [, b]) => b - a).slice(0, namedRegions);
  const who = most.map(([name, count]) => `${name} ${count}`).join(', ');
  return counts.size > most.length ? `${who}, and ${counts.size - most.length} more regions` : who;
}
