import { lastAddress, wholeRange } from '../address.js';
import { FlatviewError } from '../errors.js';

/**
 * A value of a parsed JSON document that knows its path, so that a reader that expects something else can say where.
 * Every reader throws `ERR_MALFORMED_INPUT` with the path and the reason.
 */
export class JsonValue {
  readonly #value: unknown;
  readonly #parent: JsonValue | undefined;
  readonly #key: string | number;

  constructor(value: unknown, parent?: JsonValue, key: string | number = '') {
    this.#value = value;
    this.#parent = parent;
    this.#key = key;
  }

  /** The member `name` of an object, which must be there. */
  member(name: string): JsonValue {
    return this.optional(name) ?? this.#child(undefined, name).fail('is missing');
  }

  /** The member `name` of an object; undefined where it is absent or null. */
  optional(name: string): JsonValue | undefined {
    const object = this.#value;
    if (typeof object !== 'object' || object === null || Array.isArray(object)) {
      this.fail(`is ${described(object)}, not an object`);
    }
    const value = Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : null;
    return value === null || value === undefined ? undefined : this.#child(value, name);
  }

  /** The elements of an array. */
  elements(): JsonValue[] {
    if (!Array.isArray(this.#value)) this.fail(`is ${described(this.#value)}, not an array`);
    return this.#value.map((element, index) => this.#child(element, index));
  }

  string(): string {
    if (typeof this.#value !== 'string') this.fail(`is ${described(this.#value)}, not a string`);
    return this.#value;
  }

  boolean(): boolean {
    if (typeof this.#value !== 'boolean') this.fail(`is ${described(this.#value)}, not a boolean`);
    return this.#value;
  }

  /** One of the strings of `choices`. */
  oneOf<T extends string>(choices: readonly T[]): T {
    const text = this.string();
    const choice = choices.find((one) => one === text);
    return choice ?? this.fail(`is "${text}", not one of ${choices.join(', ')}`);
  }

  /** Any finite number. */
  number(): number {
    const value = this.#value;
    if (typeof value !== 'number') this.fail(`is ${described(value)}, not a number`);
    return value;
  }

  /** An integer between `low` and `high`, both included. */
  integer(low: number, high: number): number {
    const value = this.#value;
    if (typeof value !== 'number') this.fail(`is ${described(value)}, not a number`);
    if (!Number.isInteger(value) || value < low || value > high) {
      this.fail(`is ${value}, not an integer of ${low} to ${high}`);
    }
    return value + 0; // -0 is 0
  }

  /** A 64-bit address or offset. */
  address(): bigint {
    return this.#unsigned(lastAddress);
  }

  /** A size of 0 to 2^64. */
  size(): bigint {
    return this.#unsigned(wholeRange);
  }

  /** @throws `ERR_MALFORMED_INPUT` with this value's path and `reason`. */
  fail(reason: string): never {
    throw new FlatviewError('ERR_MALFORMED_INPUT', `${this.path()} ${reason}`);
  }

  /** Where the value is, such as `regions[12].size`. */
  path(): string {
    const parent = this.#parent;
    if (parent === undefined) return 'the document';
    if (typeof this.#key === 'number') return `${parent.path()}[${this.#key}]`;
    return parent.#parent === undefined ? this.#key : `${parent.path()}.${this.#key}`;
  }

  #child(value: unknown, key: string | number): JsonValue {
    return new JsonValue(value, this, key);
  }

  #unsigned(highest: bigint): bigint {
    const number = this.#bigint();
    if (number < 0n || number > highest) {
      this.fail(`is ${String(this.#value)}, outside 0 to 0x${highest.toString(16)}`);
    }
    return number;
  }

  #bigint(): bigint {
    const value = this.#value;
    if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
    if (typeof value === 'string' && /^0x[0-9a-f]{1,20}$/i.test(value)) return BigInt(value);
    return this.fail(`is ${described(value)}, not a hexadecimal string ("0x...") or an integer`);
  }
}

function described(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'string')
    return `"${value.length > 40 ? `${value.slice(0, 40)}...` : value}"`;
  return String(value);
}
