export { CommitRecorder, type RecorderOptions } from './commit-recorder.js';
export { isRecording, type Recording, readRecording } from './read-recording.js';
export { RecordedTopology } from './recorded-topology.js';
export type {
  AttributeChange,
  PlacedRegion,
  RecordedEdits,
  RecordedSpace,
  RecordedStep,
  RecordingStart,
} from './recorded-step.js';
export { fileSink, type RecordingSink, streamSink } from './recording-sink.js';
