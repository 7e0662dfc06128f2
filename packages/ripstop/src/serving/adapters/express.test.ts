import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express } from 'express';
import { afterEach, expect, test } from 'vitest';
import { createError } from '../../errors/create-error.js';
import { createChute } from '../chute.js';
import { createErrorHandler } from '../error-handler.js';
import type { Logger } from '../logger.js';
import { correlationIdOf, errorMiddleware, mount, notFound, requestContext } from './express.js';

const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const options = { errorHandler: createErrorHandler({ logger: quiet }) };
const ends: (() => void)[] = [];

afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function listen(setUp: (app: Express) => void): Promise<string> {
  const app = express();
  setUp(app);
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => server.closeAllConnections());
  ends.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const json = { 'content-type': 'application/json' };

test('D63: an error after the answer has begun breaks it off: no second answer, no clean end', async () => {
  const url = await listen((app) => {
    app.get('/half', async (_request, response) => {
      response.write('half an ans');
      await new Promise((resolve) => setImmediate(resolve));
      throw createError('generation_failed');
    });
    app.use(errorMiddleware(options));
  });
  const response = await fetch(`${url}/half`);
  expect(response.status).toBe(200);
  await expect(response.text()).rejects.toThrowError();
});

test('what a handler has said of its own body is not said of the error’s', async () => {
  const url = await listen((app) => {
    app.get('/', (_request, response) => {
      response.set({ 'content-encoding': 'gzip', etag: '"abc"', 'x-kept': 'yes' });
      throw createError('model_overloaded');
    });
    app.use(errorMiddleware(options));
  });
  const response = await fetch(url);
  expect([response.status, response.headers.get('content-encoding'), response.headers.get('etag')]).toEqual([
    503,
    null,
    null,
  ]);
  expect(response.headers.get('x-kept')).toBe('yes');
  expect(await response.json()).toMatchObject({ error_type: 'model_overloaded' });
});

test('D62: a parser’s own errors are the caller’s: broken JSON is 400, a body too large 413', async () => {
  const url = await listen((app) => {
    app.use(requestContext(options), express.json({ limit: 50 }));
    app.post('/', (_request, response) => void response.json({}));
    app.use(notFound(), errorMiddleware(options));
  });
  const broken = await fetch(url, { method: 'POST', headers: json, body: '{"hunter2' });
  expect(broken.status).toBe(400);
  expect(await broken.text()).not.toContain('hunter2');
  const large = await fetch(url, { method: 'POST', headers: json, body: JSON.stringify('x'.repeat(1_000)) });
  expect([large.status, ((await large.json()) as { error_type: string }).error_type]).toEqual([413, 'invalid_input']);
  expect((await fetch(url, { method: 'POST', headers: json, body: '{}' })).status).toBe(200);
});

test('a chute reads a body that a parser has read before it, whatever that made of it', async () => {
  const chute = createChute({ name: 'echo', logger: quiet }).cord('echo', {}, ({ input }) => ({ input }));
  for (const parser of [express.json(), express.text({ type: '*/*' }), express.raw({ type: '*/*' })]) {
    const url = await listen((app) => app.use('/ai', parser, mount(chute.handle, options)));
    const response = await fetch(`${url}/ai/echo`, { method: 'POST', headers: json, body: '{"a":[1,"é"]}' });
    expect(await response.json()).toEqual({ input: { a: [1, 'é'] } });
  }
});

test('a body that was read and thrown away is an error of ours, told at once', async () => {
  const chute = createChute({ name: 'echo', logger: quiet }).cord('echo', {}, ({ input }) => ({ input }));
  const url = await listen((app) => {
    app.use('/ai', (request, _response, next) => void request.resume().once('end', next), mount(chute.handle, options));
  });
  const response = await fetch(`${url}/ai/echo`, { method: 'POST', headers: json, body: '{}' });
  expect([response.status, ((await response.json()) as { error_type: string }).error_type]).toEqual([
    500,
    'internal_error',
  ]);
});

test('a handler can ask for the id, to hand it on', async () => {
  const url = await listen((app) => {
    app.use(requestContext(options));
    app.get('/', (request, response) => void response.json(correlationIdOf(request)));
  });
  const response = await fetch(url, { headers: { 'x-correlation-id': 'abc' } });
  expect(await response.json()).toBe('abc');
});
