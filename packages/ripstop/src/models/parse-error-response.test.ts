import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createError } from '../errors/create-error.js';
import { errorTypes } from '../errors/error-table.js';
import type { ErrorType } from '../errors/error-types.js';
import { ValidationError } from '../errors/input-errors.js';
import { ModelError, type ModelErrorOptions } from '../errors/model-error.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { parseErrorResponse } from './parse-error-response.js';

const types = Object.keys(errorTypes) as ErrorType[];
let close = (): void => undefined;

afterEach(() => close());

/** What a real server sends, as a real client gets it. */
async function answerOf(listener: RequestListener): Promise<Response> {
  const server = createServer(listener);
  close = () => {
    server.closeAllConnections();
    server.close();
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}

const json = (status: number, body: unknown, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });

/** An error as our server writes it, in each of its envelopes. */
function sent(error: ModelError, format: 'native' | 'problem' | 'openai'): Response {
  if (format === 'native') return error.getResponse();
  if (format === 'problem') {
    const { error: detail, ...rest } = error.toJSON();
    return json(error.status, { type: 'urn:x', title: 'T', status: error.status, detail, error: detail, ...rest });
  }
  const { errorType, message, origin, isRetryable, retryAfterMs, correlationId, details } = error;
  const inner = {
    message,
    type: errorType,
    code: errorType,
    param: null,
    origin,
    error_type: errorType,
    is_retryable: isRetryable,
    retry_after_ms: retryAfterMs,
    correlation_id: correlationId,
    attempts: [{ model: 'small', error_type: 'rate_limited', status: 429, ms: 7 }, { odd: true }, 7],
    details,
  };
  return json(error.status, { error: inner }, error.headers);
}

describe('I18 R16: an error of ours comes back as it was', () => {
  const options: ModelErrorOptions = {
    message: 'Something that was said for the caller to read',
    details: { limit: 7, nested: { a: [1] } },
    isRetryable: true,
    retryAfterMs: 1_500,
    correlationId: 'req-1',
  };

  test.each(types)('%s, in every envelope', async (type) => {
    const error = createError(type, options);
    for (const format of ['native', 'problem', 'openai'] as const) {
      const parsed = await parseErrorResponse(sent(error, format));
      expect(parsed).toBeInstanceOf(error.constructor);
      const { errorType, status, isRetryable, message, correlationId, details, retryAfterMs } = error;
      const expected = { errorType, status, isRetryable, message, correlationId, details, retryAfterMs };
      expect(parsed, format).toMatchObject(expected);
    }
    const native = await parseErrorResponse(sent(error, 'native'));
    expect(JSON.stringify(native)).toBe(JSON.stringify(error));
  });

  test('the fields of a validation error, the attempts, and an unusual status too', async () => {
    const fields = [{ path: ['messages', 0, 'content'], message: 'This field is required' }];
    const invalid = await parseErrorResponse(new ValidationError(fields, { correlationId: 'a' }).getResponse());
    expect(invalid).toMatchObject({ errorType: 'validation_error', status: 422, fields });
    const failed = await parseErrorResponse(sent(createError('upstream_unavailable', options), 'openai'));
    expect(failed.attempts).toEqual([{ model: 'small', errorType: 'rate_limited', status: 429, ms: 7 }]);
    const wrongMethod = await parseErrorResponse(createError('invalid_input', { status: 405 }).getResponse());
    expect(wrongMethod).toMatchObject({ errorType: 'invalid_input', status: 405 });
    const chutes = await parseErrorResponse(createError('out_of_memory').getResponse({ profile: 'chutes' }));
    expect(chutes).toMatchObject({ errorType: 'out_of_memory', status: 500, isRetryable: false });
  });

  test('whose credential was refused', async () => {
    for (const origin of ['client', 'upstream'] as const) {
      const parsed = await parseErrorResponse(createError('authentication_failed', { origin }).getResponse());
      expect(parsed).toMatchObject({ errorType: 'authentication_failed', origin });
    }
  });

  test('what only looks like it is read as anybody’s, and odd members are passed over', async () => {
    const alien = await parseErrorResponse(json(429, { error_type: 'out_of_memory', error: 'Slow down, please' }));
    expect(alien).toMatchObject({ errorType: 'out_of_memory', details: { status: 429 } });
    const odd = await parseErrorResponse(
      json(422, {
        error: 7,
        error_type: 'validation_error',
        is_retryable: false,
        details: 'none',
        timestamp: 'never',
        correlation_id: 'a b',
        retry_after_ms: 'soon',
        fields: [{ path: 'a', message: 'b' }, { path: [{}], message: 'b' }, null],
      }),
    );
    expect(odd).toMatchObject({ errorType: 'validation_error', details: {}, fields: [], message: 'Validation failed' });
    expect([odd.correlationId, odd.retryAfterMs]).toEqual([undefined, undefined]);
    expect(odd.timestamp.getTime()).not.toBeNaN();
    const long = await parseErrorResponse(createError('rate_limited', { message: 'x'.repeat(9_999) }).getResponse());
    expect(long.message).toHaveLength(2_000);
  });
});

describe('I18: an error of somebody else’s is what it means', () => {
  const cases: readonly (readonly [string, Response, ErrorType])[] = [
    [
      'OpenAI',
      json(429, { error: { message: 'Rate limit reached', type: 'requests', code: 'rate_limit_exceeded' } }),
      'rate_limited',
    ],
    [
      'Anthropic',
      json(529, { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }),
      'model_overloaded',
    ],
    [
      'Chutes, a sentence',
      json(429, { detail: 'Infrastructure is at maximum capacity, try again later' }),
      'model_overloaded',
    ],
    [
      'Chutes, an object',
      json(402, { detail: { message: 'Quota exceeded and account balance is $0.0' } }),
      'quota_exceeded',
    ],
    [
      'FastAPI',
      json(422, { detail: [{ loc: ['body', 'prompt'], msg: 'Field required', type: 'missing' }] }),
      'invalid_input',
    ],
    [
      'problem+json',
      json(404, { type: 'about:blank', title: 'Not Found', status: 404, detail: 'No such model: gpt-9' }),
      'model_not_found',
    ],
    [
      'a proxy’s page',
      new Response('<html><head><title>502 Bad Gateway</title></head></html>', { status: 502 }),
      'upstream_unavailable',
    ],
    ['nothing', new Response(null, { status: 503 }), 'upstream_unavailable'],
    ['a success with an error inside', json(200, { error: { code: 'rate_limit_exceeded' } }), 'rate_limited'],
    ['text', new Response('upstream connect error', { status: 503 }), 'upstream_unavailable'],
    [
      'JSON that is cut',
      new Response('{"error":{"message":"CUDA out of memory. Tried to al', { status: 500 }),
      'out_of_memory',
    ],
  ];

  test.each(cases)('%s', async (_, response, errorType) => {
    const error = await parseErrorResponse(response);
    expect(error).toBeInstanceOf(ModelError);
    expect(error.errorType).toBe(errorType);
    expect(error.details['status']).toBe(response.status);
  });

  test('with the wait and the id that its headers state', async () => {
    for (const name of ['X-Correlation-ID', 'x-request-id', 'request-id', 'X-Chutes-InvocationID']) {
      const error = await parseErrorResponse(json(429, {}, { [name]: 'req_011', 'retry-after': '7' }));
      expect(error).toMatchObject({ correlationId: 'req_011', retryAfterMs: 7_000 });
    }
    const odd = await parseErrorResponse(json(500, {}, { 'x-request-id': 'a b' }));
    expect(odd.correlationId).toBeUndefined();
  });
});

describe('the body', () => {
  test('is read no further than its limit, and the connection is let go', async () => {
    let closed: () => void = () => undefined;
    const letGo = new Promise<void>((resolve) => (closed = resolve));
    const response = await answerOf((_, reply) => {
      reply.once('close', closed);
      reply.writeHead(500);
      const more = (): void => {
        while (!reply.destroyed && reply.write('x'.repeat(16_384)));
      };
      reply.on('drain', more);
      more();
    });
    expect((await parseErrorResponse(response, { maxBytes: 1_000 })).errorType).toBe('upstream_unavailable');
    await letGo;
  });

  test('counts to its limit and no further, also within one piece', async () => {
    const late = new Response(`${' '.repeat(20)}{"error":{"message":"CUDA out of memory"}}`, { status: 500 });
    expect((await parseErrorResponse(late.clone(), { maxBytes: 10 })).errorType).toBe('upstream_unavailable');
    expect((await parseErrorResponse(late)).errorType).toBe('out_of_memory');
  });

  test('that never ends counts as far as it has come by the limit', async () => {
    const runtime = virtualRuntime();
    const response = await answerOf((_, reply) => {
      reply.writeHead(500, { 'content-type': 'application/json' });
      reply.write('{"error": {"message": "CUDA out of memory"}}');
    });
    const parsing = parseErrorResponse(response, {}, runtime);
    const first = await Promise.race([parsing, new Promise((resolve) => setTimeout(resolve, 50))]);
    expect(first).toBeUndefined();
    await runtime.clock.advance(5_000);
    expect((await parsing).errorType).toBe('out_of_memory');
  });

  test('that breaks off still leaves the status', async () => {
    const response = await answerOf((_, reply) => {
      reply.writeHead(429, { 'content-length': '100' });
      reply.write('{"detail":');
      setTimeout(() => reply.destroy(), 10);
    });
    const error = await parseErrorResponse(response);
    expect(error.errorType).toBe('rate_limited');
    expect(error.cause).toBeInstanceOf(Error);
  });

  test('may have been read by somebody else, or be read right now', async () => {
    const used = json(429, { detail: 'x' });
    await used.text();
    expect((await parseErrorResponse(used)).errorType).toBe('rate_limited');
    const locked = json(429, { detail: 'x' });
    locked.body?.getReader();
    expect((await parseErrorResponse(locked)).errorType).toBe('rate_limited');
  });

  test('a caller who leaves ends the reading, with his own reason', async () => {
    const controller = new AbortController();
    const response = await answerOf((_, reply) => reply.writeHead(500).flushHeaders());
    const parsing = parseErrorResponse(response, { signal: controller.signal });
    controller.abort('enough');
    await expect(parsing).rejects.toBe('enough');
  });

  test('options that make no sense are refused', async () => {
    await expect(parseErrorResponse(json(500, {}), { maxBytes: 0 })).rejects.toThrow(RangeError);
    await expect(parseErrorResponse(json(500, {}), { limitMs: -1 })).rejects.toThrow(RangeError);
  });
});
