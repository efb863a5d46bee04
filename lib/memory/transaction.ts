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

interface BeforeImage {
  readonly subject: Editable<unknown>;
  readonly state: unknown;
}

/** Who ends a transaction: the function that runs a body or makes an edit, or whoever called `begin`. */
export type EndedBy = 'body' | 'caller';

/** As many images are searched one by one: most transactions edit one object, and a Map costs more than that. */
const maxSearched = 8;

/** The first image of each of some objects. */
class BeforeImages {
  readonly inOrder: BeforeImage[] = [];
  #bySubject: Map<unknown, BeforeImage> | undefined;

  of(subject: unknown): BeforeImage | undefined {
    if (this.#bySubject !== undefined) return this.#bySubject.get(subject);
    for (const image of this.inOrder) if (image.subject === subject) return image;
    return undefined;
  }

  /** Adds an image, unless there is one of its subject. */
  add(image: BeforeImage): void {
    if (this.of(image.subject) !== undefined) return;
    this.inOrder.push(image);
    if (this.inOrder.length > maxSearched) this.#bySubject ??= this.#index();
    this.#bySubject?.set(image.subject, image);
  }

  #index(): Map<unknown, BeforeImage> {
    return new Map(this.inOrder.map((image) => [image.subject, image]));
  }
}

interface Savepoint {
  readonly endedBy: EndedBy;
  readonly before: BeforeImages;
  /** What was pending when the savepoint was set. */
  readonly pending: Effect;
}

/**
 * The open transactions, outermost first, and what they must put back. Each remembers the state that every edited
 * object had when the transaction began; states are immutable values, so that is one reference an object.
 */
export class TransactionLog {
  readonly #savepoints: Savepoint[] = [];
  #pending: Effect = effects.row;

  /** How many transactions are open, one within the other. */
  get depth(): number {
    return this.#savepoints.length;
  }

  /** What the edits so far make necessary. */
  get pending(): Effect {
    return this.#pending;
  }

  /** Who ends the innermost transaction; `undefined` where none is open. */
  get endedBy(): EndedBy | undefined {
    return this.#savepoints.at(-1)?.endedBy;
  }

  begin(endedBy: EndedBy): void {
    this.#savepoints.push({ endedBy, before: new BeforeImages(), pending: this.#pending });
  }

  /** Makes `next` the state of `subject`, within the innermost transaction. */
  edit<State>(subject: Editable<State>, next: State, effect: Effect): void {
    const before = this.#savepoints.at(-1)?.before;
    before?.add({ subject: subject as Editable<unknown>, state: subject.state });
    subject.apply(next);
    this.#pending |= effect;
  }

  /** The state of `subject` before the innermost transaction. */
  before<State>(subject: Editable<State>): State {
    const image = this.#savepoints.at(-1)?.before.of(subject);
    return image === undefined ? subject.state : (image.state as State);
  }

  /** Closes the innermost transaction and keeps its edits: they are the enclosing one's now. */
  keep(): void {
    const inner = this.#savepoints.pop();
    const outer = this.#savepoints.at(-1);
    if (inner === undefined) return;
    if (outer === undefined) {
      this.#pending = effects.row;
      return;
    }
    for (const image of inner.before.inOrder) outer.before.add(image);
  }

  /** Closes the innermost transaction and takes its edits back, the last one first. */
  undo(): void {
    const inner = this.#savepoints.pop();
    if (inner === undefined) return;
    for (const { subject, state } of inner.before.inOrder.reverse()) subject.apply(state);
    this.#pending = inner.pending;
  }
}
