import {
  GenerationFailedError,
  InferenceTimeoutError,
  InvalidResponseError,
  ModelOverloadedError,
  RateLimitError,
  UpstreamUnavailableError,
} from 'ripstop';
import { expect, test } from 'vitest';
import { retriesSameTarget } from './same-target.js';

test.each([
  ['an upstream that is down', new UpstreamUnavailableError(), true],
  ['an upstream that is overloaded', new ModelOverloadedError(undefined, { origin: 'upstream' }), true],
  ['an error of somebody else’s', new Error('down'), true],
  ['a limit that ran out', new InferenceTimeoutError(10_000), false],
  ['a rate limit with a short wait', new RateLimitError(undefined, { retryAfterMs: 3_000 }), true],
  ['a rate limit with a long wait', new RateLimitError(undefined, { retryAfterMs: 3_001 }), false],
  ['a rate limit without a wait', new RateLimitError(), false],
  ['an open breaker', new ModelOverloadedError(undefined, { details: { reason: 'circuit_open' } }), false],
])('%s is tried again at the same upstream: %s', (_, error, again) => {
  expect(retriesSameTarget(error, 1)).toBe(again);
});

test.each([
  ['an upstream that is down', new UpstreamUnavailableError(), true],
  ['a rate limit with a short wait', new RateLimitError(undefined, { retryAfterMs: 1_000 }), false],
  ['a generation that failed', new GenerationFailedError(), false],
  ['an answer that is none', new InvalidResponseError(), false],
])('%s is tried a third time: %s', (_, error, again) => {
  expect(retriesSameTarget(error, 2)).toBe(again);
});
