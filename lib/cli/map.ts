import type { HtmlMapState } from '../mtree/map/html-map.js';
import { isRecording } from '../mtree/recording/read-recording.js';
import { invalidOption } from './invalid-option.js';
import {
  drawChanges,
  drawState,
  type MapDrawing,
  type MapOptions,
  mapDrawing,
  mapSpaces,
  titleOf,
} from './map-forms.js';
import { drawRecording } from './map-recording.js';
import type { Session } from './session.js';

/**
 * Draws the stack of an address space, or what changed in it from one input to another one, or from one step of a
 * recording to another one. The answer is no where nothing shows, or nothing changed.
 */
export async function drawMap(
  session: Session,
  input: string,
  later: string | undefined,
  options: MapOptions,
): Promise<number> {
  const drawing = mapDrawing(options);
  const bytes = await session.readBytes(input);
  const laterBytes = later === undefined ? undefined : await session.readBytes(later);
  if (isRecording(bytes) || (laterBytes && isRecording(laterBytes))) {
    if (later === undefined) return drawRecording(session, input, bytes, drawing);
    throw invalidOption(
      'two steps of a recording are compared with --diff 3 7, and nothing else is',
    );
  }
  const { step, diff, steps } = options;
  if ([step, diff, steps].some((one) => one !== undefined)) {
    throw invalidOption(`--step, --diff and --steps are of a recording, and ${input} is none`);
  }
  const state = await readState(session, input, bytes, drawing);
  if (later === undefined || laterBytes === undefined) return drawState(session, state, options);
  const after = await readState(session, later, laterBytes, drawing);
  return drawChanges(session, state, after, options);
}

function readState(
  session: Session,
  input: string,
  bytes: Uint8Array,
  drawing: MapDrawing,
): Promise<HtmlMapState> {
  return session.withTopologyOf(input, bytes, async ({ addressSpaces }) => ({
    title: titleOf(input),
    map: await mapSpaces(session, input, addressSpaces, drawing),
  }));
}
