import { afterEach, describe, expect, test, vi } from 'vitest';
import { reportCall } from '../call/call-report.js';
import type { ReportedEvent } from '../call/events.js';
import { ContentFilteredError, InvalidInputError, ValidationError } from '../errors/input-errors.js';
import { ModelError } from '../errors/model-error.js';
import { CancelledError, ModelOverloadedError, RateLimitError } from '../errors/rejections.js';
import { InferenceTimeoutError, OutOfMemoryError, UpstreamUnavailableError } from '../errors/upstream-errors.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { createErrorHandler, type ErrorHandler, type ErrorHandlerOptions } from './error-handler.js';
import type { Logger, LogLevel } from './logger.js';

interface Line {
  readonly level: LogLevel;
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

function recorder(): Logger & { readonly lines: Line[] } {
  const lines: Line[] = [];
  const at =
    (level: LogLevel) =>
    (fields: object, message: string): void =>
      void lines.push({ level, fields: fields as Record<string, unknown>, message });
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function handlerWith(options: ErrorHandlerOptions = {}): { handler: ErrorHandler; lines: Line[] } {
  const logger = recorder();
  return { handler: createErrorHandler({ logger, ...options }, virtualRuntime()), lines: logger.lines };
}

const bodyOf = (response: { readonly body?: unknown }): Record<string, unknown> =>
  JSON.parse(response.body as string) as Record<string, unknown>;

afterEach(() => vi.unstubAllEnvs());

describe('R69 R74: what an error becomes', () => {
  test('a ModelError stays itself and gets the correlation id', () => {
    const error = new OutOfMemoryError();
    const { handler } = handlerWith();
    expect(handler.handle(error, { correlationId: 'abc' })).toBe(error);
    expect(error.correlationId).toBe('abc');
  });

  test('D55: the public message of a typed error is the one that is shown', () => {
    const { handler } = handlerWith();
    const error = new OutOfMemoryError({ message: 'Das Modell hat zu wenig Speicher' });
    expect(bodyOf(handler.respond(error))['error']).toBe('Das Modell hat zu wenig Speicher');
  });

  test('an error without a request gets an id of its own, and keeps the one it has', () => {
    const { handler } = handlerWith();
    expect(handler.handle(new Error('x')).correlationId).toMatch(/^[0-9a-f-]{36}$/);
    expect(handler.handle(new OutOfMemoryError({ correlationId: 'mine' })).correlationId).toBe('mine');
  });

  test('R75 R92 D6: anything else becomes an internal error with the original as its cause', () => {
    const { handler } = handlerWith();
    const original = new TypeError('password is hunter2');
    for (const thrown of [original, 'hunter2', null, undefined, 42, { hunter2: true }, Symbol('hunter2'), () => 1]) {
      const response = handler.respond(thrown, { correlationId: 'abc' });
      expect(response.status).toBe(500);
      expect(response.body).not.toContain('hunter2');
      expect(bodyOf(response)).toMatchObject({
        error: 'An unexpected error occurred',
        error_type: 'internal_error',
        is_retryable: false,
        correlation_id: 'abc',
      });
    }
    expect(handler.handle(original).cause).toBe(original);
  });

  test('the 4xx of a framework is the caller’s fault, with words of ours', () => {
    const { handler } = handlerWith();
    const framework = (fields: object): Error => Object.assign(new Error('secret words'), fields);
    const cases: [object, number, string][] = [
      [{ status: 413, statusCode: 413, expose: true }, 413, 'invalid_input'],
      [{ status: 404, getResponse: () => undefined }, 404, 'invalid_input'],
      [{ statusCode: 415, code: 'FST_ERR_CTP_INVALID_MEDIA_TYPE' }, 415, 'invalid_input'],
      [{ status: 401, expose: true }, 401, 'authentication_failed'],
      [{ status: 403, expose: true }, 403, 'permission_denied'],
      [{ status: 429, expose: true }, 429, 'rate_limited'],
    ];
    for (const [fields, status, type] of cases) {
      const response = handler.respond(framework(fields));
      expect(response.status).toBe(status);
      expect(bodyOf(response)).toMatchObject({ error_type: type });
      expect(response.body).not.toContain('secret words');
    }
  });

  test('the 4xx or 5xx that an SDK got from its upstream is not the caller’s fault', () => {
    const { handler } = handlerWith();
    for (const fields of [{ status: 401, headers: {} }, { statusCode: 400 }, { status: 503, expose: true }]) {
      expect(handler.respond(Object.assign(new Error('no'), fields)).status).toBe(500);
    }
  });

  test('a translator is asked first; one that throws is as good as none', () => {
    const { handler } = handlerWith({
      translate: (error) => (error === 'known' ? new UpstreamUnavailableError() : undefined),
    });
    expect(handler.handle('known').errorType).toBe('upstream_unavailable');
    expect(handler.handle('unknown').errorType).toBe('internal_error');
    const broken = handlerWith({
      translate: () => {
        throw new Error('the translator itself');
      },
    });
    expect(broken.handler.handle(new Error('x')).errorType).toBe('internal_error');
  });

  test('an error object that throws when it is looked at is an internal error', () => {
    const { handler } = handlerWith();
    const trap = Object.defineProperty(new Error('x'), 'status', {
      get: () => {
        throw new Error('trap');
      },
    });
    expect(handler.handle(trap).errorType).toBe('internal_error');
  });

  test('what happened to the call goes along with a foreign error', () => {
    const { handler } = handlerWith();
    const foreign = new Error('x');
    reportCall(foreign, { attempts: [{ errorType: 'internal_error', ms: 3 }], stopReason: 'not_retryable' });
    expect(handler.handle(foreign)).toMatchObject({ stopReason: 'not_retryable', attempts: [{ ms: 3 }] });
  });
});

describe('R76 D49: development details', () => {
  const error = new TypeError('password is hunter2');

  test('are off unless asked for, and off in both profiles', () => {
    const { handler } = handlerWith();
    expect(bodyOf(handler.respond(error))['details']).toEqual({});
  });

  test('D5: show the message, and the class under a key of its own', () => {
    const { handler } = handlerWith({ exposeDetails: 'development' });
    expect(bodyOf(handler.respond(error))).toMatchObject({
      error_type: 'internal_error',
      details: { original_error: 'password is hunter2', error_class: 'TypeError' },
    });
    expect(bodyOf(handler.respond(new OutOfMemoryError({ cause: error })))['details']).toEqual({});
  });

  test('are refused in production', () => {
    vi.stubEnv('NODE_ENV', 'production');
    expect(() => createErrorHandler({ exposeDetails: 'development' })).toThrowError(/exposeDetails must be 'never'/);
    expect(() => createErrorHandler({ exposeDetails: 'never' })).not.toThrow();
  });
});

describe('R73: the log', () => {
  test('R85: has the operation, the id, the type and the class', () => {
    const { handler, lines } = handlerWith();
    handler.handle(new InferenceTimeoutError(5_000), {
      correlationId: 'abc',
      operation: 'inference',
      method: 'POST',
      route: '/generate',
      ms: 5_001.4,
    });
    expect(lines).toEqual([
      {
        level: 'error',
        message: 'Error in inference: Model inference timed out after 5 seconds',
        fields: expect.objectContaining({
          correlation_id: 'abc',
          error_type: 'inference_timeout',
          error_class: 'InferenceTimeoutError',
          status: 504,
          method: 'POST',
          route: '/generate',
          ms: 5_001,
        }) as unknown,
      },
    ]);
  });

  test('D58 D64: level by severity', () => {
    const { handler, lines } = handlerWith();
    const expected: [unknown, LogLevel][] = [
      [new CancelledError(), 'debug'],
      [new InvalidInputError(), 'info'],
      [new ValidationError([]), 'info'],
      [new ContentFilteredError(), 'info'],
      [new RateLimitError(), 'warn'],
      [new ModelOverloadedError(), 'warn'],
      [new UpstreamUnavailableError(), 'error'],
      [new Error('bug'), 'error'],
    ];
    for (const [error] of expected) handler.handle(error);
    expect(lines.map(({ level }) => level)).toEqual(expected.map(([, level]) => level));
  });

  test('D50: the stack is taken from the error, and only for what is ours to mend', () => {
    const { handler, lines } = handlerWith();
    const bug = new Error('bug');
    handler.handle(bug);
    expect(lines[0]?.fields['err']).toMatchObject({ type: 'Error', stack: bug.stack?.replace('Error: bug\n', '') });
    handler.handle(new InvalidInputError());
    expect(lines[1]?.fields).not.toHaveProperty('err');
  });

  test('D57: an error is logged once, however many layers see it', () => {
    const onError = vi.fn();
    const { handler, lines } = handlerWith({ onError });
    const foreign = new Error('x');
    const scope = { correlationId: 'abc' };
    const first = handler.handle(foreign, scope);
    expect(handler.handle(foreign, scope)).toBe(first);
    handler.handle(first, scope);
    handler.respond(first, scope);
    expect(lines).toHaveLength(1);
    expect(onError).toHaveBeenCalledTimes(1);
    expect(onError).toHaveBeenCalledWith(first, scope);
  });

  test('an error that ends two requests is logged for each, and each answer has its own id', () => {
    const { handler, lines } = handlerWith();
    const shared = new UpstreamUnavailableError();
    const bodies = ['one', 'two'].map((correlationId) => bodyOf(handler.respond(shared, { correlationId })));
    expect(bodies.map((body) => body['correlation_id'])).toEqual(['one', 'two']);
    expect(lines.map(({ fields }) => fields['correlation_id'])).toEqual(['one', 'two']);
  });

  test('a logger or listener that throws costs nobody the answer, and is reported', () => {
    const runtime = virtualRuntime();
    const events: ReportedEvent[] = [];
    runtime.events.on((event) => events.push(event));
    const failing = (): never => {
      throw new Error('disk full');
    };
    const logger: Logger = { debug: failing, info: failing, warn: failing, error: failing };
    const response = createErrorHandler({ logger }, runtime).respond(new OutOfMemoryError(), { correlationId: 'abc' });
    expect(response.status).toBe(507);
    expect(bodyOf(response)['correlation_id']).toBe('abc');
    expect(events).toMatchObject([
      { type: 'error.handled', errorType: 'out_of_memory' },
      { type: 'listener.failed', error: { message: 'disk full' } },
    ]);
  });
});

test('D66: an error that cannot be rendered is answered by a fixed 500, and both are logged', () => {
  const { handler, lines } = handlerWith();
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const response = handler.respond(new ModelError('rate_limited', 'x', { details: circular }), {
    correlationId: 'abc',
    headers: { 'x-ripstop-model': 'm' },
  });
  expect(response).toMatchObject({ status: 500, headers: { 'x-ripstop-model': 'm' } });
  expect(bodyOf(response)).toMatchObject({ error_type: 'internal_error', correlation_id: 'abc' });
  expect(lines.map(({ fields }) => fields['error_type'])).toEqual(['rate_limited', 'internal_error']);
});

test('R86: the form and the profile of the answer follow the request and the service', () => {
  const { handler } = handlerWith({ profile: 'chutes' });
  const response = handler.respond(new OutOfMemoryError(), { format: 'openai', correlationId: 'abc' });
  expect(response.status).toBe(500);
  expect(bodyOf(response)['error']).toMatchObject({ type: 'out_of_memory' });
});
