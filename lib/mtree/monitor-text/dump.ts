import type { Steps } from '../../long-work.js';
import type { MonitorType } from '../monitor-format.js';
import { type AliasWindow, ownersPrinted, parseTreeName, splitOwner } from './line-names.js';
import { type MonitorLine, malformed, parseMonitorLine, type RangeLine } from './monitor-line.js';
import type { Notes } from './notes.js';

/** The monitor's output as it stands there: blocks of the tree, blocks of flat views. */
export interface Dump {
  readonly blocks: readonly TreeBlock[];
  readonly views: readonly ViewBlock[];
  /** Whether disabled regions are among the lines (`-D`). Otherwise they may be missing. */
  readonly showsDisabled: boolean;
}

/** A root with everything below it: of address spaces, or the target of an alias. */
export interface TreeBlock {
  readonly kind: 'address-space' | 'memory-region';
  readonly line: number;
  /** Of the address spaces that share the root; or one, of the region. */
  readonly names: string[];
  root: TreeLine | undefined;
}

/** A line of the tree. The same region has a line in each block that it belongs to. */
export interface TreeLine {
  readonly line: number;
  readonly level: number;
  /** What is printed behind the addresses. */
  readonly text: string;
  readonly name: string;
  readonly type: MonitorType;
  readonly start: bigint;
  readonly end: bigint;
  readonly priority: number;
  readonly nonvolatile: boolean;
  readonly disabled: boolean;
  /** The region was not printed because it is disabled, but what is below it was. */
  readonly hidden: boolean;
  /** As printed, `orphan` too; undefined where it was not. */
  readonly owner: string | undefined;
  readonly alias: AliasWindow | undefined;
  readonly parent: TreeLine | undefined;
  readonly children: TreeLine[];
}

/** Stands for a disabled region whose line is missing, as far as nothing else is known. */
export function unprintedLine(
  known: Pick<TreeLine, 'line' | 'name'> & Partial<TreeLine>,
): TreeLine {
  return {
    level: 1,
    text: '',
    type: 'container',
    start: 0n,
    end: 0n,
    priority: 0,
    nonvolatile: false,
    disabled: true,
    hidden: true,
    owner: undefined,
    alias: undefined,
    parent: undefined,
    children: [],
    ...known,
  };
}

/** A flat view as it was printed. */
export interface ViewBlock {
  readonly line: number;
  readonly spaces: { readonly name: string; readonly root: string; readonly line: number }[];
  readonly ranges: ViewLine[];
}

/** A range of a flat view as it was printed. */
export interface ViewLine {
  readonly line: number;
  readonly start: bigint;
  readonly end: bigint;
  readonly priority: number;
  readonly nonvolatile: boolean;
  readonly type: MonitorType;
  /** What stands between the colon and the owner: which name that is, the tree's regions tell. */
  readonly text: string;
  name: string;
  offset: bigint;
  /** As printed, `orphan` too; undefined where it was not. */
  readonly owner: string | undefined;
}

/**
 * Reads the blocks of `info mtree`, of `info mtree -f`, or of one behind the other.
 *
 * @throws `ERR_MALFORMED_INPUT` with the line that can't be understood.
 */
export function* readDump(text: string, notes: Notes): Steps<Dump> {
  const showsDisabled = text.includes(' [disabled]');
  const reader = new DumpReader(notes, showsDisabled, ownersPrinted(text));
  const lines = text.split('\n');
  let number = 0;
  for (const line of lines) {
    reader.take(parseMonitorLine(line, ++number), number, line);
    if (number % linesAStep === 0) yield { what: 'lines read', done: number, total: lines.length };
  }
  return { blocks: reader.blocks, views: reader.views, showsDisabled };
}

/** So many lines are read in a step. */
const linesAStep = 1024;

/** How many disabled regions, one in the other, may be missing above a line. */
const hiddenLevelLimit = 16;

class DumpReader {
  readonly blocks: TreeBlock[] = [];
  readonly views: ViewBlock[] = [];
  readonly #notes: Notes;
  readonly #showsDisabled: boolean;
  readonly #owners: boolean;
  #block: TreeBlock | undefined;
  #view: ViewBlock | undefined;
  /** The line that was read last and its ancestors, by their level. */
  #open: TreeLine[] = [];

  constructor(notes: Notes, showsDisabled: boolean, owners: boolean) {
    this.#notes = notes;
    this.#showsDisabled = showsDisabled;
    this.#owners = owners;
  }

  take(line: MonitorLine, number: number, raw: string): void {
    if (line.kind === 'range') this.#addRange(line.range, number, raw);
    else if (line.kind === 'blank') this.#endBlock();
    else if (line.kind === 'flat-view') this.#startView(number);
    else if (line.kind === 'view-space') this.#addSpace(line.name, line.root, number, raw);
    else if (line.kind === 'other') this.#ignore(number, raw);
    else if (line.kind === 'address-space' || line.kind === 'memory-region') {
      this.#startBlock(line.kind, line.name, number);
    }
  }

  #startBlock(kind: TreeBlock['kind'], name: string, line: number): void {
    const open = this.#block;
    if (kind === 'address-space' && open?.kind === kind && open.root === undefined) {
      open.names.push(name);
      return;
    }
    this.#endBlock();
    this.#block = { kind, line, names: [name], root: undefined };
    this.blocks.push(this.#block);
  }

  #startView(line: number): void {
    this.#endBlock();
    this.#view = { line, spaces: [], ranges: [] };
    this.views.push(this.#view);
  }

  #endBlock(): void {
    this.#block = undefined;
    this.#view = undefined;
    this.#open = [];
  }

  #addSpace(name: string, root: string, line: number, raw: string): void {
    if (!this.#view) malformed(line, 'names an address space outside a FlatView', raw);
    this.#view.spaces.push({ name, root, line });
  }

  #addRange(range: RangeLine, line: number, raw: string): void {
    if (this.#view) this.#addViewLine(this.#view, range, line, raw);
    else if (this.#block) this.#addTreeLine(this.#block, range, line, raw);
    else
      malformed(line, 'is a range outside "address-space:", "memory-region:" and "FlatView"', raw);
  }

  #addViewLine(view: ViewBlock, range: RangeLine, line: number, raw: string): void {
    const { start, end, priority, nonvolatile, type } = range;
    if (end < start) malformed(line, 'ends before it starts', raw);
    const last = view.ranges.at(-1);
    if (last && start <= last.end) malformed(line, `overlaps the range of line ${last.line}`, raw);
    const { text, owner } = splitOwner(range.rest, this.#owners);
    const named = { text, name: text, offset: 0n, owner };
    view.ranges.push({ line, start, end, priority, nonvolatile, type, ...named });
  }

  #addTreeLine(block: TreeBlock, range: RangeLine, line: number, raw: string): void {
    if (range.indent % 2 !== 0 || range.indent === 0)
      malformed(line, 'is indented by an odd width', raw);
    const level = range.indent / 2;
    const named = parseTreeName(range.rest, this.#owners);
    this.#openParent(block, level, range, line, raw);
    const parent = this.#open[level - 1];
    if (level === 1 && block.root) malformed(line, 'is a second root in its block', raw);
    if (parent?.alias) malformed(line, 'lies below an alias, which has no subregions', raw);
    // Written out, because dumps have millions of lines and copying members takes longer than all the rest.
    this.#push(block, {
      line,
      level,
      text: range.text,
      name: named.name,
      type: range.type,
      start: range.start,
      end: range.end,
      priority: range.priority,
      nonvolatile: range.nonvolatile,
      disabled: named.disabled,
      hidden: false,
      owner: named.owner,
      alias: named.alias,
      parent,
      children: [],
    });
  }

  /** Closes what is deeper than the line's parent, and fills in parents that were not printed. */
  #openParent(block: TreeBlock, level: number, range: RangeLine, line: number, raw: string): void {
    while (this.#open.length > level) this.#open.pop();
    if (!this.#showsDisabled && level > 2 && this.#belongsToHidden(range)) this.#open.pop();
    const missing = level - Math.max(this.#open.length, 1);
    if (missing > (this.#showsDisabled ? 0 : hiddenLevelLimit)) {
      malformed(line, 'is indented deeper than its parent can be', raw);
    }
    for (let i = 0; i < missing; i++) this.#push(block, this.#hiddenLine(block, range, line));
  }

  /**
   * Siblings are printed by address, then priority, and an alias has none below it. A line that breaks that has
   * another parent than it seems: one that is disabled and was not printed.
   */
  #belongsToHidden(range: RangeLine): boolean {
    const parent = this.#open.at(-1);
    if (parent?.alias) return true;
    const before = parent?.children.at(-1);
    if (before === undefined || before.hidden) return false;
    if (range.start === before.start) return range.priority > before.priority;
    return range.start < before.start && before.start <= before.end;
  }

  #hiddenLine(block: TreeBlock, { start, end }: RangeLine, line: number): TreeLine {
    const level = Math.max(this.#open.length, 1);
    const parent = this.#open[level - 1];
    this.#notes.add('hidden-region', line, 'the parent is disabled and was not printed (-D would)');
    return unprintedLine({
      line,
      level,
      name: parent ? '(disabled, not printed)' : (block.names[0] ?? ''),
      start: parent?.start ?? 0n,
      end: parent?.end ?? (end > start ? end : start),
      parent,
    });
  }

  #push(block: TreeBlock, line: TreeLine): void {
    if (line.parent) line.parent.children.push(line);
    else block.root = line;
    this.#open[line.level] = line;
  }

  #ignore(line: number, raw: string): void {
    if (this.#view) return;
    const shown = raw.length > 60 ? `${raw.slice(0, 60)}...` : raw;
    this.#notes.add('ignored-line', line, `not the output of "info mtree": ${shown}`);
  }
}
