import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type AppPlan, type Framework, frameworks, type RunningApp } from '../../../../../test/frameworks.js';
import { rawClient } from '../../../../../test/raw-client.js';
import { errorContext } from '../../call/error-context.js';
import { createError } from '../../errors/create-error.js';
import { errorTypes } from '../../errors/error-table.js';
import type { ErrorType } from '../../errors/error-types.js';
import type { ModelError } from '../../errors/model-error.js';
import { RateLimitError } from '../../errors/rejections.js';
import { createChute } from '../chute.js';
import { createErrorHandler } from '../error-handler.js';
import type { Logger, LogLevel } from '../logger.js';

const names = Object.keys(frameworks) as Framework[];
const apps: RunningApp[] = [];
const tick = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

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

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

async function start(name: Framework, plan: Omit<AppPlan, 'errors'> & { readonly errors?: AppPlan['errors'] }) {
  const logger = recorder();
  const errorHandler = createErrorHandler({ logger });
  const app = await frameworks[name]({ errors: 'ours', options: { errorHandler }, ...plan });
  apps.push(app);
  return { url: app.url, lines: logger.lines, errorHandler };
}

const fails = (error: unknown) => (): never => {
  throw error;
};
const envelope = (response: Response): Promise<Record<string, unknown>> =>
  response.json() as Promise<Record<string, unknown>>;

describe.each(names)('%s: errors of the app’s own routes', (name) => {
  test('R81 R82 R86 R88 R89 R90 R91 R92: every type of error has its status, our envelope and our headers', async () => {
    const types = Object.keys(errorTypes) as ErrorType[];
    const made = types.map((type) => [`/${type}`, createError(type, { retryAfterMs: 1_500 })] as const);
    const routes = Object.fromEntries(made.map(([path, error]) => [path, fails(error)]));
    const { url } = await start(name, { routes });
    for (const [path, error] of made) {
      const response = await fetch(url + path, { headers: { 'x-correlation-id': `id-${error.errorType}` } });
      expect([path, response.status]).toEqual([path, error.status]);
      expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
      expect(response.headers.get('x-correlation-id')).toBe(`id-${error.errorType}`);
      for (const [header, value] of Object.entries(error.headers)) expect(response.headers.get(header)).toBe(value);
      expect(await envelope(response)).toMatchObject({
        error: error.message,
        error_type: error.errorType,
        is_retryable: error.isRetryable,
        correlation_id: `id-${error.errorType}`,
      });
    }
  });

  test('R83 R84 D60: a success carries the id that came in, or a new one where that was malformed', async () => {
    const { url } = await start(name, { routes: { '/ok': () => ({ fine: true }) } });
    const given = await fetch(`${url}/ok`, { headers: { 'x-request-id': 'abc.1' } });
    expect([given.headers.get('x-correlation-id'), await given.json()]).toEqual(['abc.1', { fine: true }]);
    const bad = await fetch(`${url}/ok`, { headers: { 'x-correlation-id': 'a b' } });
    expect(bad.headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('R92 D57: what is thrown without a type is a 500 that tells nothing, logged once', async () => {
    const { url, lines } = await start(name, { routes: { '/bug': fails(new TypeError('hunter2')) } });
    const response = await fetch(`${url}/bug`, { headers: { 'x-correlation-id': 'abc' } });
    const text = await response.text();
    expect([response.status, text.includes('hunter2')]).toEqual([500, false]);
    expect(JSON.parse(text)).toMatchObject({ error_type: 'internal_error', correlation_id: 'abc' });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ level: 'error', fields: { correlation_id: 'abc', method: 'GET', status: 500 } });
    expect(lines[0]?.fields['ms']).toBeGreaterThanOrEqual(0);
  });

  test('D58 D65: a client’s fault is no error of ours, and the log names the route, not the path', async () => {
    const { url, lines } = await start(name, { routes: { '/bad': fails(createError('invalid_input')) } });
    expect((await fetch(`${url}/bad?secret=hunter2`)).status).toBe(400);
    expect(lines.map(({ level }) => level)).toEqual(['info']);
    expect(JSON.stringify(lines)).not.toContain('hunter2');
  });

  test('R85 D65: the log has the id, the method, the time, and nothing of the person; the context is around the handler', async () => {
    const around: unknown[] = [];
    const fail = async (): Promise<never> => {
      await tick(1);
      around.push(errorContext.current());
      return errorContext.operation('inference', { model: 'small' }, () =>
        Promise.reject(createError('out_of_memory')),
      );
    };
    const { url, lines } = await start(name, { routes: { '/fail': fail } });
    await fetch(`${url}/fail?a=hunter2`, {
      method: 'POST',
      headers: { 'x-correlation-id': 'abc', 'user-agent': 'hunter2', 'content-type': 'application/json' },
      body: '{"prompt":"hunter2"}',
    });
    expect(around).toEqual([{ correlationId: 'abc' }]);
    expect(lines).toHaveLength(1);
    expect(lines[0]?.message).toContain('inference');
    expect(lines[0]?.fields).toMatchObject({
      correlation_id: 'abc',
      method: 'POST',
      context: { model: 'small' },
    });
    expect(lines[0]?.fields['context']).toMatchObject({ user_agent: '[hidden]' });
    expect(JSON.stringify(lines)).not.toContain('hunter2');
  });

  test('the envelope follows the dialect, and Accept', async () => {
    const routes = { '/fail': fails(new RateLimitError('Slow down')) };
    const { url, errorHandler } = await start(name, { routes });
    const problem = await fetch(`${url}/fail`, { headers: { accept: 'application/problem+json' } });
    expect(problem.headers.get('content-type')).toContain('application/problem+json');
    expect(await envelope(problem)).toMatchObject({ type: 'urn:ripstop:error:rate_limited', status: 429 });
    const openai = await start(name, { routes, options: { errorHandler, dialect: 'openai' } });
    expect(await envelope(await fetch(`${openai.url}/fail`))).toMatchObject({ error: { type: 'rate_limited' } });
  });

  test('HEAD has the status and no body', async () => {
    const { url } = await start(name, { routes: { '/fail': fails(createError('out_of_memory')) } });
    const { port } = new URL(url);
    const client = await rawClient(Number(port));
    client.send('HEAD /fail HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const answer = await client.until();
    expect(answer).toMatch(/^HTTP\/1\.1 507 [^]*x-should-retry: false[^]*\r\n\r\n$/i);
  });

  test('I6 D64: a client that leaves before a handler fails is a cancellation, and no error of ours', async () => {
    let entered: (() => void) | undefined;
    let leave: (() => void) | undefined;
    const inside = new Promise<void>((resolve) => (entered = resolve));
    const left = new Promise<void>((resolve) => (leave = resolve));
    const slow = async (): Promise<never> => {
      entered?.();
      await left;
      await tick(50);
      throw new Error('gone');
    };
    const { url, lines } = await start(name, { routes: { '/slow': slow } });
    const controller = new AbortController();
    const asked = fetch(`${url}/slow`, { signal: controller.signal }).catch(() => undefined);
    await inside;
    controller.abort();
    await asked;
    leave?.();
    for (let wait = 0; lines.length === 0 && wait < 200; wait += 1) await tick(10);
    expect(lines.map(({ level, fields }) => [level, fields['error_type']])).toEqual([['debug', 'cancelled']]);
  });
});

describe.each(names.filter((name) => name !== 'next'))('%s: paths that are not there', (name) => {
  test('D62: are a 404 in our envelope, with an id', async () => {
    const { url } = await start(name, { routes: { '/ok': () => ({}) } });
    const response = await fetch(`${url}/nothing`, { headers: { 'x-correlation-id': 'abc' } });
    expect([response.status, response.headers.get('x-correlation-id')]).toEqual([404, 'abc']);
    expect(await envelope(response)).toMatchObject({ error_type: 'invalid_input', correlation_id: 'abc' });
  });
});

describe('a framework’s own default error handling', () => {
  const failing = (): ModelError => new RateLimitError('Slow down', { retryAfterMs: 1_500, correlationId: 'abc' });

  test('Hono: gives status, headers and envelope, by `getResponse()`', async () => {
    const { url } = await start('hono', { errors: 'default', routes: { '/fail': fails(failing()) } });
    const response = await fetch(`${url}/fail`);
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '2']);
    expect(response.headers.get('x-correlation-id')).toBe('abc');
    expect(await envelope(response)).toMatchObject({ error: 'Slow down', error_type: 'rate_limited' });
  });

  test('Fastify: gives status and headers, by `statusCode` and `headers`, and the message', async () => {
    const { url } = await start('fastify', { errors: 'default', routes: { '/fail': fails(failing()) } });
    const response = await fetch(`${url}/fail`);
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '2']);
    expect(response.headers.get('x-correlation-id')).toBe('abc');
    expect(await envelope(response)).toEqual({ statusCode: 429, error: 'Too Many Requests', message: 'Slow down' });
  });

  test('Express: gives status and headers, by `status` and `headers`, and the message', async () => {
    const { url } = await start('express', { errors: 'default', routes: { '/fail': fails(failing()) } });
    const response = await fetch(`${url}/fail`);
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '2']);
    expect(response.headers.get('x-correlation-id')).toBe('abc');
    expect(await response.text()).toContain('Slow down');
  });

  test('every type keeps its status under each of them', async () => {
    for (const name of ['hono', 'fastify', 'express'] as const) {
      const types = Object.keys(errorTypes) as ErrorType[];
      const routes = Object.fromEntries(types.map((type) => [`/${type}`, fails(createError(type))]));
      const { url } = await start(name, { errors: 'default', routes });
      for (const type of types) {
        const response = await fetch(`${url}/${type}`);
        await response.text();
        expect([name, type, response.status]).toEqual([name, type, createError(type).status]);
      }
    }
  });
});

describe.each(names)('%s: a chute in the app', (name) => {
  function greeter(logger: Logger) {
    return createChute({ name: 'greeter', logger, heartbeatMs: Number.POSITIVE_INFINITY })
      .cord('greet', { input: z.object({ name: z.string() }) }, ({ input }) => ({ greeting: `Hello ${input.name}` }))
      .cord('things_thing', { path: '/things/:thing', method: 'GET' }, ({ params, input }) => ({ ...params, input }))
      .cord('fail', { method: 'GET' }, fails(createError('model_overloaded', { retryAfterMs: 2_000 })))
      .cord('words', { method: 'GET' }, async function* () {
        for (const word of ['one', 'two']) yield { word };
      });
  }
  const post = (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${url}/ai/greet`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });

  test('R93 R204 D61: answers below its path, and the app has the rest', async () => {
    const { url, lines } = await start(name, {
      chute: greeter(recorder()).handle,
      routes: { '/own': () => ({ own: true }) },
    });
    const greeting = await post(url, { name: 'Mia' }, { 'x-correlation-id': 'abc' });
    expect([greeting.status, greeting.headers.get('x-correlation-id')]).toEqual([200, 'abc']);
    expect(await greeting.json()).toEqual({ greeting: 'Hello Mia' });
    expect(await envelope(await fetch(`${url}/ai/things/a%2Fb?c=d`))).toEqual({ thing: 'a/b', input: { c: 'd' } });
    expect(await envelope(await fetch(`${url}/own`))).toEqual({ own: true });
    expect(lines).toEqual([]);
  });

  test('R87 D62: its errors are its own: 422, 503, 404, 405, bad JSON', async () => {
    const { url } = await start(name, { chute: greeter(recorder()).handle });
    const invalid = await post(url, { name: 7 });
    expect([invalid.status, (await envelope(invalid))['error_type']]).toEqual([422, 'validation_error']);
    const overloaded = await fetch(`${url}/ai/fail`);
    expect([overloaded.status, overloaded.headers.get('retry-after')]).toEqual([503, '2']);
    expect((await fetch(`${url}/ai/nothing`)).status).toBe(404);
    const wrong = await fetch(`${url}/ai/greet`);
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'OPTIONS, POST']);
    const broken = await fetch(`${url}/ai/greet`, {
      method: 'POST',
      body: '{"name":',
      headers: { 'content-type': 'application/json' },
    });
    expect([broken.status, (await envelope(broken))['error_type']]).toEqual([400, 'invalid_input']);
  });

  test('one id for both: what the app gave a request, the chute answers with', async () => {
    const { url } = await start(name, { chute: greeter(recorder()).handle });
    const response = await fetch(`${url}/ai/fail`);
    const id = response.headers.get('x-correlation-id');
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect((await envelope(response))['correlation_id']).toBe(id);
  });

  test('R203: streams arrive as events, and a client that leaves stops them', async () => {
    let stopped: (() => void) | undefined;
    const end = new Promise<void>((resolve) => (stopped = resolve));
    const chute = greeter(recorder()).cord('endless', { method: 'GET' }, async function* ({ signal }) {
      signal.addEventListener('abort', () => stopped?.());
      for (let count = 0; ; count += 1) {
        yield { count };
        await tick(5);
      }
    });
    const { url } = await start(name, { chute: chute.handle });
    const words = await fetch(`${url}/ai/words`);
    expect(words.headers.get('content-type')).toContain('text/event-stream');
    expect(await words.text()).toBe('data: {"word":"one"}\n\ndata: {"word":"two"}\n\n');
    const controller = new AbortController();
    const endless = await fetch(`${url}/ai/endless`, { signal: controller.signal });
    await endless.body?.getReader().read();
    controller.abort();
    await end;
  });

  test('I10 D20: a body beyond the chute’s limit is 413', async () => {
    const chute = createChute({ name: 'small', bodyLimitBytes: 20, logger: recorder() });
    const { url } = await start(name, { chute: chute.cord('greet', {}, () => ({})).handle });
    const response = await post(url, { name: 'x'.repeat(100) });
    expect([response.status, (await envelope(response))['error_type']]).toEqual([413, 'invalid_input']);
    expect((await post(url, {})).status).toBe(200);
    // Without a length it is cut where it passes the limit. In Express the app's own parser has read it, and found no JSON.
    const pieces = new ReadableStream({
      start(sink) {
        for (let piece = 0; piece < 50; piece += 1) sink.enqueue(new TextEncoder().encode(' '.repeat(1_000)));
        sink.close();
      },
    });
    const headers = { 'content-type': 'application/json' };
    const cut = await fetch(`${url}/ai/greet`, {
      method: 'POST',
      headers,
      body: pieces,
      duplex: 'half',
    } as RequestInit);
    expect([cut.status, (await envelope(cut))['error_type']]).toEqual([
      name === 'express' ? 400 : 413,
      'invalid_input',
    ]);
    expect((await post(url, {})).status).toBe(200);
  });
});
