import type { Column, MapScene, SceneSide } from '../map-scene.js';

/** Pixels. */
export const size = {
  edge: 14,
  overview: 26,
  heading: 26,
  character: 7,
  page: 8,
  mark: 36,
  narrowMark: 20,
  change: 10,
  gap: 8,
};

/** Narrower pictures have narrow marks, and of two states no stack: that is left to the details. */
const narrow = 600;

/** A column and where it is drawn. */
export interface PlacedColumn {
  readonly column: Column;
  readonly left: number;
  readonly width: number;
}

/** Where everything is drawn beside each other. */
export interface ColumnPlaces {
  readonly columns: readonly PlacedColumn[];
  /** Where what changed is marked; `undefined` where there is nothing to compare. */
  readonly changesLeft: number | undefined;
}

type Widths = Readonly<Record<Column['kind'], number>>;

/** Shares `width` pixels among the columns. */
export function placeColumns(scene: MapScene, width: number): ColumnPlaces {
  const { sides, digits, isCompared } = scene;
  const start = size.edge + size.overview + size.gap + digits * size.character + size.gap;
  const isBeside = sides.length > 1;
  let left = isCompared && !isBeside ? start + size.change : start;
  let changesLeft = isCompared && !isBeside ? start : undefined;
  const widths = shareWidth(sides, width, left);
  const columns: PlacedColumn[] = [];
  for (const [index, side] of sides.entries()) {
    if (index > 0) {
      changesLeft = left;
      left += size.change;
    }
    for (const column of side.columns.filter(({ kind }) => widths[kind] > 0)) {
      if (column.kind === 'layer' && columns.at(-1)?.column.kind !== 'layer') left += size.gap;
      columns.push({ column, left, width: widths[column.kind] });
      left += widths[column.kind];
    }
    left += size.gap;
  }
  return { columns, changesLeft };
}

/** Columns of fixed width first; what answers and the layers share the rest. */
function shareWidth(sides: readonly SceneSide[], width: number, start: number): Widths {
  const columns = sides.flatMap((side) => side.columns);
  const count = (wanted: Column['kind']) => columns.filter(({ kind }) => kind === wanted).length;
  const verdict = width < narrow ? size.narrowMark : size.mark;
  const fixed = count('verdict') * verdict + count('pages') * size.page;
  const gaps = sides.length * size.gap * 2 + (sides.length - 1) * size.change;
  const room = Math.max(width - start - size.edge - fixed - gaps, 0);
  const layers = width < narrow && sides.length > 1 ? 0 : count('layer');
  const stackRoom = Math.min(layers * 0.2, 0.45) * room;
  const answer = Math.min(340, (room - stackRoom) / Math.max(sides.length, 1));
  const rest = room - answer * sides.length;
  return {
    pages: size.page,
    answer,
    verdict,
    layer: layers === 0 ? 0 : Math.min(200, rest / layers),
  };
}
