import { createError, ModelError } from 'ripstop/errors';

/** The error that ends a broken stream, with how much of it was sent (`tokens_sent`). Any other is told as it is. */
export function brokenOff(error: unknown, pieces: number): unknown {
  if (!ModelError.isInstance(error) || error.errorType !== 'stream_interrupted') return error;
  const { message, isRetryable, retryAfterMs, details, origin, attempts } = error;
  // A piece is a token, as a rule, and nobody has counted better.
  const told = createError('stream_interrupted', {
    message,
    isRetryable,
    retryAfterMs,
    details: { ...details, tokens_sent: pieces },
    origin,
    cause: error,
  });
  if (attempts !== undefined) told.attempts = attempts;
  return told;
}
