import type { CommitEdit } from './commit-observer.js';

/** What an edit makes necessary at commit; combined by `|`. */
export const effects = {
  /** Nothing but that the engine learns of it in time. */
  row: 0,
  /** Flat views are rendered anew. */
  memory: 1,
  /** The ioeventfds that listeners know are compared with those that show. */
  ioeventfds: 2,
} as const;

/** Some of {@link effects}. */
export type Effect = number;

/** Something whose state a transaction can put back. */
export interface Editable<State> {
  readonly state: State;
  /** Makes `state` the present one. */
  apply(state: State): void;
}

/** Who ends a transaction: the function that runs a body or makes an edit, or whoever called `begin`. */
export type EndedBy = 'body' | 'caller';

/** The state of an edited object when a transaction began. */
interface BeforeImage extends CommitEdit {
  readonly subject: Editable<unknown>;
  /** The one that was remembered before this one, in the same transaction. */
  readonly earlier: BeforeImage | undefined;
}

/** From so many images on there is an index: most transactions edit one object, and a Map costs more than that. */
const minIndexed = 8;

/** An open transaction, with the first image of each object that it edits. */
class Savepoint {
  /** How many transactions are open, down to this one. */
  readonly depth: number;
  readonly outer: Savepoint | undefined;
  readonly endedBy: EndedBy;
  /** What was pending when the transaction began. */
  readonly pending: Effect;
  #latest: BeforeImage | undefined;
  #count = 0;
  #bySubject: Map<unknown, BeforeImage> | undefined;

  constructor(outer: Savepoint | undefined, endedBy: EndedBy, pending: Effect) {
    this.depth = (outer?.depth ?? 0) + 1;
    this.outer = outer;
    this.endedBy = endedBy;
    this.pending = pending;
  }

  imageOf(subject: unknown): BeforeImage | undefined {
    if (this.#bySubject !== undefined) return this.#bySubject.get(subject);
    let image = this.#latest;
    while (image !== undefined && image.subject !== subject) image = image.earlier;
    return image;
  }

  /** Remembers that `subject` had `state`, unless it is known what it had before that. */
  remember(subject: Editable<unknown>, state: unknown): void {
    if (this.imageOf(subject) !== undefined) return;
    this.#latest = { subject, state, earlier: this.#latest };
    this.#count++;
    if (this.#count === minIndexed) this.#bySubject = this.#index();
    else this.#bySubject?.set(subject, this.#latest);
  }

  /** One image of each object, the latest first. */
  images(): readonly BeforeImage[] {
    const images: BeforeImage[] = [];
    for (let at = this.#latest; at !== undefined; at = at.earlier) images.push(at);
    return images;
  }

  #index(): Map<unknown, BeforeImage> {
    return new Map(this.images().map((image) => [image.subject, image]));
  }
}

/**
 * The open transactions, one within the other, and what they must put back. Each remembers the state that every edited
 * object had when the transaction began; states are immutable values, so that is one reference an object.
 */
export class TransactionLog {
  #innermost: Savepoint | undefined;
  #pending: Effect = effects.row;

  /** How many transactions are open, one within the other. */
  get depth(): number {
    return this.#innermost?.depth ?? 0;
  }

  /** What the edits so far make necessary. */
  get pending(): Effect {
    return this.#pending;
  }

  /** Who ends the innermost transaction; `undefined` where none is open. */
  get endedBy(): EndedBy | undefined {
    return this.#innermost?.endedBy;
  }

  begin(endedBy: EndedBy): void {
    this.#innermost = new Savepoint(this.#innermost, endedBy, this.#pending);
  }

  /** Makes `next` the state of `subject`, within the innermost transaction. */
  edit<State>(subject: Editable<State>, next: State, effect: Effect): void {
    this.#innermost?.remember(subject as Editable<unknown>, subject.state);
    subject.apply(next);
    this.#pending |= effect;
  }

  /** The state of `subject` before the innermost transaction. */
  before<State>(subject: Editable<State>): State {
    const image = this.#innermost?.imageOf(subject);
    return image === undefined ? subject.state : (image.state as State);
  }

  /** What the innermost transaction edited, and the states before it; stays as it is when the transaction is over. */
  get edits(): readonly CommitEdit[] {
    return this.#innermost?.images() ?? [];
  }

  /** Closes the innermost transaction and keeps its edits: they are the enclosing one's now. */
  keep(): void {
    const inner = this.#innermost;
    const outer = inner?.outer;
    this.#innermost = outer;
    if (outer === undefined) this.#pending = effects.row;
    else for (const { subject, state } of inner?.images() ?? []) outer.remember(subject, state);
  }

  /** Closes the innermost transaction and takes its edits back. Their order is no matter: states are put back whole. */
  undo(): void {
    const inner = this.#innermost;
    if (inner === undefined) return;
    this.#innermost = inner.outer;
    for (const { subject, state } of inner.images()) subject.apply(state);
    this.#pending = inner.pending;
  }
}
