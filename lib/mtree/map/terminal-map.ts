import { larger, smaller } from '../../address.js';
import type {
  Extent,
  MapRange,
  MapRegion,
  MapVerdict,
  PageMap,
  PageRun,
  SpaceMap,
} from './page-map.js';
import { PlacementStack } from './placement-stack.js';
import { shadowsOf } from './shadows.js';
import { sizeText } from './size-text.js';
import { type CellState, consumerWord, stateWords } from './state-words.js';
import { clean } from './terminal-name.js';
import { type Painter, painted, plain } from './terminal-paint.js';
import { stripLines } from './terminal-strip.js';
import { isRefusedMemory, outcomeOf, VerdictSweep } from './verdict-sweep.js';

/** How a map is written for a terminal. */
export interface TerminalMapOptions {
  /** Characters of a line. Default: 100. */
  readonly width?: number;
  /** Whether to colour. Default: false. */
  readonly colour?: boolean;
}

/** Lines narrower than this have no place for sizes and for what is hidden. */
const wide = 72;

/**
 * The map for people: of each space a strip with a cell for each page, then a line for each range.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { buildPageMap, type TerminalMapOptions, terminalMapLines } from 'flatview/map';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 32n);
 * system.addSubregion(0x0n, topology.ram('pc.ram', 0xa000n, { backing: 'none' }));
 * system.addSubregion(0xe000n, topology.io('vga', 0x2000n, {}));
 * const options: TerminalMapOptions = { width: 80 };
 * [...terminalMapLines(buildPageMap([topology.addressSpace('memory', system)]), options)];
 * // => [
 * //   'memory  root system, pages of 4 KiB',
 * //   '',
 * //   '00000000 RRRRRRRRRR·ii',
 * //   '',
 * //   '00000000-00009fff    40 KiB  R  pc.ram',
 * //   '         ~ 16 KiB of nothing',
 * //   '0000e000-0000ffff     8 KiB  i  vga',
 * //   '',
 * //   'R ram   i trapped',
 * // ]
 * topology.close();
 * ```
 */
export function* terminalMapLines(
  map: PageMap,
  { width = 100, colour = false }: TerminalMapOptions = {},
): Generator<string, void> {
  const paint = colour ? painted : plain;
  const states = new Set<CellState>();
  for (const space of map.spaces) {
    if (space.ranges.length === 0) continue;
    yield* new SpaceLines(map, space, Math.max(width, 40), paint).lines();
    for (const { state } of space.pages) states.add(state);
    yield '';
  }
  const empty = map.spaces.filter(({ ranges }) => ranges.length === 0);
  if (empty.length > 0) yield* emptyLines(empty);
  yield* legendLines(map, states, Math.max(width, 40), paint);
}

function emptyLines(spaces: readonly SpaceMap[]): string[] {
  const names = spaces.flatMap((space) => space.names);
  const shown = names.slice(0, 6).map(clean).join(', ');
  const more = names.length > 6 ? ` and ${names.length - 6} more` : '';
  return [`Nothing shows in: ${shown}${more}`, ''];
}

/** What the letters mean that were used. */
function* legendLines(
  map: PageMap,
  states: ReadonlySet<CellState>,
  width: number,
  paint: Painter,
): Generator<string, void> {
  const used = Object.entries(stateWords).filter(([state]) => states.has(state as CellState));
  const entries: [string, string, string][] = used.map(([state, { letter, word }]) => [
    paint(letter, state as CellState),
    letter,
    word,
  ]);
  const consumers = new Set(
    map.spaces.flatMap(({ consumers }) => consumers.map(({ name }) => name)),
  );
  for (const name of consumers) {
    const { letter, word } = consumerWord(name);
    entries.push([letter, letter, word]);
  }
  if (consumers.size > 0) entries.push([paint('!', 'refused'), '!', 'memory that is refused']);
  let line = '';
  let length = 0;
  for (const [shown, letter, word] of entries) {
    const added = letter.length + word.length + 4;
    if (length > 0 && length + added > width) {
      yield line.trimEnd();
      [line, length] = ['', 0];
    }
    line += `${shown} ${word}   `;
    length += added;
  }
  if (line !== '') yield line.trimEnd();
}

/** The lines of one space. */
class SpaceLines {
  readonly #space: SpaceMap;
  readonly #regions: readonly MapRegion[];
  readonly #pageSize: bigint;
  readonly #window: Extent;
  readonly #width: number;
  readonly #paint: Painter;
  readonly #digits: number;
  readonly #stack: PlacementStack;
  readonly #sweeps: readonly { readonly letter: string; readonly sweep: VerdictSweep }[];

  constructor(
    { regions, pageSize, window }: PageMap,
    space: SpaceMap,
    width: number,
    paint: Painter,
  ) {
    this.#space = space;
    this.#regions = regions;
    this.#pageSize = pageSize;
    this.#window = window;
    this.#width = width;
    this.#paint = paint;
    this.#digits = Math.max(8, space.ranges.at(-1)?.last.toString(16).length ?? 0);
    this.#stack = new PlacementStack(space.placements);
    this.#sweeps = space.consumers.map((consumer) => ({
      letter: consumerWord(consumer.name).letter,
      sweep: new VerdictSweep(consumer),
    }));
  }

  *lines(): Generator<string, void> {
    yield* this.#heading();
    yield '';
    yield* stripLines(this.#space.pages, {
      pageSize: this.#pageSize,
      start: this.#window.first,
      width: this.#width,
      digits: this.#digits,
      paint: this.#paint,
    });
    yield '';
    let next = this.#window.first;
    for (const item of this.#items()) {
      if (item.first > next) yield this.#gapLine({ first: next, last: item.first - 1n });
      yield* this.#itemLines(item);
      next = item.last + 1n;
    }
    if (!this.#space.complete) yield 'There is more below, too much to be followed to its end.';
  }

  #heading(): string[] {
    const { names, root } = this.#space;
    const shown = names.slice(0, 4).map(clean).join(', ');
    const more = names.length > 4 ? ` and ${names.length - 4} more` : '';
    const title = this.#paint(`${shown}${more}`, 'strong');
    return [`${title}  root ${clean(root)}, pages of ${sizeText(this.#pageSize)}`];
  }

  /** Pages where memory is mapped by them; the ranges themselves where it isn't, as of I/O ports. */
  #items(): readonly (PageRun | MapRange)[] {
    return this.#space.consumers.length > 0 ? this.#space.pages : this.#space.ranges;
  }

  #gapLine(gap: Extent): string {
    const text = `${' '.repeat(this.#digits + 1)}~ ${sizeText(gap.last - gap.first + 1n)} of nothing`;
    return this.#paint(text, 'quiet');
  }

  #itemLines(item: PageRun | MapRange): string[] {
    if (!('ranges' in item)) return [this.#rangeLine(item, item, item.state)];
    const range = this.#space.ranges[item.range];
    if (range === undefined) return [];
    if (item.state !== 'split') return [this.#rangeLine(item, range, item.state)];
    if (item.ranges === 1) return [this.#looseLine(item, range)];
    const parts = this.#space.ranges.slice(item.range, item.range + item.ranges);
    const heading = this.#line(item, 'split', `a page of ${item.ranges} parts`);
    return [heading, ...this.#cellLines(item, parts), ...this.#partLines(item, parts)];
  }

  #rangeLine(extent: Extent, range: MapRange, state: CellState): string {
    const offset = range.offset + (extent.first - range.first);
    const name = nameText(this.#regions[range.region], offset);
    return this.#line(extent, state, name, { ...range, ...extent, offset });
  }

  /** A page in which one range shows, and nothing else. */
  #looseLine(page: Extent, range: MapRange): string {
    const [first, last] = [larger(range.first, page.first), smaller(range.last, page.last)];
    const name = nameText(this.#regions[range.region], range.offset + (first - range.first));
    return this.#line(
      page,
      'split',
      `${name} at ${this.#spotInPage(first)}-${this.#spotInPage(last)}`,
    );
  }

  #spotInPage(address: bigint): string {
    const digits = (this.#pageSize - 1n).toString(16).length;
    return `+${(address % this.#pageSize).toString(16).padStart(digits, '0')}`;
  }

  /** Place, state and marks, then `text`, why memory is refused, and as much of what is hidden as there is room for. */
  #line(extent: Extent, state: CellState, text: string, hiding?: MapRange): string {
    const outcomes = this.#sweeps.map(({ letter, sweep }) => ({
      letter,
      ...summary(sweep.on(extent)),
    }));
    const marks = outcomes.map(({ mark, letter }) => (mark === '=' ? letter : mark)).join('');
    const codes = [...new Set(outcomes.flatMap(({ refusals }) => refusals))];
    const reasons = codes.length > 0 ? `  ! ${codes.join(', ')}` : '';
    const place = this.#placeText(extent);
    const gap = this.#width >= wide ? '  ' : ' ';
    const { letter } = stateWords[state];
    const used = place.length + letter.length + marks.length + gap.length + reasons.length;
    const shownText = fitted(text, this.#width - used);
    const room = this.#width - used - shownText.length;
    const over = hiding ? this.#overText(hiding, room) : '';
    const shownMarks = marks.replaceAll('!', this.#paint('!', 'refused'));
    const head = `${place}${this.#paint(letter, state)}${shownMarks}${gap}`;
    return `${head}${shownText}${this.#paint(reasons, 'refused')}${this.#paint(over, 'quiet')}`.trimEnd();
  }

  #placeText(extent: Extent): string {
    const first = extent.first.toString(16).padStart(this.#digits, '0');
    if (this.#width < wide) return `${first} `;
    const last = extent.last.toString(16).padStart(this.#digits, '0');
    return `${first}-${last} ${sizeText(extent.last - extent.first + 1n).padStart(9)}  `;
  }

  #overText(range: MapRange, room: number): string {
    const shadows = shadowsOf(range, this.#stack).filter(({ disabled }) => !disabled);
    const names = [
      ...new Set(shadows.map(({ region }) => clean(this.#regions[region]?.name ?? ''))),
    ];
    if (names.length === 0 || room < 12) return '';
    let text = `  over ${names[0]}`;
    let count = 1;
    for (const name of names.slice(1)) {
      if (text.length + name.length + 6 > room) break;
      text += `, ${name}`;
      count++;
    }
    if (count < names.length) text += ` +${names.length - count}`;
    return text.length <= room ? text : '';
  }

  /** One page, a cell for each sixty-fourth of it: what shows there, or `:` where that is more than one thing. */
  #cellLines(page: Extent, parts: readonly MapRange[]): string[] {
    const indent = ' '.repeat(this.#width >= wide ? this.#digits + 1 : 2);
    const count = this.#width - indent.length - 2 >= 64 ? 64n : 32n;
    const step = this.#pageSize / count;
    if (step === 0n) return [];
    let line = '';
    for (let at = page.first; at <= page.last; at += step) {
      const here = parts.filter(({ first, last }) => first < at + step && last >= at);
      const [only] = here;
      const isWhole = here.length === 1 && only && only.first <= at && only.last >= at + step - 1n;
      if (only === undefined) line += this.#paint(stateWords.empty.letter, 'empty');
      else if (isWhole) line += this.#paint(stateWords[only.state].letter, only.state);
      else line += this.#paint(':', 'split');
    }
    return [`${indent}[${line}]`];
  }

  #partLines(page: Extent, parts: readonly MapRange[]): string[] {
    const indent = ' '.repeat(this.#width >= wide ? this.#digits + 1 : 2);
    return parts.map((part) => {
      const [first, last] = [larger(part.first, page.first), smaller(part.last, page.last)];
      const name = nameText(this.#regions[part.region], part.offset + (first - part.first));
      const letter = this.#paint(stateWords[part.state].letter, part.state);
      const place = `${indent}${this.#spotInPage(first)}-${this.#spotInPage(last).slice(1)} `;
      return `${place}${letter}  ${fitted(name, this.#width - place.length - 3)}`;
    });
  }
}

/** What a line says of the verdicts on its addresses: `=` stands for the letter of the consumer. */
function summary(verdicts: readonly MapVerdict[]): {
  readonly mark: '=' | '!' | '-';
  readonly refusals: readonly string[];
} {
  const outcome = outcomeOf(verdicts);
  if (outcome === 'mapped') return { mark: '=', refusals: [] };
  if (outcome !== 'refused' && outcome !== 'partly') return { mark: '-', refusals: [] };
  const refused = verdicts.filter((verdict) => isRefusedMemory(verdict));
  return { mark: '!', refusals: refused.map(({ code }) => code) };
}

function nameText(region: MapRegion | undefined, offset: bigint): string {
  const name = clean(region?.name ?? '');
  return offset === 0n ? name : `${name} +0x${offset.toString(16)}`;
}

/** As much of a text as there is room for. */
function fitted(text: string, room: number): string {
  return text.length <= room ? text : `${text.slice(0, Math.max(room - 1, 0))}…`;
}
