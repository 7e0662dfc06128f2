import { describe, expect, test } from 'vitest';
import { createError } from '../../errors/create-error.js';
import { GenerationFailedError } from '../../errors/upstream-errors.js';
import { type VirtualRuntime, virtualRuntime } from '../../testing/virtual-runtime.js';
import { type CircuitBreaker, type CircuitBreakerOptions, circuitBreaker } from '../circuit-breaker.js';

const down = new GenerationFailedError('down');
const start = new Date('2026-01-01T00:00:00Z').getTime();
const fail = (breaker: CircuitBreaker): void => breaker.acquire().settle('failure', down);

/** A breaker in another process, `laterMs` after the first one's start, from what the first one wrote down. */
function elsewhere(snapshot: unknown, options: CircuitBreakerOptions, laterMs = 0): [CircuitBreaker, VirtualRuntime] {
  const runtime = virtualRuntime({ date: new Date(start + laterMs) });
  const breaker = circuitBreaker(options, runtime);
  breaker.restore(JSON.parse(JSON.stringify(snapshot)));
  return [breaker, runtime];
}

function openOne(options: CircuitBreakerOptions): CircuitBreaker {
  const breaker = circuitBreaker({ consecutive: 1, ...options }, virtualRuntime());
  fail(breaker);
  return breaker;
}

describe('snapshot', () => {
  test('B16: it says until when the breaker is open, by the wall clock', () => {
    expect(openOne({ cooldownMs: 1_000 }).snapshot()).toEqual({
      v: 1,
      state: 'open',
      cause: 'failures',
      untilWall: start + 1_000,
      counters: { counted: 1, failures: 1, slow: 0, failuresInARow: 1, opens: 1 },
    });
  });

  test('B16: a closed, a half-open and an endlessly open breaker have no end to tell', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 100 }, runtime);
    expect(breaker.snapshot()).toMatchObject({ state: 'closed', cause: null, untilWall: null });
    fail(breaker);
    await runtime.clock.advance(100);
    expect(breaker.snapshot()).toMatchObject({ state: 'half_open', cause: null, untilWall: null });
    const endless = openOne({ cooldownMs: Number.POSITIVE_INFINITY });
    expect(endless.snapshot()).toMatchObject({ state: 'open', cause: 'failures', untilWall: null });
  });

  test.each(['isolate', 'disable', 'metricsOnly'] as const)('B16: `%s` is not part of it', (method) => {
    const breaker = openOne({});
    breaker[method]();
    expect(breaker.snapshot()).toMatchObject({ state: 'closed', cause: null, untilWall: null });
    const [restored] = elsewhere(breaker.snapshot(), { consecutive: 1 });
    expect([restored.state, restored.override]).toEqual(['closed', undefined]);
  });
});

describe('restore', () => {
  test('B16: it is open for the rest of the cooldown, and no longer', async () => {
    const options = { consecutive: 1, cooldownMs: 1_000 };
    const [breaker, { clock }] = elsewhere(openOne(options).snapshot(), options, 900);
    expect([breaker.state, breaker.retryAfterMs, breaker.openCause]).toEqual(['open', 100, 'failures']);
    await clock.advance(100);
    expect(await breaker.execute(() => 'done')).toBe('done');
    expect(breaker.state).toBe('closed');
  });

  test.each([1_000, 1e9])('B16: a cooldown that is over leaves it half-open: after %d ms', (laterMs) => {
    const options = { consecutive: 1, cooldownMs: 1_000 };
    const [breaker] = elsewhere(openOne(options).snapshot(), options, laterMs);
    expect(breaker.state).toBe('half_open');
    breaker.acquire();
    expect(() => breaker.acquire()).toThrow('is OPEN');
  });

  test('B16: half-open is restored half-open', async () => {
    const runtime = virtualRuntime();
    const first = circuitBreaker({ consecutive: 1, cooldownMs: 100 }, runtime);
    fail(first);
    await runtime.clock.advance(100);
    first.acquire();
    const [breaker] = elsewhere(first.snapshot(), { consecutive: 1 }, 100);
    expect(breaker.state).toBe('half_open');
    fail(breaker);
    expect(breaker.state).toBe('open');
  });

  test('B16 B15: it is open no longer than its own options allow, whatever the clocks say', () => {
    const { cooldownMs } = { cooldownMs: 1_000 };
    const long = openOne({ cooldownMs: 60_000 }).snapshot();
    expect(elsewhere(long, { cooldownMs })[0].retryAfterMs).toBe(1_000);
    expect(elsewhere(long, { cooldownMs, maxCooldownMs: 5_000 })[0].retryAfterMs).toBe(5_000);
    expect(elsewhere(long, { cooldownMs }, -3_600_000)[0].retryAfterMs).toBe(1_000);
    const endless = openOne({ cooldownMs: Number.POSITIVE_INFINITY }).snapshot();
    expect(elsewhere(endless, { cooldownMs })[0].retryAfterMs).toBe(1_000);
  });

  test('B16 B12 B13: a pause and a spent quota stay what they are, where the options know of them', () => {
    const options = { maxPauseMs: 60_000, quotaCooldownMs: 3_600_000 };
    const paused = circuitBreaker(options, virtualRuntime());
    paused.acquire().settle('ignored', createError('rate_limited', { retryAfterMs: 5_000 }));
    const [stillPaused] = elsewhere(paused.snapshot(), options, 1_000);
    expect([stillPaused.openCause, stillPaused.retryAfterMs]).toEqual(['pause', 4_000]);
    expect(elsewhere(paused.snapshot(), {})[0].state).toBe('half_open');

    const spent = circuitBreaker(options, virtualRuntime());
    spent.acquire().settle('ignored', createError('quota_exceeded'));
    const [stillSpent] = elsewhere(spent.snapshot(), options, 1_000);
    expect([stillSpent.openCause, stillSpent.retryAfterMs]).toEqual(['quota', 3_599_000]);
    expect(elsewhere(spent.snapshot(), { maxPauseMs: 1_000 })[0].state).toBe('half_open');
  });

  test('B16 B11: cooldowns go on growing where they were', async () => {
    const options = { consecutive: 1, cooldownMs: 100, maxCooldownMs: 1_000 };
    const [breaker, { clock }] = elsewhere(openOne(options).snapshot(), options, 50);
    await clock.advance(50);
    fail(breaker);
    expect(breaker.retryAfterMs).toBe(200);
  });

  test('B16: failures in a row go on, and a lower limit still leaves one before it opens', () => {
    const first = circuitBreaker({ consecutive: 5 }, virtualRuntime());
    for (let call = 0; call < 4; call += 1) fail(first);
    const [same] = elsewhere(first.snapshot(), { consecutive: 5 });
    expect(same.snapshot().counters).toEqual(first.snapshot().counters);
    fail(same);
    expect(same.state).toBe('open');
    const [lower] = elsewhere(first.snapshot(), { consecutive: 2 });
    expect([lower.state, lower.snapshot().counters.failuresInARow]).toEqual(['closed', 1]);
    fail(lower);
    expect(lower.state).toBe('open');
  });

  test('B16: the rejections of a restored breaker know no cause', () => {
    const [breaker] = elsewhere(openOne({}).snapshot(), {});
    expect(() => breaker.acquire()).toThrow(expect.not.objectContaining({ cause: expect.anything() }));
  });

  test('B16 B4: calls in flight when it was restored change nothing', () => {
    const breaker = circuitBreaker({ consecutive: 1 }, virtualRuntime());
    const early = breaker.acquire();
    breaker.restore(openOne({}).snapshot());
    early.settle('success');
    expect(breaker.state).toBe('open');
  });

  test('B16: restoring does not lift an override', () => {
    const breaker = circuitBreaker({}, virtualRuntime());
    breaker.disable();
    breaker.restore(openOne({}).snapshot());
    expect([breaker.state, breaker.override]).toEqual(['closed', 'disabled']);
  });

  const good = {
    v: 1,
    state: 'open',
    cause: 'failures',
    untilWall: start + 60_000,
    counters: { counted: 1, failures: 1, slow: 0, failuresInARow: 1, opens: 1 },
  };

  test.each([
    undefined,
    null,
    'open',
    {},
    { ...good, v: 2 },
    { ...good, v: '1' },
    { ...good, state: 'forced_open' },
    { ...good, cause: 'weather' },
    { ...good, untilWall: 'tomorrow' },
    { ...good, untilWall: Number.NaN },
    { ...good, counters: null },
    { ...good, counters: undefined },
    { ...good, counters: 1 },
    { ...good, counters: { ...good.counters, opens: -1 } },
    { ...good, counters: { ...good.counters, failures: 1.5 } },
    { ...good, counters: { counted: 1 } },
  ])('B16: what is no snapshot of this version leaves it closed: %o', (snapshot) => {
    const breaker = openOne({});
    breaker.restore(snapshot);
    expect(breaker.state).toBe('closed');
    expect(breaker.snapshot().counters).toEqual({ counted: 0, failures: 0, slow: 0, failuresInARow: 0, opens: 0 });
  });

  test('B16: a snapshot is one whoever wrote it down', () => {
    const [breaker] = elsewhere(good, {});
    expect(breaker.snapshot()).toMatchObject({ ...good, counters: { opens: 1 } });
  });
});
