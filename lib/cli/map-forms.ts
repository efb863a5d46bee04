import path from 'node:path';
import { lastAddress } from '../address.js';
import type { AddressSpace } from '../memory/address-space.js';
import { assumedConsumers } from '../mtree/map/assumed-consumers.js';
import { pageMapSteps } from '../mtree/map/build-page-map.js';
import { changedSpaces, type SpaceChanges } from '../mtree/map/changed-spaces.js';
import type { Consumer } from '../mtree/map/consumer.js';
import { type HtmlMapState, htmlMap } from '../mtree/map/html-map.js';
import { mapChangesJson } from '../mtree/map/map-changes-json.js';
import { mapWindow } from '../mtree/map/map-window.js';
import type { Extent, PageMap } from '../mtree/map/page-map.js';
import { pageMapJson } from '../mtree/map/page-map-json.js';
import { RegionList } from '../mtree/map/region-list.js';
import { svgMap } from '../mtree/map/svg-map.js';
import { terminalChangeLines } from '../mtree/map/terminal-changes.js';
import { type TerminalMapOptions, terminalMapLines } from '../mtree/map/terminal-map.js';
import { parseAddress } from './address-argument.js';
import { parseByteSize } from './byte-size.js';
import { chooseSpaces } from './choose-spaces.js';
import { invalidOption } from './invalid-option.js';
import { exitCode, type Session } from './session.js';
import { writeWhole } from './write-whole.js';

/** Options of `flatview map`. */
export interface MapOptions {
  readonly as?: string;
  readonly from?: string;
  readonly to?: string;
  readonly pageSize?: string;
  readonly width?: string;
  readonly color?: string;
  readonly json?: boolean;
  readonly svg?: string;
  readonly html?: string;
  readonly step?: string;
  readonly diff?: readonly string[];
  readonly steps?: readonly string[];
}

/** What is wanted of every map. */
export interface MapDrawing {
  readonly options: MapOptions;
  readonly pageSize: bigint;
  readonly consumers: readonly Consumer[];
  readonly window: Extent;
}

/** @throws `ERR_INVALID_ARGUMENT` */
export function mapDrawing(options: MapOptions): MapDrawing {
  const pageSize = parseByteSize(options.pageSize ?? '4K');
  const window = {
    first: parseAddress(options.from ?? '0'),
    last: options.to === undefined ? lastAddress : parseAddress(options.to),
  };
  if (window.first > window.last) throw invalidOption('--from is behind --to');
  return { options, pageSize, consumers: assumedConsumers(pageSize), window };
}

/** Maps the address spaces that are wanted: all of them for a page, unless one is named. */
export async function mapSpaces(
  session: Session,
  input: string,
  addressSpaces: readonly AddressSpace[],
  { options, pageSize, consumers, window }: MapDrawing,
): Promise<PageMap> {
  const isAll = options.html !== undefined && options.as === undefined;
  const spaces = isAll ? addressSpaces : chooseSpaces(addressSpaces, options.as);
  const steps = pageMapSteps(spaces, { pageSize, consumers }, new RegionList());
  return mapWindow(await session.working(input, steps), window);
}

/** Draws one state, in the forms that are wanted. */
export async function drawState(
  session: Session,
  state: HtmlMapState,
  options: MapOptions,
): Promise<number> {
  const { map } = state;
  const { html, svg, json } = options;
  if (html !== undefined) await writeWhole(html, htmlMap([state]), session.signal);
  if (svg !== undefined) await writeWhole(svg, svgMap(map), session.signal);
  if (json) await session.printJson(pageMapJson(map));
  else if (html === undefined && svg === undefined) {
    await session.out.print(terminalMapLines(map, terminalOptions(session, options)));
  }
  return map.spaces.some(({ ranges }) => ranges.length > 0) ? exitCode.ok : exitCode.no;
}

/** Draws what changed from one state to another one. */
export async function drawChanges(
  session: Session,
  before: HtmlMapState,
  after: HtmlMapState,
  { html, svg, json }: MapOptions,
): Promise<number> {
  if (svg !== undefined) throw invalidOption('--svg is of one state, not of two');
  if (html !== undefined) await writeWhole(html, htmlMap([before, after]), session.signal);
  const spaces = changedSpaces(before.map, after.map);
  if (json) await session.printJson(spaces.map((space) => changesJson(space, before, after)));
  else if (html === undefined) {
    const lines = spaces.map(({ name, changes }) => [
      ...terminalChangeLines(name, changes, before.map.regions, after.map.regions),
    ]);
    await session.out.print(lines.flat());
  }
  return spaces.some(({ changes }) => changes.length > 0) ? exitCode.ok : exitCode.no;
}

function changesJson(
  { name, changes }: SpaceChanges,
  before: HtmlMapState,
  after: HtmlMapState,
): object {
  return mapChangesJson(name, changes, before.map.regions, after.map.regions);
}

/** What a page calls an input. */
export function titleOf(input: string): string {
  return input === '-' ? 'standard input' : path.basename(input);
}

function terminalOptions(
  session: Session,
  { width, color = 'auto' }: MapOptions,
): TerminalMapOptions {
  const columns = width === undefined ? (session.out.columns ?? 100) : Number(width);
  if (!Number.isInteger(columns) || columns < 40 || columns > 10_000) {
    throw invalidOption(`--width is ${width}: not 40 to 10000`);
  }
  const colours: Readonly<Record<string, boolean>> = {
    auto: session.out.hasColour,
    always: true,
    never: false,
  };
  const colour = colours[color];
  if (colour !== undefined) return { width: columns, colour };
  throw invalidOption(`--color is "${color}": not auto, always or never`);
}
