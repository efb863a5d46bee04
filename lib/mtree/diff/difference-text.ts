import { hex } from '../../address.js';
import { hex16 } from '../monitor-format.js';
import type { ShownPiece } from './shown-piece.js';
import {
  type Change,
  changeKinds,
  isSame,
  type TopologyDifference,
  type ViewDifference,
} from './topology-difference.js';

/**
 * A difference for people: of each flat view its changes in order of address, and their number.
 *
 * @example
 * ```ts
 * import { buildTopology, readMonitorText } from 'flatview';
 * import { differenceLines, diffTopologies } from 'flatview/diff';
 *
 * const machine = (vram: string) =>
 *   buildTopology(
 *     readMonitorText(`address-space: memory
 *   0000000000000000-ffffffffffffffff (prio 0, i/o): system
 *     ${vram} (prio 1, ram): vga.vram
 * `).document,
 *   );
 * const [before, after] = [
 *   machine('00000000fd000000-00000000fdffffff'),
 *   machine('00000000e0000000-00000000e0ffffff'),
 * ];
 * [...differenceLines(diffTopologies(before.addressSpaces, after.addressSpaces))];
 * // => [
 * //   '"memory": 1 moved',
 * //   '> 00000000e0000000-00000000e0ffffff (ram): vga.vram',
 * //   '    from 00000000fd000000-00000000fdffffff, by -0x1d000000',
 * //   '',
 * // ]
 * before.topology.close();
 * after.topology.close();
 * ```
 */
export function* differenceLines(difference: TopologyDifference): Generator<string, void> {
  for (const view of difference.views) yield* viewLines(view);
  for (const name of difference.spacesGone) yield `- address space "${name}" is gone`;
  for (const name of difference.spacesNew) yield `+ address space "${name}" is new`;
  if (isSame(difference)) yield 'The flat views are the same.';
}

function* viewLines({ addressSpaces, changes }: ViewDifference): Generator<string, void> {
  const [name, ...others] = addressSpaces;
  yield `"${name}"${others.length > 0 ? ` and ${others.length} more` : ''}: ${summary(changes)}`;
  for (const change of changes) yield* changeLines(change);
  yield '';
}

function summary(changes: readonly Change[]): string {
  return changeKinds
    .map((kind) => ({ kind, count: changes.filter((change) => change.kind === kind).length }))
    .filter(({ count }) => count > 0)
    .map(({ kind, count }) => `${count} ${kind}`)
    .join(', ');
}

function* changeLines(change: Change): Generator<string, void> {
  const place = `${hex16(change.first)}-${hex16(change.last)}`;
  switch (change.kind) {
    case 'gone':
      yield `- ${place} ${shown(change.before)}`;
      return;
    case 'new':
      yield `+ ${place} ${shown(change.after)}`;
      return;
    case 'changed':
      yield `- ${place} ${shown(change.before)}`;
      yield `+ ${place} ${shown(change.after)}`;
      return;
    case 'moved': {
      const { before, after, distance } = change;
      yield `> ${place} ${shown(after)}`;
      yield `    from ${hex16(before.first)}-${hex16(before.last)}, by ${distance < 0n ? '' : '+'}${hex(distance)}${partText(before, after)}`;
    }
  }
}

/** What a region shows of itself may be less or more at its new place. */
function partText(before: ShownPiece, after: ShownPiece): string {
  const [size, sizeAfter] = [before, after].map(({ first, last }) => last - first + 1n);
  if (size === sizeAfter && before.offset === after.offset) return '';
  return `: ${hex(sizeAfter ?? 0n)} bytes show instead of ${hex(size ?? 0n)}`;
}

/** `(TYPE): NAME @OFFSET`, as in the monitor's flat view. */
function shown({ region, type, nonvolatile, offset }: ShownPiece): string {
  const place = offset === 0n ? '' : ` @${hex16(offset)}`;
  return `(${nonvolatile ? 'nv-' : ''}${type}): ${region.name}${place}`;
}

/**
 * A difference for programs, as `docs/lint.md` describes it: numbers of 64 bits are hex strings.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { differenceJson, diffTopologies } from 'flatview/diff';
 *
 * const topology = new MemoryTopology();
 * const ports = topology.addressSpace('I/O', topology.io('ports', 0x1_0000n, {}));
 * differenceJson(diffTopologies([ports], []));
 * // => { same: false, views: [], address_spaces_gone: ['I/O'], address_spaces_new: [] }
 * topology.close();
 * ```
 */
export function differenceJson(difference: TopologyDifference): object {
  return {
    same: isSame(difference),
    views: difference.views.map(({ addressSpaces, changes }) => ({
      address_spaces: addressSpaces,
      changes: changes.map(changeJson),
    })),
    address_spaces_gone: difference.spacesGone,
    address_spaces_new: difference.spacesNew,
  };
}

function changeJson(change: Change): object {
  const { kind, first, last } = change;
  return {
    change: kind,
    first: hex(first),
    last: hex(last),
    ...('before' in change && { before: pieceJson(change.before) }),
    ...('after' in change && { after: pieceJson(change.after) }),
    ...('aspects' in change && { aspects: change.aspects }),
    ...('distance' in change && { distance: hex(change.distance) }),
  };
}

function pieceJson({ first, last, region, offset, type, nonvolatile }: ShownPiece): object {
  const { name, kind, owner } = region;
  const place = { first: hex(first), last: hex(last), offset: hex(offset) };
  return { region: name, kind, owner, ...place, type, nonvolatile };
}
