import assert from 'node:assert/strict';
import { lastAddress } from '../../lib/address.js';
import { type AddressSpace, type ErrorCode, FlatviewError } from '../../lib/index.js';
import { explain } from '../../lib/memory/explain/explain.js';
import { buildTopology } from '../../lib/mtree/build-topology.js';
import { explanationJson } from '../../lib/mtree/explanation-json.js';
import { explanationLines } from '../../lib/mtree/explanation-text.js';
import { readTopology } from '../../lib/mtree/read-topology.js';
import { readTopologyJson } from '../../lib/mtree/read-topology-json.js';
import type { TopologyDocument } from '../../lib/mtree/topology-document.js';
import { writeTopologyJson } from '../../lib/mtree/write-topology-json.js';
import { assertSameThroughJson, readBack, textsOf } from '../mtree/round-trip.js';

/** What came of an input: it was read, built and written; or it was refused, as it may be. */
export type Outcome = 'read' | ErrorCode;

const unreadable: readonly ErrorCode[] = ['ERR_MALFORMED_INPUT', 'ERR_INPUT_TOO_LARGE'];
const unrenderable: readonly ErrorCode[] = [
  'ERR_ALIAS_RECURSION',
  'ERR_TOO_DEEP',
  'ERR_VIEW_TOO_LARGE',
];

/** How many ranges of a view are explained. */
const explainedRanges = 4;

/**
 * Reads a dump of any content, and does with it all that the package can: builds it, renders it, explains it,
 * writes it in each form and reads that again.
 *
 * @throws whatever the package must not throw; AssertionError where something is not what it was
 */
export function checkDump(bytes: Uint8Array): Outcome {
  const document = unlessRefused(unreadable, () => readTopology(bytes).document);
  if (typeof document === 'string') return document;
  assertSameAfterWriting(document);
  const built = unlessRefused(unrenderable, () => buildTopology(document));
  if (typeof built === 'string') return built;
  try {
    assertSameThroughJson(built.addressSpaces);
    readBack(textsOf(built.addressSpaces));
    for (const space of built.addressSpaces) assertExplains(space);
  } finally {
    built.topology.close();
  }
  return 'read';
}

function unlessRefused<T>(allowed: readonly ErrorCode[], action: () => T): T | ErrorCode {
  try {
    return action();
  } catch (error) {
    if (error instanceof FlatviewError && allowed.includes(error.code)) return error.code;
    throw error;
  }
}

function assertSameAfterWriting(document: TopologyDocument): void {
  const { flatViews, ...known } = document;
  const { flatViews: views, ...again } = readTopologyJson(writeTopologyJson(document));
  assert.deepEqual(again, known);
  assert.equal(views?.length, flatViews?.length);
}

/** Where an explanation is wanted is up to the user, and so is the form. */
function assertExplains(space: AddressSpace): void {
  const ranges = [...space.flatView.ranges()].slice(0, explainedRanges);
  for (const address of [0n, lastAddress, ...ranges.map((range) => range.address)]) {
    const explanation = explain(space, address);
    assert.equal(explanation.winner?.region, space.flatView.lookup(address)?.region);
    explanationLines(explanation);
    explanationJson(explanation);
  }
}
