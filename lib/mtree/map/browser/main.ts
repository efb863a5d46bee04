import type { ScaleMode } from '../address-scale.js';
import { spaceNames } from '../changed-spaces.js';
import { layOut, type MapScene } from '../map-scene.js';
import { addressIn } from '../map-search.js';
import { type PackedMap, unpackMap } from '../map-transport.js';
import type { Extent, PageMap } from '../page-map.js';
import { stateColours, verdictColours } from '../state-colours.js';
import { type CellState, consumerWord, stateWords } from '../state-words.js';
import { isRefusedMemory } from '../verdict-sweep.js';
import { detailsOf, spokenDetails } from './details.js';
import { button, element, swatch } from './dom.js';
import { Plan } from './plan.js';
import { RangeTable } from './range-table.js';

/** A state of what is shown. */
interface State {
  readonly title: string;
  readonly map: PageMap;
}

const keys =
  'Up and down arrows go from range to range, plus and minus zoom, Page Up and Page Down move, 0 shows all, Enter enlarges what is selected, Escape selects nothing. The table tells the same as the map.';

/** The page: tools on top, the picture, and beside it what is said of an address, and the table. */
class MapPage {
  readonly #states: readonly State[];
  readonly #plan: Plan;
  readonly #table: RangeTable;
  readonly #details: HTMLElement = element('section', { 'aria-label': 'Details', tabindex: '0' });
  readonly #place: HTMLElement = element('div', { class: 'place address' });
  readonly #spoken: HTMLElement = element('div', { class: 'unseen', 'aria-live': 'polite' });
  readonly #legend: HTMLElement = element('ul', { class: 'legend', 'aria-label': 'Legend' });
  readonly #searchBox: HTMLInputElement = element('input', {
    type: 'search',
    'aria-label': 'Search by name or address',
    placeholder: 'name or address',
    spellcheck: 'false',
  });
  #scene: MapScene;
  #name: string;
  #mode: ScaleMode = 'even';
  #isWithDisabled = false;
  #selected: bigint | undefined;
  #found: readonly Extent[] = [];
  #nextFound = 0;

  constructor(states: readonly State[]) {
    this.#states = states;
    this.#name = spaceNames(states.map(({ map }) => map))[0] ?? '';
    this.#scene = this.#layOut();
    this.#plan = new Plan({
      hover: (address) => this.#hover(address),
      select: (address) => this.#select(address),
      step: (by) => this.#step(by),
      clear: () => this.#select(undefined),
    });
    this.#table = new RangeTable((address) => {
      this.#select(address);
      this.#plan.reveal(address);
    });
    document.body.append(this.#header(), this.#main());
    this.#show();
  }

  #layOut(): MapScene {
    return layOut(this.#states, this.#name, { mode: this.#mode, disabled: this.#isWithDisabled });
  }

  #show(): void {
    this.#plan.show(this.#scene);
    this.#table.show(this.#scene);
    this.#legend.replaceChildren(...legendItems(this.#scene));
    this.#showDetails(this.#selected);
  }

  #relayOut(): void {
    this.#scene = this.#layOut();
    this.#show();
    if (this.#selected !== undefined) this.#plan.reveal(this.#selected);
  }

  #header(): HTMLElement {
    const title = element('h1', {}, this.#states.map((state) => state.title).join(' → '));
    return element(
      'header',
      {},
      title,
      ...this.#spaceTools(),
      this.#searchForm(),
      this.#scaleTools(),
      this.#zoomTools(),
    );
  }

  #spaceTools(): HTMLElement[] {
    const names = spaceNames(this.#states.map(({ map }) => map));
    const choice = element(
      'select',
      {},
      ...names.map((name) => element('option', { value: name }, name)),
    );
    choice.addEventListener('change', () => {
      this.#name = choice.value;
      this.#selected = undefined;
      this.#relayOut();
    });
    const disabled = element('input', { type: 'checkbox' });
    disabled.addEventListener('change', () => {
      this.#isWithDisabled = disabled.checked;
      this.#relayOut();
    });
    return [
      element('label', {}, 'space', choice),
      element('label', {}, disabled, 'disabled regions'),
    ];
  }

  #searchForm(): HTMLElement {
    const form = element('form', { role: 'search' }, this.#searchBox);
    this.#searchBox.addEventListener('input', () => {
      this.#found = this.#table.search(this.#searchBox.value);
      this.#nextFound = 0;
    });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#goToFound();
    });
    return form;
  }

  /** To the next thing that was found: where that holds the address that was typed, to this. */
  #goToFound(): void {
    const address = addressIn(this.#searchBox.value);
    const next = this.#found[this.#nextFound];
    const isWithin =
      address !== undefined && (!next || (next.first <= address && next.last >= address));
    const wanted = isWithin ? address : next?.first;
    if (wanted === undefined) {
      this.#spoken.textContent = 'Nothing found';
      return;
    }
    this.#nextFound = (this.#nextFound + 1) % Math.max(this.#found.length, 1);
    this.#select(wanted);
    this.#plan.reveal(wanted);
  }

  #scaleTools(): HTMLElement {
    const choices: readonly [ScaleMode, string, string][] = [
      ['even', 'Readable', 'Sizes by their logarithm, so that small ranges can be read'],
      ['size', 'To scale', 'Each range as long as it is large'],
    ];
    const buttons = choices.map(([mode, text, label]) => {
      const made = button(text, `${text}: ${label}`, () => {
        this.#mode = mode;
        for (const other of buttons) other.setAttribute('aria-pressed', String(other === made));
        this.#relayOut();
      });
      made.setAttribute('aria-pressed', String(mode === this.#mode));
      return made;
    });
    return element('span', { class: 'buttons', role: 'group', 'aria-label': 'Scale' }, ...buttons);
  }

  #zoomTools(): HTMLElement {
    const out = button('−', 'Zoom out', () => this.#plan.zoomStep(1 / 1.5));
    const into = button('+', 'Zoom in', () => this.#plan.zoomStep(1.5));
    const all = button('All', 'Show all', () => {
      this.#plan.view.fit();
      this.#plan.redraw();
    });
    return element(
      'span',
      { class: 'buttons', role: 'group', 'aria-label': 'Zoom' },
      out,
      into,
      all,
    );
  }

  #main(): HTMLElement {
    const hint = element('p', { id: 'keys', class: 'unseen' }, keys);
    const picture = element(
      'div',
      { class: 'picture' },
      this.#place,
      this.#plan.box,
      this.#legend,
      hint,
    );
    const aside = element(
      'aside',
      { 'aria-label': 'Details and ranges' },
      this.#details,
      this.#table.box,
    );
    return element('main', {}, picture, aside, this.#spoken);
  }

  #hover(address: bigint | undefined): void {
    this.#showDetails(address ?? this.#selected);
  }

  #select(address: bigint | undefined): void {
    this.#selected = address;
    this.#plan.select(address);
    this.#table.select(address);
    this.#showDetails(address);
    this.#spoken.textContent = address === undefined ? '' : spokenDetails(this.#scene, address);
  }

  /** To the next range, or the one before. */
  #step(by: 1 | -1): void {
    const { scale } = this.#scene;
    const from = this.#selected === undefined ? -1 : scale.indexAt(scale.position(this.#selected));
    let index = from + by;
    while (scale.segments[index]?.isFold) index += by;
    const segment = scale.segments[index];
    if (segment === undefined) return;
    this.#select(segment.first);
    this.#plan.reveal(segment.first);
  }

  #showDetails(address: bigint | undefined): void {
    this.#place.textContent =
      address === undefined
        ? this.#summary()
        : `0x${address.toString(16)}  ${spokenDetails(this.#scene, address)}`;
    this.#details.replaceChildren(
      ...(address === undefined ? this.#hints() : detailsOf(this.#scene, address)),
    );
  }

  #summary(): string {
    const parts = this.#scene.sides.map(
      ({ space }) => `${space.ranges.length.toLocaleString('en')} ranges`,
    );
    return `${this.#name}: ${parts.join(' → ')}`;
  }

  #hints(): HTMLElement[] {
    const { sides, changes } = this.#scene;
    const refused = sides.map((side) =>
      side.space.consumers.map(({ name, verdicts }) => {
        const count = verdicts.filter(isRefusedMemory).length;
        return `${name}: ${count === 0 ? 'all memory is mapped' : `${count} pieces of memory are refused`}`;
      }),
    );
    const list = element('dl');
    for (const [index, { title, space }] of sides.entries()) {
      list.append(element('dt', {}, title));
      const split = space.pages.filter(({ state }) => state === 'split').length;
      const pages = space.consumers.length > 0 ? [`${split} split pages`] : [];
      const facts = [
        `${space.ranges.length.toLocaleString('en')} ranges`,
        ...pages,
        ...(refused[index] ?? []),
      ];
      list.append(element('dd', {}, facts.join('; ')));
      if (!space.complete)
        list.append(element('dd', {}, 'the tree was too large to be followed to its end'));
    }
    const changed =
      sides.length > 1
        ? [
            element(
              'p',
              { class: changes.length > 0 ? 'changed' : 'off' },
              `${changes.length} changes`,
            ),
          ]
        : [];
    const help = element(
      'p',
      { class: 'off' },
      'Point at the map, or select a range, to see who answers there, what that hides, and who maps it. The wheel zooms; drag to move.',
    );
    return [element('h3', {}, this.#name), ...changed, list, help];
  }
}

function legendItems({ sides }: MapScene): HTMLElement[] {
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

const packed = JSON.parse(document.getElementById('map-data')?.textContent ?? '[]') as PackedMap[];
new MapPage(packed.map((one) => ({ title: one.title, map: unpackMap(one) })));
