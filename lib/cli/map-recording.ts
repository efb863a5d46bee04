import { timelineSteps } from '../mtree/map/build-timeline.js';
import { type HtmlMapState, htmlTimeline } from '../mtree/map/html-map.js';
import { type Recording, readRecording } from '../mtree/recording/read-recording.js';
import { RecordedTopology } from '../mtree/recording/recorded-topology.js';
import { invalidOption } from './invalid-option.js';
import { drawChanges, drawState, type MapDrawing, mapSpaces, titleOf } from './map-forms.js';
import { exitCode, naming, type Session } from './session.js';
import { parseStep, parseSteps } from './step-number.js';
import { writeWhole } from './write-whole.js';

/** Draws a step of a recording, what changed between two steps, or a page in which one goes from step to step. */
export async function drawRecording(
  session: Session,
  input: string,
  bytes: Uint8Array,
  drawing: MapDrawing,
): Promise<number> {
  const recording = naming(input, () => readRecording(bytes));
  const { step, diff, steps, html, json, svg } = drawing.options;
  if ([step, diff, steps].filter((one) => one !== undefined).length > 1) {
    throw invalidOption('one of --step, --diff and --steps can be asked for');
  }
  if (steps !== undefined && html === undefined)
    throw invalidOption('--steps is of a page: --html FILE');
  const mapStep = (number: number) => stateAt(session, input, recording, number, drawing);
  if (diff !== undefined) {
    const [from, to] = parseSteps('--diff', diff);
    return drawChanges(session, await mapStep(from), await mapStep(to), drawing.options);
  }
  if (step !== undefined)
    return drawState(session, await mapStep(parseStep(step)), drawing.options);
  if (html !== undefined) {
    await writeTimeline(session, input, recording, html, drawing);
    if (!json && svg === undefined) return exitCode.ok;
  }
  const { html: _, ...others } = drawing.options;
  return drawState(session, await mapStep(recording.stepCount), others);
}

/** What showed after a step. */
async function stateAt(
  session: Session,
  input: string,
  recording: Recording,
  number: number,
  drawing: MapDrawing,
): Promise<HtmlMapState> {
  using replayed = naming(input, () => new RecordedTopology(recording));
  await session.working(input, replayed.advancing(number));
  const title = `${titleOf(input)}, step ${number}`;
  return { title, map: await mapSpaces(session, input, replayed.addressSpaces, drawing) };
}

async function writeTimeline(
  session: Session,
  input: string,
  recording: Recording,
  file: string,
  { options, pageSize, consumers, window }: MapDrawing,
): Promise<void> {
  const { steps = ['0', String(recording.stepCount)], as } = options;
  const [from, to] = parseSteps('--steps', steps);
  const wanted = {
    title: titleOf(input),
    from,
    to,
    pageSize,
    consumers,
    window,
    ...(as !== undefined && { addressSpace: as }),
  };
  const timeline = await session.working(input, timelineSteps(recording, wanted));
  if (as !== undefined && timeline.names.length === 0) {
    throw invalidOption(
      `there is no address space "${as}" that shows anything at any of these steps`,
    );
  }
  await writeWhole(file, htmlTimeline(timeline), session.signal);
  if (timeline.last < Math.min(to, recording.stepCount)) {
    await session.err.print([
      `note: one page has room for the steps ${timeline.first} to ${timeline.last} of ${recording.stepCount}; --steps ${timeline.last} ${to} takes the next ones`,
    ]);
  }
}
