/** `ripstop/testing`: tests of resilience without real time, real chance or real models. */
export {
  type ErrorFault,
  type FaultKind,
  type FaultSchedule,
  type Faults,
  type FaultsOptions,
  faults,
  type SlowFault,
  type StreamFault,
} from './faults.js';
export { RecordingContext, recordingContext } from './recording-context.js';
export {
  type ScriptedAnswer,
  type ScriptedCall,
  type ScriptedModel,
  type ScriptedModelOptions,
  type ScriptedScene,
  scriptedModel,
} from './scripted-model.js';
export {
  chatAnswer,
  chatChunk,
  chatFrames,
  type ScriptedUpstream,
  type ScriptedUpstreamOptions,
  scriptedUpstream,
  type UpstreamAnswer,
  type UpstreamFrame,
  type UpstreamRequest,
  type UpstreamScene,
} from './scripted-upstream.js';
export {
  seededRandom,
  type VirtualClock,
  type VirtualRuntime,
  type VirtualRuntimeOptions,
  virtualRuntime,
} from './virtual-runtime.js';
