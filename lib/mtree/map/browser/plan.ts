import type { AddressScale } from '../address-scale.js';
import type { Look, MapScene, SceneSide } from '../map-scene.js';
import { sizeText } from '../size-text.js';
import { stateColours } from '../state-colours.js';
import { type DenseRun, type DrawnStretch, denseRuns } from '../track.js';
import { element } from './dom.js';
import { type ColumnPlaces, type PlacedColumn, placeColumns, size } from './place-columns.js';
import { PictureViewport } from './viewport.js';

/** What the plan tells the page. */
export interface PlanEvents {
  /** The pointer is at an address, or nowhere. */
  hover(address: bigint | undefined): void;
  select(address: bigint): void;
  /** A key that isn't about the view. */
  step(by: 1 | -1): void;
  /** To another state, where there are more. */
  turn(by: 1 | -1): void;
  clear(): void;
}

/** What is looked at: the address at the upper edge, and how large things are. */
export interface Looking {
  readonly address: bigint;
  readonly zoom: number;
}

/** The picture: an overview to scale of the whole, addresses, and columns. */
export class Plan {
  readonly box: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  readonly view: PictureViewport = new PictureViewport();
  readonly #context: CanvasRenderingContext2D;
  readonly #events: PlanEvents;
  #scene: MapScene | undefined;
  #places: ColumnPlaces = { columns: [], changesLeft: undefined };
  #width = 0;
  #selected: bigint | undefined;
  #isDue = false;

  constructor(events: PlanEvents) {
    this.#events = events;
    this.canvas = element('canvas', {
      tabindex: '0',
      role: 'application',
      'aria-label': 'Map of the address space',
      'aria-describedby': 'keys',
    });
    this.box = element('div', { class: 'plan' }, this.canvas);
    const context = this.canvas.getContext('2d');
    if (context === null) throw new Error('this browser has no canvas');
    this.#context = context;
    new ResizeObserver(() => this.#resize()).observe(this.box);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.redraw());
    this.#listen();
  }

  show(scene: MapScene): void {
    this.#scene = scene;
    this.#resize();
    this.view.show(scene.scale.length, scene.scale.segments.length);
    this.redraw();
  }

  /** Shows more of what is shown already: nothing moves. */
  complete(scene: MapScene): void {
    this.#scene = scene;
    this.#places = placeColumns(scene, this.#width);
    this.redraw();
  }

  /** What is looked at, so that another scene can show the same. */
  get looking(): Looking {
    const address = this.#scene?.scale.addressAt(this.view.top) ?? 0n;
    return { address, zoom: this.view.zoom };
  }

  look({ address, zoom }: Looking): void {
    this.view.zoom = zoom;
    this.view.moveTo(this.#scene?.scale.position(address) ?? 0);
    this.redraw();
  }

  select(address: bigint | undefined): void {
    this.#selected = address;
    this.redraw();
  }

  /** Shows what lies around an address. */
  reveal(address: bigint): void {
    const segment = this.#segmentOf(address);
    if (segment) this.view.reveal(segment.from, segment.to);
    this.redraw();
  }

  zoomTo(address: bigint): void {
    const segment = this.#segmentOf(address);
    if (segment) this.view.zoomTo(segment.from, segment.to);
    this.redraw();
  }

  redraw(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.draw();
    });
  }

  /** Draws everything that is seen, now. */
  draw(): void {
    const scene = this.#scene;
    if (scene === undefined) return;
    const context = this.#context;
    const colours = pageColours();
    context.fillStyle = colours.page;
    context.fillRect(0, 0, this.#width, this.view.height + size.heading);
    context.save();
    context.beginPath();
    context.rect(0, size.heading, this.#width, this.view.height);
    context.clip();
    context.translate(0, size.heading);
    this.#drawFolds(scene, colours);
    for (const placed of this.#places.columns) this.#drawColumn(placed, colours);
    this.#drawChanges(scene, colours);
    this.#drawAddresses(scene, colours);
    this.#drawSelection(scene, colours);
    this.#drawOverview(scene, colours);
    context.restore();
    this.#drawHeadings(colours);
  }

  #segmentOf(address: bigint) {
    const scale = this.#scene?.scale;
    return scale?.segmentAt(scale.position(address));
  }

  #resize(): void {
    const { clientWidth: width, clientHeight: height } = this.box;
    const ratio = devicePixelRatio || 1;
    this.#width = width;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.view.resize(height - size.heading);
    if (this.#scene) this.#places = placeColumns(this.#scene, width);
    this.redraw();
  }

  #drawColumn({ column, left, width }: PlacedColumn, colours: PageColours): void {
    const stretches = [...column.track.drawn(this.view)];
    for (const stretch of stretches) {
      if (column.kind === 'pages') this.#drawBracket(stretch, left);
      else this.#drawBlock(column.look(stretch.index), stretch, left, width - 3, colours);
    }
    if (column.kind !== 'answer') return;
    for (const run of denseRuns(stretches)) this.#drawCount(run, left, width - 3, colours);
  }

  /** How many ranges a stretch has that is too dense to be read. */
  #drawCount(
    { top, bottom, count }: DenseRun,
    left: number,
    width: number,
    colours: PageColours,
  ): void {
    const [from, to] = [Math.max(top, 0), Math.min(bottom, this.view.height)];
    if (to - from < 34 || width < 80 || count < 20) return;
    const context = this.#context;
    const text = `${count.toLocaleString('en')} ranges`;
    context.font = fonts.label;
    const wide = Math.min(context.measureText(text).width + 18, width);
    const [x, y] = [left + (width - wide) / 2, (from + to) / 2];
    context.fillStyle = colours.page;
    context.beginPath();
    context.roundRect(x, y - 11, wide, 22, 11);
    context.fill();
    context.fillStyle = colours.ink;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillText(text, left + width / 2, y, wide);
    context.textAlign = 'left';
  }

  #drawBracket({ top, bottom }: DrawnStretch, left: number): void {
    const context = this.#context;
    context.strokeStyle = stateColours.trapped.fill;
    context.fillStyle = '#c77700';
    if (bottom - top < 4) context.fillRect(left, top, 3, Math.max(bottom - top, 1));
    else {
      context.fillRect(left, top + 1, 2, bottom - top - 2);
      context.fillRect(left, top + 1, 5, 2);
      context.fillRect(left, bottom - 3, 5, 2);
    }
  }

  #drawBlock(
    look: Look,
    stretch: DrawnStretch,
    left: number,
    width: number,
    colours: PageColours,
  ): void {
    const context = this.#context;
    const tall = stretch.bottom - stretch.top;
    const height = tall >= 5 ? tall - 1 : tall;
    if (look.isOutline) {
      context.strokeStyle = colours.quiet;
      context.setLineDash([3, 3]);
      if (height >= 4) context.strokeRect(left + 0.5, stretch.top + 0.5, width - 1, height - 1);
      context.setLineDash([]);
    } else {
      context.fillStyle = look.fill;
      if (height >= 8) {
        context.beginPath();
        context.roundRect(left, stretch.top, width, height, 3);
        context.fill();
      } else context.fillRect(left, stretch.top, width, height);
    }
    if (height >= 12) this.#drawLabel(look, stretch, left, width, colours);
  }

  /** On the part of a block that is seen, so that a tall one is named wherever it is looked at. */
  #drawLabel(
    look: Look,
    { top, bottom }: DrawnStretch,
    left: number,
    width: number,
    colours: PageColours,
  ): void {
    const context = this.#context;
    const [from, to] = [Math.max(top, 0), Math.min(bottom - 1, this.view.height)];
    if (to - from < 11 || width < 14) return;
    const y = from + Math.min((to - from) / 2, 11);
    context.font = fonts.label;
    context.textBaseline = 'middle';
    context.fillStyle = look.isOutline ? colours.quiet : look.text;
    if (look.label.length === 1) {
      context.textAlign = 'center';
      context.fillText(look.label, left + width / 2, y);
      context.textAlign = 'left';
      return;
    }
    const room = width - 14;
    const label = fittedText(context, look.label, room);
    const upright = to - from - 14;
    if (label !== look.label && upright > Math.max(room, 50) * 1.2) {
      this.#drawUpright(fittedText(context, look.label, upright), left + width / 2, from + 7);
      return;
    }
    if (label === '') return;
    context.fillText(label, left + 7, y);
    const noteWidth = context.measureText(look.note).width;
    if (context.measureText(label).width + noteWidth + 12 > room) return;
    context.globalAlpha = 0.85;
    context.textAlign = 'right';
    context.fillText(look.note, left + width - 7, y);
    context.textAlign = 'left';
    context.globalAlpha = 1;
  }

  /** A label from the top downwards, for a block that is taller than it is wide. */
  #drawUpright(label: string, x: number, y: number): void {
    const context = this.#context;
    context.save();
    context.translate(x, y);
    context.rotate(Math.PI / 2);
    context.fillText(label, 0, 0);
    context.restore();
  }

  /** Where space is folded: how much of it, between the columns. */
  #drawFolds({ scale }: MapScene, colours: PageColours): void {
    const answers = this.#places.columns.filter(({ column }) => column.kind === 'answer');
    const context = this.#context;
    context.font = fonts.quiet;
    context.textBaseline = 'middle';
    const first = scale.indexAt(this.view.top);
    for (let index = first, drawn = 0; drawn < 400; index++) {
      const segment = scale.segments[index];
      if (segment === undefined) break;
      const top = (segment.from - this.view.top) * this.view.zoom;
      if (top > this.view.height) break;
      const bottom = (segment.to - this.view.top) * this.view.zoom;
      drawn++;
      if (!segment.isFold || bottom - top < 7) continue;
      const y = (Math.max(top, 0) + Math.min(bottom, this.view.height)) / 2;
      context.fillStyle = colours.quiet;
      for (const { left, width } of answers) {
        const text = `⋮  ${sizeText(segment.last - segment.first + 1n)} of nothing`;
        const isRoom = bottom - top >= 11 && context.measureText(text).width <= width - 8;
        context.fillText(isRoom ? text : '⋮', left + 8, y);
      }
    }
  }

  #drawChanges({ changeTrack }: MapScene, colours: PageColours): void {
    const { changesLeft } = this.#places;
    if (changesLeft === undefined) return;
    const context = this.#context;
    context.fillStyle = colours.changed;
    for (const { top, bottom } of changeTrack.drawn(this.view)) {
      const height = Math.max(bottom - top - 1, 2);
      context.beginPath();
      context.roundRect(changesLeft - 2, top, 6, height, 3);
      context.fill();
    }
  }

  #drawAddresses({ scale, digits, sides }: MapScene, colours: PageColours): void {
    const context = this.#context;
    context.font = fonts.address;
    context.textBaseline = 'middle';
    context.fillStyle = colours.quiet;
    const left = size.edge + size.overview + size.gap;
    let next = 0;
    for (const { top, address } of this.#edges(scale, sides)) {
      const y = Math.max(top, 0) + 8;
      if (y < next || y > this.view.height) continue;
      context.fillText(address.toString(16).padStart(digits, '0'), left, y);
      next = y + 15;
    }
  }

  /** Where something begins that answers, and which address that is; or which one is at the upper edge. */
  #edges(scale: AddressScale, sides: readonly SceneSide[]): { top: number; address: bigint }[] {
    const edges = sides.flatMap(({ columns, pieces }) => {
      const track = columns.find(({ kind }) => kind === 'answer')?.track;
      return [...(track?.drawn(this.view) ?? [])].map(({ index, top }) => ({
        top,
        address: top < 0 ? scale.addressAt(this.view.top) : (pieces[index]?.first ?? 0n),
      }));
    });
    return edges.sort((one, other) => one.top - other.top);
  }

  #drawSelection({ scale }: MapScene, colours: PageColours): void {
    const segment = this.#selected === undefined ? undefined : this.#segmentOf(this.#selected);
    if (segment === undefined) return;
    const top = (scale.position(segment.first) - this.view.top) * this.view.zoom;
    const bottom = (segment.to - this.view.top) * this.view.zoom;
    const left = size.edge + size.overview + size.gap / 2;
    const context = this.#context;
    context.strokeStyle = colours.accent;
    context.lineWidth = 2;
    context.strokeRect(left, top - 1, this.#width - left - 4, Math.max(bottom - top + 1, 2));
    context.lineWidth = 1;
  }

  /** The whole picture, and what of it is seen. */
  #drawOverview({ scale, sides, changeTrack }: MapScene, colours: PageColours): void {
    const context = this.#context;
    const whole = { top: 0, zoom: this.view.height / scale.length, height: this.view.height };
    const column = sides.at(-1)?.columns.find(({ kind }) => kind === 'answer');
    context.fillStyle = colours.track;
    context.fillRect(size.edge, 0, size.overview, this.view.height);
    for (const { index, top, bottom } of column?.track.drawn(whole) ?? []) {
      context.fillStyle = column?.look(index).fill ?? colours.quiet;
      context.fillRect(size.edge, top, size.overview, Math.max(bottom - top, 1));
    }
    context.fillStyle = colours.changed;
    for (const { top, bottom } of changeTrack.drawn(whole)) {
      context.fillRect(size.edge + size.overview - 5, top, 5, Math.max(bottom - top, 3));
    }
    const top = this.view.top * whole.zoom;
    const height = Math.max((this.view.height / this.view.zoom) * whole.zoom, 6);
    context.fillStyle = colours.page;
    context.globalAlpha = 0.6;
    context.fillRect(size.edge, 0, size.overview, top);
    context.fillRect(size.edge, top + height, size.overview, this.view.height - top - height);
    context.globalAlpha = 1;
    context.strokeStyle = colours.ink;
    context.lineWidth = 1.5;
    context.strokeRect(size.edge - 1, top, size.overview + 2, height);
    context.lineWidth = 1;
  }

  #drawHeadings(colours: PageColours): void {
    const context = this.#context;
    context.font = fonts.heading;
    context.textBaseline = 'middle';
    context.fillStyle = colours.quiet;
    for (const { column, left, width } of this.#places.columns) {
      if (column.kind === 'pages') continue;
      const text = fittedText(context, column.heading, width - 2);
      context.fillText(text, left, size.heading / 2);
    }
  }

  #listen(): void {
    const { canvas } = this;
    canvas.addEventListener('wheel', (event) => this.#onWheel(event), { passive: false });
    canvas.addEventListener('keydown', (event) => this.#onKey(event));
    canvas.addEventListener('pointerdown', (event) => this.#onPointerDown(event));
    canvas.addEventListener('pointermove', (event) => {
      this.#events.hover(this.#addressAt(event));
    });
    canvas.addEventListener('pointerleave', () => this.#events.hover(undefined));
  }

  #addressAt(event: PointerEvent): bigint | undefined {
    const y = event.offsetY - size.heading;
    if (y < 0 || event.offsetX < size.edge + size.overview) return undefined;
    return this.#scene?.scale.addressAt(this.view.positionAt(y));
  }

  #onWheel(event: WheelEvent): void {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1;
    if (event.shiftKey) this.view.moveBy((event.deltaY || event.deltaX) * lines);
    else this.view.zoomBy(1.0018 ** (-event.deltaY * lines), event.offsetY - size.heading);
    this.redraw();
  }

  /** A drag moves the picture, or in the overview what is seen; a click selects. */
  #onPointerDown(start: PointerEvent): void {
    const isOverview = start.offsetX < size.edge + size.overview + 2;
    let last = start.offsetY;
    let moved = 0;
    const centre = (y: number) => {
      const position = ((y - size.heading) / this.view.height) * this.view.length;
      this.view.moveTo(position - this.view.height / 2 / this.view.zoom);
    };
    const onMove = (event: PointerEvent) => {
      moved += Math.abs(event.offsetY - last);
      if (isOverview) centre(event.offsetY);
      else this.view.moveBy(last - event.offsetY);
      last = event.offsetY;
      this.redraw();
    };
    const onUp = (event: PointerEvent) => {
      this.canvas.removeEventListener('pointermove', onMove);
      this.canvas.removeEventListener('pointerup', onUp);
      const address = this.#addressAt(event);
      if (moved < 4 && address !== undefined && !isOverview) this.#events.select(address);
    };
    if (isOverview) centre(start.offsetY);
    this.redraw();
    this.canvas.setPointerCapture(start.pointerId);
    this.canvas.addEventListener('pointermove', onMove);
    this.canvas.addEventListener('pointerup', onUp);
  }

  #onKey(event: KeyboardEvent): void {
    const page = this.view.height * 0.85;
    const actions: Readonly<Record<string, () => void>> = {
      ArrowDown: () => this.#events.step(1),
      ArrowUp: () => this.#events.step(-1),
      ArrowRight: () => this.#events.turn(1),
      ArrowLeft: () => this.#events.turn(-1),
      PageDown: () => this.view.moveBy(page),
      PageUp: () => this.view.moveBy(-page),
      Home: () => this.view.moveTo(0),
      End: () => this.view.moveTo(this.view.length),
      '+': () => this.zoomStep(1.5),
      '=': () => this.zoomStep(1.5),
      '-': () => this.zoomStep(1 / 1.5),
      '0': () => this.view.fit(),
      Enter: () => this.#selected !== undefined && this.zoomTo(this.#selected),
      Escape: () => this.#events.clear(),
    };
    const action = actions[event.key];
    if (action === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
    this.redraw();
  }

  /** Zooms around what is selected if it is seen, or else around the middle. */
  zoomStep(factor: number): void {
    const segment = this.#selected === undefined ? undefined : this.#segmentOf(this.#selected);
    const middle = segment
      ? ((segment.from + segment.to) / 2 - this.view.top) * this.view.zoom
      : -1;
    if (middle >= 0 && middle <= this.view.height) this.view.zoomBy(factor, middle);
    else this.view.zoomBy(factor);
    this.redraw();
  }
}

const fonts = {
  label: '12px ui-monospace, "DejaVu Sans Mono", "SF Mono", Menlo, Consolas, monospace',
  address: '11.5px ui-monospace, "DejaVu Sans Mono", "SF Mono", Menlo, Consolas, monospace',
  quiet: 'italic 11px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif',
  heading: '600 11px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif',
};

type PageColours = Readonly<
  Record<'page' | 'ink' | 'quiet' | 'accent' | 'changed' | 'track', string>
>;

/** The colours of the style sheet, as they are now. */
function pageColours(): PageColours {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    page: colour('page'),
    ink: colour('ink'),
    quiet: colour('quiet'),
    accent: colour('accent'),
    changed: colour('changed'),
    track: colour('track'),
  };
}

/** As much of a text as there is room for, without its middle; nothing where that says nothing. */
function fittedText(context: CanvasRenderingContext2D, text: string, room: number): string {
  if (context.measureText(text).width <= room) return text;
  const width = context.measureText('0').width || 7;
  const count = Math.floor(room / width) - 1;
  if (count < 6) return '';
  const end = Math.floor(count * 0.55);
  return `${text.slice(0, count - end)}…${text.slice(-end)}`;
}
