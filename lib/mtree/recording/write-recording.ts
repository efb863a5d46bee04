import { hex } from '../../address.js';
import { regionJson, writeTopologyJson } from '../write-topology-json.js';
import {
  type AttributeChange,
  type PlacedRegion,
  type RecordedEdits,
  type RecordedSpace,
  type RecordingStart,
  recordingVersion,
} from './recorded-step.js';

/** What stands behind the point: `001`, `01`, `1` for 1, 10, 100 thousandths. */
const thousandths: readonly string[] = Array.from({ length: 1000 }, (_, i) =>
  String(i).padStart(3, '0').replace(/0+$/, ''),
);

/** The first line of a recording. */
export function startLine({ started, document }: RecordingStart): string {
  // Between its elements only: within strings JSON writes line ends as escapes.
  const topology = writeTopologyJson(document).replaceAll('\n', '');
  return `{"flatview_recording":${recordingVersion},"started":"${started.toISOString()}","topology":${topology}}\n`;
}

/** The line of a mark; `time` is in milliseconds since the beginning. */
export function markLine(time: number, mark: string): string {
  return `{"t":${milliseconds(time)},"mark":${JSON.stringify(mark)}}\n`;
}

/** The line of a commit, which is on the way of each: most have one placement, and nothing in the other lists. */
export function editsLine(time: number, edits: RecordedEdits): string {
  const { made, taken, changed, placed, spacesGone, destroyed, spacesMade } = edits;
  let line = `{"t":${milliseconds(time)}`;
  if (made.length > 0) line += `,"made":${JSON.stringify(made.map(regionJson))}`;
  if (taken.length > 0) line += `,"take":[${taken.join(',')}]`;
  if (changed.length > 0) line += `,"set":${JSON.stringify(changed.map(changeJson))}`;
  if (placed.length > 0) line += `,"place":[${placed.map(placementText).join(',')}]`;
  if (spacesGone.length > 0) line += `,"spaces_gone":[${spacesGone.join(',')}]`;
  if (destroyed.length > 0) line += `,"gone":[${destroyed.join(',')}]`;
  if (spacesMade.length > 0) line += `,"spaces":${JSON.stringify(spacesMade.map(spaceJson))}`;
  return `${line}}\n`;
}

function placementText({ region, parent, address, priority }: PlacedRegion): string {
  const place = `${region},${parent},"${hex(address)}"`;
  return priority === 0 ? `[${place}]` : `[${place},${priority}]`;
}

function spaceJson({ space, name, root }: RecordedSpace): unknown[] {
  return [space, name, root];
}

/** With whole microseconds. Put together of integers: a fraction takes several times longer to write. */
function milliseconds(time: number): string {
  const all = Math.round(time * 1000);
  const whole = Math.floor(all / 1000);
  const rest = all - whole * 1000;
  return rest === 0 ? `${whole}` : `${whole}.${thousandths[rest]}`;
}

function changeJson(change: AttributeChange): object {
  return {
    id: change.region,
    addr: change.address === undefined ? undefined : hex(change.address),
    priority: change.priority,
    size: change.size === undefined ? undefined : hex(change.size),
    offset: change.offset === undefined ? undefined : hex(change.offset),
    enabled: change.enabled,
    readonly: change.readonly,
    nonvolatile: change.nonvolatile,
    romd: change.romd,
    unmergeable: change.unmergeable,
    dirty_log_mask: change.dirtyLogMask,
  };
}
