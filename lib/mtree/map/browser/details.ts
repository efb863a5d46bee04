import { partitionPoint } from '../../../partition-point.js';
import { kindState } from '../kind-state.js';
import type { MapScene, SceneSide } from '../map-scene.js';
import type { MapRange, MapVerdict, PageRun } from '../page-map.js';
import { shadowReason, wayTo } from '../shadow-reason.js';
import { sizeText } from '../size-text.js';
import { stateColours } from '../state-colours.js';
import { stateWords } from '../state-words.js';
import { isRefusedMemory } from '../verdict-sweep.js';
import { element, swatch } from './dom.js';

/** More of a stack than this is counted, not listed. */
const stackLimit = 40;

/** What is said of an address: for each state who answers, its page, the verdicts, and what lies below. */
export function detailsOf(scene: MapScene, address: bigint): HTMLElement[] {
  const isTwo = scene.sides.length > 1;
  const change = scene.changes.find(({ first, last }) => first <= address && last >= address);
  const title = element('p', { class: 'address' }, `0x${address.toString(16)}`);
  const notes = scene.isCompared
    ? [
        element(
          'p',
          { class: change ? 'changed' : 'off' },
          change ? changeText(change) : 'unchanged',
        ),
      ]
    : [];
  return [
    title,
    ...notes,
    ...scene.sides.flatMap((side) => [
      ...(isTwo ? [element('h2', {}, side.title)] : []),
      ...sideDetails(side, address, scene),
    ]),
  ];
}

/** One line for those who can't see the picture. */
export function spokenDetails(scene: MapScene, address: bigint): string {
  const change = scene.changes.some(({ first, last }) => first <= address && last >= address);
  const sides = scene.sides.map((side) => {
    const range = rangeAt(side.pieces, address);
    const name = range ? (side.regions[range.region]?.name ?? '') : 'nothing';
    const where = range ? `${range.first.toString(16)} to ${range.last.toString(16)}` : '';
    const state = range ? stateWords[range.state].word : '';
    const verdicts = verdictsAt(side, address).map(
      ({ name: consumer, verdict }) => `${consumer} ${verdict?.code ?? 'no opinion'}`,
    );
    return [name, state, where, ...verdicts].filter((part) => part !== '').join(', ');
  });
  return `${sides.join('; then ')}${change ? '; changed' : ''}`;
}

function changeText({ before, after, consumers }: MapScene['changes'][number]): string {
  const what =
    before && !after ? 'gone' : !before && after ? 'new' : consumers.length > 0 ? '' : 'changed';
  const codes = consumers.map(
    ({ name, before: was, after: is }) => `${name}: ${was ?? 'nothing'} → ${is ?? 'nothing'}`,
  );
  return [what, ...codes].filter((part) => part !== '').join('; ');
}

function sideDetails(side: SceneSide, address: bigint, scene: MapScene): HTMLElement[] {
  const range = rangeAt(side.pieces, address);
  return [
    range ? winner(side, range, address) : element('h3', {}, 'Nothing answers'),
    facts(side, range, address, scene.pageSize),
    ...stackList(side, address),
  ];
}

function winner({ regions }: SceneSide, range: MapRange, address: bigint): HTMLElement {
  const offset = range.offset + (address - range.first);
  const name = regions[range.region]?.name ?? '';
  return element(
    'h3',
    {},
    swatch(stateColours[range.state].fill),
    ` ${name} +0x${offset.toString(16)}`,
  );
}

function facts(
  side: SceneSide,
  range: MapRange | undefined,
  address: bigint,
  pageSize: bigint,
): HTMLElement {
  const list = element('dl');
  const add = (term: string, ...text: (string | Node)[]) =>
    list.append(element('dt', {}, term), element('dd', {}, ...text));
  if (range) {
    const { first, last, state, nonvolatile } = range;
    const region = side.regions[range.region];
    const place = element(
      'span',
      { class: 'address' },
      `${first.toString(16)}-${last.toString(16)}`,
    );
    add('shows at', place, `, ${sizeText(last - first + 1n)}`);
    add('is', `${stateWords[state].word}${nonvolatile ? ', nonvolatile' : ''}`);
    const page = runAt(side.space.pages, address);
    if (side.space.consumers.length > 0 && page) add('page', pageText(page, pageSize));
    const way = winnerWay(side, range, address);
    if (way !== '') add('seen through', way);
    if (region?.owner) add('owner', region.owner.replace(/^(?:owner|parent):\{(.*)\}$/, '$1'));
  }
  for (const { name, verdict } of verdictsAt(side, address)) {
    if (verdict === undefined) continue;
    const isRefused = isRefusedMemory(verdict);
    const code = element('span', { class: isRefused ? 'refused' : '' }, verdict.code);
    add(name, code, `: ${verdict.text}`);
  }
  return list;
}

function pageText({ state, ranges }: PageRun, pageSize: bigint): string {
  if (state !== 'split') return `whole (${sizeText(pageSize)})`;
  return ranges === 1 ? 'partly empty' : `split: ${ranges} ranges share it`;
}

function winnerWay({ space, stack, regions }: SceneSide, range: MapRange, address: bigint): string {
  const top = stack()
    .within(address, address)
    .find((at) => !space.placements[at]?.disabled);
  if (top === undefined || space.placements[top]?.region !== range.region) return '';
  const way = wayTo(top, space.placements).slice(0, -1);
  return way.map((at) => regions[space.placements[at]?.region ?? -1]?.name ?? '').join(' › ');
}

function stackList(side: SceneSide, address: bigint): HTMLElement[] {
  const { space, stack, regions } = side;
  const { placements } = space;
  const here = stack().within(address, address);
  const top = here.find((at) => !placements[at]?.disabled);
  const hidden = here.filter((at) => at !== top);
  if (hidden.length === 0) return [];
  const items = hidden.slice(0, stackLimit).map((at) => {
    const placement = placements[at];
    const region = regions[placement?.region ?? -1];
    const reason = shadowReason(at, top, placements, regions);
    const colour = stateColours[kindState(region?.kind ?? '')].fill;
    const name = element('span', { class: placement?.disabled ? 'off' : '' }, region?.name ?? '');
    return element('li', {}, swatch(colour), name, element('small', {}, reason));
  });
  const more = hidden.length - items.length;
  const rest = more > 0 ? [element('li', { class: 'off' }, `and ${more} more`)] : [];
  const heading = element(
    'h2',
    {},
    top === undefined ? 'What lies here' : 'It shadows, from top to bottom',
  );
  return [heading, element('ul', { class: 'stack' }, ...items, ...rest)];
}

/** What each consumer says of an address. */
export function verdictsAt(
  { space }: SceneSide,
  address: bigint,
): { readonly name: string; readonly verdict: MapVerdict | undefined }[] {
  return space.consumers.map(({ name, verdicts }) => ({
    name,
    verdict: extentAt(verdicts, address),
  }));
}

export function rangeAt(ranges: readonly MapRange[], address: bigint): MapRange | undefined {
  return extentAt(ranges, address);
}

function runAt(runs: readonly PageRun[], address: bigint): PageRun | undefined {
  return extentAt(runs, address);
}

function extentAt<E extends { readonly first: bigint; readonly last: bigint }>(
  extents: readonly E[],
  address: bigint,
): E | undefined {
  const found =
    extents[partitionPoint(extents.length, (place) => (extents[place]?.last ?? 0n) < address)];
  return found !== undefined && found.first <= address ? found : undefined;
}
