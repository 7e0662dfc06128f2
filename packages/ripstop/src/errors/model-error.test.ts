import { afterEach, describe, expect, test, vi } from 'vitest';
import { createError } from './create-error.js';
import { errorTypes } from './error-table.js';
import { AuthenticationError, InvalidInputError, PermissionDeniedError } from './input-errors.js';
import { ModelError, type ModelErrorOptions } from './model-error.js';
import { ModelOverloadedError, QuotaExceededError, RateLimitError } from './rejections.js';
import {
  GenerationFailedError,
  InferenceTimeoutError,
  InternalError,
  ModelLoadingError,
  OutOfMemoryError,
  UpstreamUnavailableError,
} from './upstream-errors.js';

afterEach(() => {
  vi.useRealTimers();
  vi.resetModules();
});

describe('the base class', () => {
  test('R15: it has a message, a type, details, a word on retrying and a time', () => {
    vi.useFakeTimers({ now: new Date('2026-03-04T05:06:07.089Z') });
    const error = new ModelError('generation_failed', 'No luck', { details: { step: 3 }, isRetryable: false });
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toBe('ModelError: No luck');
    expect(error).toMatchObject({
      name: 'ModelError',
      message: 'No luck',
      errorType: 'generation_failed',
      details: { step: 3 },
      isRetryable: false,
      timestamp: new Date('2026-03-04T05:06:07.089Z'),
    });
    expect(error.stack).toContain('model-error.test.ts');
  });

  test('R15: without details they are empty, and without a word on retrying the table decides', () => {
    const error = new ModelError('generation_failed', 'No luck');
    expect(error.details).toEqual({});
    expect(error.isRetryable).toBe(errorTypes.generation_failed.retryable);
  });

  test('a message given with the options replaces the usual one', () => {
    expect(new RateLimitError(undefined, { message: 'Slow down' }).message).toBe('Slow down');
    expect(new OutOfMemoryError({ message: 'Too big' }).message).toBe('Too big');
  });

  test('D6: the cause is kept, and only there if one was given', () => {
    const cause = new TypeError('inner');
    expect(new GenerationFailedError('outer', { cause }).cause).toBe(cause);
    expect('cause' in new GenerationFailedError('outer')).toBe(false);
    expect('cause' in new GenerationFailedError('outer', { cause: undefined })).toBe(true);
  });

  test('frameworks find what they read: status, statusCode, expose, headers', () => {
    const error = new ModelOverloadedError(undefined, { retryAfterMs: 2_000 });
    expect([error.status, error.statusCode, error.expose]).toEqual([503, 503, true]);
    expect(error.headers).toEqual({ 'retry-after': '2' });
  });
});

describe('the envelope', () => {
  test('R16 D1 D2 D3: it has exactly these keys, the time in UTC and the correlation id', () => {
    vi.useFakeTimers({ now: new Date('2026-03-04T05:06:07.089Z') });
    const error = new ModelError('inference_timeout', 'Too slow', { details: { a: 1 }, correlationId: 'req-1' });
    expect(error.toJSON()).toEqual({
      error: 'Too slow',
      error_type: 'inference_timeout',
      details: { a: 1 },
      is_retryable: true,
      timestamp: '2026-03-04T05:06:07.089Z',
      correlation_id: 'req-1',
    });
  });

  test('D3: an error whose id is not known yet says so, and takes it on its way out', () => {
    const error = new InternalError();
    expect(error.toJSON().correlation_id).toBeNull();
    error.correlationId = 'late';
    expect(error.toJSON().correlation_id).toBe('late');
    expect(error.headers['x-correlation-id']).toBe('late');
  });

  test.each(Object.keys(errorTypes))('D2: %s comes in the same envelope as every other error', (errorType) => {
    const keys = Object.keys(createError(errorType as keyof typeof errorTypes).toJSON());
    expect(keys.slice(0, 6)).toEqual(['error', 'error_type', 'details', 'is_retryable', 'timestamp', 'correlation_id']);
  });

  test('D4: cause, diagnostics, attempts and the stack stay at home', () => {
    const secret = 'sk-canary-0000';
    const error = new UpstreamUnavailableError(undefined, {
      cause: new Error(secret),
      diagnostics: { body: secret },
      details: { phase: 'headers' },
    });
    error.attempts = [{ model: secret, errorType: 'upstream_unavailable', ms: 1 }];
    expect(error.diagnostics).toEqual({ body: secret });
    expect(Object.keys(error)).not.toContain('diagnostics');
    expect(JSON.stringify(error)).not.toContain(secret);
  });

  test('R16 D4: it survives JSON unchanged', () => {
    const envelope = new InferenceTimeoutError(30_000, { retryAfterMs: 250 }).toJSON();
    expect(JSON.parse(JSON.stringify(envelope))).toEqual(envelope);
    expect(envelope.retry_after_ms).toBe(250);
  });

  test('getResponse is a web answer with status, headers and the envelope as its body', async () => {
    const error = new RateLimitError(undefined, { retryAfterMs: 1_200, correlationId: 'req-9' });
    const response = error.getResponse();
    expect(response.status).toBe(429);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(response.headers.get('retry-after')).toBe('2');
    expect(response.headers.get('x-correlation-id')).toBe('req-9');
    expect(await response.json()).toEqual(error.toJSON());
  });
});

describe('waiting and retrying', () => {
  test('D7: a stated wait is carried, and becomes Retry-After in whole seconds, rounded up', () => {
    expect(new RateLimitError(undefined, { retryAfterMs: 1_001 }).headers['retry-after']).toBe('2');
    expect(new ModelLoadingError(undefined, { retryAfterMs: 5_000 }).headers['retry-after']).toBe('5');
    expect(new ModelOverloadedError(undefined, { retryAfterMs: 0 }).headers['retry-after']).toBe('0');
  });

  test('D7: an answer that is neither 429 nor 503 has no Retry-After, and neither has one without a known wait', () => {
    expect(new UpstreamUnavailableError(undefined, { retryAfterMs: 1_000 }).headers).toEqual({});
    expect(new RateLimitError().headers).toEqual({});
    expect(new RateLimitError().toJSON()).not.toHaveProperty('retry_after_ms');
  });

  test('a stated wait is capped at seven days, and one that is none is ignored', () => {
    const wait = (retryAfterMs: number): number | undefined =>
      new RateLimitError(undefined, { retryAfterMs }).retryAfterMs;
    expect(wait(30 * 86_400_000)).toBe(7 * 86_400_000);
    expect([wait(-1), wait(Number.NaN), wait(Number.POSITIVE_INFINITY)]).toEqual([undefined, undefined, undefined]);
  });

  test('D9: out of memory is a 507 that tells SDKs to leave it, and a 500 on Chutes', () => {
    const error = new OutOfMemoryError();
    expect([error.status, error.statusFor('chutes')]).toEqual([507, 500]);
    expect(error.headers['x-should-retry']).toBe('false');
    expect(error.isRetryable).toBe(false);
  });

  test('D9: a spent quota is a 429 that tells SDKs to leave it; a rate limit is not', () => {
    expect(new QuotaExceededError().headers['x-should-retry']).toBe('false');
    expect(new RateLimitError().headers).not.toHaveProperty('x-should-retry');
  });
});

describe('statuses that depend on more than the type', () => {
  test('a credential of ours that the upstream refuses is a 502, never a 401 or 403 for the caller', () => {
    for (const Refused of [AuthenticationError, PermissionDeniedError]) {
      const ours = new Refused(undefined, { origin: 'upstream' });
      expect([ours.status, ours.statusFor('chutes')]).toEqual([502, 500]);
    }
    expect(new AuthenticationError().status).toBe(401);
    expect(new PermissionDeniedError().status).toBe(403);
  });

  test('an error may have a status of its own under plain HTTP; Chutes passes on only what it knows', () => {
    const wrongMethod = new InvalidInputError('No such method', { status: 405 });
    expect([wrongMethod.status, wrongMethod.statusFor('chutes')]).toEqual([405, 400]);
    expect(Object.keys(wrongMethod)).not.toContain('statusOverride');
  });
});

describe('isInstance', () => {
  test('it knows ours from others, on the base class and on a leaf', () => {
    const error = new RateLimitError();
    expect(ModelError.isInstance(error)).toBe(true);
    expect(RateLimitError.isInstance(error)).toBe(true);
    expect(QuotaExceededError.isInstance(error)).toBe(false);
    for (const other of [new Error('x'), { errorType: 'rate_limited' }, null, undefined, 'rate_limited', 429]) {
      expect(ModelError.isInstance(other)).toBe(false);
    }
  });

  test('it survives a second copy of the package, where instanceof does not', async () => {
    vi.resetModules();
    const second = await import('./index.js');
    const error = new second.RateLimitError();
    expect(error instanceof ModelError).toBe(false);
    expect(ModelError.isInstance(error)).toBe(true);
    expect(RateLimitError.isInstance(error)).toBe(true);
    expect(QuotaExceededError.isInstance(error)).toBe(false);
    expect(second.ModelError.isInstance(new RateLimitError())).toBe(true);
  });

  test('it narrows the type', () => {
    const error: unknown = new RateLimitError(undefined, { retryAfterMs: 7 } satisfies ModelErrorOptions);
    expect(RateLimitError.isInstance(error) && error.retryAfterMs).toBe(7);
  });
});

describe('the stack', () => {
  test('an error has one, and one made by the thousands has none but its message', () => {
    const limit = Error.stackTraceLimit;
    expect(new ModelError('model_overloaded', 'busy').stack).toContain('model-error.test');
    const rejection = new ModelError('model_overloaded', 'busy', { stack: 'none' });
    expect(rejection.stack).toMatch(/busy$/);
    expect(Error.stackTraceLimit).toBe(limit);
  });
});
