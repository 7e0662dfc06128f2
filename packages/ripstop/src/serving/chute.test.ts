import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, expectTypeOf, test } from 'vitest';
import * as z from 'zod';
import { sleep } from '../call/abort.js';
import type { StandardSchema } from '../input/issues.js';
import { AuthenticationError } from '../errors/input-errors.js';
import { ModelOverloadedError } from '../errors/rejections.js';
import { InferenceTimeoutError, OutOfMemoryError, UpstreamUnavailableError } from '../errors/upstream-errors.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { fetchHandler } from './adapters/fetch.js';
import { createChute } from './chute.js';
import type { Chute } from './chute-interface.js';
import type { ChuteOptions } from './chute-options.js';
import { respond } from './exchange.js';
import type { Logger } from './logger.js';
import type { RequestSummary } from './request-summary.js';

const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

interface Service extends Chute {
  readonly summaries: RequestSummary[];
  send(method: string, path: string, init?: { body?: string; headers?: Record<string, string> }): Promise<Response>;
}

function service(options: Partial<ChuteOptions> = {}, runtime = virtualRuntime()): Service {
  const summaries: RequestSummary[] = [];
  const chute = createChute(
    { name: 'test', logger: quiet, onRequest: (summary) => summaries.push(summary), ...options },
    runtime,
  );
  const handle = fetchHandler(chute.handle, {}, runtime);
  const send: Service['send'] = (method, path, { body, headers } = {}) =>
    handle(
      new Request(`http://127.0.0.1${path}`, {
        method,
        ...(body === undefined ? {} : { body }),
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      }),
    );
  return Object.assign(chute, { summaries, send }) as unknown as Service;
}

const json = (response: Response): Promise<Record<string, unknown>> =>
  response.json() as Promise<Record<string, unknown>>;

describe('R203 D121: cords take one validated input object, whatever the schema library', () => {
  const schemas: Record<string, StandardSchema<unknown, { prompt: string; max_tokens: number }>> = {
    zod: z.object({ prompt: z.string(), max_tokens: z.number().default(40) }),
    valibot: v.object({ prompt: v.string(), max_tokens: v.optional(v.number(), 40) }),
    arktype: type({ prompt: 'string', max_tokens: 'number = 40' }),
  };

  test.each(Object.entries(schemas))('%s: the handler gets what the schema made of it', async (_name, input) => {
    const chute = service().cord('generate', { input }, ({ input }) => input) as unknown as Service;
    const response = await chute.send('POST', '/generate', { body: '{"prompt":"hi"}' });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(await json(response)).toEqual({ prompt: 'hi', max_tokens: 40 });
  });

  test.each(Object.entries(schemas))(
    'R87 R21 D13 %s: what does not fit is a 422 with its fields',
    async (_name, input) => {
      const chute = service().cord('generate', { input }, ({ input }) => input) as unknown as Service;
      const response = await chute.send('POST', '/generate', { body: '{"prompt":1234,"max_tokens":"hunter2"}' });
      expect(response.status).toBe(422);
      const body = await json(response);
      expect(body).toMatchObject({ error: 'Validation failed', error_type: 'validation_error', is_retryable: false });
      expect(Object.keys(body['field_errors'] as object).sort()).toEqual(['max_tokens', 'prompt']);
      expect(JSON.stringify(body)).not.toMatch(/1234|hunter2/);
    },
  );

  test('the type of the input comes from the schema, that of the state from the chute', () => {
    createChute({ name: 'typed', state: { model: 'm' }, logger: quiet })
      .cord('a', { input: z.object({ prompt: z.string(), n: z.coerce.number() }) }, ({ input, state }) => {
        expectTypeOf(input).toEqualTypeOf<{ prompt: string; n: number }>();
        expectTypeOf(state).toEqualTypeOf<{ model: string }>();
      })
      .cord('b', {}, ({ input }) => expectTypeOf(input).toBeUnknown());
  });

  test('R22 D12: nested paths are joined by arrows, the root is (root)', async () => {
    const chute = service().cord(
      'g',
      { input: z.object({ messages: z.array(z.object({ content: z.string() })) }) },
      () => 1,
    ) as unknown as Service;
    const nested = await chute.send('POST', '/g', { body: '{"messages":[{"content":"a"},{}]}' });
    expect(await json(nested)).toMatchObject({
      field_errors: { 'messages -> 1 -> content': [expect.any(String)] },
      fields: [{ path: ['messages', 1, 'content'] }],
    });
    const root = await chute.send('POST', '/g', { body: '"text"' });
    expect(await json(root)).toMatchObject({ field_errors: { '(root)': [expect.any(String)] } });
  });

  test('D13: of a thousand issues fifty are told and all counted', async () => {
    const chute = service().cord('g', { input: z.array(z.string()) }, () => 1) as unknown as Service;
    const response = await chute.send('POST', '/g', { body: JSON.stringify(Array.from({ length: 1_000 }, () => 1)) });
    const body = await json(response);
    expect(body['fields']).toHaveLength(50);
    expect(body['details']).toEqual({ issues: 1_000 });
  });

  test('D120: a GET cord is a GET endpoint, and its input is the query', async () => {
    const chute = service().cord(
      'search',
      { method: 'GET', input: z.object({ q: z.string(), n: z.coerce.number(), tag: z.array(z.string()) }) },
      ({ input }) => input,
    ) as unknown as Service;
    const response = await chute.send('GET', '/search?q=a%20b&n=3&tag=x&tag=y');
    expect(await json(response)).toEqual({ q: 'a b', n: 3, tag: ['x', 'y'] });
    expect((await chute.send('GET', '/search?q=a')).status).toBe(422);
    expect((await chute.send('GET', '/search?__proto__=1')).status).toBe(400);
  });

  test('without a schema the input is the parsed body, and an empty body is none', async () => {
    const chute = service().cord('echo', {}, ({ input }) => ({ input: input ?? 'none' })) as unknown as Service;
    expect(await json(await chute.send('POST', '/echo', { body: '[1]' }))).toEqual({ input: [1] });
    expect(await json(await chute.send('POST', '/echo'))).toEqual({ input: 'none' });
  });

  test('a schema that answers later, or throws, is waited for, or is our fault', async () => {
    const late = z.object({ a: z.string() }).refine(async () => Promise.resolve(false), 'not today');
    const broken = z.string().transform(() => {
      throw new TypeError('schema bug');
    });
    const chute = service().cord('late', { input: late }, () => 1) as unknown as Service;
    chute.cord('broken', { input: broken }, () => 1);
    expect((await chute.send('POST', '/late', { body: '{"a":"x"}' })).status).toBe(422);
    expect((await chute.send('POST', '/broken', { body: '"x"' })).status).toBe(500);
  });
});

describe('R90 D62: bodies that cannot be read', () => {
  const chute = service().cord(
    'g',
    { input: z.object({ prompt: z.string() }), bodyLimitBytes: 100 },
    ({ input }) => input,
  ) as unknown as Service;

  test.each([
    ['broken JSON', '{"prompt": "hunter2"', {}, 400],
    ['an empty body', '', {}, 400],
    ['blanks only', ' \n ', {}, 400],
    ['a form', 'prompt=hunter2', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['plain text', '{"prompt":"hunter2"}', { 'content-type': 'text/plain' }, 415],
    ['a compressed body', '{}', { 'content-encoding': 'gzip' }, 415],
    ['too large a body', `{"prompt":"${'hunter2'.repeat(30)}"}`, {}, 413],
    ['__proto__', '{"prompt":"x","__proto__":{"admin":true}}', {}, 400],
    ['a deadline that is no number', '{"prompt":"x"}', { 'x-request-timeout-ms': 'soon' }, 400],
    ['a deadline of zero', '{"prompt":"x"}', { 'x-request-timeout-ms': '0' }, 400],
  ])('%s', async (_what, body, headers, status) => {
    const response = await chute.send('POST', '/g', { body, headers });
    expect(response.status).toBe(status);
    const envelope = await json(response);
    expect(envelope).toMatchObject({ error_type: 'invalid_input', is_retryable: false });
    expect(envelope['correlation_id']).toBe(response.headers.get('x-correlation-id'));
    expect(JSON.stringify(envelope)).not.toContain('hunter2');
    expect((await chute.send('POST', '/g', { body: '{"prompt":"next"}' })).status).toBe(200);
  });

  test.each(['application/json;charset=UTF-8', 'application/vnd.api+json', 'text/json', 'APPLICATION/JSON'])(
    '%s is JSON',
    async (type) => {
      const response = await chute.send('POST', '/g', { body: '{"prompt":"x"}', headers: { 'content-type': type } });
      expect(response.status).toBe(200);
    },
  );
});

describe('routes', () => {
  const chute = service()
    .cord('thing', { method: 'GET' }, () => ({ ok: true }))
    .cord('make_thing', { path: '/thing', method: 'POST' }, () => ({ made: true }))
    .cord(
      'v1_models_id',
      { path: '/v1/models/:id', method: 'GET', dialect: 'openai' },
      ({ params }) => params,
    ) as unknown as Service;

  test('D62: an unknown path is 404 in the envelope', async () => {
    const response = await chute.send('GET', '/nowhere');
    expect(response.status).toBe(404);
    expect(await json(response)).toMatchObject({ error_type: 'invalid_input' });
    expect(chute.summaries.at(-1)).toMatchObject({ status: 404, route: undefined, errorType: 'invalid_input' });
  });

  test('D62: a wrong method is 405 with Allow', async () => {
    const response = await chute.send('DELETE', '/thing');
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD, OPTIONS, POST');
  });

  test('OPTIONS is 204 with Allow, HEAD is GET without a body', async () => {
    const options = await chute.send('OPTIONS', '/thing');
    expect([options.status, options.headers.get('allow'), await options.text()]).toEqual([
      204,
      'GET, HEAD, OPTIONS, POST',
      '',
    ]);
    const head = await chute.send('HEAD', '/thing');
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  test('the route decides the dialect of its errors, beside it too, and Accept does not change OpenAI’s', async () => {
    for (const path of ['/v1/nowhere', '/v1/models/x/y']) {
      const response = await chute.send('GET', path, { headers: { accept: 'application/problem+json' } });
      expect(response.status).toBe(404);
      expect(await json(response)).toMatchObject({ error: { type: 'invalid_input', code: 'invalid_input' } });
    }
    const problem = await chute.send('GET', '/nowhere', { headers: { accept: 'application/problem+json' } });
    expect(problem.headers.get('content-type')).toBe('application/problem+json');
  });

  test('parameters of the path reach the handler decoded', async () => {
    expect(await json(await chute.send('GET', '/v1/models/org%2Fname'))).toEqual({ id: 'org/name' });
    expect((await chute.send('GET', '/v1/models/%zz')).status).toBe(400);
  });

  test('a cord that cannot be stops the start', () => {
    expect(() => chute.cord('again', { path: '/thing' }, () => 1)).toThrowError('POST /thing is already taken');
    expect(() => chute.cord('x', { bodyLimitBytes: 0 }, () => 1)).toThrowError('bodyLimitBytes');
    expect(() => createChute({ name: 'x', heartbeatMs: -1 })).toThrowError('heartbeatMs');
  });
});

describe('R81 R86: what handlers throw', () => {
  test.each([
    ['R88', () => new OutOfMemoryError(), 507],
    ['R89', () => new InferenceTimeoutError(1_000), 504],
    ['R91', () => new UpstreamUnavailableError(), 502],
    ['R92 D4', () => new Error('password is hunter2'), 500],
    ['R92', () => 'hunter2', 500],
  ])('%s', async (_row, failure, status) => {
    const chute = service().cord('g', {}, () => {
      throw failure();
    }) as unknown as Service;
    const response = await chute.send('POST', '/g');
    expect(response.status).toBe(status);
    expect(await response.text()).not.toContain('hunter2');
    expect(chute.summaries).toMatchObject([{ status, route: '/g', method: 'POST', streamed: false }]);
  });

  test('D62: the application’s own output that fails a schema is not the caller’s 422', async () => {
    const chute = service().cord('zod', {}, () => z.string().parse(42)) as unknown as Service;
    chute.cord('valibot', {}, () => v.parse(v.string(), 42));
    chute.cord('arktype', {}, () => type('string').assert(42));
    for (const path of ['/zod', '/valibot', '/arktype']) expect((await chute.send('POST', path)).status).toBe(500);
  });

  test('a value that is no JSON is our fault', async () => {
    const chute = service().cord('g', {}, () => ({ n: 1n })) as unknown as Service;
    expect((await chute.send('POST', '/g')).status).toBe(500);
  });

  test('D122: under the chutes profile a client fault is 400 and capacity 429', async () => {
    const chute = service({ profile: 'chutes' }).cord('g', { input: z.string() }, () => {
      throw new ModelOverloadedError(undefined, { retryAfterMs: 1_000 });
    }) as unknown as Service;
    expect((await chute.send('POST', '/g', { body: '1' })).status).toBe(400);
    const busy = await chute.send('POST', '/g', { body: '"x"' });
    expect([busy.status, busy.headers.get('retry-after')]).toEqual([429, '1']);
    expect((await chute.send('GET', '/g')).status).toBe(400);
  });
});

describe('answers', () => {
  test('status, headers and notes of the reply hold for values and for errors', async () => {
    const chute = service().cord('g', {}, ({ input, reply }) => {
      reply.status = 201;
      reply.headers['x-ripstop-model'] = 'small';
      reply.notes['model'] = 'small';
      if (input === 'fail') throw new UpstreamUnavailableError();
      return { ok: true };
    }) as unknown as Service;
    const good = await chute.send('POST', '/g', { body: '"x"' });
    expect([good.status, good.headers.get('x-ripstop-model')]).toEqual([201, 'small']);
    const bad = await chute.send('POST', '/g', { body: '"fail"' });
    expect([bad.status, bad.headers.get('x-ripstop-model')]).toEqual([502, 'small']);
    expect(chute.summaries).toMatchObject([
      { status: 201, notes: { model: 'small' } },
      { status: 502, notes: { model: 'small' }, errorType: 'upstream_unavailable' },
    ]);
  });

  test('respond() is sent as it is, nothing is 204, and an object that looks like an answer is JSON', async () => {
    const chute = service()
      .cord('page', { method: 'GET' }, () => respond(418, { 'content-type': 'text/html' }, '<p>'))
      .cord('none', {}, () => undefined)
      .cord('shape', {}, () => ({ status: 500, headers: {}, body: 'x' })) as unknown as Service;
    const page = await chute.send('GET', '/page');
    expect([page.status, page.headers.get('content-type'), await page.text()]).toEqual([418, 'text/html', '<p>']);
    expect(page.headers.get('x-correlation-id')).not.toBeNull();
    expect((await chute.send('POST', '/none')).status).toBe(204);
    const shape = await chute.send('POST', '/shape');
    expect([shape.status, await json(shape)]).toEqual([200, { status: 500, headers: {}, body: 'x' }]);
  });

  test('R84 D60: every answer carries the correlation id, and the handler’s log lines too', async () => {
    const lines: Record<string, unknown>[] = [];
    const logger = { ...quiet, info: (fields: object) => void lines.push(fields as Record<string, unknown>) };
    const chute = service({ logger }).cord('g', {}, ({ log, context }) => {
      log.info({ step: 1 }, 'working');
      return context.correlationId;
    }) as unknown as Service;
    const response = await chute.send('POST', '/g', { headers: { 'x-request-id': 'ticket-7' } });
    expect(response.headers.get('x-correlation-id')).toBe('ticket-7');
    expect(await response.json()).toBe('ticket-7');
    expect(lines).toEqual([{ chute: 'test', correlation_id: 'ticket-7', step: 1 }]);
    const hostile = await chute.send('POST', '/nowhere', {
      headers: { 'x-correlation-id': '<script>alert(1)</script>' },
    });
    expect(hostile.headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(await json(hostile)).toMatchObject({ correlation_id: hostile.headers.get('x-correlation-id') });
  });

  test('R82 R85 D65: a summary has the route and monotonic milliseconds, and nothing of the person who asked', async () => {
    const runtime = virtualRuntime();
    const chute = service({}, runtime).cord('users_id', { path: '/users/:id' }, async ({ context }) => {
      await sleep(runtime.clock, 250, context);
      return 'fine';
    }) as unknown as Service;
    const pending = chute.send('POST', '/users/jane', { headers: { 'user-agent': 'janes-laptop' } });
    await runtime.clock.advance(250);
    await pending;
    expect(chute.summaries).toMatchObject([{ route: '/users/:id', method: 'POST', status: 200, ms: 250 }]);
    expect(JSON.stringify(chute.summaries)).not.toContain('jane');
  });

  test('a listener that throws changes nothing', async () => {
    const onRequest = (): never => {
      throw new Error('metrics down');
    };
    const chute = service({ onRequest }).cord('g', {}, () => 'fine') as unknown as Service;
    expect((await chute.send('POST', '/g')).status).toBe(200);
  });
});

describe('guards', () => {
  const chute = service({
    guard: ({ request, route, notes }) => {
      notes['route'] = route;
      if (request.headers['authorization'] !== 'Bearer k') throw new AuthenticationError();
    },
  })
    .cord('private_id', { path: '/private/:id' }, () => 'secret')
    .cord('open', { guard: () => undefined }, () => 'open') as unknown as Service;

  test('refuse before the body is read, in the dialect of the route', async () => {
    const response = await chute.send('POST', '/private/1', { body: 'not even JSON' });
    expect(response.status).toBe(401);
    expect(chute.summaries.at(-1)).toMatchObject({
      notes: { route: '/private/:id' },
      errorType: 'authentication_failed',
    });
    expect((await chute.send('POST', '/private/1', { headers: { authorization: 'Bearer k' } })).status).toBe(200);
  });

  test('tell nobody which paths there are', async () => {
    for (const [method, path] of [
      ['GET', '/nowhere'],
      ['DELETE', '/private/1'],
    ] as const) {
      expect((await chute.send(method, path)).status).toBe(401);
    }
    const known = { headers: { authorization: 'Bearer k' } };
    expect((await chute.send('GET', '/nowhere', known)).status).toBe(404);
    expect((await chute.send('DELETE', '/private/1', known)).status).toBe(405);
  });

  test('a cord may have its own', async () => {
    expect((await chute.send('POST', '/open')).status).toBe(200);
  });
});

describe('deadlines', () => {
  const hanging = (runtime = virtualRuntime(), options: Partial<ChuteOptions> = {}) => ({
    runtime,
    chute: service(options, runtime).cord('g', {}, async ({ context }) => {
      await sleep(runtime.clock, 60_000, context);
      return 'late';
    }) as unknown as Service,
  });

  test('R89: X-Request-Timeout-Ms ends the request with a 504, and the handler with it', async () => {
    const { runtime, chute } = hanging();
    const pending = chute.send('POST', '/g', { headers: { 'x-request-timeout-ms': '1500' } });
    await runtime.clock.advance(1_499);
    await runtime.clock.advance(1);
    const response = await pending;
    expect(response.status).toBe(504);
    expect(await json(response)).toMatchObject({ error_type: 'inference_timeout', details: { phase: 'total' } });
    expect(chute.summaries).toMatchObject([{ status: 504, ms: 1_500 }]);
    expect(runtime.clock.pending).toBe(0);
  });

  test('a handler that never looks at its signal is answered for all the same', async () => {
    const runtime = virtualRuntime();
    const chute = service({ deadlineMs: 100 }, runtime).cord(
      'g',
      {},
      () => new Promise(() => undefined),
    ) as unknown as Service;
    const pending = chute.send('POST', '/g');
    await runtime.clock.advance(100);
    expect((await pending).status).toBe(504);
  });

  test('the chute’s own limit holds where the caller asks for more, and no timer stays behind', async () => {
    const { runtime, chute } = hanging(virtualRuntime(), { deadlineMs: 1_000 });
    const pending = chute.send('POST', '/g', { headers: { 'x-request-timeout-ms': '50000' } });
    await runtime.clock.advance(1_000);
    expect((await pending).status).toBe(504);
    const quick = service({ deadlineMs: 1_000 }, runtime).cord('q', {}, () => 1) as unknown as Service;
    await quick.send('POST', '/q');
    expect(runtime.clock.pending).toBe(0);
  });
});

describe('R202 R205: life', () => {
  test('hooks and handlers share the state; requests before the start and after the stop are told to come back', async () => {
    const chute = service({ state: { words: [] as string[] } }).cord(
      'g',
      {},
      ({ state }) => state,
    ) as unknown as Service;
    const words = (state: object): string[] => (state as { words: string[] }).words;
    chute.onStartup(({ state }) => void words(state).push('first'));
    chute.onStartup(({ state }) => void words(state).push('second'));
    const early = await chute.send('POST', '/g');
    expect([early.status, early.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await json(early)).toMatchObject({ error_type: 'model_loading_failed' });
    await chute.start();
    expect(await json(await chute.send('POST', '/g'))).toEqual({ words: ['first', 'second'] });
    await chute.stop();
    const late = await chute.send('POST', '/g');
    expect(late.status).toBe(503);
    expect(await json(late)).toMatchObject({ error_type: 'model_overloaded', details: { reason: 'draining' } });
  });
});
