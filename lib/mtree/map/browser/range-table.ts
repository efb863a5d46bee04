import { partitionPoint } from '../../../partition-point.js';
import type { MapChange } from '../map-changes.js';
import type { MapScene, SceneSide } from '../map-scene.js';
import { search } from '../map-search.js';
import type { Extent, MapRange, MapRegion } from '../page-map.js';
import { sizeText } from '../size-text.js';
import { stateColours } from '../state-colours.js';
import { consumerWord, stateWords } from '../state-words.js';
import { isRefusedMemory } from '../verdict-sweep.js';
import { verdictsAt } from './details.js';
import { button, element, swatch } from './dom.js';

/** So many rows are in the document at a time. */
const pageRows = 100;

/** A row: addresses and what is said of them. */
interface Row {
  readonly first: bigint;
  readonly last: bigint;
  readonly name: string;
  readonly side: SceneSide;
  readonly range: MapRange | undefined;
  /** What a row is called that shows nothing. */
  readonly word: string;
}

/** The same as the picture, as a table: of all ranges, of those that a search found, or of those that changed. */
export class RangeTable {
  readonly box: HTMLElement;
  readonly #onSelect: (address: bigint) => void;
  readonly #heading: HTMLElement = element('h2', { id: 'table-heading' });
  readonly #rowsBox: HTMLElement;
  readonly #back: HTMLButtonElement;
  readonly #forth: HTMLButtonElement;
  readonly #onlyChanges: HTMLInputElement = element('input', { type: 'checkbox' });
  readonly #changesLabel: HTMLElement;
  #scene: MapScene | undefined;
  #text = '';
  #rows: readonly Row[] = [];
  #page = 0;
  #selected: bigint | undefined;

  constructor(onSelect: (address: bigint) => void) {
    this.#onSelect = onSelect;
    this.#back = button('‹', 'Previous rows', () => this.#turnTo(this.#page - 1));
    this.#forth = button('›', 'Next rows', () => this.#turnTo(this.#page + 1));
    this.#changesLabel = element('label', {}, this.#onlyChanges, 'only changes');
    this.#onlyChanges.addEventListener('change', () => this.#refill());
    this.#rowsBox = element('div', {
      class: 'rows',
      tabindex: '0',
      role: 'region',
      'aria-labelledby': 'table-heading',
    });
    const buttons = element('span', { class: 'buttons' }, this.#back, this.#forth);
    const bar = element('div', { class: 'tablebar' }, this.#heading, this.#changesLabel, buttons);
    this.box = element('section', { 'aria-labelledby': 'table-heading' }, bar, this.#rowsBox);
  }

  show(scene: MapScene): void {
    const isNew = this.#scene === undefined;
    this.#scene = scene;
    this.#changesLabel.hidden = !scene.isCompared;
    // Of steps, one that changed nothing is as good an answer.
    const isStep = scene.sides.length === 1;
    if (isNew) this.#onlyChanges.checked = isStep || scene.changes.length > 0;
    this.#refill();
  }

  /** Shows what `text` finds. @returns Where each thing lies. */
  search(text: string): readonly Extent[] {
    this.#text = text;
    this.#refill();
    return text.trim() === '' ? [] : this.#rows;
  }

  select(address: bigint | undefined): void {
    this.#selected = address;
    const row = this.#selectedRow();
    if (row >= 0) this.#page = Math.floor(row / pageRows);
    this.#fill();
    const current = this.#rowsBox.querySelector('[aria-current]');
    if (current && !this.#rowsBox.contains(document.activeElement)) {
      current.scrollIntoView({ block: 'nearest' });
    }
  }

  #selectedRow(): number {
    const address = this.#selected;
    if (address === undefined) return -1;
    return this.#rows.findIndex(({ first, last }) => first <= address && last >= address);
  }

  #turnTo(page: number): void {
    this.#page = page;
    this.#fill();
    this.#rowsBox.scrollTop = 0;
  }

  #refill(): void {
    const scene = this.#scene;
    if (scene === undefined) return;
    if (this.#text.trim() !== '') this.#rows = foundRows(scene, this.#text);
    else if (this.#onlyChanges.checked && scene.isCompared) {
      this.#rows = scene.changes.map((change) => changedRow(change, scene));
    } else
      this.#rows = scene.sides
        .slice(-1)
        .flatMap((side) => side.pieces.map((piece) => rowOf(piece, side)));
    this.#page = 0;
    this.#fill();
  }

  #fill(): void {
    const start = this.#page * pageRows;
    const shown = this.#rows.slice(start, start + pageRows);
    const count = this.#rows.length.toLocaleString('en');
    const part = this.#rows.length > pageRows ? `${start + 1} to ${start + shown.length} of ` : '';
    this.#heading.textContent = `${this.#kindOfRows()}: ${part}${count}`;
    this.#back.disabled = this.#page === 0;
    this.#forth.disabled = start + pageRows >= this.#rows.length;
    const consumers = this.#scene?.sides.at(-1)?.space.consumers.map(({ name }) => name) ?? [];
    const titles = ['Address', 'Size', 'Region', 'State', ...consumers];
    const head = element(
      'tr',
      {},
      ...titles.map((title) => element('th', { scope: 'col' }, title)),
    );
    const selected = this.#selectedRow();
    const body = shown.map((row, at) => this.#rowElement(row, start + at === selected));
    const table = element('table', {}, element('thead', {}, head), element('tbody', {}, ...body));
    this.#rowsBox.replaceChildren(table);
  }

  #kindOfRows(): string {
    if (this.#text.trim() !== '') return 'Found';
    return this.#onlyChanges.checked && this.#scene?.isCompared ? 'Changes' : 'Ranges';
  }

  #rowElement(row: Row, isSelected: boolean): HTMLElement {
    const { first, last, name, side, range, word } = row;
    const goTo = element('button', { type: 'button' }, first.toString(16));
    goTo.addEventListener('click', () => this.#onSelect(first));
    const state = range
      ? [swatch(stateColours[range.state].fill), ` ${stateWords[range.state].word}`]
      : [word];
    const verdicts = verdictsAt(side, first).map(({ name: consumer, verdict }) => {
      const isRefused = verdict !== undefined && isRefusedMemory(verdict);
      const refusal = isRefused ? verdict.code : '–';
      const text = verdict?.mapped ? consumerWord(consumer).letter : refusal;
      return element('td', { class: isRefused ? 'refused' : '', title: verdict?.text }, text);
    });
    const isChanged =
      this.#kindOfRows() !== 'Changes' && isTouched(row, this.#scene?.changes ?? []);
    const mark = isChanged ? [element('span', { class: 'unseen' }, 'changed')] : [];
    return element(
      'tr',
      { 'aria-current': isSelected ? 'true' : undefined, class: isChanged ? 'touched' : undefined },
      element('td', {}, goTo, ...mark),
      element('td', {}, sizeText(last - first + 1n)),
      element('td', { class: 'name', title: name }, name),
      element('td', {}, ...state),
      ...verdicts,
    );
  }
}

/** Whether any of ascending changes concerns a row. */
function isTouched({ first, last }: Row, changes: readonly MapChange[]): boolean {
  const change =
    changes[partitionPoint(changes.length, (place) => (changes[place]?.last ?? 0n) < first)];
  return change !== undefined && change.first <= last;
}

function rowOf(range: MapRange, side: SceneSide): Row {
  const name = side.regions[range.region]?.name ?? '';
  return { first: range.first, last: range.last, name, side, range, word: '' };
}

function foundRows(scene: MapScene, text: string): Row[] {
  return scene.sides.toReversed().flatMap((side, index) =>
    search(text, side.space, side.pieces, side.regions)
      .filter(({ range }) => index === 0 || !isShown(range, scene))
      .map(({ first, last, region, range }) => {
        const word = index === 0 ? 'hidden' : 'before';
        return { first, last, name: side.regions[region]?.name ?? '', side, range, word };
      }),
  );
}

/** Whether the last state has the same range, so that it is found there. */
function isShown(range: MapRange | undefined, { changes }: MapScene): boolean {
  return (
    range !== undefined &&
    !changes.some(({ first, last }) => first <= range.last && last >= range.first)
  );
}

function changedRow(change: MapChange, { sides, earlierRegions }: MapScene): Row {
  const { first, last, before, after } = change;
  const now = sides.at(-1) as SceneSide;
  const nameOf = (regions: readonly MapRegion[], range: MapRange | undefined) =>
    range ? (regions[range.region]?.name ?? '') : '';
  const [was, is] = [nameOf(earlierRegions, before), nameOf(now.regions, after)];
  const name = was === is ? is : `${was || 'nothing'} → ${is || 'nothing'}`;
  return { first, last, name, side: now, range: after, word: 'gone' };
}
