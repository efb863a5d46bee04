/** Pixels of a row that can be read, on average, and of the largest one. */
const readableUnit = 17;
const largestUnit = 700;

/** Which part of a picture is seen: a position at the upper edge, and pixels for each unit. */
export class PictureViewport {
  top = 0;
  zoom = 1;
  height = 1;
  #length = 1;
  #largestZoom = 1;

  /** Shows another picture: all of it, unless that is too small to be read. */
  show(length: number, segments: number): void {
    this.#length = Math.max(length, 1e-9);
    const unit = this.#length / Math.max(segments, 1);
    this.#largestZoom = Math.max(largestUnit / unit, this.fitting, largestUnit);
    this.zoom = Math.max(this.fitting, readableUnit / unit);
    this.top = 0;
    this.#limit();
  }

  resize(height: number): void {
    this.height = Math.max(height, 1);
    this.#limit();
  }

  /** The zoom at which all is seen. */
  get fitting(): number {
    return this.height / this.#length;
  }

  get length(): number {
    return this.#length;
  }

  fit(): void {
    this.zoom = this.fitting;
    this.top = 0;
  }

  /** Zooms by a factor; what is `y` pixels below the upper edge stays where it is. */
  zoomBy(factor: number, y = this.height / 2): void {
    const position = this.positionAt(y);
    this.zoom *= factor;
    this.#limit();
    this.top = position - y / this.zoom;
    this.#limit();
  }

  moveBy(pixels: number): void {
    this.top += pixels / this.zoom;
    this.#limit();
  }

  moveTo(top: number): void {
    this.top = top;
    this.#limit();
  }

  /** Moves as little as is needed to show an interval, and zooms in where it would be no taller than a line. */
  reveal(from: number, to: number): void {
    const wanted = 20 / Math.max(to - from, 1e-12);
    if (this.zoom < wanted) this.zoom = wanted;
    this.#limit();
    const [upper, lower] = [(from - this.top) * this.zoom, (to - this.top) * this.zoom];
    const isSeen = upper >= 0 && lower <= this.height;
    const isAround = upper <= 0 && lower >= this.height;
    if (!isSeen && !isAround) this.top = (from + to) / 2 - this.height / 2 / this.zoom;
    this.#limit();
  }

  /** Shows an interval as large as can be. */
  zoomTo(from: number, to: number): void {
    this.zoom = (this.height * 0.6) / Math.max(to - from, 1e-12);
    this.#limit();
    this.top = (from + to) / 2 - this.height / 2 / this.zoom;
    this.#limit();
  }

  positionAt(y: number): number {
    return this.top + y / this.zoom;
  }

  #limit(): void {
    this.zoom = Math.min(Math.max(this.zoom, this.fitting), this.#largestZoom);
    this.top = Math.min(Math.max(this.top, 0), Math.max(this.#length - this.height / this.zoom, 0));
  }
}
