import { describe, expect, expectTypeOf, test } from 'vitest';
import * as z from 'zod';
import { ModelOverloadedError } from '../errors/rejections.js';
import { UpstreamUnavailableError } from '../errors/upstream-errors.js';
import { fallback } from '../policies/fallback.js';
import { pipeline } from '../policies/policy.js';
import { retry } from '../policies/retry.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { createChute } from './chute.js';
import type { CordCall } from './cord.js';
import type { Logger } from './logger.js';

const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function service(runtime = virtualRuntime(), logger = quiet) {
  return createChute({ name: 'test', logger }, runtime);
}

const json = (response: Response): Promise<Record<string, unknown>> =>
  response.json() as Promise<Record<string, unknown>>;

describe('policy', () => {
  test('stands around the handler, which runs once per attempt with the attempt’s context', async () => {
    const runtime = virtualRuntime();
    const attempts: number[] = [];
    const policy = retry({ attempts: 3, baseDelayMs: 100, jitter: 'none' }, runtime);
    const app = service(runtime).cord('g', { policy }, ({ context, input }) => {
      attempts.push(context.attempt);
      if (context.attempt < 3) throw new UpstreamUnavailableError();
      return { input, id: context.correlationId };
    });
    const pending = app.request('/g', { json: 1, headers: { 'x-correlation-id': 'mine' } });
    await runtime.clock.advance(1_000);
    expect(await json(await pending)).toEqual({ input: 1, id: 'mine' });
    expect(attempts).toEqual([1, 2, 3]);
    expect(runtime.clock.pending).toBe(0);
  });

  test('a stream is retried until its first item, and never after', async () => {
    const runtime = virtualRuntime();
    let begun = 0;
    const policy = retry({ attempts: 3, baseDelayMs: 10, jitter: 'none' }, runtime);
    const app = service(runtime).cord('s', { policy }, async function* ({ context }) {
      begun += 1;
      if (context.attempt === 1) throw new UpstreamUnavailableError();
      yield { delta: 'a' };
      throw new UpstreamUnavailableError();
    });
    const pending = app.request('/s', { json: {} });
    await runtime.clock.advance(100);
    const text = await (await pending).text();
    expect(text).toMatch(/^data: \{"delta":"a"\}\n\nevent: error\ndata: .*"upstream_unavailable".*\n\n$/);
    expect(begun).toBe(2);
  });

  test('what a fallback gives is answered like any other value', async () => {
    const app = service().cord('g', { policy: fallback({ text: 'later' }) }, () => {
      throw new UpstreamUnavailableError();
    });
    expect(await json(await app.request('/g', { json: {} }))).toEqual({ text: 'later' });
  });

  test('one that keeps another time than the chute is refused', () => {
    const other = pipeline(retry({}, virtualRuntime()));
    expect(() => service().cord('g', { policy: other, timeoutMs: 1 }, () => 1)).toThrowError('one runtime');
  });
});

describe('R1 R5 concurrency', () => {
  function hanging(concurrency: number | { limit: number; maxQueue: number }) {
    const releases: (() => void)[] = [];
    const app = service().cord('g', { concurrency }, () => new Promise((resolve) => releases.push(() => resolve(1))));
    return { app, releases };
  }

  test('what is over is refused, and a slot is free again when its answer is there', async () => {
    const { app, releases } = hanging(2);
    const admitted = [app.request('/g', { json: {} }), app.request('/g', { json: {} })];
    while (releases.length < 2) await new Promise(setImmediate);
    const refused = await app.request('/g', { json: {} });
    expect(refused.status).toBe(503);
    expect(await json(refused)).toMatchObject({
      error_type: 'model_overloaded',
      details: { reason: 'queue_full', bulkhead: 'g' },
    });
    for (const release of releases) release();
    expect((await Promise.all(admitted)).map(({ status }) => status)).toEqual([200, 200]);
    const next = app.request('/g', { json: {} });
    while (releases.length < 3) await new Promise(setImmediate);
    releases[2]?.();
    expect((await next).status).toBe(200);
  });

  test('a queue lets them wait; a request that cannot be read takes no slot', async () => {
    const { app, releases } = hanging({ limit: 1, maxQueue: 1 });
    const first = app.request('/g', { json: {} });
    while (releases.length < 1) await new Promise(setImmediate);
    expect(
      (await app.request('/g', { method: 'POST', body: new Blob(['{'], { type: 'application/json' }) })).status,
    ).toBe(400);
    const second = app.request('/g', { json: {} });
    releases[0]?.();
    expect((await first).status).toBe(200);
    while (releases.length < 2) await new Promise(setImmediate);
    releases[1]?.();
    expect((await second).status).toBe(200);
  });

  test('a stream holds its slot until it ends', async () => {
    const app = service().cord('s', { concurrency: 1 }, async function* () {
      yield 1;
      yield 2;
    });
    const open = await app.request('/s', { json: {} });
    expect((await app.request('/s', { json: {} })).status).toBe(503);
    await open.text();
    const reopened = await app.request('/s', { json: {} });
    expect(reopened.status).toBe(200);
    await reopened.body?.cancel();
    await new Promise(setImmediate);
    expect((await app.request('/s', { json: {} })).status).toBe(200);
  });

  test('a bad limit is refused when the cord is declared', () => {
    expect(() => service().cord('g', { concurrency: 0 }, () => 1)).toThrowError('limit');
    expect(() => service().cord('h', { timeoutMs: 0 }, () => 1)).toThrowError('limitMs');
  });
});

describe('I7: timeoutMs', () => {
  test('a handler that outlasts it is told to stop, and answered for with 504', async () => {
    const runtime = virtualRuntime();
    let stopped = false;
    const app = service(runtime).cord('g', { timeoutMs: 1_000 }, ({ signal }) => {
      signal.addEventListener('abort', () => (stopped = true));
      return new Promise(() => undefined);
    });
    const pending = app.request('/g', { json: {} });
    await runtime.clock.advance(1_000);
    const response = await pending;
    expect([response.status, stopped]).toEqual([504, true]);
    expect(await json(response)).toMatchObject({ error_type: 'inference_timeout', details: { timeout_seconds: 1 } });
    expect(runtime.clock.pending).toBe(0);
  });

  test('it is per attempt: a policy may try again', async () => {
    const runtime = virtualRuntime();
    const policy = retry({ attempts: 2, baseDelayMs: 10, jitter: 'none' }, runtime);
    const app = service(runtime).cord('g', { timeoutMs: 1_000, policy }, ({ context }) =>
      context.attempt === 1 ? new Promise(() => undefined) : 'second',
    );
    const pending = app.request('/g', { json: {} });
    await runtime.clock.advance(2_000);
    expect(await json(await pending)).toBe('second');
  });

  test('a stream that outlasts it ends in an error frame', async () => {
    const runtime = virtualRuntime();
    const app = service(runtime).cord('s', { timeoutMs: 1_000 }, async function* () {
      yield 1;
      await new Promise(() => undefined);
    });
    const text = (await app.request('/s', { json: {} })).text();
    await runtime.clock.advance(1_000);
    expect(await text).toMatch(/^data: 1\n\nevent: error\ndata: .*"inference_timeout"/);
  });
});

describe('output', () => {
  const output = z.object({ text: z.string(), tokens: z.number().default(0) });

  test('what the schema makes of the answer is sent, and nothing else', async () => {
    const app = service().cord('g', { output }, () => ({ text: 'hi', secret: 'hunter2' }));
    expect(await json(await app.request('/g', { json: {} }))).toEqual({ text: 'hi', tokens: 0 });
  });

  test('D62: an answer that does not fit is ours to mend, and the log says where', async () => {
    const errors: object[] = [];
    const logger: Logger = { ...quiet, error: (fields) => errors.push(fields) };
    const app = service(virtualRuntime(), logger).cord('g', { output }, () => ({ text: 7 as unknown as string }));
    const response = await app.request('/g', { json: {} });
    expect(response.status).toBe(500);
    const body = await json(response);
    expect(body).toMatchObject({ error_type: 'internal_error', error: 'An unexpected error occurred', details: {} });
    expect(body['field_errors']).toBeUndefined();
    expect(errors[0]).toMatchObject({ err: { cause: { message: 'The answer does not fit its schema at text' } } });
  });

  test('each item of a stream is held to it, and a stream that is thrown away is told', async () => {
    const ended: string[] = [];
    async function* items({ input }: CordCall<object, unknown>) {
      try {
        yield { text: 'a', secret: 1 };
        if (input === 'bad') yield { text: 1 as unknown as string };
        yield new TextEncoder().encode(': by hand\n\n') as never;
      } finally {
        ended.push('ended');
      }
    }
    const app = service().cord('s', { output }, items).cord('head', { method: 'GET', output }, items);
    const good = await (await app.request('/s', { json: 'good' })).text();
    expect(good).toBe('data: {"text":"a","tokens":0}\n\n: by hand\n\n');
    const bad = await (await app.request('/s', { json: 'bad' })).text();
    expect(bad).toMatch(/^data: \{"text":"a","tokens":0\}\n\nevent: error\ndata: .*"internal_error"/);
    expect((await app.request('/head', { method: 'HEAD' })).status).toBe(200);
    expect(ended).toEqual(['ended', 'ended']);
  });

  test('the handler’s result is typed by it', () => {
    const app = service();
    // @ts-expect-error -- the answer lacks its text
    app.cord('wrong', { output }, () => ({ tokens: 1 }));
    app.cord('async', { output }, async () => Promise.resolve({ text: 'a' }));
    app.cord('typed', { input: z.object({ n: z.coerce.number() }), output }, ({ input }) => {
      expectTypeOf(input).toEqualTypeOf<{ n: number }>();
      return { text: String(input.n) };
    });
  });
});

describe('names', () => {
  test('the path is the name’s unless it is given; a name that is taken or empty is refused', async () => {
    const app = service().cord('g', { method: 'GET' }, () => 'g');
    expect((await app.request('/g')).status).toBe(200);
    expect(() => app.cord('g', { path: '/other' }, () => 1)).toThrowError('name must be unique, got "g"');
    expect(() => app.cord('', { path: '/x' }, () => 1)).toThrowError('name must not be empty');
    expect(() => app.cord('h', { path: 'x' }, () => 1)).toThrowError('path must begin with /');
    expect(() => app.cord('i', {}, undefined as never)).toThrowError('handler must be a function, got undefined');
  });
});

test('D122: a rejection of ours under the chutes profile is 429', async () => {
  const app = createChute({ name: 'test', logger: quiet, profile: 'chutes' }, virtualRuntime());
  app.cord('g', { concurrency: 1 }, () => {
    throw new ModelOverloadedError();
  });
  expect((await app.request('/g', { json: {} })).status).toBe(429);
});
