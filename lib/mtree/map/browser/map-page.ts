import type { ScaleMode } from '../address-scale.js';
import { layOut, type MapScene, withLayers } from '../map-scene.js';
import { addressIn } from '../map-search.js';
import type { Extent, PageMap } from '../page-map.js';
import { detailsOf, spokenDetails } from './details.js';
import { button, element } from './dom.js';
import { legendItems, overviewOf } from './overview.js';
import { Plan } from './plan.js';
import { RangeTable } from './range-table.js';
import type { StepTools } from './step-tools.js';

/** A state of what is shown. */
export interface State {
  readonly title: string;
  readonly map: PageMap;
}

/** What a page shows. */
export interface Shown {
  readonly title: string;
  /** The address spaces that there are. */
  readonly names: readonly string[];
  /** Whether two states are shown beside each other; otherwise the last one, with what changed since the first. */
  readonly isBeside: boolean;
  /** One state of an address space, or two to be compared. */
  statesOf(name: string): readonly State[];
}

const keys =
  'Up and down arrows go from range to range, plus and minus zoom, Page Up and Page Down move, 0 shows all, Enter enlarges what is selected, Escape selects nothing. The table tells the same as the map.';

/** A map of so many ranges isn't laid out at once. */
const largeMap = 10_000;

/** The page: tools on top, the picture, and beside it what is said of an address, and the table. */
export class MapPage {
  readonly #shown: Shown;
  readonly #steps: StepTools | undefined;
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
  #layersDue: number | undefined;

  /** @param steps The tools that go through the steps, where a recording is shown. */
  constructor(shown: Shown, steps?: StepTools) {
    this.#shown = shown;
    this.#steps = steps;
    this.#name = shown.names[0] ?? '';
    this.#scene = this.#layOut();
    this.#plan = new Plan({
      hover: (address) => this.#hover(address),
      select: (address) => this.#select(address),
      step: (by) => this.#step(by),
      turn: (by) => steps?.turnBy(by),
      clear: () => this.#select(undefined),
    });
    this.#table = new RangeTable((address) => {
      this.#select(address);
      this.#plan.reveal(address);
    });
    if (steps) steps.onTurn = () => this.#turn();
    document.body.append(this.#header(), this.#main());
    this.#show();
    steps?.tell(this.#name, this.#scene.changes.length);
    steps?.tellHands(this.#name, undefined);
  }

  /** Of a large map the layers come when the rest is on the screen. */
  #layOut(): MapScene {
    const options = {
      mode: this.#mode,
      disabled: this.#isWithDisabled,
      isBeside: this.#shown.isBeside,
    };
    const scene = layOut(this.#shown.statesOf(this.#name), this.#name, options);
    clearTimeout(this.#layersDue);
    const ranges = scene.sides.at(-1)?.space.ranges.length ?? 0;
    if (ranges < largeMap) return withLayers(scene, options);
    this.#layersDue = setTimeout(() => {
      this.#scene = withLayers(scene, options);
      this.#plan.complete(this.#scene);
    }, 50);
    return scene;
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

  /** To another step: the same addresses are looked at. */
  #turn(): void {
    const steps = this.#steps;
    if (steps === undefined) return;
    const looking = this.#plan.looking;
    this.#scene = this.#layOut();
    this.#show();
    this.#plan.look(looking);
    const told = steps.tell(this.#name, this.#scene.changes.length);
    // The slider tells it by itself.
    if (!steps.isSliding) this.#spoken.textContent = told;
  }

  #header(): HTMLElement {
    const title = element('h1', {}, this.#shown.title);
    return element(
      'header',
      {},
      title,
      ...this.#spaceTools(),
      this.#searchForm(),
      this.#scaleTools(),
      this.#zoomTools(),
      ...(this.#steps ? [this.#steps.box] : []),
    );
  }

  #spaceTools(): HTMLElement[] {
    const choice = element(
      'select',
      {},
      ...this.#shown.names.map((name) => element('option', { value: name }, name)),
    );
    choice.addEventListener('change', () => {
      this.#name = choice.value;
      this.#selected = undefined;
      this.#relayOut();
      this.#steps?.tell(this.#name, this.#scene.changes.length);
      this.#steps?.tellHands(this.#name, undefined);
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
      this.#steps?.tellHands(this.#name, addressIn(this.#searchBox.value) ?? this.#selected);
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
    this.#steps?.tellHands(this.#name, address);
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
    const counts = this.#scene.sides.map(
      ({ space }) => `${space.ranges.length.toLocaleString('en')} ranges`,
    );
    this.#place.textContent =
      address === undefined
        ? `${this.#name}: ${counts.join(' → ')}`
        : `0x${address.toString(16)}  ${spokenDetails(this.#scene, address)}`;
    this.#details.replaceChildren(
      ...(address === undefined
        ? overviewOf(this.#name, this.#scene)
        : detailsOf(this.#scene, address)),
    );
  }
}
