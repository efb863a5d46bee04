import type { MapTimeline, TimelineHands, TimelineStep } from '../map-timeline.js';
import type { MapRegion } from '../page-map.js';
import { button, element } from './dom.js';
import type { Shown, State } from './map-page.js';

/** More changes of hands than this are counted, not listed. */
const handsLimit = 50;

/** The tools that go through the steps of a recording, and the step that they are at. */
export class StepTools implements Shown {
  readonly box: HTMLElement;
  readonly title: string;
  readonly names: readonly string[];
  /** Called when another step is to be shown, or the same one otherwise. */
  onTurn: () => void = () => undefined;
  readonly #timeline: MapTimeline;
  readonly #slider: HTMLInputElement;
  readonly #beside: HTMLInputElement = element('input', { type: 'checkbox' });
  readonly #place: HTMLElement = element('p', { class: 'step' });
  readonly #hands: HTMLElement = element('div', { class: 'hands' });
  readonly #backwards: readonly HTMLButtonElement[];
  readonly #forwards: readonly HTMLButtonElement[];
  #step: number;

  constructor(timeline: MapTimeline) {
    this.#timeline = timeline;
    const { title, names, first, last } = timeline;
    this.title = title;
    this.names = names;
    this.#step = last;
    this.#slider = element('input', {
      type: 'range',
      min: String(first),
      max: String(last),
      step: '1',
      value: String(last),
      'aria-label': 'Step',
    });
    this.#slider.addEventListener('input', () => this.goTo(this.#slider.valueAsNumber));
    this.#beside.addEventListener('change', () => this.onTurn());
    this.#backwards = [
      button('«', 'First step', () => this.goTo(first)),
      button('‹', 'Step before', () => this.goTo(this.#step - 1)),
    ];
    this.#forwards = [
      button('›', 'Next step', () => this.goTo(this.#step + 1)),
      button('»', 'Last step', () => this.goTo(last)),
    ];
    this.box = this.#build();
  }

  /** Whether the step before is shown beside this one. */
  get isBeside(): boolean {
    return this.#beside.checked;
  }

  get isSliding(): boolean {
    return document.activeElement === this.#slider;
  }

  /** The step before, if there is one, and this one. */
  statesOf(name: string): readonly State[] {
    const steps = [this.#step - 1, this.#step].filter((step) => step >= this.#timeline.first);
    return steps.map((step) => ({
      title: `step ${step}`,
      map: this.#timeline.mapAt(step, name),
    }));
  }

  /** Nothing happens where there is no such step. */
  goTo(step: number): void {
    if (step === this.#step || step < this.#timeline.first || step > this.#timeline.last) return;
    this.#step = step;
    this.onTurn();
  }

  turnBy(by: 1 | -1): void {
    this.goTo(this.#step + by);
  }

  /** Says where this is, and how much changed in the space called `name`. @returns What was said. */
  tell(name: string, changes: number): string {
    const { first, last, steps } = this.#timeline;
    const step = steps[this.#step - first];
    const text = [
      step === undefined ? '' : stepText(step, this.#timeline),
      this.#step === first ? '' : `${counted(changes, 'change')} in ${name}`,
    ]
      .filter((part) => part !== '')
      .join(', ');
    this.#place.textContent = text;
    this.#slider.value = String(this.#step);
    this.#slider.setAttribute('aria-valuetext', text);
    for (const one of this.#backwards) one.disabled = this.#step === first;
    for (const one of this.#forwards) one.disabled = this.#step === last;
    return text;
  }

  /** Lists the steps at which an address changed hands. */
  tellHands(name: string, address: bigint | undefined): void {
    this.#hands.hidden = address === undefined;
    if (address === undefined) return;
    const all = this.#timeline.handsAt(name, address);
    const place = element('span', { class: 'address' }, address.toString(16));
    const items = all
      .slice(0, handsLimit)
      .map((hands) => element('li', {}, this.#handsButton(hands)));
    const more = all.length - items.length;
    if (more > 0) items.push(element('li', {}, `and ${more.toLocaleString('en')} more`));
    const heading = element(
      'p',
      { id: 'hands-heading' },
      place,
      all.length === 0
        ? ' never changes hands in these steps'
        : ` changes hands ${counted(all.length, 'time')}:`,
    );
    this.#hands.replaceChildren(
      heading,
      element('ol', { 'aria-labelledby': 'hands-heading' }, ...items),
    );
  }

  #handsButton({ step, before, after }: TimelineHands): HTMLButtonElement {
    const text = `step ${step.number}: ${ownerText(before)} → ${ownerText(after)}`;
    const made = button(text, text, () => this.goTo(step.number));
    return made;
  }

  #build(): HTMLElement {
    const { first, last, recorded } = this.#timeline;
    const isAll = first === 0 && last === recorded;
    const part = `This page has the steps ${first} to ${last} of ${recorded}; flatview map --steps takes others.`;
    return element(
      'section',
      { class: 'steps', 'aria-label': 'Steps of the recording' },
      element('span', { class: 'buttons' }, ...this.#backwards),
      this.#slider,
      element('span', { class: 'buttons' }, ...this.#forwards),
      element('label', {}, this.#beside, 'beside the step before'),
      this.#place,
      ...(isAll ? [] : [element('p', { class: 'off' }, part)]),
      this.#hands,
    );
  }
}

function stepText({ number, time, label }: TimelineStep, { recorded }: MapTimeline): string {
  const place = `step ${number} of ${recorded}`;
  const when = number === 0 ? 'the beginning' : `at ${(time / 1000).toFixed(3)} s`;
  return [place, when, ...(label === undefined ? [] : [`“${label}”`])].join(', ');
}

function ownerText(region: MapRegion | undefined): string {
  return region === undefined ? 'nothing' : region.name;
}

function counted(count: number, what: string): string {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;
}
