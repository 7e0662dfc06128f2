import { type ErrorType, ModelError } from 'ripstop';

/** A rate limit is waited for only if it says for how long, and that is soon; otherwise somebody else is asked. */
const shortWaitMs = 3_000;

/** Errors after which the same upstream is not asked again, although another try might work. */
const elsewhere: Partial<Record<ErrorType, (error: ModelError) => boolean>> = {
  // It has cost a whole limit already; the next upstream may still answer in time.
  inference_timeout: () => true,
  rate_limited: ({ retryAfterMs }) => retryAfterMs === undefined || retryAfterMs > shortWaitMs,
  // An open breaker, or a queue of our own: known before any time was spent.
  model_overloaded: ({ details }) => details['reason'] !== undefined,
};

/** Errors after which the same upstream is asked once more and no oftener: what says so twice means it. */
const once: ReadonlySet<ErrorType> = new Set(['rate_limited', 'generation_failed', 'invalid_response']);

/**
 * What an error says of itself (`isRetryable`), narrowed by what another try here would cost the caller (GW2). `attempt`
 * is the number of the try that failed, from 1.
 */
export function retriesSameTarget(error: unknown, attempt: number): boolean {
  if (!ModelError.isInstance(error)) return true;
  if (elsewhere[error.errorType]?.(error) === true) return false;
  return attempt === 1 || !once.has(error.errorType);
}
