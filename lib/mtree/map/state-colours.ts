import type { CellState } from './state-words.js';

/** A colour and that of text upon it, with a contrast of at least 4.5 to 1 (WCAG 2 AA). */
export interface Colour {
  readonly fill: string;
  readonly text: string;
}

/** Told apart by lightness as well as by hue, and so without red and green. */
export const stateColours: Readonly<Record<CellState, Colour>> = {
  ram: { fill: '#1f5f99', text: '#ffffff' },
  rom: { fill: '#a9d3f2', text: '#0f2233' },
  device: { fill: '#0b6b57', text: '#ffffff' },
  romd: { fill: '#b9e3d3', text: '#0c2a22' },
  trapped: { fill: '#f2c46b', text: '#2e1f00' },
  reserved: { fill: '#c5cad3', text: '#1c2128' },
  iommu: { fill: '#e6bdd6', text: '#33122a' },
  split: { fill: '#fdf0d5', text: '#6b3d00' },
  empty: { fill: 'none', text: '#57606a' },
};

/** Memory that a consumer maps, and memory that it refuses. */
export const verdictColours = {
  mapped: { fill: '#3d4a5c', text: '#ffffff' },
  refused: { fill: '#c0341d', text: '#ffffff' },
} as const;
