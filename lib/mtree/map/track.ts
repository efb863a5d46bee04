import { partitionPoint } from '../../partition-point.js';
/** A stretch of a column as it is drawn. */
export interface DrawnStretch {
  /** Place of the first interval. */
  readonly index: number;
  /** How many intervals are drawn as one, as none of them is as tall as a pixel. */
  readonly count: number;
  /** In pixels. */
  readonly top: number;
  readonly bottom: number;
}

/** Stretches that follow each other and are too flat to be told apart. */
export type DenseRun = Omit<DrawnStretch, 'index'>;

/** Flatter stretches than this can't be told apart, in pixels. */
const flat = 3;

/** The stretches of which there are so many that only their number can be told. */
export function denseRuns(stretches: readonly DrawnStretch[]): DenseRun[] {
  const runs: DenseRun[] = [];
  for (const { count, top, bottom } of stretches) {
    if (bottom - top > flat) continue;
    const open = runs.at(-1);
    if (open === undefined || top - open.bottom > 1) runs.push({ count, top, bottom });
    else runs[runs.length - 1] = { count: open.count + count, top: open.top, bottom };
  }
  return runs;
}

/** What is seen of a picture. */
export interface Viewport {
  /** Position at its upper edge. */
  readonly top: number;
  /** Pixels for each unit of position. */
  readonly zoom: number;
  /** In pixels. */
  readonly height: number;
}

/**
 * Intervals of a picture, ascending and without overlap. What is drawn of them costs as much as the screen has pixels,
 * however many there are.
 */
export class Track {
  readonly #from: Float64Array;
  readonly #to: Float64Array;

  constructor(intervals: readonly { readonly from: number; readonly to: number }[]) {
    this.#from = Float64Array.from(intervals, ({ from }) => from);
    this.#to = Float64Array.from(intervals, ({ to }) => to);
  }

  get count(): number {
    return this.#from.length;
  }

  /** The place of the interval that holds `position`; -1 if none does. */
  at(position: number): number {
    const index = this.#firstEndingBehind(position);
    return index < this.count && (this.#from[index] ?? 0) <= position ? index : -1;
  }

  /** What is to be drawn: intervals, and those that share a pixel as one. */
  *drawn({ top, zoom, height }: Viewport): Generator<DrawnStretch, void> {
    const bottom = top + height / zoom;
    let index = this.#firstEndingBehind(top);
    while (index < this.count && (this.#from[index] ?? 0) < bottom) {
      const from = ((this.#from[index] ?? 0) - top) * zoom;
      const to = ((this.#to[index] ?? 0) - top) * zoom;
      if (to - from >= 1) {
        yield { index, count: 1, top: from, bottom: to };
        index++;
        continue;
      }
      const pixel = Math.floor(from) + 1;
      const next = Math.max(this.#firstEndingBehind(top + pixel / zoom), index + 1);
      yield { index, count: next - index, top: pixel - 1, bottom: pixel };
      index = next;
    }
  }

  #firstEndingBehind(position: number): number {
    return partitionPoint(this.count, (place) => (this.#to[place] ?? 0) <= position);
  }
}
