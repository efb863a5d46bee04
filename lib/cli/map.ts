import path from 'node:path';
import { lastAddress } from '../address.js';
import { FlatviewError } from '../errors.js';
import { assumedConsumers } from '../mtree/map/assumed-consumers.js';
import { buildPageMap } from '../mtree/map/build-page-map.js';
import { changedSpaces, type SpaceChanges } from '../mtree/map/changed-spaces.js';
import { type HtmlMapState, htmlMap } from '../mtree/map/html-map.js';
import { mapChangesJson } from '../mtree/map/map-changes-json.js';
import { mapWindow } from '../mtree/map/map-window.js';
import type { PageMap } from '../mtree/map/page-map.js';
import { pageMapJson } from '../mtree/map/page-map-json.js';
import { svgMap } from '../mtree/map/svg-map.js';
import { terminalChangeLines } from '../mtree/map/terminal-changes.js';
import { type TerminalMapOptions, terminalMapLines } from '../mtree/map/terminal-map.js';
import { parseAddress } from './address-argument.js';
import { parseByteSize } from './byte-size.js';
import { chooseSpaces } from './choose-spaces.js';
import { Progress } from './progress.js';
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
}

/**
 * Draws the stack of an address space, or what changed in it from one input to another one. The answer is no where
 * nothing shows, or nothing changed.
 */
export async function drawMap(
  session: Session,
  input: string,
  later: string | undefined,
  options: MapOptions,
): Promise<number> {
  const state = { title: titleOf(input), map: await readMap(session, input, options) };
  if (later === undefined) return drawState(session, state, options);
  const after = { title: titleOf(later), map: await readMap(session, later, options) };
  return drawChanges(session, state, after, options);
}

async function drawState(
  session: Session,
  state: HtmlMapState,
  options: MapOptions,
): Promise<number> {
  const { map } = state;
  const { html, svg, json } = options;
  if (html !== undefined) await writeWhole(html, htmlMap([state]));
  if (svg !== undefined) await writeWhole(svg, svgMap(map));
  if (json) await session.printJson(pageMapJson(map));
  else if (html === undefined && svg === undefined) {
    await session.out.print(terminalMapLines(map, terminalOptions(session, options)));
  }
  return map.spaces.some(({ ranges }) => ranges.length > 0) ? exitCode.ok : exitCode.no;
}

async function drawChanges(
  session: Session,
  before: HtmlMapState,
  after: HtmlMapState,
  { html, svg, json }: MapOptions,
): Promise<number> {
  if (svg !== undefined) {
    throw new FlatviewError('ERR_INVALID_ARGUMENT', '--svg is of one input, not of two');
  }
  if (html !== undefined) await writeWhole(html, htmlMap([before, after]));
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

function readMap(session: Session, input: string, options: MapOptions): Promise<PageMap> {
  const pageSize = parseByteSize(options.pageSize ?? '4K');
  const window = {
    first: parseAddress(options.from ?? '0'),
    last: options.to === undefined ? lastAddress : parseAddress(options.to),
  };
  if (window.first > window.last) {
    throw new FlatviewError('ERR_INVALID_ARGUMENT', '--from is behind --to');
  }
  const consumers = assumedConsumers(pageSize);
  return session.withTopology(input, ({ addressSpaces }) => {
    const progress = new Progress(session.err, 'regions placed');
    const onProgress = (placed: number) => progress.show(placed);
    // A page has room for all of them.
    const isAll = options.html !== undefined && options.as === undefined;
    const spaces = isAll ? addressSpaces : chooseSpaces(addressSpaces, options.as);
    const map = buildPageMap(spaces, { pageSize, consumers, onProgress });
    progress.end();
    return Promise.resolve(mapWindow(map, window));
  });
}

function titleOf(input: string): string {
  return input === '-' ? 'standard input' : path.basename(input);
}

function terminalOptions(
  session: Session,
  { width, color = 'auto' }: MapOptions,
): TerminalMapOptions {
  const columns = width === undefined ? (session.out.columns ?? 100) : Number(width);
  if (!Number.isInteger(columns) || columns < 40 || columns > 10_000) {
    throw new FlatviewError('ERR_INVALID_ARGUMENT', `--width is ${width}: not 40 to 10000`);
  }
  const colours: Readonly<Record<string, boolean>> = {
    auto: session.out.isTerminal,
    always: true,
    never: false,
  };
  const colour = colours[color];
  if (colour !== undefined) return { width: columns, colour };
  const message = `--color is "${color}": not auto, always or never`;
  throw new FlatviewError('ERR_INVALID_ARGUMENT', message);
}
