import { hex } from '../address.js';
import { FlatviewError } from '../errors.js';
import { listenerName, type MemoryListener } from './memory-listener.js';
import { MemoryRegionSection } from './section.js';

/** The callbacks of a listener that come with arguments and can be taken back by another one. */
const opposite = {
  regionAdd: 'regionDel',
  regionDel: 'regionAdd',
  logStart: 'logStop',
  logStop: 'logStart',
  logGlobalStart: 'logGlobalStop',
  logGlobalStop: 'logGlobalStart',
  eventfdAdd: 'eventfdDel',
  eventfdDel: 'eventfdAdd',
  coalescedIoAdd: 'coalescedIoDel',
  coalescedIoDel: 'coalescedIoAdd',
} as const;

type Undoable = keyof typeof opposite;
/** The callbacks that leave nothing to take back. */
type Harmless = 'regionNop' | 'logSync' | 'logClear';
type Callback = Undoable | Harmless | 'begin' | 'commit';
type Arguments<Name extends Callback> = Parameters<Required<MemoryListener>[Name]>;

type AnyCallback = (this: MemoryListener, ...args: unknown[]) => unknown;

interface Call {
  readonly listener: MemoryListener;
  readonly name: Undoable;
  readonly args: readonly unknown[];
}

/** From low priority to high, or the other way. */
export type Direction = 'forward' | 'reverse';

/** What listeners are told in one commit, remembered so that it can be taken back. */
export class Notification {
  readonly #calls: Call[] = [];
  /** Listeners between their `begin` and their `commit`. */
  readonly #begun = new Set<MemoryListener>();
  /** Listeners whose `commit` has returned. */
  readonly #done = new Set<MemoryListener>();
  /** Listeners whose `commit` threw: they have forgotten the whole batch, all since their `begin`. */
  readonly #forgot = new Set<MemoryListener>();
  #callsBeforeBegin = 0;

  /** Calls `begin` of all, lowest priority first. At most once. */
  begin(listeners: readonly MemoryListener[]): void {
    this.#callsBeforeBegin = this.#calls.length;
    for (const listener of listeners) {
      this.#call(listener, 'begin', []);
      this.#begun.add(listener);
    }
  }

  /** Calls `commit` of all, lowest priority first. */
  commit(listeners: readonly MemoryListener[]): void {
    for (const listener of listeners) {
      this.#begun.delete(listener);
      this.#forgot.add(listener);
      this.#call(listener, 'commit', []);
      this.#forgot.delete(listener);
      this.#done.add(listener);
    }
  }

  /** Calls one callback of all. `listeners` are in order of ascending priority. */
  tell<Name extends Undoable | Harmless>(
    listeners: readonly MemoryListener[],
    direction: Direction,
    name: Name,
    ...args: Arguments<Name>
  ): void {
    const count = listeners.length;
    for (let i = 0; i < count; i++) {
      const listener = listeners[direction === 'forward' ? i : count - 1 - i];
      if (listener?.[name] === undefined) continue;
      this.#call(listener, name, args);
      if (name in opposite) this.#calls.push({ listener, name: name as Undoable, args });
    }
  }

  /**
   * Tells all the opposite of what they were told, the last thing first, and goes on when a listener throws again.
   *
   * @returns What was thrown meanwhile.
   */
  undo(): unknown[] {
    const failures: unknown[] = [];
    const attempt = (listener: MemoryListener, name: Callback, args: readonly unknown[]): void => {
      try {
        this.#call(listener, name, args);
      } catch (error) {
        failures.push(error);
      }
    };
    for (const listener of this.#done) attempt(listener, 'begin', []);
    const batch = this.#calls.splice(this.#callsBeforeBegin);
    const remembered = batch.filter(({ listener }) => !this.#forgot.has(listener));
    for (const { listener, name, args } of [...this.#calls, ...remembered].reverse()) {
      attempt(listener, opposite[name], oppositeArguments(name, args));
    }
    for (const listener of [...this.#done, ...this.#begun]) attempt(listener, 'commit', []);
    return failures;
  }

  #call(listener: MemoryListener, name: Callback, args: readonly unknown[]): void {
    try {
      (listener[name] as AnyCallback | undefined)?.apply(listener, [...args]);
    } catch (cause) {
      throw failure(listener, name, args, cause);
    }
  }
}

function oppositeArguments(name: Undoable, args: readonly unknown[]): readonly unknown[] {
  if (name !== 'logStart' && name !== 'logStop') return args;
  const [section, oldMask, newMask] = args;
  return [section, newMask, oldMask];
}

function failure(
  listener: MemoryListener,
  callback: Callback,
  args: readonly unknown[],
  cause: unknown,
): FlatviewError {
  const who = listenerName(listener);
  const [section] = args;
  const where =
    section instanceof MemoryRegionSection
      ? ` for ${hex(section.address)}-${hex(section.last)} (region "${section.region.name}" in address space "${section.addressSpace.name}")`
      : '';
  const why = cause instanceof Error ? cause.message : String(cause);
  const kernel = cause instanceof FlatviewError ? kernelDetails(cause) : {};
  return new FlatviewError('ERR_LISTENER_FAILED', `${who}: ${callback} failed${where}: ${why}`, {
    cause,
    listener: who,
    ...kernel,
  });
}

function kernelDetails({ errno, syscall }: FlatviewError): { errno?: string; syscall?: string } {
  return {
    ...(errno === undefined ? {} : { errno }),
    ...(syscall === undefined ? {} : { syscall }),
  };
}
