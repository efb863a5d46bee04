import type { PageRun } from './page-map.js';

/** What a picture shows: the states of pages, and the emptiness between them. */
export type CellState = PageRun['state'] | 'empty';

/** For each state the letter of a cell, and what a legend calls it. */
export const stateWords: Readonly<
  Record<CellState, { readonly letter: string; readonly word: string }>
> = {
  ram: { letter: 'R', word: 'ram' },
  rom: { letter: 'r', word: 'rom' },
  device: { letter: 'B', word: 'device memory' },
  romd: { letter: 'm', word: 'rom device' },
  trapped: { letter: 'i', word: 'trapped' },
  reserved: { letter: 'x', word: 'reserved' },
  iommu: { letter: 't', word: 'translated' },
  split: { letter: '½', word: 'split page' },
  empty: { letter: '·', word: 'nothing' },
};

/** The letter that says that a consumer maps something, and what a legend calls it. */
export function consumerWord(name: string): { readonly letter: string; readonly word: string } {
  if (/kvm/i.test(name)) return { letter: 'S', word: `slot (${name})` };
  if (/vfio|dma/i.test(name)) return { letter: 'D', word: `DMA (${name})` };
  return { letter: 'M', word: `mapped (${name})` };
}
