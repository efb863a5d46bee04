import type { CellState } from './state-words.js';

/** What is coloured in a terminal. */
export type Paint = CellState | 'refused' | 'quiet' | 'strong';

/** Select Graphic Rendition parameters (ECMA-48): of colours that are told apart without red and green, too. */
const renditions: Readonly<Record<Paint, string>> = {
  ram: '34',
  rom: '36',
  device: '35',
  romd: '36',
  trapped: '33',
  reserved: '90',
  iommu: '95',
  split: '30;43',
  empty: '90',
  refused: '1;31',
  quiet: '90',
  strong: '1',
};

/** Colours text, or leaves it as it is. */
export type Painter = (text: string, paint: Paint) => string;

export const painted: Painter = (text, paint) => `\u001b[${renditions[paint]}m${text}\u001b[0m`;

export const plain: Painter = (text) => text;
