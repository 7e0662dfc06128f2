import type { CallEvent } from 'ripstop';
import { virtualRuntime } from 'ripstop/testing';
import { expect, test } from 'vitest';
import { TripWatch } from './breaker-trips.js';
import { ModelWatch } from './model-figures.js';

interface Told {
  readonly runtime: ReturnType<typeof virtualRuntime>;
  readonly tell: (event: CallEvent) => void;
}

function telling(): Told {
  const runtime = virtualRuntime();
  return { runtime, tell: (event) => runtime.events.emit({ ...event, at: runtime.clock.now() }) };
}

function answer(model: string, ms: number, more: { firstContentMs?: number; inputTokens?: number } = {}): CallEvent {
  return { type: 'model.answered', model, ms, wasFallback: false, streamed: false, outputTokens: 1, ...more };
}

test('GW19: percentiles are those of the last 512 answers, by nearest rank', () => {
  const { runtime, tell } = telling();
  const watch = new ModelWatch(['main'], runtime.events);
  for (let ms = 1; ms <= 100; ms += 1) tell(answer('main', ms, { firstContentMs: ms / 2, inputTokens: 2 }));
  expect(watch.figures()).toEqual({
    main: {
      answers: 100,
      failures: 0,
      latency_ms: { p50: 50, p95: 95 },
      first_content_ms: { p50: 25, p95: 48 },
      tokens: { input: 200, output: 100 },
    },
  });
  for (let count = 0; count < 512; count += 1) tell(answer('main', 7));
  expect(watch.figures()['main']).toMatchObject({ answers: 612, latency_ms: { p50: 7, p95: 7 } });
});

test('GW19: a model that was not asked has no times; one that nobody configured is not remembered', () => {
  const { runtime, tell } = telling();
  const watch = new ModelWatch(['main'], runtime.events);
  for (let count = 0; count < 1_000; count += 1) tell(answer(`stranger-${count}`, 5));
  tell({ type: 'model.failed', model: 'main', errorType: 'inference_timeout', ms: 9 });
  const tokens = { input: 0, output: 0 };
  expect(watch.figures()).toEqual({
    main: { answers: 0, failures: 1, latency_ms: null, first_content_ms: null, tokens },
  });
  watch.close();
  expect(runtime.events.observed).toBe(false);
});

test('GW19: of a breaker, how often it has opened, and when, why and for how long the last time', async () => {
  const { runtime, tell } = telling();
  const trips = new TripWatch(runtime.events, () => runtime.clock.date());
  tell({ type: 'breaker.opened', name: 'main', cooldownMs: 2_000, reason: '5 failures in a row' });
  await runtime.clock.advance(60_000);
  tell({ type: 'breaker.paused', name: 'main', pausedMs: 30_000.4, reason: 'pause' });
  expect(trips.of('main')).toEqual({
    count: 2,
    last: { at: '2026-01-01T00:01:00.000Z', reason: 'pause', open_ms: 30_000 },
  });
  expect(trips.of('spare')).toBeUndefined();
  trips.close();
  expect(runtime.events.observed).toBe(false);
});

test('what is remembered of breakers is bounded', () => {
  const { runtime, tell } = telling();
  const trips = new TripWatch(runtime.events, () => runtime.clock.date());
  for (let count = 0; count <= 1_000; count += 1)
    tell({ type: 'breaker.opened', name: `b${count}`, cooldownMs: 1, reason: 'x' });
  expect([trips.of('b999')?.count, trips.of('b1000')]).toEqual([1, undefined]);
});
