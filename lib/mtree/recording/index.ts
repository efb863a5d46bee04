/**
 * Recordings of what every commit changed, and going through them again.
 *
 * @module flatview/recording
 */

export type { LongWorkOptions, WorkProgress } from '../../long-work.js';
export {
  type ChangeOfHands,
  changesOfHands,
  changesOfHandsAsync,
  type HandsOptions,
} from './changes-of-hands.js';
export { CommitRecorder, type RecorderOptions } from './commit-recorder.js';
export {
  measureReplay,
  measureReplayAsync,
  quantile,
  type ReplayMeasures,
} from './measure-replay.js';
export { isRecording, type Recording, readRecording } from './read-recording.js';
export type {
  AttributeChange,
  PlacedRegion,
  RecordedEdits,
  RecordedSpace,
  RecordedStep,
  RecordingStart,
} from './recorded-step.js';
export { RecordedTopology } from './recorded-topology.js';
export { fileSink, type RecordingSink, streamSink } from './recording-sink.js';
export { stepDifference } from './step-difference.js';
