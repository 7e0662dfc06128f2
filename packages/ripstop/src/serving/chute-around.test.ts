import { describe, expect, expectTypeOf, test } from 'vitest';
import { AuthenticationError } from '../errors/input-errors.js';
import { ModelError } from '../errors/model-error.js';
import { ModelOverloadedError } from '../errors/rejections.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { createChute } from './chute.js';
import type { ChuteOptions } from './chute-options.js';
import { respond } from './exchange.js';
import type { Logger } from './logger.js';
import type { RequestSummary } from './request-summary.js';

const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function service(options: Partial<ChuteOptions> = {}, runtime = virtualRuntime()) {
  return createChute({ name: 'test', logger: quiet, ...options }, runtime);
}

const json = (response: Response): Promise<Record<string, unknown>> =>
  response.json() as Promise<Record<string, unknown>>;

describe('R202 R205 D123: startup', () => {
  test('what hooks return joins the state, and its type', async () => {
    const app = service()
      .onStartup(() => ({ model: 'small' }))
      .onStartup(async ({ state }) => Promise.resolve({ size: state.model.length }))
      .onStartup(() => undefined)
      .cord('state', { method: 'GET' }, ({ state }) => {
        expectTypeOf(state.model).toEqualTypeOf<string>();
        expectTypeOf(state.size).toEqualTypeOf<number>();
        return state;
      });
    await app.start();
    expect(await json(await app.request('/state'))).toEqual({ model: 'small', size: 5 });
    expect(app.state).toEqual({ model: 'small', size: 5 });
  });

  test('lower priorities start first and stop last; equal ones keep their order', async () => {
    const order: string[] = [];
    const note = (text: string) => () => void order.push(text);
    const app = service()
      .onStartup(note('b'))
      .onStartup(note('c'))
      .onStartup({ priority: 90 }, note('d'))
      .onStartup({ priority: 10 }, note('a'))
      .onShutdown(note('B'))
      .onShutdown({ priority: 10 }, note('A'))
      .onShutdown({ priority: 90 }, note('D'));
    await app.start();
    await app.stop();
    expect(order.join('')).toBe('abcdDBA');
  });

  test('I11: fetch starts the chute by itself, and the first requests wait for it', async () => {
    let started = 0;
    let finish: (() => void) | undefined;
    const app = service()
      .onStartup(() => new Promise<void>((resolve) => (finish = resolve)).then(() => void (started += 1)))
      .cord('ready', { method: 'GET' }, () => ({ started }));
    const waiting = [app.request('/ready'), app.request('/ready')];
    expect((await app.request('/livez')).status).toBe(200);
    expect((await app.request('/startupz')).status).toBe(503);
    expect((await app.request('/readyz')).status).toBe(503);
    finish?.();
    expect(await Promise.all((await Promise.all(waiting)).map(json))).toEqual([{ started: 1 }, { started: 1 }]);
    expect((await app.request('/startupz')).status).toBe(200);
    expect((await app.request('/readyz')).status).toBe(200);
  });

  test('a start on demand that fails is logged once, and every request is told to come back', async () => {
    const errors: string[] = [];
    const app = service({ logger: { ...quiet, error: (_, message) => errors.push(message) } })
      .onStartup(() => Promise.reject(new Error('no weights')))
      .cord('x', {}, () => 1);
    for (let count = 0; count < 3; count += 1) {
      const response = await app.request('/x', { json: {} });
      expect(response.status).toBe(503);
      expect(await json(response)).toMatchObject({ error_type: 'model_loading_failed' });
    }
    expect(errors).toEqual(['Error in starting: An unexpected error occurred']);
  });
});

describe('R80 R93 R206 D61: the edge is installed by the chute itself', () => {
  test('a chute without any hook has an error handler, correlation ids and health', async () => {
    const app = service().cord('broken', { method: 'GET' }, () => {
      throw new Error('secret');
    });
    expect(app.errorHandler.handle(new Error('x'))).toBeInstanceOf(ModelError);
    expect(await app.health()).toMatchObject({ overall_status: 'healthy' });
    const response = await app.request('/broken');
    expect([response.status, response.headers.get('x-correlation-id')?.length]).toEqual([500, 36]);
    expect(await json(response)).toMatchObject({ error: 'An unexpected error occurred', error_type: 'internal_error' });
  });
});

describe('R81 R82 R204: middlewares', () => {
  test('stand around every request in the order of their adding, unknown paths included', async () => {
    const order: string[] = [];
    const app = service({ state: { word: 'hi' } })
      .use(async ({ route, request, reply }, next) => {
        order.push(`> ${request.path} ${route}`);
        reply.headers['x-outer'] = 'yes';
        const response = await next();
        order.push(`< ${response.status}`);
        return { ...response, headers: { ...response.headers, 'x-added': 'yes' } };
      })
      .use(({ state }, next) => {
        order.push(`inner ${(state as { word: string }).word}`);
        return next();
      })
      .cord('a', { path: '/a/:id', method: 'GET' }, () => {
        order.push('handler');
        return 1;
      });
    const good = await app.request('/a/7');
    expect([good.headers.get('x-outer'), good.headers.get('x-added'), await good.text()]).toEqual(['yes', 'yes', '1']);
    expect(order).toEqual(['> /a/7 /a/:id', 'inner hi', 'handler', '< 200']);
    const lost = await app.request('/nowhere');
    expect([lost.status, lost.headers.get('x-outer'), lost.headers.get('x-added')]).toEqual([404, 'yes', null]);
  });

  test('may answer by themselves, translate an error, or fail, always in one envelope and reported once', async () => {
    const logged: string[] = [];
    const summaries: RequestSummary[] = [];
    const app = service({
      logger: { ...quiet, warn: (_, message) => logged.push(message), error: (_, message) => logged.push(message) },
      onRequest: (summary) => summaries.push(summary),
    })
      .use(async ({ request }, next) => {
        if (request.path === '/own') return respond(418, {}, 'tea');
        if (request.path === '/fails') throw new Error('secret');
        if (request.path === '/twice') await next();
        try {
          return await next();
        } catch (error) {
          throw (error as Error).message === 'busy' ? new ModelOverloadedError() : error;
        }
      })
      .cord('busy', { method: 'GET' }, () => Promise.reject(new Error('busy')))
      .cord('twice', { method: 'GET' }, () => 1);
    expect((await app.request('/own')).status).toBe(418);
    const failed = await app.request('/fails');
    expect([failed.status, await failed.text()]).toEqual([500, expect.not.stringContaining('secret')]);
    expect((await app.request('/busy')).status).toBe(503);
    expect((await app.request('/twice')).status).toBe(500);
    expect(summaries.map(({ status }) => status)).toEqual([418, 500, 503, 500]);
    expect(logged).toHaveLength(3);
  });

  test('a stream that a middleware throws away is ended, and the request summarised once', async () => {
    let ended = false;
    const summaries: RequestSummary[] = [];
    const app = service({ onRequest: (summary) => summaries.push(summary) })
      .use(async ({ request }, next) => {
        await next();
        if (request.query === 'throw') throw new ModelOverloadedError();
        return respond(200, {}, 'instead');
      })
      .cord('s', { method: 'GET' }, async function* () {
        try {
          for (;;) yield 1;
        } finally {
          ended = true;
        }
      });
    for (const [query, status] of [
      ['', 200],
      ['throw', 503],
    ] as const) {
      ended = false;
      expect((await app.request(`/s?${query}`)).status).toBe(status);
      await new Promise(setImmediate);
      expect(ended).toBe(true);
    }
    expect(summaries.map(({ status }) => status)).toEqual([200, 503]);
  });

  test('D64: one that hangs does not hold a client that has left', async () => {
    const app = service()
      .use(() => new Promise(() => undefined))
      .cord('x', { method: 'GET' }, () => 1);
    const controller = new AbortController();
    const pending = app.request('/x', { signal: controller.signal });
    await new Promise(setImmediate);
    controller.abort();
    expect((await pending).status).toBe(499);
  });
});

describe('CORS', () => {
  const origin = 'https://app.example';
  const open = () =>
    service({
      cors: { origins: [origin], credentials: 'include' },
      guard: () => {
        throw new AuthenticationError();
      },
    }).cord('x', {}, () => 1);

  test('a preflight is answered without credentials, for paths that do not exist too', async () => {
    const headers = { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-a, x-b' };
    for (const path of ['/x', '/nowhere']) {
      const response = await open().request(path, { method: 'OPTIONS', headers });
      expect(response.status).toBe(204);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
        'access-control-allow-headers': 'x-a, x-b',
        'access-control-max-age': '600',
      });
      expect(response.headers.get('access-control-allow-methods')).toContain('POST');
    }
  });

  test('errors can be read by the page too, and another page gets no permission', async () => {
    const own = await open().request('/x', { json: {}, headers: { origin } });
    expect([own.status, own.headers.get('access-control-allow-origin')]).toEqual([401, origin]);
    expect(own.headers.get('access-control-expose-headers')).toContain('x-correlation-id');
    expect(own.headers.get('vary')).toBe('Origin');
    const other = await open().request('/x', { json: {}, headers: { origin: 'https://evil.example' } });
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
  });

  test('a plain OPTIONS is no preflight, and without the option nothing is permitted', async () => {
    const plain = await service()
      .cord('x', {}, () => 1)
      .request('/x', { method: 'OPTIONS', headers: { origin } });
    expect([plain.status, plain.headers.get('allow')]).toEqual([204, 'OPTIONS, POST']);
    expect(plain.headers.get('access-control-allow-origin')).toBeNull();
    const all = await service({ cors: { origins: '*' } }).request('/nowhere', { headers: { origin } });
    expect(all.headers.get('access-control-allow-origin')).toBe('*');
    const asked = await service({ cors: { origins: (from) => from.endsWith('.example') } }).request('/nowhere', {
      headers: { origin },
    });
    expect(asked.headers.get('access-control-allow-origin')).toBe(origin);
  });

  test('credentials for every page are refused when the chute is made', () => {
    expect(() => service({ cors: { origins: '*', credentials: 'include' } })).toThrowError(RangeError);
  });
});
