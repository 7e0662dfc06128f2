import { expect, test } from 'vitest';
import type { CallEvent } from '../call/events.js';
import { createEvents } from '../call/events.js';
import { createError } from '../errors/create-error.js';
import { modelFallbackChain } from '../models/fallback-chain.js';
import { createChute } from '../serving/chute.js';
import { createErrorHandler } from '../serving/error-handler.js';
import { scriptedModel } from '../testing/scripted-model.js';
import { type VirtualRuntime, virtualRuntime } from '../testing/virtual-runtime.js';
import { errorMetrics } from './error-metrics.js';

const minuteMs = 60_000;

function emit({ events, clock }: VirtualRuntime, event: CallEvent): void {
  events.emit({ ...event, at: clock.now() });
}

function finished(route: string | undefined, more: Partial<CallEvent & { type: 'request.finished' }> = {}): CallEvent {
  const facts = { method: 'POST', route, status: 200, ms: 50, streamed: false, errorType: undefined, notes: {} };
  return { type: 'request.finished', ...facts, ...more };
}

function handled(more: Partial<CallEvent & { type: 'error.handled' }> = {}): CallEvent {
  return {
    type: 'error.handled',
    errorType: 'generation_failed',
    errorClass: 'GenerationFailedError',
    status: 500,
    origin: 'service',
    message: 'The model failed',
    operation: 'inference',
    context: { operation: 'inference', request_path: '/generate' },
    severity: 'error',
    ...more,
  };
}

test('R142 D106: whoever listens twice counts once, and each ends what he has begun', () => {
  const runtime = virtualRuntime();
  const metrics = errorMetrics({}, runtime);
  const [first, second] = [metrics.listen(), metrics.listen()];
  emit(runtime, handled());
  first();
  first();
  emit(runtime, handled());
  expect(metrics.getErrorRate()).toBe(2);
  second();
  emit(runtime, handled());
  expect(metrics.getErrorRate()).toBe(2);
  expect(runtime.events.observed).toBe(false);
  expect(runtime.clock.pending).toBe(0);
});

test('R142 D107: a caller’s mistake is told by its type: nobody knows what the text of it quotes', () => {
  const runtime = virtualRuntime();
  const metrics = errorMetrics({}, runtime);
  const end = metrics.listen();
  const message = "Unknown value in messages[0]: 'canary'";
  emit(runtime, handled({ errorType: 'invalid_input', status: 400, origin: 'client', message }));
  const summary = metrics.getErrorSummary();
  expect(summary.top_errors).toMatchObject([{ message: 'The request is not valid' }]);
  expect(JSON.stringify(summary)).not.toContain('canary');
  end();
});

test('R142 D106: several sources of events are counted together', () => {
  const runtime = virtualRuntime();
  const metrics = errorMetrics({}, runtime);
  const others = createEvents();
  const ends = [metrics.listen(), metrics.listen(others)];
  emit(runtime, handled());
  others.emit({ ...handled(), at: 0 });
  expect(metrics.getErrorRate('generation_failed')).toBe(2);
  for (const end of ends) end();
  expect(others.observed).toBe(false);
  expect(runtime.clock.pending).toBe(0);
});

test('R142 D104 D106: a request that failed is one error and one call, and one that went well is a call with its duration', () => {
  const runtime = virtualRuntime();
  const metrics = errorMetrics({}, runtime);
  metrics.listen();
  emit(runtime, handled());
  emit(runtime, finished('/generate', { status: 500, errorType: 'generation_failed' }));
  for (let call = 0; call < 3; call += 1) emit(runtime, finished('/generate'));
  emit(runtime, finished('/generate', { streamed: true, ms: 90_000 }));
  expect(metrics.getErrorSummary()).toMatchObject({
    total_errors_1h: 1,
    total_calls_1h: 5,
    error_ratio: 0.2,
    top_patterns: [['generation_failed:inference', 1]],
    top_errors: [{ message: 'The model failed', count: 1 }],
    latency: { '/generate': { count: 3 } },
    throughput: { '/generate': { rate: 5 } },
  });
});

test('D64: a caller who left is a call and no error, and probes are neither', () => {
  const runtime = virtualRuntime();
  const metrics = errorMetrics({}, runtime);
  metrics.listen();
  emit(runtime, handled({ errorType: 'cancelled', status: 499 }));
  emit(runtime, finished('/generate', { status: 499, errorType: 'cancelled' }));
  emit(runtime, handled({ errorType: 'model_loading_failed', context: { request_path: '/readyz' } }));
  emit(runtime, finished('/readyz', { status: 503, errorType: 'model_loading_failed' }));
  emit(runtime, finished('/livez'));
  emit(runtime, finished(undefined, { status: 404, errorType: 'invalid_input' }));
  const { total_errors_1h, total_calls_1h, throughput } = metrics.getErrorSummary();
  expect({ total_errors_1h, total_calls_1h, routes: Object.keys(throughput) }).toEqual({
    total_errors_1h: 0,
    total_calls_1h: 2,
    routes: ['/generate', 'unknown'],
  });
});

test('R188 GW20: what a fallback hides from the caller is counted for each model, and watched for each', async () => {
  const runtime = virtualRuntime();
  const metrics = errorMetrics({ of: 'models', watch: ['errors'] }, runtime);
  const requests = errorMetrics({}, runtime);
  const told: CallEvent[] = [];
  runtime.events.on((event) => {
    if (event.type === 'spike.started') told.push(event);
  });
  metrics.listen();
  requests.listen();
  const main = scriptedModel([createError('upstream_unavailable')]);
  const spare = scriptedModel(['Paris.']);
  const chain = modelFallbackChain({ breaker: { consecutive: 100 } }, runtime)
    .addPrimaryModel(main, 'main')
    .addFallbackModel(spare, 'spare', 1);
  await runtime.clock.advance(3 * minuteMs);
  for (let call = 0; call < 6; call += 1) await chain.generateWithFallback('What is the capital of France?');
  await runtime.clock.advance(5_000);

  expect(told).toMatchObject([{ kind: 'errors', subject: 'upstream_unavailable:main' }]);
  expect(metrics.detectErrorSpikes()).toMatchObject([{ error_type: 'upstream_unavailable', operation: 'main' }]);
  expect(metrics.getErrorRate('upstream_unavailable')).toBe(6);
  expect(metrics.getErrorSummary()).toMatchObject({
    total_errors_1h: 6,
    total_calls_1h: 12,
    error_ratio: 0.5,
    error_types: { upstream_unavailable: 6 },
    top_patterns: [['upstream_unavailable:main', 6]],
    throughput: { main: { rate: 6 }, spare: { rate: 6 } },
    latency: { spare: { count: 6 } },
  });
  expect(requests.getErrorSummary()).toMatchObject({ total_errors_1h: 0, total_calls_1h: 0 });
});

test('I24: a stream of a model is timed until its first content, apart from answers that come whole', () => {
  const runtime = virtualRuntime();
  const metrics = errorMetrics({ of: 'models' }, runtime);
  metrics.listen();
  const answer = { type: 'model.answered', model: 'main', wasFallback: false } as const;
  emit(runtime, { ...answer, ms: 2_000, streamed: false });
  emit(runtime, { ...answer, ms: 9_000, streamed: true, firstContentMs: 300 });
  emit(runtime, { ...answer, ms: 9_000, streamed: true });
  emit(runtime, { type: 'model.failed', model: 'main', errorType: 'cancelled', ms: 5 });
  const { latency, throughput } = metrics.getErrorSummary();
  expect(latency).toMatchObject({ main: { count: 1 }, 'main:first_content': { count: 1 } });
  expect(latency['main:first_content']?.p50_ms).toBeLessThanOrEqual(330);
  expect(throughput).toMatchObject({ main: { rate: 3 } });
});

test('R142 R188 D106: of a chute every failure is recorded once, with its class of error, message and operation', async () => {
  const runtime = virtualRuntime();
  const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const errorHandler = createErrorHandler({ logger: silent }, runtime);
  const metrics = errorMetrics({}, runtime);
  const app = createChute({ name: 'demo', logger: silent, errorHandler }, runtime)
    .onStartup(() => {
      metrics.listen();
      metrics.listen();
    })
    .cord('generate', {}, (): string => {
      throw createError('out_of_memory');
    })
    .cord('hello', { method: 'GET' }, () => 'hello');
  await app.start();
  for (const path of ['/hello', '/livez', '/health']) await app.request(path);
  for (let call = 0; call < 2; call += 1) await app.request('/generate', { json: {} });
  expect(metrics.getErrorSummary()).toMatchObject({
    total_errors_1h: 2,
    total_calls_1h: 3,
    top_patterns: [['out_of_memory:/generate', 2]],
    throughput: { '/hello': { rate: 1 }, '/generate': { rate: 2 } },
  });
  errorHandler.handle(new Error('outside of any request'), { operation: 'cleaning up' });
  expect(metrics.getErrorRate('internal_error')).toBe(1);
  expect(metrics.getTopErrorPatterns()).toContainEqual(['internal_error:cleaning up', 1]);
});
