import { outOfRange, uint32, wrongState } from './arguments.js';

const indexBits = 22;
const indexMask = 2 ** indexBits - 1;
const maxGeneration = 2 ** (32 - indexBits) - 1;

interface Slot<T> {
  object: T | undefined;
  generation: number;
}

/**
 * Gives out handles of 32 bits, as native/binding/handle_table.h does: a place, and above it how often that has been
 * taken, so that a handle kept too long is told apart from the place's next tenant.
 */
export class HandleTable<T extends object> {
  readonly #slots: Slot<T>[] = [];
  readonly #free: number[] = [];

  add(object: T): number {
    const index = this.#free.pop() ?? this.#slots.length;
    if (index > indexMask) throw wrongState('too many handles are live');
    const slot = this.#slots[index] ?? { object, generation: 1 };
    slot.object = object;
    this.#slots[index] = slot;
    return slot.generation * 2 ** indexBits + index;
  }

  /** What the handle stands for, which argument `position` of a call is. */
  get(handle: unknown, position: number): T {
    const number = uint32(handle, position);
    const slot = this.#slots[number & indexMask];
    if (slot?.object !== undefined && slot.generation === number >>> indexBits) return slot.object;
    throw outOfRange(position, 'is not a live handle');
  }

  /** Takes the object away from its handle, which argument 1 of a call is. */
  remove(handle: unknown): T {
    const object = this.get(handle, 1);
    const index = uint32(handle, 1) & indexMask;
    const slot = this.#slots[index];
    if (slot !== undefined) {
      slot.object = undefined;
      slot.generation = slot.generation === maxGeneration ? 1 : slot.generation + 1;
    }
    this.#free.push(index);
    return object;
  }
}
