import { ModelOverloadedError, RateLimitError, UpstreamUnavailableError } from 'ripstop';
import { expect, test } from 'vitest';
import { firstCause } from './first-cause.js';

function exhausted(causes: readonly Error[], models: readonly string[]): ModelOverloadedError {
  const error = new ModelOverloadedError('All models in fallback chain failed', {
    cause: new AggregateError(causes),
    retryAfterMs: 2_000,
  });
  error.attempts = models.map((model) => ({ model, errorType: 'upstream_unavailable', ms: 1 }));
  return error;
}

test('the first cause decides type and status, and the shortest wait and all attempts stay', () => {
  const error = exhausted([new UpstreamUnavailableError(), new RateLimitError()], ['a', 'b']);
  const told = firstCause(error);
  expect(told).toMatchObject({ errorType: 'upstream_unavailable', status: 502, retryAfterMs: 2_000, cause: error });
  expect(told.message).toBe('All 2 models failed; first: The model service is unavailable');
  expect(told.attempts).toHaveLength(2);
});

test('a chain of one tells its own error, however often it was tried', () => {
  expect(firstCause(exhausted([new RateLimitError('slow down')], ['a', 'a'])).message).toBe('slow down');
});

test('an error that is no chain’s is told as it is', () => {
  const error = new RateLimitError();
  expect(firstCause(error)).toBe(error);
});
