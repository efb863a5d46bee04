import { FlatviewError } from '../../errors.js';
import { atOnce, type Steps, type WorkProgress } from '../../long-work.js';
import type { TopologyDocument } from '../topology-document.js';
import { findAliasTargets } from './alias-targets.js';
import { type Dump, readDump } from './dump.js';
import { flatReadings } from './line-names.js';
import { noteLosses } from './losses.js';
import { type Note, Notes } from './notes.js';
import { reconcile } from './reconcile.js';
import { stackSubregions } from './stacking.js';
import type { TextRegion } from './text-region.js';
import { buildTextTree, type TextTree } from './text-tree.js';
import { toDocument } from './to-document.js';

/** A tree read from the monitor's text, and what the text doesn't tell well enough. */
export interface MonitorTopology {
  /** What was read. */
  readonly document: TopologyDocument;
  /** What the text left open or says in two ways. */
  readonly notes: readonly Note[];
}

/**
 * Reads what the monitor prints for `info mtree`, with `-o`, `-D` or neither. Where the output of `info mtree -f`
 * follows (or comes first), it supplies what the tree's text leaves open.
 *
 * @throws `ERR_MALFORMED_INPUT` with the line that can't be understood.
 *
 * @example
 * ```ts
 * import { type MonitorTopology, type Note, type NoteCode, readMonitorText } from 'flatview';
 *
 * const read: MonitorTopology = readMonitorText(`
 * address-space: memory
 *   0000000000000000-ffffffffffffffff (prio 0, i/o): system
 *     0000000000000000-00000000bfffffff (prio 0, ram): alias ram-below-4g @pc.ram 0000000000000000-00000000bfffffff
 *     00000000fffc0000-00000000ffffffff (prio 0, rom): pc.bios
 * `);
 * read.document.regions.map(({ name, kind }) => `${kind} ${name}`);
 * // => ['container system', 'alias ram-below-4g', 'rom pc.bios', 'ram pc.ram']
 * const codes: NoteCode[] = read.notes.map(({ code }: Note) => code);
 * codes; // => ['container-or-io', 'disabled-missing', 'missing-target', 'readonly-alias']
 * ```
 */
export function readMonitorText(text: string): MonitorTopology {
  return atOnce(readMonitorSteps(text));
}

/** Reads the monitor's text step by step. */
export function* readMonitorSteps(text: string): Steps<MonitorTopology> {
  const notes = new Notes();
  const dump = yield* readDump(text, notes);
  if (dump.blocks.length === 0) {
    throw new FlatviewError('ERR_MALFORMED_INPUT', missingTree(dump.views.length > 0), { line: 1 });
  }
  const tree = buildTextTree(dump, notes);
  yield understood(tree);
  const regions = [...tree.regions, ...findAliasTargets(tree, dump, notes)];
  stackSubregions(regions, notes);
  yield understood(tree);
  noteLosses(tree, dump, notes);
  nameViewLines(dump, regions);
  yield understood(tree);
  const { spaces, agrees } = yield* reconcile(regions, tree, dump, notes);
  return { document: toDocument(regions, spaces), notes: notes.list(agrees) };
}

function understood({ regions }: TextTree): WorkProgress {
  return { what: 'regions found in the text', done: regions.length, total: undefined };
}

/** Names can look like offsets and like accelerators: a range is that of the longest name that a region has. */
function nameViewLines(dump: Dump, regions: readonly TextRegion[]): void {
  const names = new Set(regions.map(({ name }) => name));
  for (const line of dump.views.flatMap(({ ranges }) => ranges)) {
    for (const { name, offset } of flatReadings(line.text, line.owner !== undefined)) {
      if (!names.has(name)) continue;
      line.name = name;
      line.offset = offset;
      break;
    }
  }
}

function missingTree(hasViews: boolean): string {
  return hasViews
    ? 'the text has flat views but no tree: the output of "info mtree" without -f is needed too'
    : 'neither a topology as JSON nor the output of "info mtree": no "address-space:" line';
}
