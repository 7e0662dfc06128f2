import { describe, expect, test } from 'vitest';
import { createError } from '../errors/create-error.js';
import { errorTypes } from '../errors/error-table.js';
import type { ErrorType } from '../errors/error-types.js';
import { InvalidInputError, ModelNotFoundError, ValidationError } from '../errors/input-errors.js';
import { ModelOverloadedError, RateLimitError } from '../errors/rejections.js';
import { OutOfMemoryError, StreamInterruptedError, UpstreamUnavailableError } from '../errors/upstream-errors.js';
import { errorFormat, errorFrame, errorResponse, lastResort } from './problem.js';

const bodyOf = (response: { readonly body?: unknown }): Record<string, unknown> =>
  JSON.parse(response.body as string) as Record<string, unknown>;

describe('the route decides the form, then Accept', () => {
  test.each([
    ['native', undefined, 'native'],
    ['native', '*/*', 'native'],
    ['native', 'application/problem+json', 'problem'],
    ['native', 'application/json, application/problem+json', 'problem'],
    ['native', 'application/json, application/problem+json;q=0.5', 'native'],
    ['native', 'application/json;q=0.5, Application/Problem+JSON; q=0.9', 'problem'],
    ['native', 'application/problem+json;q=0', 'native'],
    ['native', 'application/problem+json;q=nonsense', 'native'],
    ['openai', 'application/problem+json', 'openai'],
  ] as const)('%s with Accept %s is %s', (dialect, accept, format) => {
    expect(errorFormat(dialect, accept)).toBe(format);
  });
});

describe('statuses', () => {
  test.each(Object.keys(errorTypes) as ErrorType[])('R87 R88 R89 R90 R91 D8: %s, in both profiles', (type) => {
    const error = createError(type);
    expect(errorResponse(error).status).toBe(errorTypes[type].http);
    expect(errorResponse(error, { profile: 'chutes' }).status).toBe(errorTypes[type].chutes);
  });

  test('D122: under the chutes profile a caller sees nothing but 400, 429, 499 and 500', () => {
    const statuses = (Object.keys(errorTypes) as ErrorType[]).map((type) => createError(type).statusFor('chutes'));
    expect(new Set(statuses)).toEqual(new Set([400, 429, 499, 500]));
    const notFound = new InvalidInputError('nothing', { status: 404 });
    expect(errorResponse(notFound, { profile: 'chutes' }).status).toBe(400);
  });
});

describe('headers', () => {
  test('D7: a known wait is a Retry-After in whole seconds on 429 and 503', () => {
    const limited = errorResponse(new RateLimitError(undefined, { retryAfterMs: 1_200 }));
    expect(limited).toMatchObject({ status: 429, headers: { 'retry-after': '2' } });
    const shed = errorResponse(new ModelOverloadedError(undefined, { retryAfterMs: 3_000 }), { format: 'openai' });
    expect(shed).toMatchObject({ status: 503, headers: { 'retry-after': '3' } });
    expect(errorResponse(new RateLimitError()).headers).not.toHaveProperty('retry-after');
  });

  test('D9 R88: out of memory is 507 and tells SDKs not to retry', () => {
    const response = errorResponse(new OutOfMemoryError());
    expect(response).toMatchObject({ status: 507, headers: { 'x-should-retry': 'false' } });
    expect(errorResponse(new OutOfMemoryError(), { profile: 'chutes' }).status).toBe(500);
  });

  test('R84: the correlation id is a header too, and headers of the handler stay', () => {
    const error = new ModelNotFoundError(undefined, { correlationId: 'abc' });
    expect(errorResponse(error, { headers: { 'x-ripstop-model': 'm' } }).headers).toMatchObject({
      'x-correlation-id': 'abc',
      'x-ripstop-model': 'm',
      'cache-control': 'no-store',
    });
  });
});

describe('the native envelope', () => {
  test('R86 D1 D2 D3: it is flat and has the same six keys for every error', () => {
    for (const type of Object.keys(errorTypes) as ErrorType[]) {
      const body = bodyOf(errorResponse(createError(type, { correlationId: 'abc' })));
      expect(Object.keys(body)).toEqual(
        expect.arrayContaining(['error', 'error_type', 'details', 'is_retryable', 'timestamp', 'correlation_id']),
      );
      expect(body).toMatchObject({ error_type: type, correlation_id: 'abc' });
      expect(body['timestamp']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }
  });

  test('D4 D46: cause and diagnostics never leave', () => {
    const error = new UpstreamUnavailableError(undefined, {
      cause: new Error('connect ECONNREFUSED 10.0.0.5:9000'),
      diagnostics: { key: 'sk-secret' },
    });
    for (const format of ['native', 'openai', 'problem'] as const) {
      expect(errorResponse(error, { format }).body).not.toMatch(/ECONNREFUSED|10\.0\.0\.5|sk-secret/);
    }
  });
});

describe('problem+json', () => {
  test('it has the five members of RFC 9457 that apply, and the native keys as extensions', () => {
    const error = new ValidationError([{ path: ['a', 0], message: 'Required' }], { correlationId: 'abc' });
    const response = errorResponse(error, { format: 'problem' });
    expect(response.headers['content-type']).toBe('application/problem+json');
    expect(bodyOf(response)).toMatchObject({
      type: 'urn:ripstop:error:validation_error',
      title: 'Validation failed',
      status: 422,
      detail: 'Validation failed',
      error_type: 'validation_error',
      field_errors: { 'a -> 0': ['Required'] },
      fields: [{ path: ['a', 0], message: 'Required' }],
      correlation_id: 'abc',
    });
  });

  test('status is the one that was sent, under the chutes profile too', () => {
    const response = errorResponse(new ValidationError([]), { format: 'problem', profile: 'chutes' });
    expect(response.status).toBe(400);
    expect(bodyOf(response)['status']).toBe(400);
  });
});

describe('the OpenAI envelope', () => {
  test('it is the one of the gateway specification, 1.7', () => {
    const error = new ModelOverloadedError('All 2 models failed; first: the upstream answered 503.', {
      origin: 'upstream',
      retryAfterMs: 2_000,
      correlationId: 'abc',
    });
    error.attempts = [
      { model: 'a', errorType: 'model_overloaded', status: 503, ms: 41.4 },
      { model: 'b', errorType: 'inference_timeout', phase: 'first_content', ms: 10_004 },
    ];
    expect(bodyOf(errorResponse(error, { format: 'openai' }))).toEqual({
      error: {
        message: 'All 2 models failed; first: the upstream answered 503.',
        type: 'model_overloaded',
        code: 'model_overloaded',
        param: null,
        origin: 'upstream',
        error_type: 'model_overloaded',
        is_retryable: true,
        retry_after_ms: 2_000,
        correlation_id: 'abc',
        attempts: [
          { model: 'a', error_type: 'model_overloaded', status: 503, ms: 41 },
          { model: 'b', error_type: 'inference_timeout', phase: 'first_content', ms: 10_004 },
        ],
      },
    });
  });

  test('param and message name the first wrong field, since its clients show nothing else', () => {
    const wrong = new ValidationError([{ path: ['messages', 0, 'content'], message: 'Required' }]);
    expect(bodyOf(errorResponse(wrong, { format: 'openai' }))['error']).toMatchObject({
      message: 'Validation failed: messages[0].content: Required',
      param: 'messages[0].content',
    });
    const root = new ValidationError([{ path: [], message: 'Expected an object' }]);
    expect(bodyOf(errorResponse(root, { format: 'openai' }))['error']).toMatchObject({
      message: 'Validation failed: Expected an object',
      param: null,
    });
  });

  test('public details come along where there are any', () => {
    const shed = new ModelOverloadedError(undefined, { details: { reason: 'shed' } });
    expect(bodyOf(errorResponse(shed, { format: 'openai' }))['error']).toMatchObject({ details: { reason: 'shed' } });
  });
});

describe('D63 GW8: frames of streams that have begun', () => {
  const error = new StreamInterruptedError(undefined, { correlationId: 'abc', details: { tokens_sent: 40 } });

  test('native: an error event with the envelope', () => {
    const [event, data, ...rest] = errorFrame(error, 'native', 'sse').split('\n');
    expect(event).toBe('event: error');
    expect(JSON.parse(data?.slice('data: '.length) ?? '')).toMatchObject({
      error_type: 'stream_interrupted',
      correlation_id: 'abc',
    });
    expect(rest).toEqual(['', '']);
  });

  test('NDJSON: the envelope on a line', () => {
    const frame = errorFrame(error, 'native', 'ndjson');
    expect(frame.endsWith('}\n')).toBe(true);
    expect(JSON.parse(frame)).toMatchObject({ error_type: 'stream_interrupted' });
  });

  test('OpenAI: a chunk like the last one, with the error and finish_reason error', () => {
    const last = { id: 'chatcmpl-7', object: 'chat.completion.chunk', created: 9, model: 'm', choices: [{}] };
    const frame = errorFrame(error, 'openai', 'sse', { last });
    expect(frame).toMatch(/^data: .*\n\n$/);
    expect(JSON.parse(frame.slice(6))).toMatchObject({
      id: 'chatcmpl-7',
      object: 'chat.completion.chunk',
      created: 9,
      model: 'm',
      choices: [{ index: 0, delta: {}, finish_reason: 'error' }],
      error: {
        type: 'stream_interrupted',
        code: 'stream_interrupted',
        is_retryable: true,
        correlation_id: 'abc',
        tokens_sent: 40,
      },
    });
  });

  test('OpenAI: a completion stream gets a completion chunk, and a stream without chunks a made-up one', () => {
    const text = errorFrame(error, 'openai', 'sse', { last: { object: 'text_completion' } });
    expect(JSON.parse(text.slice(6))).toMatchObject({ choices: [{ index: 0, text: '', finish_reason: 'error' }] });
    const bare = JSON.parse(errorFrame(error, 'openai', 'sse').slice(6)) as Record<string, unknown>;
    expect(bare).toMatchObject({ id: 'chatcmpl-abc', object: 'chat.completion.chunk', model: '' });
    expect(bare['created']).toBe(Math.floor(error.timestamp.getTime() / 1_000));
  });
});

test('D66: the last resort is a complete 500 that needs nothing from the error', () => {
  const response = lastResort('abc');
  expect(response.status).toBe(500);
  expect(bodyOf(response)).toMatchObject({ error_type: 'internal_error', correlation_id: 'abc', details: {} });
});
