import { FlatviewError } from '../../errors.js';
import type { AddressSpace } from '../address-space.js';
import { listenerName, type MemoryListener } from './memory-listener.js';

interface Entry {
  readonly listener: MemoryListener;
  readonly priority: number;
  /** Place in the order of registration. */
  readonly order: number;
}

/** Those who hear something, in both orders in which they are told. */
export interface Audience {
  /** Lowest priority first; among equals who was added first. */
  readonly ascending: readonly MemoryListener[];
  /** The other way round. */
  readonly descending: readonly MemoryListener[];
}

const nobody: Audience = audience([]);

/** Who listens to what. */
export class ListenerRegistry {
  readonly #everywhere = new Map<MemoryListener, Entry>();
  readonly #bySpace = new Map<AddressSpace, Map<MemoryListener, Entry>>();
  /** Made when they are asked for. */
  readonly #ofSpace = new Map<AddressSpace, Audience>();
  #all: Audience | undefined;
  #order = 0;

  /** Every listener, once. */
  get all(): Audience {
    this.#all ??= audience([
      ...this.#everywhere.values(),
      ...[...this.#bySpace.values()].flatMap((entries) => [...entries.values()]),
    ]);
    return this.#all;
  }

  /** Those who hear of changes in `space`. */
  of(space: AddressSpace): Audience {
    const known = this.#ofSpace.get(space);
    if (known !== undefined) return known;
    const own = this.#bySpace.get(space);
    if (own === undefined && this.#everywhere.size === 0) return nobody;
    const listeners = audience([...this.#everywhere.values(), ...(own?.values() ?? [])]);
    this.#ofSpace.set(space, listeners);
    return listeners;
  }

  /**
   * Adds `listener` for one address space, or for all.
   *
   * @throws `ERR_LISTENER_REGISTERED`, `ERR_INVALID_ARGUMENT`: its priority is not a finite number.
   */
  add(listener: MemoryListener, space: AddressSpace | undefined): void {
    const { priority = 0 } = listener;
    const name = listenerName(listener);
    if (!Number.isFinite(priority)) {
      throw new FlatviewError('ERR_INVALID_ARGUMENT', `priority of ${name} is ${priority}`);
    }
    const taken = space === undefined ? this.all : this.of(space);
    if (taken.ascending.includes(listener)) {
      const where = space?.label ?? 'an address space';
      throw new FlatviewError('ERR_LISTENER_REGISTERED', `${name} listens to ${where} already`);
    }
    this.#entriesOf(space).set(listener, { listener, priority, order: this.#order++ });
    this.#forget(space);
  }

  /** @throws `ERR_LISTENER_REGISTERED`: it is not registered so. */
  assertAdded(listener: MemoryListener, space: AddressSpace | undefined): void {
    const entries = space === undefined ? this.#everywhere : this.#bySpace.get(space);
    if (entries?.has(listener)) return;
    const where = space?.label ?? 'all address spaces';
    throw new FlatviewError(
      'ERR_LISTENER_REGISTERED',
      `${listenerName(listener)} does not listen to ${where}`,
    );
  }

  /** Takes back what {@link add} did with the same arguments. */
  remove(listener: MemoryListener, space: AddressSpace | undefined): void {
    const entries = this.#entriesOf(space);
    entries.delete(listener);
    if (space !== undefined && entries.size === 0) this.#bySpace.delete(space);
    this.#forget(space);
  }

  /** Drops all who listen to `space` alone, which is gone. */
  drop(space: AddressSpace): void {
    this.#bySpace.delete(space);
    this.#forget(space);
  }

  #entriesOf(space: AddressSpace | undefined): Map<MemoryListener, Entry> {
    if (space === undefined) return this.#everywhere;
    const entries = this.#bySpace.get(space) ?? new Map<MemoryListener, Entry>();
    this.#bySpace.set(space, entries);
    return entries;
  }

  #forget(space: AddressSpace | undefined): void {
    this.#all = undefined;
    if (space === undefined) this.#ofSpace.clear();
    else this.#ofSpace.delete(space);
  }
}

/** The listeners of `entries`, each once. Not frozen: a loop over a frozen array is much slower. */
function audience(entries: readonly Entry[]): Audience {
  const inOrder = entries.toSorted((a, b) => a.priority - b.priority || a.order - b.order);
  const ascending = [...new Set(inOrder.map(({ listener }) => listener))];
  return { ascending, descending: ascending.toReversed() };
}
