// Listeners that write down what they hear, in one list, so that the order among them shows.

import type { IoEventFd, MemoryListener, MemoryRegionSection } from '../../lib/index.js';
import { hex, rangeLine } from './view-lines.js';

type CallbackName = Exclude<keyof MemoryListener, 'name' | 'priority'>;

export interface LoggedListener {
  readonly name: string;
  readonly priority?: number;
  /** The only callbacks it has; all but `regionNop` and `logSync` unless given. */
  readonly only?: readonly CallbackName[];
  /** Called before a call is written down; may throw. */
  readonly before?: (callback: CallbackName) => void;
}

const USUAL: readonly CallbackName[] = [
  'begin',
  'commit',
  'regionAdd',
  'regionDel',
  'logStart',
  'logStop',
  'logGlobalStart',
  'logGlobalStop',
  'eventfdAdd',
  'eventfdDel',
  'coalescedIoAdd',
  'coalescedIoDel',
];

export class CallLog {
  #calls: string[] = [];

  /** Makes a listener whose calls are written down as `name callback arguments`. */
  listener({ name, priority = 0, only = USUAL, before }: LoggedListener): MemoryListener {
    const write =
      (callback: CallbackName) =>
      (...args: readonly unknown[]): void => {
        before?.(callback);
        this.#calls.push([name, callback, ...args.map(argument)].join(' '));
      };
    const callbacks = Object.fromEntries(only.map((callback) => [callback, write(callback)]));
    return { name, priority, ...callbacks };
  }

  /** What was heard since the last time. */
  take(): string[] {
    const calls = this.#calls;
    this.#calls = [];
    return calls;
  }
}

function argument(value: unknown): string {
  if (typeof value === 'bigint') return hex(value);
  if (typeof value !== 'object' || value === null) return String(value);
  if ('fd' in value) return eventfd(value as IoEventFd);
  return rangeLine(value as MemoryRegionSection);
}

function eventfd({ address, size, data, fd }: IoEventFd): string {
  const matched = data === undefined ? 'any' : hex(data);
  return `${hex(address)}/${size}=${matched} fd${fd}`;
}
