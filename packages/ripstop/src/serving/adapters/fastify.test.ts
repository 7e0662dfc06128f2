import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, expect, test } from 'vitest';
import { createError } from '../../errors/create-error.js';
import { createChute } from '../chute.js';
import { createErrorHandler } from '../error-handler.js';
import type { Logger } from '../logger.js';
import { correlationIdOf, errorHandling, mount } from './fastify.js';

const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const options = { errorHandler: createErrorHandler({ logger: quiet }) };
const apps: FastifyInstance[] = [];
const json = { 'content-type': 'application/json' };

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

function listen(setUp: (app: FastifyInstance) => void): Promise<string> {
  const app = fastify({ forceCloseConnections: true });
  apps.push(app);
  setUp(app);
  return app.listen({ port: 0, host: '127.0.0.1' });
}

test('R87 D62: what Fastify’s own validation finds is a 422 with our fields', async () => {
  const url = await listen((app) => {
    app.register(errorHandling(options));
    app.register((scope, _options, done) => {
      const body = {
        type: 'object',
        required: ['prompt'],
        properties: { prompt: { type: 'string' }, list: { type: 'array', items: { type: 'object' } } },
      };
      scope.post('/', { schema: { body } }, async () => ({}));
      done();
    });
  });
  const post = (body: unknown): Promise<Response> =>
    fetch(url, { method: 'POST', headers: json, body: JSON.stringify(body) });
  const missing = await post({});
  expect(missing.status).toBe(422);
  expect(await missing.json()).toMatchObject({
    error_type: 'validation_error',
    details: { part: 'body' },
    fields: [{ path: ['prompt'], message: "must have required property 'prompt'" }],
  });
  expect(await (await post({ prompt: 'a', list: [{}, 'hunter2'] })).json()).toMatchObject({
    fields: [{ path: ['list', 1], message: 'must be object' }],
  });
  expect((await post({ prompt: 'a' })).status).toBe(200);
});

test('D62: a body that is no JSON, too large or of another type is the caller’s fault', async () => {
  const url = await listen((app) => {
    app.register(errorHandling(options));
    app.register((scope, _options, done) => {
      scope.post('/', { bodyLimit: 50 }, async () => ({}));
      done();
    });
  });
  const statusOf = async (body: string, type = 'application/json'): Promise<unknown> => {
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': type }, body });
    return [response.status, ((await response.json()) as { error_type: string }).error_type];
  };
  expect(await statusOf('{"a"')).toEqual([400, 'invalid_input']);
  expect(await statusOf(JSON.stringify('x'.repeat(100)))).toEqual([413, 'invalid_input']);
  expect(await statusOf('<a/>', 'application/xml')).toEqual([415, 'invalid_input']);
});

test('errorHandling holds for the scope it is registered in, and no other', async () => {
  const fail = async (): Promise<never> => {
    throw createError('rate_limited');
  };
  const url = await listen((app) => {
    app.register((scope, _options, done) => {
      scope.register(errorHandling(options));
      scope.get('/ours', fail);
      done();
    });
    app.get('/theirs', fail);
  });
  expect(await (await fetch(`${url}/ours`)).json()).toMatchObject({ error_type: 'rate_limited' });
  expect(await (await fetch(`${url}/theirs`)).json()).toMatchObject({ error: 'Too Many Requests' });
});

test('a chute under a prefix with parameters, with the headers that hooks have set, and onResponse hooks', async () => {
  const seen: string[] = [];
  const chute = createChute({ name: 'echo', logger: quiet })
    .cord('here', { method: 'GET' }, ({ request }) => ({ path: request.path }))
    .cord('echo', {}, ({ input }) => ({ input }));
  const url = await listen((app) => {
    app.addHook('onRequest', (_request, reply, next) => {
      reply.header('access-control-allow-origin', '*');
      next();
    });
    app.addHook('onResponse', (request, reply, next) => {
      seen.push(`${request.method} ${reply.raw.statusCode}`);
      next();
    });
    app.register(mount(chute.handle, options), { prefix: '/:tenant/ai' });
  });
  const response = await fetch(`${url}/somebody/ai/here`);
  expect(response.headers.get('access-control-allow-origin')).toBe('*');
  expect(await response.json()).toEqual({ path: '/here' });
  const odd = await fetch(`${url}/x/ai/echo`, { method: 'POST', headers: { 'content-type': 'nonsense' }, body: '{}' });
  expect([odd.status, ((await odd.json()) as { error_type: string }).error_type]).toEqual([415, 'invalid_input']);
  expect(seen).toEqual(['GET 200', 'POST 415']);
});

test('a handler can ask for the id, to hand it on', async () => {
  const url = await listen((app) => {
    app.register(errorHandling(options));
    app.register((scope, _options, done) => {
      scope.get('/', async (request) => ({ id: correlationIdOf(request) }));
      done();
    });
  });
  expect(await (await fetch(url, { headers: { 'x-correlation-id': 'abc' } })).json()).toEqual({ id: 'abc' });
});
