import { lastAddress } from '../address.js';
import { FlatviewError } from '../errors.js';
import { assumedConsumers } from '../mtree/map/assumed-consumers.js';
import { buildPageMap } from '../mtree/map/build-page-map.js';
import { mapWindow } from '../mtree/map/map-window.js';
import type { PageMap } from '../mtree/map/page-map.js';
import { pageMapJson } from '../mtree/map/page-map-json.js';
import { type TerminalMapOptions, terminalMapLines } from '../mtree/map/terminal-map.js';
import { parseAddress } from './address-argument.js';
import { parseByteSize } from './byte-size.js';
import { chooseSpaces } from './choose-spaces.js';
import { Progress } from './progress.js';
import { exitCode, type Session } from './session.js';

/** Options of `flatview map`. */
export interface MapOptions {
  readonly as?: string;
  readonly from?: string;
  readonly to?: string;
  readonly pageSize?: string;
  readonly width?: string;
  readonly color?: string;
  readonly json?: boolean;
}

/** Draws the stack of each address space. The answer is no where nothing shows. */
export async function drawMap(
  session: Session,
  input: string,
  options: MapOptions,
): Promise<number> {
  const map = await readMap(session, input, options);
  if (options.json) await session.printJson(pageMapJson(map));
  else await session.out.print(terminalMapLines(map, terminalOptions(session, options)));
  return map.spaces.some(({ ranges }) => ranges.length > 0) ? exitCode.ok : exitCode.no;
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
    const spaces = chooseSpaces(addressSpaces, options.as);
    const map = buildPageMap(spaces, { pageSize, consumers, onProgress });
    progress.end();
    return Promise.resolve(mapWindow(map, window));
  });
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
