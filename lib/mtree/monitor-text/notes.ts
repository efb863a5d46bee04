/**
 * What a text doesn't tell well enough to rebuild a tree from it.
 *
 * - `ignored-line`: the line is none of the monitor's, and was left out.
 * - `disabled-missing`: nothing is marked as disabled, so such regions are missing unless there are none.
 * - `hidden-region`: what is below a disabled region was printed, the region itself was not.
 * - `missing-target`: the text has no block for what an alias shows.
 * - `ambiguous-target`: several regions have the name that an alias shows.
 * - `ambiguous-twin`: a block may be that of several regions that look the same.
 * - `sibling-order`: siblings of equal priority overlap, and who is on top was not printed.
 * - `container-or-io`: `i/o` is printed for a container too.
 * - `readonly-alias`: that an alias is read-only is not printed.
 * - `size-0-or-1`: size 0 is printed like size 1.
 * - `view-mismatch`: the tree doesn't render to the flat view that the text has.
 * - `gave-up`: there was too much to find out.
 */
export type NoteCode =
  | 'ignored-line'
  | 'disabled-missing'
  | 'hidden-region'
  | 'missing-target'
  | 'ambiguous-target'
  | 'ambiguous-twin'
  | 'sibling-order'
  | 'container-or-io'
  | 'readonly-alias'
  | 'size-0-or-1'
  | 'view-mismatch'
  | 'gave-up';

/** Notes about guesses, which flat views can confirm. */
const guesses: ReadonlySet<NoteCode> = new Set<NoteCode>([
  'disabled-missing',
  'ambiguous-target',
  'ambiguous-twin',
  'sibling-order',
  'container-or-io',
  'readonly-alias',
  'size-0-or-1',
]);

/** Something to be said about a line of the input. */
export interface Note {
  /** Stable code of what was noticed. */
  readonly code: NoteCode;
  /** Counted from 1. */
  readonly line: number;
  /** The same for people. */
  readonly message: string;
  /** Whether it is about a guess, and the tree renders to all flat views of the text: nothing visible depends on it. */
  readonly confirmed: boolean;
}

/** How many notes of one code are kept; the rest is counted. */
const noteLimit = 20;

/** Collects notes. A text can give reason for millions of them: of each code the first ones are kept. */
export class Notes {
  readonly #kept: Omit<Note, 'confirmed'>[] = [];
  readonly #counts = new Map<NoteCode, number>();

  add(code: NoteCode, line: number, message: string): void {
    const count = (this.#counts.get(code) ?? 0) + 1;
    this.#counts.set(code, count);
    if (count <= noteLimit) this.#kept.push({ code, line, message });
  }

  /** The notes in the order of their lines; where some were left out, the last one of the code says how many. */
  list(agrees: boolean): Note[] {
    const last = new Map(this.#kept.map((note) => [note.code, note]));
    const notes = this.#kept.map((note) => {
      const left = (this.#counts.get(note.code) ?? 0) - noteLimit;
      const more = left > 0 && last.get(note.code) === note ? ` (and ${left} more like this)` : '';
      const confirmed = agrees && guesses.has(note.code);
      return { ...note, message: note.message + more, confirmed };
    });
    return notes.sort((a, b) => a.line - b.line);
  }
}
