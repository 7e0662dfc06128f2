import type { ContextOptions } from '../call/call.js';
import type { CallEvent } from '../call/events.js';
import { RootScope } from '../call/root-scope.js';
import type { Runtime } from '../call/runtime.js';
import { virtualRuntime } from './virtual-runtime.js';

/** A context that remembers what was reported in it, for tests of one policy by itself. */
export class RecordingContext extends RootScope {
  /** What was emitted here and in all child contexts, as it was emitted. */
  readonly events: CallEvent[] = [];

  override emit(event: CallEvent): void {
    this.events.push(event);
  }
}

/** A new recording context. Default runtime: a virtual one of its own. */
export function recordingContext(options?: ContextOptions, runtime: Runtime = virtualRuntime()): RecordingContext {
  return new RecordingContext(runtime, options);
}
