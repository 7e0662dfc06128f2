import { ModelError } from 'ripstop';

/** A rate limit is waited for only if it says for how long, and that is soon; otherwise somebody else is asked. */
const shortWaitMs = 3_000;

/**
 * Whether the same upstream is worth another try, or the next one is better: what an upstream says of itself
 * (`isRetryable`) narrowed by what another try would cost the caller (gateway rules, table of classes).
 */
export function retriesSameTarget(error: unknown): boolean {
  if (!ModelError.isInstance(error)) return true;
  switch (error.errorType) {
    case 'inference_timeout':
      return false;
    case 'rate_limited':
      return error.retryAfterMs !== undefined && error.retryAfterMs <= shortWaitMs;
    case 'model_overloaded':
      return error.details['reason'] === undefined;
    default:
      return true;
  }
}
