// A tree in each form that it can be written in, and back.

import assert from 'node:assert/strict';
import { type AddressSpace, FlatviewError } from '../../lib/index.js';
import { buildTopology } from '../../lib/mtree/build-topology.js';
import { describeTopology } from '../../lib/mtree/describe-topology.js';
import type { NoteCode } from '../../lib/mtree/monitor-text/notes.js';
import { readMonitorText } from '../../lib/mtree/monitor-text/read-monitor-text.js';
import { readTopologyJson } from '../../lib/mtree/read-topology-json.js';
import type { TopologyDocument } from '../../lib/mtree/topology-document.js';
import { flatViewLines } from '../../lib/mtree/write-flat-views.js';
import { regionTreeLines } from '../../lib/mtree/write-region-tree.js';
import { writeTopologyJson } from '../../lib/mtree/write-topology-json.js';
import { textOf } from './text-blocks.js';

/** What the monitor would print, with all that it can. */
export interface Texts {
  readonly tree: string;
  readonly flat: string;
}

export function textsOf(spaces: readonly AddressSpace[]): Texts {
  const all = { owners: true, disabled: true };
  return { tree: textOf(regionTreeLines(spaces, all)), flat: textOf(flatViewLines(spaces, all)) };
}

function rebuilt(document: TopologyDocument): Texts {
  const { topology, addressSpaces } = buildTopology(document);
  try {
    return textsOf(addressSpaces);
  } finally {
    topology.close();
  }
}

/** Described, written and read again, a tree is the same. */
export function assertSameThroughJson(spaces: readonly AddressSpace[]): void {
  const json = writeTopologyJson(describeTopology(spaces, { flatViews: true }));
  const document = readTopologyJson(json);
  assert.deepEqual(rebuilt(document), textsOf(spaces));
  assert.equal(writeTopologyJson(document), json);
}

/** What notes say of a tree that may be another one than that of the text; a name can be two lines. */
const doubts: ReadonlySet<NoteCode> = new Set(['view-mismatch', 'gave-up', 'ignored-line']);

/**
 * Read from text, a tree renders to the flat views of the text, or it is said that it does not, or the text can't be
 * read: names can hold anything.
 */
export function readBack({ tree, flat }: Texts): 'same' | 'said' | 'refused' {
  try {
    const { document, notes } = readMonitorText(tree + flat);
    if (notes.some(({ code }) => doubts.has(code))) return 'said';
    assert.deepEqual(rangeLines(rebuilt(document).flat), rangeLines(flat));
    return 'same';
  } catch (error) {
    if (!(error instanceof FlatviewError)) throw error;
    return 'refused';
  }
}

/**
 * The ranges of all views, whatever address spaces share them. Neighbours that continue each other count as one: a
 * text doesn't tell what keeps them apart (unmergeable, the dirty-log mask).
 */
function rangeLines(flat: string): string[] {
  const lines: { first: bigint; last: bigint; offset: bigint; what: string }[] = [];
  for (const line of flat.split('\n')) {
    const [, first, last, name, , offset, owner] =
      /^ {2}([0-9a-f]+)-([0-9a-f]+) (.*?)( @([0-9a-f]{16}))?( orphan| (?:owner|parent):\{.*)$/.exec(
        line,
      ) ?? [];
    if (first === undefined || last === undefined || name === undefined) continue;
    const range = {
      first: BigInt(`0x${first}`),
      last: BigInt(`0x${last}`),
      offset: BigInt(`0x${offset ?? '0'}`),
      what: `${name}${owner}`,
    };
    const before = lines.at(-1);
    const continues =
      before?.what === range.what &&
      before.last + 1n === range.first &&
      range.first - before.first === range.offset - before.offset;
    if (continues) before.last = range.last;
    else lines.push(range);
  }
  const texts = lines.map((it) => `${it.first}-${it.last} ${it.what} @${it.offset}`);
  return [...new Set(texts)].sort();
}
