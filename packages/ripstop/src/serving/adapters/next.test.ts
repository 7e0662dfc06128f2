import { expect, test } from 'vitest';
import { createError } from '../../errors/create-error.js';
import { createChute } from '../chute.js';
import { createErrorHandler } from '../error-handler.js';
import type { Logger } from '../logger.js';
import { mount, withErrors } from './next.js';

const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const options = { errorHandler: createErrorHandler({ logger: quiet }) };
const request = (path: string, init?: RequestInit): Request => new Request(`http://127.0.0.1${path}`, init);

test('a chute is a route handler per method, below its base path', async () => {
  const chute = createChute({ name: 'greeter', logger: quiet }).cord('hello', { method: 'GET' }, () => ({
    text: 'hi',
  }));
  const { GET, POST, OPTIONS } = mount(chute.handle, { ...options, basePath: '/api/ai' });
  expect(await (await GET(request('/api/ai/hello'))).json()).toEqual({ text: 'hi' });
  const wrong = await POST(request('/api/ai/hello', { method: 'POST' }));
  expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
  expect((await OPTIONS(request('/api/ai/hello', { method: 'OPTIONS' }))).status).toBe(204);
});

test('R81 R86: withErrors answers what a handler throws, and hands it all that Next.js gives', async () => {
  const handler = withErrors(async (_request: Request, { params }: { params: Promise<{ id: string }> }) => {
    const { id } = await params;
    if (id === 'bad') throw createError('model_overloaded', { retryAfterMs: 3_000 });
    return Response.json({ id });
  }, options);
  const ok = await handler(request('/x'), { params: Promise.resolve({ id: 'good' }) });
  expect([await ok.json(), ok.headers.get('x-correlation-id')]).toEqual([
    { id: 'good' },
    expect.stringMatching(/^[0-9a-f-]{36}$/),
  ]);
  const bad = await handler(request('/x', { headers: { 'x-correlation-id': 'abc' } }), {
    params: Promise.resolve({ id: 'bad' }),
  });
  expect([bad.status, bad.headers.get('retry-after')]).toEqual([503, '3']);
  expect(await bad.json()).toMatchObject({ error_type: 'model_overloaded', correlation_id: 'abc' });
});

test('a redirect keeps its fixed headers, and gets the id', async () => {
  const handler = withErrors(() => Response.redirect('http://127.0.0.1/there', 302), options);
  const response = await handler(request('/', { headers: { 'x-correlation-id': 'abc' } }));
  expect([response.status, response.headers.get('location'), response.headers.get('x-correlation-id')]).toEqual([
    302,
    'http://127.0.0.1/there',
    'abc',
  ]);
});

test('what Next.js throws to steer itself passes through, and nothing else does', async () => {
  for (const digest of ['NEXT_REDIRECT;replace;/a;307;', 'NEXT_HTTP_ERROR_FALLBACK;404', 'DYNAMIC_SERVER_USAGE']) {
    const thrown = Object.assign(new Error(), { digest });
    await expect(withErrors(() => Promise.reject(thrown), options)(request('/'))).rejects.toBe(thrown);
  }
  for (const thrown of [Object.assign(new Error(), { digest: '1234567' }), null, 'text']) {
    expect((await withErrors(() => Promise.reject(thrown), options)(request('/'))).status).toBe(500);
  }
});
