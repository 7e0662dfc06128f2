import type { ErrorType } from '../../errors/error-types.js';
import { type AttemptReport, ModelError } from '../../errors/model-error.js';
import { upstreamStatus } from './verdict.js';

/** More attempts than this are counted, but not listed one by one. */
const longestHistory = 32;

/** Adds a failed attempt, which took `ms` milliseconds, to what the caller is told of his call. */
export function remember(history: AttemptReport[], error: unknown, errorType: ErrorType, ms: number): void {
  if (history.length >= longestHistory) history.splice(1, 1);
  // What an inner chain of models went through is told model by model.
  if (ModelError.isInstance(error) && error.attempts !== undefined && error.stopReason === undefined) {
    history.push(...error.attempts.slice(0, longestHistory - history.length));
    return;
  }
  const status = upstreamStatus(error);
  const phase = ModelError.isInstance(error) ? error.details['phase'] : undefined;
  history.push({
    errorType,
    ...(status === undefined ? {} : { status }),
    ...(typeof phase === 'string' ? { phase } : {}),
    ms: Math.round(ms),
  });
}
