import type { MapScene, SceneSide } from '../map-scene.js';
import { stateColours, verdictColours } from '../state-colours.js';
import { type CellState, consumerWord, stateWords } from '../state-words.js';
import { isRefusedMemory } from '../verdict-sweep.js';
import { element, swatch } from './dom.js';

/** What is said of a space while no address is looked at. */
export function overviewOf(name: string, { sides, changes, isCompared }: MapScene): HTMLElement[] {
  const list = element('dl');
  for (const side of sides) {
    list.append(element('dt', {}, side.title), element('dd', {}, factsOf(side)));
    if (!side.space.complete)
      list.append(element('dd', {}, 'the tree was too large to be followed to its end'));
  }
  const look = changes.length > 0 ? 'changed' : 'off';
  const changed = isCompared ? [element('p', { class: look }, `${changes.length} changes`)] : [];
  const help = element(
    'p',
    { class: 'off' },
    'Point at the map, or select a range, to see who answers there, what that hides, and who maps it. The wheel zooms; drag to move.',
  );
  return [element('h3', {}, name), ...changed, list, help];
}

function factsOf({ space }: SceneSide): string {
  const split = space.pages.filter(({ state }) => state === 'split').length;
  const refused = space.consumers.map(({ name, verdicts }) => {
    const count = verdicts.filter(isRefusedMemory).length;
    return `${name}: ${count === 0 ? 'all memory is mapped' : `${count} pieces of memory are refused`}`;
  });
  return [
    `${space.ranges.length.toLocaleString('en')} ranges`,
    ...(space.consumers.length > 0 ? [`${split} split pages`] : []),
    ...refused,
  ].join('; ');
}

/** What the colours and marks of a picture mean. */
export function legendItems({ sides }: MapScene): HTMLElement[] {
  const states = new Set<CellState>(
    sides.flatMap(({ space }) => space.ranges.map(({ state }) => state)),
  );
  const words = [...states].map((state) => [stateColours[state].fill, stateWords[state].word]);
  const consumers = new Set(sides.flatMap(({ space }) => space.consumers.map(({ name }) => name)));
  const marks = [...consumers].map((name) => {
    const { letter, word } = consumerWord(name);
    return [verdictColours.mapped.fill, `${letter} ${word}`];
  });
  const refused =
    consumers.size > 0
      ? [
          [verdictColours.refused.fill, '! memory that is refused'],
          ['#c77700', '[ split page'],
        ]
      : [];
  return [...words, ...marks, ...refused].map(([fill = '', word = '']) =>
    element('li', {}, swatch(fill), word),
  );
}
