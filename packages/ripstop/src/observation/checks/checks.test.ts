/** The checks that any runtime has: model, upstream, event loop. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { CallEvent } from '../../call/events.js';
import type { ErrorType } from '../../errors/error-types.js';
import type { Clock } from '../../call/runtime.js';
import { ModelLoadingError } from '../../errors/upstream-errors.js';
import type { GenerateOptions } from '../../models/text-model.js';
import { virtualRuntime } from '../../testing/virtual-runtime.js';
import type { HealthCheck } from '../health-check.js';
import { healthChecker } from '../health-checker.js';
import { eventLoopCheck } from './event-loop.js';
import { modelCheck, type ModelCheckOptions } from './model.js';
import { upstreamCheck, type UpstreamCheckOptions } from './upstream.js';

const { signal } = new AbortController();
const run = (check: HealthCheck): Promise<unknown> => Promise.resolve(check({ signal }));

describe('modelCheck', () => {
  interface Scene {
    readonly runtime: ReturnType<typeof virtualRuntime>;
    readonly check: HealthCheck;
    readonly asked: (GenerateOptions | undefined)[];
    fails: Error | undefined;
    readonly hear: (event: CallEvent) => void;
  }

  function scene(options: ModelCheckOptions = {}): Scene {
    const runtime = virtualRuntime();
    const asked: (GenerateOptions | undefined)[] = [];
    const scene: Scene = {
      runtime,
      asked,
      fails: undefined,
      check: modelCheck(
        {
          generate(input, given) {
            expect(input).toBe('test');
            asked.push(given);
            if (scene.fails) throw scene.fails;
            return '.';
          },
        },
        { name: 'main', ...options },
        runtime,
      ),
      hear: (event) => runtime.events.emit({ ...event, at: runtime.clock.now() }),
    };
    return scene;
  }

  const answered = (model: string): CallEvent => {
    return { type: 'model.answered', model, ms: 5, wasFallback: false, streamed: false };
  };
  const failed = (errorType: ErrorType): CallEvent => ({ type: 'model.failed', model: 'main', errorType, ms: 5 });

  test('R151 D108: with no requests it asks for one token itself', async () => {
    const { check, asked } = scene();
    expect(await run(check)).toEqual({
      healthy: true,
      model_loaded: true,
      inference_working: true,
      source: 'generation',
      age_ms: 0,
    });
    expect(asked).toEqual([{ maxTokens: 1, signal }]);
  });

  test('R151: a generation that fails says so, with its type, and whether the model is loaded', async () => {
    const one = scene();
    one.fails = new Error('CUDA error');
    expect(await run(one.check)).toMatchObject({
      healthy: false,
      model_loaded: true,
      inference_working: false,
      error_type: 'generation_failed',
      error: 'Error: CUDA error',
    });
    const other = scene();
    other.fails = new ModelLoadingError('The file is not there');
    expect(await run(other.check)).toMatchObject({ healthy: false, model_loaded: false, inference_working: false });
  });

  test('GW22 R151: callers’ answers are believed, and nothing is asked while they come', async () => {
    const { check, asked, hear, runtime } = scene();
    for (let minute = 0; minute < 60; minute += 1) {
      hear(answered('main'));
      expect(await run(check)).toMatchObject({ healthy: true, source: 'traffic' });
      await runtime.clock.advance(59_000);
    }
    expect(asked).toEqual([]);
  });

  test('GW22 D112: however often it is run, it generates at most every five minutes', async () => {
    const { check, asked, runtime } = scene();
    for (let second = 0; second < 3_600; second += 1) {
      expect(await run(check)).toMatchObject({ healthy: true });
      await runtime.clock.advance(1_000);
    }
    expect(asked).toHaveLength(12);
  });

  test('GW22: it asks for nothing while the model is busy', async () => {
    const { check, asked } = scene({ busy: () => true });
    expect(await run(check)).toEqual({ healthy: null });
    expect(asked).toEqual([]);
  });

  test('a caller’s failure is checked by a generation, counts for a while where that may not be made, and not for ever', async () => {
    const it = scene();
    it.hear(failed('upstream_unavailable'));
    expect(await run(it.check)).toMatchObject({ healthy: true, source: 'generation' });
    it.hear(failed('upstream_unavailable'));
    expect(await run(it.check)).toMatchObject({
      healthy: false,
      source: 'traffic',
      error_type: 'upstream_unavailable',
    });
    await it.runtime.clock.advance(60_000);
    expect(await run(it.check)).toMatchObject({ healthy: null, source: 'traffic' });
    expect(it.asked).toHaveLength(1);
  });

  test('what callers did wrong, and other models, say nothing', async () => {
    const { check, hear } = scene({ busy: () => true });
    hear(failed('context_length_exceeded'));
    hear(answered('spare'));
    expect(await run(check)).toEqual({ healthy: null });
  });

  test('a checker that is closed ends its listening', async () => {
    const runtime = virtualRuntime();
    const checker = healthChecker({}, runtime);
    checker.registerCheck('model', modelCheck({ generate: () => '.' }, { name: 'main' }, runtime));
    expect(runtime.events.observed).toBe(true);
    checker.close();
    expect(runtime.events.observed).toBe(false);
  });

  test('a bad option is refused', () => {
    expect(() => modelCheck({ generate: () => '.' }, { freshMs: 0 })).toThrow('freshMs');
    expect(() => modelCheck({ generate: () => '.' }, { everyMs: -1 })).toThrow('everyMs');
  });
});

describe('upstreamCheck', () => {
  let close = async (): Promise<void> => undefined;
  afterEach(() => close());

  interface Service {
    readonly options: UpstreamCheckOptions;
    readonly asked: string[];
  }

  async function service(status: number, body: string): Promise<Service> {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers.authorization}`);
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    close = () => new Promise((resolve) => void server.close(() => resolve()));
    const { port } = server.address() as AddressInfo;
    return { options: { url: `http://127.0.0.1:${port}/v1`, key: 'secret-key' }, asked };
  }

  const list = JSON.stringify({ object: 'list', data: [{ id: 'small' }, { id: 'large' }] });

  test('GW22: it asks for the list of models, which nobody bills, with our key', async () => {
    const { options, asked } = await service(200, list);
    expect(await run(upstreamCheck(options))).toEqual({ healthy: true, http_status: 200 });
    expect(asked).toEqual(['GET /v1/models Bearer secret-key']);
  });

  test('a model that is not in the list fails, where one is named', async () => {
    const { options } = await service(200, list);
    expect(await run(upstreamCheck({ ...options, model: 'large' }))).toMatchObject({ healthy: true, listed: true });
    expect(await run(upstreamCheck({ ...options, model: 'huge' }))).toMatchObject({ healthy: false, listed: false });
  });

  test.each([
    ['nothing', ''],
    ['no JSON', '<html>'],
    ['null', 'null'],
    ['items of any kind', '{"data":[null,1]}'],
  ])('a list that is %s names no model', async (_, body) => {
    const { options } = await service(200, body);
    expect(await run(upstreamCheck({ ...options, model: 'm' }))).toMatchObject({ healthy: false, listed: false });
  });

  test('a service without a list works, as far as can be told without paying', async () => {
    const { options } = await service(404, '{"detail":"Not Found"}');
    expect(await run(upstreamCheck(options))).toEqual({ healthy: true, http_status: 404, listed: null });
  });

  test.each([
    [401, 'authentication_failed'],
    [429, 'rate_limited'],
    [500, 'upstream_unavailable'],
  ])('an answer of %i is %s, and no URL or key is told', async (status, errorType) => {
    const { options } = await service(status, '{"error":{"message":"no secret-key at http://internal:9"}}');
    const told = await run(upstreamCheck(options));
    expect(told).toMatchObject({
      healthy: false,
      http_status: status,
      error_type: errorType,
      reason: expect.any(String),
    });
    expect(JSON.stringify(told)).not.toMatch(/secret-key|127\.0\.0\.1|internal/);
  });

  test('a service that is not there fails, and one that hangs is left when the check has to end', async () => {
    const { options } = await service(200, list);
    await close();
    expect(await run(upstreamCheck(options))).toMatchObject({ healthy: false, error_type: 'upstream_unavailable' });
    const leaving = new AbortController();
    let stopped = false;
    const check = upstreamCheck({
      ...options,
      transport: (request) =>
        new Promise((_, reject) => {
          request.signal.addEventListener('abort', () => {
            stopped = true;
            reject(new Error('aborted'));
          });
        }),
    });
    const outcome = Promise.resolve(check({ signal: leaving.signal })).catch((error: unknown) => error);
    leaving.abort(new Error('late'));
    expect(await outcome).toMatchObject({ message: 'late' });
    expect(stopped).toBe(true);
  });

  test('a URL that is none is refused', () => {
    expect(() => upstreamCheck({ url: 'main' })).toThrow(RangeError);
  });
});

describe('eventLoopCheck', () => {
  test('a loop that is free is healthy, and one that is late is not', async () => {
    const runtime = virtualRuntime();
    const free = run(eventLoopCheck({}, runtime));
    await runtime.clock.advance(200);
    expect(await free).toEqual({ healthy: true, delay_ms: 0 });
    let now = 0;
    const late: Clock = { ...runtime.clock, now: () => now };
    const check = run(eventLoopCheck({ maxDelayMs: 500 }, { ...runtime, clock: late }));
    now = 510;
    await runtime.clock.advance(10);
    expect(await check).toEqual({ healthy: false, delay_ms: 500 });
  });

  test('a bad option is refused', () => {
    expect(() => eventLoopCheck({ maxDelayMs: 0 })).toThrow('maxDelayMs');
    expect(() => eventLoopCheck({ windowMs: -1 })).toThrow('windowMs');
  });
});
