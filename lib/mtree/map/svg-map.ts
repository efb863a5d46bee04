import { FlatviewError } from '../../errors.js';
import { AddressScale, type ScaleSegment } from './address-scale.js';
import { escapeMarkup } from './escape-markup.js';
import { kindState } from './kind-state.js';
import type {
  Extent,
  MapRange,
  MapRegion,
  PageMap,
  Placement,
  RangeState,
  SpaceMap,
} from './page-map.js';
import { rangePieces } from './range-pieces.js';
import { sizeText } from './size-text.js';
import { stackLayers } from './stack-layers.js';
import { stateColours, verdictColours } from './state-colours.js';
import { type CellState, consumerWord, stateWords } from './state-words.js';
import { isRefusedMemory, VerdictSweep } from './verdict-sweep.js';

/** How a picture is drawn. */
export interface SvgMapOptions {
  /** Which space of the map. Default: the first one. */
  readonly space?: number;
}

/** More rows than this no document has room for. */
const rowLimit = 500;

/** Of the layers behind each other so many are drawn. */
const layerLimit = 6;

/** Pixels. */
const size = { row: 22, fold: 18, top: 78, edge: 16, answer: 300, page: 8, mark: 30, layer: 170 };

/** Width of a character of the monospaced font of 11 pixels. */
const characterWidth = 6.7;

/**
 * The map as a picture for documents: addresses downwards, each range a row, folds in between; beside it what consumers
 * make of the pages, and the stack with its topmost layer on the left.
 *
 * @throws `ERR_INVALID_ARGUMENT` if the space has more rows than a document has room for
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { buildTopology, readTopology } from 'flatview';
 * import { buildPageMap, type SvgMapOptions, svgMap } from 'flatview/map';
 *
 * const { document } = readTopology(readFileSync('examples/dumps/rtl8168.json'));
 * const { topology, addressSpaces } = buildTopology(document);
 * const map = buildPageMap(addressSpaces);
 * const first: SvgMapOptions = { space: 0 };
 * svgMap(map, first).startsWith('<svg xmlns="http://www.w3.org/2000/svg"'); // => true
 * svgMap(map, { space: 1 }); // throws ERR_INVALID_ARGUMENT
 * topology.close();
 * ```
 */
export function svgMap(map: PageMap, { space = 0 }: SvgMapOptions = {}): string {
  const chosen = map.spaces[space];
  if (chosen === undefined) {
    throw new FlatviewError('ERR_INVALID_ARGUMENT', `the map has no space ${space}`);
  }
  return new SvgDrawing(map, chosen).draw();
}

class SvgDrawing {
  readonly #map: PageMap;
  readonly #space: SpaceMap;
  readonly #pieces: readonly MapRange[];
  readonly #scale: AddressScale;
  /** Where each segment begins, in pixels. */
  readonly #tops: number[] = [];
  readonly #height: number;
  readonly #layers: Int32Array;
  readonly #layerCount: number;
  readonly #digits: number;

  constructor(map: PageMap, space: SpaceMap) {
    this.#map = map;
    this.#space = space;
    this.#pieces = rangePieces(space);
    this.#scale = new AddressScale([this.#pieces], 'even');
    if (this.#scale.segments.length > rowLimit) {
      const message = `${this.#scale.segments.length} rows are too many for a picture: choose a window`;
      throw new FlatviewError('ERR_INVALID_ARGUMENT', message);
    }
    let top = size.top;
    for (const { isFold } of this.#scale.segments) {
      this.#tops.push(top);
      top += isFold ? size.fold : size.row;
    }
    this.#tops.push(top);
    this.#layers = stackLayers(space.placements);
    this.#layerCount = Math.min(
      layerLimit,
      1 + Math.max(-1, ...this.#visible().map(([, layer]) => layer)),
    );
    this.#digits = Math.max(8, space.ranges.at(-1)?.last.toString(16).length ?? 0);
    this.#height = top + 34;
  }

  draw(): string {
    const width = this.#layersLeft + this.#layerCount * size.layer + size.edge;
    const title = `${this.#space.names.join(', ')}: what shows, and the stack below it`;
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${this.#height}" viewBox="0 0 ${width} ${this.#height}" role="img" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="11">`,
      `<title>${escaped(title)}</title>`,
      `<rect width="${width}" height="${this.#height}" fill="#ffffff"/>`,
      ...this.#headings(),
      ...this.#splitPages(),
      ...this.#rows(),
      ...this.#verdicts(),
      ...this.#stack(),
      ...this.#legend(),
      '</svg>',
      '',
    ].join('\n');
  }

  get #answerLeft(): number {
    return size.edge + this.#digits * characterWidth + 12 + size.page;
  }

  get #marksLeft(): number {
    return this.#answerLeft + size.answer + 8;
  }

  get #layersLeft(): number {
    return this.#marksLeft + this.#space.consumers.length * size.mark + 8;
  }

  #headings(): string[] {
    const { names, root, consumers } = this.#space;
    const title = clipped(names.join(', '), 60);
    const sub = `root ${clipped(root, 40)}, pages of ${sizeText(this.#map.pageSize)}`;
    return [
      `<text x="${size.edge}" y="30" font-size="15" font-weight="600" fill="#1c2128">${escaped(title)}</text>`,
      `<text x="${size.edge}" y="47" fill="#57606a">${escaped(sub)}</text>`,
      heading(this.#answerLeft, 'what shows'),
      ...consumers.map(({ name }, at) =>
        heading(this.#marksLeft + at * size.mark, clipped(name, 4)),
      ),
      heading(this.#layersLeft, 'the stack, topmost layer first'),
    ];
  }

  #rows(): string[] {
    const left = this.#answerLeft;
    let next = 0;
    return this.#scale.segments.flatMap((segment, index) => {
      const top = this.#tops[index] ?? 0;
      const height = (this.#tops[index + 1] ?? 0) - top;
      if (segment.isFold) return [foldRow(segment, left, top + height / 2)];
      while ((this.#pieces[next]?.last ?? segment.first) < segment.first) next++;
      const range = this.#pieces[next];
      if (range === undefined) return [];
      const address = segment.first.toString(16).padStart(this.#digits, '0');
      const offset = range.offset + (segment.first - range.first);
      const name = labelOf(this.#map.regions[range.region], offset);
      const bytes = sizeText(segment.last - segment.first + 1n);
      return [
        `<text x="${size.edge}" y="${top + 14}" fill="#57606a">${address}</text>`,
        block({ left, top, width: size.answer, height }, range.state, name, bytes),
      ];
    });
  }

  #splitPages(): string[] {
    const left = this.#answerLeft - size.page - 2;
    const hidesNothing = this.#space.consumers.length === 0;
    return this.#space.pages.flatMap((page) => {
      if (page.state !== 'split' || hidesNothing) return [];
      const [top, bottom] = [this.#y(page.first), this.#y(page.last + 1n)];
      return [
        `<path d="M${left + 6} ${top + 1.5}h-4v${bottom - top - 3}h4" fill="none" stroke="#b45309" stroke-width="2"><title>split page ${page.first.toString(16)}</title></path>`,
      ];
    });
  }

  #verdicts(): string[] {
    return this.#space.consumers.flatMap((consumer, at) => {
      const left = this.#marksLeft + at * size.mark;
      const sweep = new VerdictSweep(consumer);
      const { letter } = consumerWord(consumer.name);
      return this.#scale.segments.flatMap((segment) => {
        if (segment.isFold) return [];
        return sweep.on(segment).flatMap((verdict) => {
          const part = cut(verdict, segment);
          const top = this.#y(part.first);
          const height = this.#y(part.last + 1n) - top;
          const place = { left, top, width: size.mark - 6, height };
          if (verdict.mapped)
            return [mark(place, verdictColours.mapped.fill, letter, verdict.text)];
          if (!isRefusedMemory(verdict)) return [];
          return [
            mark(place, verdictColours.refused.fill, '!', `${verdict.code}: ${verdict.text}`),
          ];
        });
      });
    });
  }

  #stack(): string[] {
    const end = this.#scale.segments.at(-1)?.last ?? 0n;
    const start = this.#scale.segments[0]?.first ?? 0n;
    return this.#visible().flatMap(([placement, layer]) => {
      if (layer >= layerLimit || placement.first > end || placement.last < start) return [];
      const top = this.#y(placement.first);
      const height = this.#y(placement.last + 1n) - top;
      const left = this.#layersLeft + layer * size.layer;
      const region = this.#map.regions[placement.region];
      const state = kindState(region?.kind ?? '');
      const priority = `prio ${region?.priority ?? 0}`;
      const place = { left, top, width: size.layer - 6, height };
      return [block(place, state, labelOf(region, 0n), priority)];
    });
  }

  #visible(): [Placement, number][] {
    return [...this.#layers.entries()].flatMap(([at, layer]): [Placement, number][] => {
      const placement = this.#space.placements[at];
      return layer >= 0 && placement ? [[placement, layer]] : [];
    });
  }

  #legend(): string[] {
    const used = new Set<CellState>(this.#space.ranges.map(({ state }) => state));
    let left: number = size.edge;
    const y = this.#height - 12;
    const entries = [...used].map((state) => {
      const { word } = stateWords[state];
      const entry = `<rect x="${left}" y="${y - 9}" width="11" height="11" rx="2" fill="${stateColours[state].fill}"/><text x="${left + 16}" y="${y}" fill="#57606a">${word}</text>`;
      left += 30 + word.length * characterWidth;
      return entry;
    });
    const rest =
      this.#space.consumers.length > 0
        ? [
            `<text x="${left}" y="${y}" fill="#57606a">S slot  D DMA  ! refused  [ split page</text>`,
          ]
        : [];
    return [...entries, ...rest];
  }

  /** Where an address lies: in proportion within its row. */
  #y(address: bigint): number {
    const { segments } = this.#scale;
    const first = segments[0];
    if (first === undefined || address <= first.first) return this.#tops[0] ?? 0;
    const index = this.#scale.indexAt(this.#scale.position(address - 1n));
    const segment = segments[index];
    const [top, bottom] = [this.#tops[index] ?? 0, this.#tops[index + 1] ?? 0];
    if (segment === undefined || address > segment.last) return bottom;
    const share = Number(address - segment.first) / Number(segment.last - segment.first + 1n);
    return Math.round((top + share * (bottom - top)) * 10) / 10;
  }
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A block with a name on the left and a note on the right, as far as there is room for them. */
function block(
  { left, top, width, height }: Box,
  state: RangeState,
  name: string,
  note: string,
): string {
  const { fill, text } = stateColours[state];
  const rect = `<rect x="${left}" y="${top + 0.5}" width="${width}" height="${Math.max(height - 1, 1)}" rx="2" fill="${fill}"><title>${escaped(`${name}, ${note}`)}</title></rect>`;
  if (height < 13) return rect;
  const room = Math.floor((width - 14) / characterWidth);
  const isNoted = name.length + note.length + 2 <= room;
  const y = top + Math.min(height / 2 + 4, 15);
  const label = `<text x="${left + 7}" y="${y}" fill="${text}">${escaped(clipped(name, room))}</text>`;
  const remark = `<text x="${left + width - 7}" y="${y}" fill="${text}" text-anchor="end">${escaped(note)}</text>`;
  return rect + label + (isNoted ? remark : '');
}

function mark(
  { left, top, width, height }: Box,
  fill: string,
  letter: string,
  title: string,
): string {
  const rect = `<rect x="${left}" y="${top + 0.5}" width="${width}" height="${Math.max(height - 1, 1)}" rx="2" fill="${fill}"><title>${escaped(title)}</title></rect>`;
  if (height < 13) return rect;
  return `${rect}<text x="${left + width / 2}" y="${top + Math.min(height / 2 + 4, 15)}" fill="#ffffff" font-weight="600" text-anchor="middle">${letter}</text>`;
}

function foldRow({ first, last }: ScaleSegment, left: number, middle: number): string {
  const text = `${sizeText(last - first + 1n)} of nothing`;
  return `<text x="${left + 7}" y="${middle + 4}" fill="#57606a" font-style="italic">⋮ ${text}</text>`;
}

function heading(left: number, text: string): string {
  return `<text x="${left}" y="68" fill="#57606a">${escaped(text)}</text>`;
}

function labelOf(region: MapRegion | undefined, offset: bigint): string {
  const name = region?.name ?? '';
  return offset === 0n ? name : `${name} +0x${offset.toString(16)}`;
}

function cut(extent: Extent, window: Extent): Extent {
  return {
    first: extent.first > window.first ? extent.first : window.first,
    last: extent.last < window.last ? extent.last : window.last,
  };
}

function clipped(text: string, room: number): string {
  return text.length <= room ? text : `${text.slice(0, Math.max(room - 1, 0))}…`;
}

/** Text as XML takes it: what XML 1.0 knows no character for is a question mark. */
function escaped(text: string): string {
  return escapeMarkup(text.replaceAll(/\p{C}/gu, '?'));
}
