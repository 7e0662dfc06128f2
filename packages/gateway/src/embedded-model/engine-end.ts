import {
  GenerationFailedError,
  InferenceTimeoutError,
  type ModelError,
  ModelLoadingError,
  ModelOverloadedError,
  OutOfMemoryError,
} from 'ripstop/errors';
import type { Exit } from './child-process.js';

/** Why an engine process is no more. All but `exited` are our own doing. */
export type EngineEnd =
  | { readonly kind: 'exited'; readonly exit: Exit }
  /** It said itself that it cannot run. */
  | { readonly kind: 'failed_to_start'; readonly reason: string; readonly message: string }
  | { readonly kind: 'start_limit'; readonly limitMs: number }
  | { readonly kind: 'unresponsive'; readonly limitMs: number }
  | { readonly kind: 'memory_limit'; readonly usedMb: number; readonly limitMb: number }
  | { readonly kind: 'stopped' };

/** What V8 and C++ say when they can get no more memory. Their exit code does not tell that from any other abort. */
const memoryWords = /heap out of memory|std::bad_alloc|cannot allocate memory|failed to allocate/i;

/** What a generation is told that was under way in it. */
export function endError(end: EngineEnd): ModelError {
  switch (end.kind) {
    case 'exited': {
      const diagnostics = { ...end.exit };
      if (memoryWords.test(end.exit.lastWords)) return new OutOfMemoryError({ diagnostics });
      return new GenerationFailedError('The model process ended while it was generating', { diagnostics });
    }
    case 'memory_limit':
      return new OutOfMemoryError({ memoryUsed: Math.round(end.usedMb), memoryAvailable: end.limitMb });
    case 'unresponsive':
      return new InferenceTimeoutError(end.limitMs);
    case 'start_limit':
      return new ModelLoadingError('The model was not loaded in time', {
        details: { limit_seconds: end.limitMs / 1000 },
      });
    case 'failed_to_start':
      return new ModelLoadingError(end.message, { isRetryable: false, details: { reason: end.reason } });
    case 'stopped':
      return new ModelOverloadedError('The model is shutting down', { details: { reason: 'draining' } });
  }
}

/** For events, logs and `/health`. */
export function endReason(end: EngineEnd): string {
  if (end.kind !== 'exited') return end.kind;
  const { code, signal } = end.exit;
  return signal ?? (code === null ? 'could not be started' : `exit code ${code}`);
}
