import type { GatheredEdits } from './gather-edits.js';
import { sortEdits } from './sort-edits.js';
import { editsLine } from './write-recording.js';

/** So many characters are gathered before they go to the sink. */
const enough = 1 << 16;

/** About so long is what is written of a region that was placed, which most steps consist of. */
const typicalLength = 48;

interface WaitingStep {
  readonly time: number;
  readonly edits: GatheredEdits;
}

/**
 * The end of a recording that its sink hasn't got yet. Steps wait as references to states, of which the tree would have
 * let go; so only so many wait as make a part of the file.
 */
export class WaitingLines {
  #lines: (string | WaitingStep)[] = [];
  #length = 0;

  /** Whether there is enough for a part of the file. */
  get isEnough(): boolean {
    return this.#length >= enough;
  }

  /** Appends whole lines. */
  addText(lines: string): void {
    this.#lines.push(lines);
    this.#length += lines.length;
  }

  /** @param time Milliseconds since the beginning. */
  addStep(time: number, edits: GatheredEdits): void {
    this.#lines.push({ time, edits });
    this.#length += (edits.edited.length + edits.made.length + 1) * typicalLength;
  }

  /** The text of all that waits, which it forgets. */
  take(): string {
    let text = '';
    for (const line of this.#lines) {
      text += typeof line === 'string' ? line : editsLine(line.time, sortEdits(line.edits));
    }
    this.clear();
    return text;
  }

  clear(): void {
    this.#lines = [];
    this.#length = 0;
  }
}
