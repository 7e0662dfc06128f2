import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { HTTPException } from 'hono/http-exception';
import { afterEach, expect, test } from 'vitest';
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
