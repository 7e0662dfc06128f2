import { createError, ModelError } from 'ripstop/errors';

/**
 * What the caller is told when every model of a chain has failed: the first cause, since that is what was wrong with
 * the model that was asked for; the rest is in `attempts`. An error of one model alone, or a verdict on the request,
 * is told as it is.
 */
export function firstCause(error: ModelError): ModelError {
  const { cause, attempts } = error;
  if (!(cause instanceof AggregateError) || attempts === undefined || attempts.length === 0) return error;
  const first: unknown = cause.errors[0];
  if (!ModelError.isInstance(first)) return error;
  const models = new Set(attempts.map(({ model }) => model)).size;
  const told = createError(first.errorType, {
    message: models === 1 ? first.message : `All ${models} models failed; first: ${first.message}`,
    isRetryable: first.isRetryable,
    retryAfterMs: error.retryAfterMs,
    details: first.details,
    origin: first.origin,
    cause: error,
  });
  told.attempts = attempts;
  return told;
}
