/** `ripstop/testing`: tests of resilience without real time, real chance or real models. */
export { RecordingContext, recordingContext } from './recording-context.js';
export {
  seededRandom,
  type VirtualClock,
  type VirtualRuntime,
  type VirtualRuntimeOptions,
  virtualRuntime,
} from './virtual-runtime.js';
