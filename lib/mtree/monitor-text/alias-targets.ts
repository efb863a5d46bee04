import { wholeRange } from '../../address.js';
import { type Dump, unprintedLine } from './dump.js';
import type { AliasReading } from './line-names.js';
import type { Notes } from './notes.js';
import { TextRegion } from './text-region.js';
import { kindOfType, type TextTree } from './text-tree.js';

/**
 * Finds what each alias shows. A line says only the target's name; but every target has a `memory-region:` block, the
 * blocks stand in the order in which the monitor came upon their first aliases, and an alias has its target's type.
 *
 * @returns regions that had to be made up for targets that the text doesn't show.
 */
export function findAliasTargets(tree: TextTree, dump: Dump, notes: Notes): TextRegion[] {
  const queue = new TargetQueue(tree.targets, dump.showsDisabled);
  const madeUp = new Map<string, TextRegion>();
  for (const alias of new Set(tree.aliases.map(({ region }) => region))) {
    queue.resolve(alias);
    alias.target ??= standIn(alias, madeUp, notes);
    if (alias.candidates.length > 1) noteAmbiguity(alias, notes);
  }
  return [...madeUp.values()];
}

type Target = TextTree['targets'][number];

/** The targets in the order in which the monitor put them into its queue. */
class TargetQueue {
  readonly #byName = new Map<string, Namesakes>();
  readonly #targets: readonly Target[];
  /** Whether all aliases were printed: a target can't be in the queue before one has shown it. */
  readonly #complete: boolean;
  /** How many targets have been seen by an alias so far. */
  #queued = 0;
  /** What an alias leads to: its target, or something behind that. */
  readonly #leadsTo = new Map<TextRegion, TextRegion>();

  constructor(targets: readonly Target[], complete: boolean) {
    this.#targets = targets;
    this.#complete = complete;
    for (const [index, { name }] of targets.entries()) {
      const namesakes = this.#byName.get(name);
      if (namesakes) namesakes.indexes.push(index);
      else this.#byName.set(name, new Namesakes(index));
    }
  }

  /** Gives an alias its target; aliases must come in the order of their lines. */
  resolve(alias: TextRegion): void {
    const readings = alias.line.alias?.readings ?? [];
    const reading = readings.find(({ target }) => this.#byName.has(target)) ?? readings[0];
    if (reading === undefined) return;
    alias.name = reading.name;
    const indexes = this.#plausible(alias, reading);
    const index = this.#likeliest(alias, indexes);
    if (index === undefined) return;
    this.#queued = Math.max(this.#queued, index + 1);
    alias.candidates = indexes.map((at) => this.#region(at));
    alias.target = this.#region(index);
    this.#leadsTo.set(alias, alias.target);
  }

  #region(index: number): TextRegion {
    return (this.#targets[index] as Target).region;
  }

  #plausible(alias: TextRegion, reading: AliasReading): number[] {
    const namesakes = this.#byName.get(reading.target)?.around(this.#queued) ?? [];
    const named = namesakes.filter((index) => this.#endOf(this.#region(index)) !== alias);
    const queued = this.#complete ? named.filter((index) => index <= this.#queued) : named;
    const typed = queued.filter((index) => canShow(alias, this.#region(index)));
    return typed.length > 0 ? typed : named;
  }

  /** Where aliases of aliases lead: an alias that is still without a target, or what is none. */
  #endOf(region: TextRegion): TextRegion {
    let end = region;
    for (let next = this.#leadsTo.get(end); next; next = this.#leadsTo.get(end)) end = next;
    // The next one who asks gets there at once: a chain can be as long as the dump.
    for (let at = region; at !== end; ) {
      const next = this.#leadsTo.get(at) ?? end;
      this.#leadsTo.set(at, end);
      at = next;
    }
    return end;
  }

  /**
   * Among the plausible targets the one that fits best; among equals the next one that no alias has shown yet (its
   * first alias is due), then the one queued last.
   */
  #likeliest(alias: TextRegion, indexes: readonly number[]): number | undefined {
    const due = indexes.filter((index) => index <= this.#queued);
    const choice = due.length > 0 ? due : indexes.slice(0, 1);
    let best = choice.at(-1);
    for (const index of choice.toReversed()) {
      if (fit(alias, this.#region(index)) > fit(alias, this.#region(best ?? index))) best = index;
    }
    return best;
  }
}

/** How many targets of one name are considered on either side of the queue's end. */
const namesakeLimit = 32;

/** Targets of one name, by their places in the queue. */
class Namesakes {
  readonly indexes: number[];
  /** How many of them are in the queue at most. */
  #queued = 0;

  constructor(first: number) {
    this.indexes = [first];
  }

  /** Those that are close to the end of the queue, which only grows. */
  around(queueEnd: number): number[] {
    while ((this.indexes[this.#queued] ?? Number.POSITIVE_INFINITY) <= queueEnd) this.#queued++;
    const first = Math.max(0, this.#queued - namesakeLimit);
    return this.indexes.slice(first, this.#queued + namesakeLimit);
  }
}

/** Whether the printed types agree. Of a target that was not printed the type is unknown. */
function canShow(alias: TextRegion, target: TextRegion): boolean {
  return target.line.hidden || target.type === alias.type;
}

/** How well an alias suits a target: window and size, then the owner. */
function fit(alias: TextRegion, target: TextRegion): number {
  const whole = alias.offset === 0n && alias.size === target.size;
  const inside = alias.offset + alias.size <= target.size;
  const sameOwner = alias.owner !== undefined && alias.owner === target.owner;
  return (whole ? 4 : inside ? 2 : 0) + (sameOwner ? 1 : 0);
}

function noteAmbiguity({ label, target, candidates, line }: TextRegion, notes: Notes): void {
  const others = candidates.filter((one) => one !== target).map((one) => one.line.line);
  const message = `alias ${label} is taken to show ${target?.label}; it may show line ${others.join(', ')}`;
  notes.add('ambiguous-target', line.line, message);
}

/** The text was cut: the target has no block. Its type is known by the alias, and its size at least as far. */
function standIn(alias: TextRegion, madeUp: Map<string, TextRegion>, notes: Notes): TextRegion {
  const name = alias.line.alias?.readings[0]?.target ?? '';
  const known = madeUp.get(name);
  const region = known ?? missingTarget(alias, name);
  const end = alias.offset + alias.size;
  if (end > region.size) region.size = end < wholeRange ? end : wholeRange;
  madeUp.set(name, region);
  if (known) return known;
  const message = `alias ${alias.label} shows "${name}", which has no "memory-region:" block that it can show; it is taken for ${alias.type} without subregions`;
  notes.add('missing-target', alias.line.line, message);
  return region;
}

function missingTarget(alias: TextRegion, name: string): TextRegion {
  const line = unprintedLine({ line: alias.line.line, name, type: alias.type, disabled: false });
  return new TextRegion(
    line,
    undefined,
    alias.type === 'i/o' ? 'container' : kindOfType[alias.type],
  );
}
