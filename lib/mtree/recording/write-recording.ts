import { hex } from '../../address.js';
import { regionJson, writeTopologyJson } from '../write-topology-json.js';
import {
  type AttributeChange,
  type RecordedEdits,
  type RecordingStart,
  recordingVersion,
} from './recorded-step.js';

/** The first line of a recording. */
export function startLine({ started, document }: RecordingStart): string {
  // Between its elements only: within strings JSON writes line ends as escapes.
  const topology = writeTopologyJson(document).replaceAll('\n', '');
  return `{"flatview_recording":${recordingVersion},"started":"${started.toISOString()}","topology":${topology}}\n`;
}

/** The line of a mark; `time` is in milliseconds since the beginning. */
export function markLine(time: number, mark: string): string {
  return `${JSON.stringify({ t: rounded(time), mark })}\n`;
}

/** The line of a commit. Lists in which there is nothing are left out. */
export function editsLine(time: number, edits: RecordedEdits): string {
  return `${JSON.stringify({
    t: rounded(time),
    made: listed(edits.made, regionJson),
    take: listed(edits.taken, (id) => id),
    set: listed(edits.changed, changeJson),
    place: listed(edits.placed, ({ region, parent, address, priority }) =>
      priority === 0 ? [region, parent, hex(address)] : [region, parent, hex(address), priority],
    ),
    spaces_gone: listed(edits.spacesGone, (space) => space),
    gone: listed(edits.destroyed, (id) => id),
    spaces: listed(edits.spacesMade, ({ space, name, root }) => [space, name, root]),
  })}\n`;
}

function listed<T>(list: readonly T[], write: (element: T) => unknown): unknown[] | undefined {
  return list.length === 0 ? undefined : list.map(write);
}

/** Whole microseconds. */
function rounded(time: number): number {
  return Math.round(time * 1000) / 1000;
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
