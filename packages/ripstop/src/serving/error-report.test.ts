import { describe, expect, test } from 'vitest';
import { errorContext } from '../call/error-context.js';
import type { ReportedEvent } from '../call/events.js';
import { InvalidInputError, ValidationError } from '../errors/input-errors.js';
import { ModelError } from '../errors/model-error.js';
import { CancelledError, RateLimitError } from '../errors/rejections.js';
import { InferenceTimeoutError, OutOfMemoryError, UpstreamUnavailableError } from '../errors/upstream-errors.js';
import { fallback } from '../policies/fallback.js';
import { type VirtualRuntime, virtualRuntime } from '../testing/virtual-runtime.js';
import { createErrorHandler, type ErrorHandler, type ErrorHandlerOptions } from './error-handler.js';
import type { Logger, LogLevel } from './logger.js';

interface Line {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

interface Setting {
  readonly handler: ErrorHandler;
  readonly lines: Line[];
  readonly events: ReportedEvent[];
  readonly runtime: VirtualRuntime;
}

function setUp(options: ErrorHandlerOptions = {}): Setting {
  const runtime = virtualRuntime();
  const [lines, events]: [Line[], ReportedEvent[]] = [[], []];
  runtime.events.on((event) => events.push(event));
  const at =
    (level: LogLevel) =>
    (fields: object, message: string): void =>
      void lines.push({ level, message, fields: fields as Record<string, unknown> });
  const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), fatal: at('fatal') };
  return { handler: createErrorHandler({ logger, ...options }, runtime), lines, events, runtime };
}

const bodyOf = ({ body }: { readonly body?: unknown }): Record<string, unknown> =>
  JSON.parse(body as string) as Record<string, unknown>;

async function failIn<T>(operation: string, facts: object, error: T): Promise<T> {
  await errorContext.operation(operation, { ...facts }, () => Promise.reject(error as Error)).catch(() => undefined);
  return error;
}

describe('what is remembered', () => {
  test('R68 R71 R77: a record and a count for each error, with the guide’s keys', () => {
    const { handler, runtime } = setUp();
    handler.handle(new TypeError('canary'), {
      correlationId: 'a',
      operation: 'inference',
      method: 'POST',
      route: '/generate',
      ms: 12.4,
    });
    handler.handle(new OutOfMemoryError(), { correlationId: 'b' });
    expect(handler.history()).toEqual([
      {
        error_type: 'internal_error',
        error_class: 'TypeError',
        message: 'An unexpected error occurred',
        correlation_id: 'a',
        status: 500,
        context: {
          operation: 'inference',
          request_path: '/generate',
          request_method: 'POST',
          processing_time_ms: 12,
        },
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as unknown,
        traceback: null,
      },
      expect.objectContaining({ error_type: 'out_of_memory', correlation_id: 'b', context: { operation: 'unknown' } }),
    ]);
    expect(handler.getErrorStatistics()).toEqual(handler.statistics());
    expect(handler.statistics()).toEqual({
      total_errors: 2,
      recent_errors_1h: 2,
      error_types: { internal_error: 1, out_of_memory: 1 },
      recent_error_types: { internal_error: 1, out_of_memory: 1 },
      error_classes: { TypeError: 1, OutOfMemoryError: 1 },
    });
    expect(runtime.clock.pending).toBe(0);
  });

  test('R72: the latest 1 000, unless told otherwise', () => {
    const { handler } = setUp();
    for (let index = 0; index < 1_005; index += 1)
      handler.handle(new OutOfMemoryError(), { correlationId: `r${index}` });
    expect(handler.history()).toHaveLength(1_000);
    expect(handler.history().at(-1)?.correlation_id).toBe('r1004');
    expect(handler.statistics().total_errors).toBe(1_005);
    const small = setUp({ historySize: 2 }).handler;
    for (const id of ['a', 'b', 'c']) small.handle(new OutOfMemoryError(), { correlationId: id });
    expect(small.history().map(({ correlation_id: id }) => id)).toEqual(['b', 'c']);
    expect(() => createErrorHandler({ historySize: 0 })).toThrow(RangeError);
  });

  test('D57: an error counts once, however many layers hand it in', () => {
    const { handler, events, lines } = setUp();
    const error = new Error('x');
    for (let layer = 0; layer < 3; layer += 1) handler.respond(error, { correlationId: 'a' });
    handler.handle(handler.handle(error, { correlationId: 'a' }), { correlationId: 'b' });
    handler.handle(error, { correlationId: 'a' });
    expect([handler.statistics().total_errors, lines.length, events.length]).toEqual([2, 2, 2]);
  });

  test('one error object that is thrown again and again is told with the time of each', async () => {
    const { handler, runtime } = setUp();
    const always = new Error('x');
    const first = bodyOf(handler.respond(always, { correlationId: 'a' }))['timestamp'];
    await runtime.clock.advance(60_000);
    const second = bodyOf(handler.respond(always, { correlationId: 'b' }))['timestamp'];
    expect(Date.parse(String(second)) - Date.parse(String(first))).toBe(60_000);
    expect(handler.history().map(({ timestamp }) => timestamp)).toEqual([first, second]);
  });

  test('D64 I6: a caller who left is told at debug, and neither counted nor remembered', () => {
    const { handler, lines, events } = setUp();
    handler.handle(new CancelledError());
    expect(lines.map(({ level }) => level)).toEqual(['debug']);
    expect(events).toMatchObject([{ type: 'error.handled', errorType: 'cancelled', severity: 'debug' }]);
    expect(handler.history()).toEqual([]);
    expect(handler.statistics().total_errors).toBe(0);
  });

  test('D53 R85 D65: neither keys nor prompts nor who asked, and no more than a record may hold', async () => {
    const { handler, lines, events } = setUp();
    const facts = { prompt: 'canary', user_agent: 'canary', note: 'cpk_canary0123', list: Array(9_999).fill('x') };
    const careless = new OutOfMemoryError({ message: 'for sk-canary0123' });
    handler.handle(await failIn('with sk-canary0123', facts, careless), { context: { ip: 'canary', tenant: 'a' } });
    const everything = JSON.stringify([handler.history(), lines, events]);
    expect(everything).not.toContain('canary');
    expect(everything.length).toBeLessThan(10_000);
    expect(handler.history()[0]?.context).toMatchObject({
      operation: 'with sk-[…]',
      tenant: 'a',
      prompt: '[hidden]',
    });
  });
});

describe('the context of an error', () => {
  test('D43 D47 R73: joins what the handler was given, so that the line says what was being done', async () => {
    const { handler, lines, events } = setUp();
    const error = await failIn('inference', { model: 'small' }, new InferenceTimeoutError(5_000));
    handler.handle(error, { correlationId: 'a', route: '/generate', context: { tenant: 't', model: 'outer' } });
    expect(lines).toMatchObject([
      {
        level: 'error',
        message: 'Error in inference: Model inference timed out after 5 seconds',
        fields: {
          correlation_id: 'a',
          error_type: 'inference_timeout',
          context: { operation: 'inference', model: 'small', tenant: 't' },
        },
      },
    ]);
    expect(events).toMatchObject([{ operation: 'inference', correlationId: 'a', context: { model: 'small' } }]);
  });

  test('gives the correlation id where nobody else does, before one that a shared error brought along', () => {
    const { handler } = setUp();
    const shared = new UpstreamUnavailableError(undefined, { correlationId: 'of-another' });
    const error = errorContext.run({ correlationId: 'own' }, () => handler.handle(shared));
    expect(error.correlationId).toBe('own');
    expect(handler.history()[0]?.correlation_id).toBe('own');
  });

  test('gives the id of the request that an error has left, to whoever asks later', async () => {
    const error = new OutOfMemoryError();
    await errorContext.run({ correlationId: 'of-its-request' }, () => failIn('inference', {}, error));
    expect(setUp().handler.handle(error).correlationId).toBe('of-its-request');
  });

  test('D46: is shown to nobody, but for what an allow-list names', async () => {
    const facts = { model: 'small', tenant: 'canary', prompt: 'canary' };
    const error = await failIn('inference', facts, new OutOfMemoryError({ details: { memory_used_mb: 1 } }));
    const quiet = setUp().handler;
    expect(bodyOf(quiet.respond(error))['details']).toEqual({ memory_used_mb: 1 });
    const open = setUp({ publicContext: ['model', 'operation', 'absent', 'prompt'] }).handler;
    for (const format of ['native', 'problem'] as const) {
      const body = bodyOf(open.respond(error, { correlationId: 'a', format }));
      expect(body['details']).toEqual({
        memory_used_mb: 1,
        context: { model: 'small', operation: 'inference', prompt: '[hidden]' },
      });
      expect(JSON.stringify(body)).not.toContain('canary');
    }
    expect(error.details).toEqual({ memory_used_mb: 1 });
  });
});

describe('D55: the public message', () => {
  test('may be chosen for one answer, for every type of error, and in every envelope', () => {
    const { handler, lines } = setUp();
    const scope = { userMessage: 'Bitte später noch einmal' };
    expect(bodyOf(handler.respond(new RateLimitError(), scope))).toMatchObject({
      error: 'Bitte später noch einmal',
      error_type: 'rate_limited',
    });
    expect(bodyOf(handler.respond(new Error('x'), { ...scope, format: 'openai' }))).toMatchObject({
      error: { message: 'Bitte später noch einmal', type: 'internal_error' },
    });
    expect(bodyOf(handler.respond(new ValidationError([{ path: ['a'], message: 'b' }]), scope))).toMatchObject({
      error: 'Bitte später noch einmal',
      field_errors: { a: ['b'] },
    });
    expect(lines[0]?.message).toBe('Error in unknown: Too many requests; try again later');
  });

  test('may be in the caller’s language', () => {
    const german: Record<string, string> = { rate_limited: 'Zu viele Anfragen' };
    const { handler } = setUp({
      publicMessage: ({ errorType }, { language }) => (language?.startsWith('de') ? german[errorType] : undefined),
    });
    const answer = (language: string, error: ModelError): unknown =>
      bodyOf(handler.respond(error, { language }))['error'];
    expect(answer('de-AT', new RateLimitError())).toBe('Zu viele Anfragen');
    expect(answer('de-AT', new OutOfMemoryError())).toBe('Model inference failed due to insufficient memory');
    expect(answer('en', new RateLimitError())).toBe('Too many requests; try again later');
  });
});

describe('several errors in one', () => {
  test('F3: a fallback that failed too is answered by the error of the call, and both are logged', async () => {
    const { handler, lines, runtime } = setUp();
    const policy = fallback(() => Promise.reject(new TypeError('canary')), {}, runtime);
    const original = new UpstreamUnavailableError();
    const thrown: unknown = await policy.execute(() => Promise.reject(original)).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(AggregateError);
    expect(handler.handle(thrown)).toBe(original);
    expect(lines[0]?.fields['err']).toMatchObject({
      type: 'AggregateError',
      errors: [{ error_type: 'upstream_unavailable' }, { type: 'TypeError' }],
    });
    expect(JSON.stringify(lines)).not.toContain('canary');
  });

  test('are answered by the first of ours, and none of ours by an internal error', () => {
    const { handler } = setUp();
    const both = new AggregateError([new TypeError('x'), new RateLimitError()]);
    expect(handler.handle(both).errorType).toBe('rate_limited');
    const caused = new AggregateError([new RateLimitError()], 'x', { cause: new OutOfMemoryError() });
    expect(handler.handle(caused).errorType).toBe('out_of_memory');
    expect(handler.handle(new AggregateError([new TypeError('x')])).errorType).toBe('internal_error');
    expect(handler.handle(new AggregateError([])).errorType).toBe('internal_error');
  });
});

describe('R78 D56: a critical error', () => {
  test('has a line of its own at the highest level, with its stack, and an event that alerts can listen to', () => {
    const { handler, lines, events } = setUp();
    const error = new Error('canary');
    expect(handler.handleCriticalError(error, { correlationId: 'a', operation: 'loading' })).toBeInstanceOf(ModelError);
    expect(lines).toMatchObject([
      {
        level: 'fatal',
        message: 'CRITICAL ERROR: An unexpected error occurred',
        fields: { correlation_id: 'a', context: { operation: 'loading' }, err: { type: 'Error' } },
      },
    ]);
    expect(events).toMatchObject([{ type: 'error.critical', errorType: 'internal_error', operation: 'loading' }]);
    expect(JSON.stringify([lines, events])).not.toContain('canary');
  });

  test('R79: is written as an error where a logger has no higher level; a listener that fails touches nothing', () => {
    const written: string[] = [];
    const add = (_: object, message: string): void => void written.push(message);
    const runtime = virtualRuntime();
    runtime.events.on(() => {
      throw new Error('the pager is down');
    });
    const logger: Logger = { debug: add, info: add, warn: add, error: add };
    createErrorHandler({ logger }, runtime).handleCriticalError(new OutOfMemoryError());
    expect(written).toEqual(['CRITICAL ERROR: Model inference failed due to insufficient memory']);
  });
});

describe('D66: a handler that fails still answers', () => {
  const broken = (): never => {
    throw new Error('disk full');
  };

  test('when the logger, onError, or what finds the message throws', () => {
    const logger: Logger = { debug: broken, info: broken, warn: broken, error: broken };
    for (const options of [{ logger }, { onError: broken }, { publicMessage: broken }]) {
      const { handler, events } = setUp(options);
      const response = handler.respond(new OutOfMemoryError(), { correlationId: 'a' });
      expect([response.status, bodyOf(response)['correlation_id']]).toEqual([507, 'a']);
      expect(events).toMatchObject([{ type: 'error.handled' }, { type: 'listener.failed' }]);
    }
  });

  test('when what it tells rejects later: nothing is left unhandled', async () => {
    const rejects = (): Promise<never> => Promise.reject(new Error('disk full'));
    const logger = { debug: rejects, info: rejects, warn: rejects, error: rejects } as unknown as Logger;
    const { handler, events } = setUp({ logger, onError: rejects });
    handler.handle(new OutOfMemoryError());
    await Promise.resolve();
    await Promise.resolve();
    expect(events.map(({ type }) => type)).toEqual(['error.handled', 'listener.failed', 'listener.failed']);
  });

  test('when toJSON, the details, the status or the headers throw', () => {
    const errors = [
      Object.assign(new OutOfMemoryError(), { toJSON: broken }),
      new OutOfMemoryError({ details: { toJSON: broken } }),
      Object.defineProperty(new OutOfMemoryError(), 'headers', { get: broken }),
      Object.assign(new OutOfMemoryError(), { statusFor: broken }),
      new Proxy(new OutOfMemoryError(), { get: broken, has: broken, getPrototypeOf: broken }),
    ];
    for (const error of errors) {
      const { handler, lines } = setUp();
      const response = handler.respond(error, { correlationId: 'a' });
      expect(response.status).toBe(500);
      expect(lines.length).toBeGreaterThan(0);
      expect(bodyOf(response)).toMatchObject({ error_type: 'internal_error', correlation_id: 'a' });
    }
    const { handler } = setUp();
    const headers = Object.defineProperty({}, 'x-odd', { get: broken, enumerable: true });
    expect(handler.respond(new OutOfMemoryError(), { headers }).status).toBe(500);
  });

  test('when the error is frozen: the answer has the id, and the error stays as it is', () => {
    const { handler, lines } = setUp();
    const frozen = Object.freeze(new OutOfMemoryError());
    const response = handler.respond(frozen, { correlationId: 'a' });
    expect([response.status, bodyOf(response)['correlation_id'], response.headers['x-correlation-id']]).toEqual([
      507,
      'a',
      'a',
    ]);
    handler.respond(frozen, { correlationId: 'a' });
    expect(lines).toHaveLength(1);
    expect(frozen.correlationId).toBeUndefined();
    expect(handler.handle(frozen)).toBeInstanceOf(OutOfMemoryError);
  });
});

describe('R71 R76 D49: development', () => {
  test('keeps messages and stacks, which nobody keeps otherwise', () => {
    const error = new TypeError('no column users with sk-canary0123');
    const { handler, lines } = setUp({ exposeDetails: 'development' });
    handler.handle(error);
    expect(handler.history()[0]).toMatchObject({
      message: 'no column users with sk-[…]',
      traceback: expect.stringMatching(/^ {4}at .*error-report\.test/) as unknown,
    });
    expect(lines[0]?.fields['err']).toMatchObject({ message: 'no column users with sk-[…]' });
    expect(JSON.stringify([handler.respond(error), lines])).not.toContain('canary');
    const usual = setUp();
    usual.handler.handle(error);
    expect(usual.handler.history()[0]).toMatchObject({ message: 'An unexpected error occurred', traceback: null });
    expect(JSON.stringify(usual.lines)).not.toContain('column');
  });
});

test('R69 R74 I16: one error, three envelopes, two profiles, and the same type and id in all', () => {
  const { handler } = setUp();
  const chutes = setUp({ profile: 'chutes' }).handler;
  const error = new InvalidInputError('Bad', { status: 415 });
  for (const format of ['native', 'openai', 'problem'] as const) {
    for (const [each, status] of [
      [handler, 415],
      [chutes, 400],
    ] as const) {
      const response = each.respond(error, { correlationId: 'a', format });
      expect(response.status).toBe(status);
      expect(response.headers['x-correlation-id']).toBe('a');
      expect(response.body).toContain('"error_type":"invalid_input"');
      expect(response.body).toContain('"correlation_id":"a"');
    }
  }
  expect([handler, chutes].map((each) => each.history()[0]?.status)).toEqual([415, 400]);
});
