import assert from 'node:assert';
import { describe, expect, test } from 'vitest';
import { createError } from '../../errors/create-error.js';
import { errorTypes } from '../../errors/error-table.js';
import type { ErrorType } from '../../errors/error-types.js';
import { ModelOverloadedError, RateLimitError, type RejectionReason } from '../../errors/rejections.js';
import { GenerationFailedError } from '../../errors/upstream-errors.js';
import { isRejection, isRetryable, isServiceFailure, statedWaitMs, typeOf, upstreamStatus } from './verdict.js';

const types = Object.keys(errorTypes) as ErrorType[];

/** An error as an SDK throws it: a plain Error with more fields. */
function sdkError(fields: object, message = 'from an SDK'): Error {
  return Object.assign(new Error(message), fields);
}

/** What fetch throws when the network fails. */
function fetchFailed(code: string): TypeError {
  return new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) });
}

function assertionError(): unknown {
  try {
    assert.strictEqual(1, 2);
  } catch (error) {
    return error;
  }
  return undefined;
}

const networkCodes = [
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_SOCKET',
];
const bugs = [
  new TypeError('x is not a function'),
  new TypeError('fetch failed'),
  new TypeError('terminated'),
  new TypeError('fetch failed', { cause: new Error('no code') }),
  new RangeError('Invalid array length'),
  new SyntaxError('Unexpected token'),
  new ReferenceError('x is not defined'),
  new EvalError('no code from strings'),
  new URIError('URI malformed'),
  assertionError(),
  Object.assign(new Error('expected 1 to be 2'), { name: 'AssertionError' }),
  Object.assign(new Error('Expected values to be equal'), { name: 'CheckFailed', code: 'ERR_ASSERTION' }),
];

describe('worth another try?', () => {
  test.each(types)('RT8 D21: a ModelError is believed: %s', (errorType) => {
    expect(isRetryable(createError(errorType))).toBe(errorTypes[errorType].retryable);
    expect(isRetryable(createError(errorType, { isRetryable: true }))).toBe(true);
    expect(isRetryable(createError(errorType, { isRetryable: false }))).toBe(false);
  });

  test("RT8: an SDK's error that knows is believed, whatever its status", () => {
    expect(isRetryable(sdkError({ isRetryable: false, statusCode: 503 }))).toBe(false);
    expect(isRetryable(sdkError({ isRetryable: true, statusCode: 400 }))).toBe(true);
  });

  test.each([408, 409, 425, 429, 500, 502, 503, 504, 520, 529])('RT8: status %i is retried', (status) => {
    expect(isRetryable(sdkError({ status }))).toBe(true);
    expect(isRetryable(sdkError({ statusCode: status }))).toBe(true);
  });

  test.each([400, 401, 402, 403, 404, 405, 410, 413, 422, 301])('RT8: status %i is final', (status) => {
    expect(isRetryable(sdkError({ status }))).toBe(false);
    expect(isRetryable(sdkError({ statusCode: status }))).toBe(false);
  });

  test.each(['insufficient_quota', 'billing_not_active', 'billing_hard_limit_reached', 'enforced_spend_limit_reached'])(
    'RT8: a 429 that means spent money is final: %s',
    (code) => {
      expect(isRetryable(sdkError({ status: 429, code }))).toBe(false);
      expect(isRetryable(sdkError({ status: 429, code: null, type: code }))).toBe(false);
      expect(isRetryable(sdkError({ status: 429, error: { code } }))).toBe(false);
      expect(isRetryable(sdkError({ status: 429, code: 'rate_limit_exceeded', type: 'requests' }))).toBe(true);
      expect(isRetryable(sdkError({ status: 429, error: null }))).toBe(true);
    },
  );

  test.each(networkCodes)('RT8: a connection that failed with %s is retried, also from inside fetch', (code) => {
    expect(isRetryable(sdkError({ code }))).toBe(true);
    expect(isRetryable(fetchFailed(code))).toBe(true);
    expect(isRetryable(new Error('Connection error.', { cause: fetchFailed(code) }))).toBe(true);
  });

  test('RT8: a TypeError is retried for a network error however deep in its causes', () => {
    expect(isRetryable(new TypeError('terminated', { cause: fetchFailed('ECONNRESET') }))).toBe(true);
  });

  test('RT8: the code is looked for in four errors, one inside the other, and no further than a cause that is `null`', () => {
    const wrapped = (depth: number): TypeError => {
      return depth === 0 ? fetchFailed('ECONNRESET') : new TypeError('wrapped', { cause: wrapped(depth - 1) });
    };
    expect(isRetryable(wrapped(2))).toBe(true);
    expect(isRetryable(wrapped(3))).toBe(false);
    expect(isRetryable(new TypeError('wrapped', { cause: null }))).toBe(false);
  });

  test('RT8: causes that go round in a circle end the search', () => {
    const error: Error & { cause?: unknown } = new TypeError('round');
    error.cause = error;
    expect(isRetryable(error)).toBe(false);
  });

  test.each(bugs)('RT8 D22: a bug is not retried: %s', (error) => {
    expect(isRetryable(error)).toBe(false);
  });

  test('RT8: an abort is not retried, and a time limit of somebody else is', () => {
    expect(isRetryable(new DOMException('left', 'AbortError'))).toBe(false);
    expect(isRetryable(new DOMException('late', 'TimeoutError'))).toBe(true);
  });

  test.each([undefined, null, 0, '', false, 'down', 42, Symbol('down')])(
    'G12: a thrown value that is no error is taken as transient: %s',
    (thrown) => {
      expect(isRetryable(thrown)).toBe(true);
    },
  );
});

describe('evidence against the service?', () => {
  test.each(types)('D39: a ModelError counts if the table says so: %s', (errorType) => {
    expect(isServiceFailure(createError(errorType))).toBe(errorTypes[errorType].breaker === 'counts');
  });

  test.each([400, 401, 403, 404, 409, 413, 422, 429])("D39: a caller's fault or a limit does not: %i", (status) => {
    expect(isServiceFailure(sdkError({ status }))).toBe(false);
  });

  test.each([408, 500, 502, 503, 504, 529])('D39: a failing service does: %i', (status) => {
    expect(isServiceFailure(sdkError({ status }))).toBe(true);
  });

  test.each(bugs)('D39: a bug of our own does not: %s', (error) => {
    expect(isServiceFailure(error)).toBe(false);
  });

  test.each(networkCodes)('D39: a connection that failed with %s does', (code) => {
    expect(isServiceFailure(fetchFailed(code))).toBe(true);
  });

  test('D39: an error that nobody knows does', () => {
    expect(isServiceFailure(new Error('inference failed'))).toBe(true);
  });

  test("D39: a caller's own deadline does not, and only a timeout can be one", () => {
    const details = { phase: 'total' };
    expect(isServiceFailure(createError('inference_timeout', { details }))).toBe(false);
    expect(isServiceFailure(createError('generation_failed', { details }))).toBe(true);
  });

  test('D39: an abort does not', () => {
    expect(isServiceFailure(new DOMException('left', 'AbortError'))).toBe(false);
  });

  test.each([undefined, null, 0, '', false, 'down'])('G12: a thrown value that is no error does: %s', (thrown) => {
    expect(isServiceFailure(thrown)).toBe(true);
  });
});

describe('a rejection of our own?', () => {
  const reasons: RejectionReason[] = ['circuit_open', 'queue_full', 'queue_timeout', 'shed', 'draining', 'throttled'];

  test.each(reasons)('B5 D39: %s is, and counts against nobody', (reason) => {
    const error = new ModelOverloadedError('refused', { details: { reason } });
    expect(isRejection(error)).toBe(true);
    expect(isServiceFailure(error)).toBe(false);
    expect(isRejection(new RateLimitError('refused', { details: { reason } }))).toBe(true);
  });

  test('B5: the same word from an upstream is no rejection of ours', () => {
    const error = new ModelOverloadedError('busy', { origin: 'upstream', details: { reason: 'queue_full' } });
    expect(isRejection(error)).toBe(false);
    expect(isServiceFailure(error)).toBe(true);
  });

  test('B5: a failure whose details happen to have a reason stays a failure', () => {
    const error = new GenerationFailedError('no text', { details: { reason: 'the sampler diverged' } });
    expect(isRejection(error)).toBe(false);
    expect(isServiceFailure(error)).toBe(true);
  });

  test('an overloaded upstream and a foreign error are none', () => {
    expect(isRejection(new ModelOverloadedError())).toBe(false);
    expect(isRejection(sdkError({ origin: 'service', details: { reason: 'circuit_open' } }))).toBe(false);
    expect(isRejection(undefined)).toBe(false);
  });
});

describe('what it states', () => {
  test('RT5: a stated wait is a number of milliseconds from 0 up, and anything else is none', () => {
    expect(statedWaitMs(new RateLimitError(undefined, { retryAfterMs: 1_500 }))).toBe(1_500);
    expect(statedWaitMs(sdkError({ retryAfterMs: 0 }))).toBe(0);
    for (const retryAfterMs of [-1, Number.NaN, '5', null, undefined]) {
      expect(statedWaitMs(sdkError({ retryAfterMs }))).toBeUndefined();
    }
    expect(statedWaitMs('down')).toBeUndefined();
    expect(statedWaitMs(null)).toBeUndefined();
  });

  test('a status is an HTTP status, and nothing else that is called so', () => {
    expect(upstreamStatus({ status: 503 })).toBe(503);
    expect(upstreamStatus({ statusCode: 404 })).toBe(404);
    expect(upstreamStatus({ status: 'failed', statusCode: 500 })).toBe(500);
    for (const status of [100, 599]) expect(upstreamStatus({ status })).toBe(status);
    for (const none of [{ status: 99 }, { status: 600 }, { status: 'failed' }, {}, 'down', undefined, null]) {
      expect(upstreamStatus(none)).toBeUndefined();
    }
  });

  test('the status of a ModelError is what the service answered, not what our caller gets', () => {
    expect(upstreamStatus(new GenerationFailedError())).toBeUndefined();
    expect(upstreamStatus(new GenerationFailedError(undefined, { details: { status: 503 } }))).toBe(503);
  });

  test('D31: an error is reported by its own type, or by whose fault it seems', () => {
    expect(typeOf(new RateLimitError())).toBe('rate_limited');
    expect(typeOf(sdkError({ status: 503 }))).toBe('upstream_unavailable');
    expect(typeOf(new TypeError('bug'))).toBe('internal_error');
  });
});
