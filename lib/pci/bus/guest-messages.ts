/** Where something happened: a region, a function. */
export interface MessageSubject {
  /** What messages call it. */
  readonly name: string;
}

/** Something that a guest has caused, for an embedder's log. */
export interface GuestMessage {
  /** Where it happened. */
  readonly subject: MessageSubject;
  /** Stable code of what happened. */
  readonly code: string;
  /** The same for people. */
  readonly text: string;
  /** How many messages of this subject were left out since the last one that wasn't. */
  readonly leftOut: number;
}

/** How many messages get through. */
export interface GuestMessageOptions {
  /** Messages of each subject that get through within {@link interval}. Default: 10, as Linux (DEFAULT_RATELIMIT_BURST). */
  readonly burst?: number;
  /** Milliseconds. Default: 5000 (DEFAULT_RATELIMIT_INTERVAL). */
  readonly interval?: number;
  /** The time in milliseconds, from any start. Default: `performance.now`. */
  readonly now?: () => number;
}

/** What is known of one subject. */
interface Record {
  since: number;
  passed: number;
  leftOut: number;
  readonly counts: Map<string, number>;
}

/**
 * Messages that a guest can cause as often as it likes: of each region or function a few get through in an interval, the others are
 * only counted. A text is made only for a message that gets through.
 *
 * @example
 * ```ts
 * import {
 *   type GuestMessage,
 *   type GuestMessageOptions,
 *   GuestMessages,
 *   type MessageSubject,
 * } from 'flatview/pci';
 *
 * let milliseconds = 0;
 * const options: GuestMessageOptions = { burst: 2, interval: 5000, now: () => milliseconds };
 * const log: GuestMessage[] = [];
 * const messages = new GuestMessages((message) => log.push(message), options);
 *
 * const bar: MessageSubject = { name: 'BAR 2 of 0000:05:00.0' };
 * const fail = () => messages.say(bar, 'device-access-failed', () => `${bar.name}: EIO`);
 * for (let i = 0; i < 100; i++) fail();
 * log.length; // => 2
 * messages.counts(bar).get('device-access-failed'); // => 100
 *
 * milliseconds = 5000;
 * fail();
 * log.at(-1)?.leftOut; // => 98
 * ```
 */
export class GuestMessages {
  readonly #sink: (message: GuestMessage) => void;
  readonly #burst: number;
  readonly #interval: number;
  readonly #now: () => number;
  readonly #records = new WeakMap<MessageSubject, Record>();

  /** @param sink Takes what gets through; by default nobody does. */
  constructor(sink: (message: GuestMessage) => void = ignore, options: GuestMessageOptions = {}) {
    const { burst = 10, interval = 5000, now = () => performance.now() } = options;
    this.#sink = sink;
    this.#burst = burst;
    this.#interval = interval;
    this.#now = now;
  }

  /** Something has happened. */
  say(subject: MessageSubject, code: string, text: () => string): void {
    const now = this.#now();
    const record = this.#recordOf(subject, now);
    record.counts.set(code, (record.counts.get(code) ?? 0) + 1);
    if (now - record.since >= this.#interval) {
      record.since = now;
      record.passed = 0;
    }
    if (record.passed >= this.#burst) {
      record.leftOut++;
      return;
    }
    const { leftOut } = record;
    record.passed++;
    record.leftOut = 0;
    this.#sink({ subject, code, text: text(), leftOut });
  }

  /** How often each has happened there, whether or not its message got through. */
  counts(subject: MessageSubject): ReadonlyMap<string, number> {
    return new Map(this.#records.get(subject)?.counts);
  }

  #recordOf(subject: MessageSubject, now: number): Record {
    let record = this.#records.get(subject);
    if (record === undefined) {
      record = { since: now, passed: 0, leftOut: 0, counts: new Map() };
      this.#records.set(subject, record);
    }
    return record;
  }
}

function ignore(): void {
  // Nobody is interested.
}
