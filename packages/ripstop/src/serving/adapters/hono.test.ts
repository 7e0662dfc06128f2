import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { HTTPException } from 'hono/http-exception';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { RateLimitError } from '../../errors/rejections.js';
import { createChute } from '../chute.js';
import { createErrorHandler } from '../error-handler.js';
import type { Logger } from '../logger.js';
import { correlationIdOf, errorHandler, mount, requestContext } from './hono.js';

const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const options = { errorHandler: createErrorHandler({ logger: quiet }) };
const ends: (() => void)[] = [];
const echo = createChute({ name: 'echo', logger: quiet })
  .cord('here', { method: 'GET' }, ({ request }) => ({ path: request.path, from: request.remoteAddress }))
  .cord('echo', {}, ({ input }) => ({ input }));
const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' };

afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function listen(app: Hono): Promise<string> {
  return new Promise((resolve) => {
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) =>
      resolve(`http://127.0.0.1:${port}`),
    );
    ends.push(() => server.close());
  });
}

test('a chute under a path with parameters, in a part of the app, behind a middleware', async () => {
  const part = new Hono();
  part.use(cors());
  part.all('/ai/*', mount(echo.handle, options));
  const url = await listen(new Hono().route('/:tenant', part));
  const response = await fetch(`${url}/somebody/ai/here`, { headers: { origin: 'http://example.com' } });
  expect(response.headers.get('access-control-allow-origin')).toBe('*');
  expect(await response.json()).toEqual({ path: '/here', from: '127.0.0.1' });
});

test('a chute reads a body that a middleware has read before it', async () => {
  for (const read of ['json', 'text', 'arrayBuffer'] as const) {
    const app = new Hono();
    app.use(async (c, next) => {
      await c.req[read]();
      await next();
    });
    app.all('/ai/*', mount(echo.handle, options));
    expect(await (await fetch(`${await listen(app)}/ai/echo`, post)).json()).toEqual({ input: { a: 1 } });
  }
});

describe('a chute alone on its path', () => {
  const stopped: unknown[] = [];
  const chute = createChute({ name: 'alone', logger: quiet, bodyLimitBytes: 1_000 })
    .cord('echo', {}, ({ input, request }) => ({ input, path: request.path }))
    .cord('look', { method: 'GET' }, () => ({ fine: true }))
    .cord('fails', {}, () => Promise.reject(new RateLimitError('Slow down', { retryAfterMs: 1_500 })))
    .cord('words', { method: 'GET' }, async function* () {
      yield 'one';
      yield 'two';
    })
    .cord('endless', { method: 'GET' }, async function* ({ signal }) {
      signal.addEventListener('abort', () => stopped.push(signal.reason));
      for (;;) yield await new Promise((resolve) => setTimeout(() => resolve('word'), 1));
    });
  const said = async (response: Response): Promise<unknown[]> => {
    const { status, headers } = response;
    const names = ['content-type', 'retry-after', 'x-correlation-id', 'allow', 'x-hono-already-sent'];
    return [
      status,
      ...names.map((name) => headers.get(name)),
      (await response.text()).replace(/"timestamp":"[^"]*"/, ''),
    ];
  };

  /** Counts the answers that were written to `node:http` at once. */
  async function alone(app: Hono): Promise<{ readonly url: string; readonly direct: () => number }> {
    let direct = 0;
    const counted = async (...args: Parameters<Hono['fetch']>): Promise<Response> => {
      const response = await app.fetch(...args);
      if (response.headers.has('x-hono-already-sent')) direct += 1;
      return response;
    };
    return { url: await listen({ fetch: counted } as unknown as Hono), direct: () => direct };
  }

  test('its answers are written at once, and are those that a middleware would see', async () => {
    const behind = new Hono();
    behind.use((_c, next) => next());
    behind.all('/ai/*', mount(chute.handle, options));
    const part = new Hono().all('/*', mount(chute.handle, options));
    const there = await alone(behind);
    const here = await alone(new Hono().route('/ai', part));
    const headers = { ...post.headers, 'x-correlation-id': 'abc' };
    const requests: readonly [path: string, init: RequestInit][] = [
      ['echo', { ...post, headers }],
      ['echo', { ...post, headers, body: '{"a":' }],
      ['echo', { ...post, headers, body: JSON.stringify('x'.repeat(2_000)) }],
      ['fails', { ...post, headers }],
      ['nowhere', { headers }],
      ['look', { method: 'DELETE', headers }],
      ['look', { headers }],
      ['words', { headers }],
    ];
    for (const [path, init] of requests) {
      const answer = await said(await fetch(`${here.url}/ai/${path}`, init));
      expect(answer).toEqual(await said(await fetch(`${there.url}/ai/${path}`, init)));
      expect(answer.at(3)).toBe('abc');
    }
    expect([here.direct(), there.direct()]).toEqual([requests.length, 0]);
    const head = await fetch(`${here.url}/ai/look`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
    expect(here.direct()).toBe(requests.length);
  });

  test('I6: a client that leaves its stream is heard', async () => {
    const { url, direct } = await alone(new Hono().all('/*', mount(chute.handle, options)));
    const leaving = new AbortController();
    const response = await fetch(`${url}/endless`, { signal: leaving.signal });
    await response.body?.getReader().read();
    leaving.abort();
    await expect.poll(() => stopped).toEqual([expect.objectContaining({ errorType: 'cancelled' })]);
    expect(direct()).toBe(1);
  });

  test('the server’s mark is one that it knows, whichever of the two was loaded first', async () => {
    await listen(new Hono()); // It has put a `Response` of its own in the place of the platform's.
    vi.resetModules();
    const late = await import('./hono.js');
    const { url, direct } = await alone(new Hono().all('/*', late.mount(chute.handle, options)));
    expect(await (await fetch(`${url}/echo`, post)).json()).toEqual({ input: { a: 1 }, path: '/echo' });
    expect(direct()).toBe(1);
  });
});

test('without a server around it a chute answers all the same: `app.request`, workers', async () => {
  const app = new Hono();
  app.use(requestContext(options));
  app.all('/ai/*', mount(echo.handle, options));
  const response = await app.request('/ai/echo', { ...post, headers: { ...post.headers, 'x-correlation-id': 'abc' } });
  expect(response.headers.get('x-correlation-id')).toBe('abc');
  expect(await response.json()).toEqual({ input: { a: 1 } });
});

test('D62: Hono’s own HTTP exceptions have their status and our words', async () => {
  const app = new Hono();
  app.onError(errorHandler(options));
  app.get('/login', () => {
    throw new HTTPException(401, { message: 'hunter2' });
  });
  app.post('/', async (c) => c.json(await c.req.json()));
  const response = await app.request('/login');
  expect(response.status).toBe(401);
  const text = await response.text();
  expect(text).not.toContain('hunter2');
  expect(JSON.parse(text)).toMatchObject({ error_type: 'authentication_failed' });
});

test('R84: the id goes out with a plain `Response` too, and a handler can ask for it', async () => {
  const app = new Hono();
  app.use(requestContext(options));
  app.get('/', (c) => new Response(correlationIdOf(c)));
  const response = await app.request('/', { headers: { 'x-correlation-id': 'abc' } });
  expect([response.headers.get('x-correlation-id'), await response.text()]).toEqual(['abc', 'abc']);
});
