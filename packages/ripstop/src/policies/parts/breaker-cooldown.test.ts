import { describe, expect, test } from 'vitest';
import { createError } from '../../errors/create-error.js';
import { GenerationFailedError } from '../../errors/upstream-errors.js';
import { recordingContext } from '../../testing/recording-context.js';
import { type VirtualRuntime, virtualRuntime } from '../../testing/virtual-runtime.js';
import { type CircuitBreaker, type CircuitBreakerOptions, circuitBreaker } from '../circuit-breaker.js';
import { pipeline } from '../policy.js';
import { retry } from '../retry.js';

const down = new GenerationFailedError('down');

function opened(breaker: CircuitBreaker, error: unknown = down): number {
  breaker.acquire().settle('failure', error);
  expect(breaker.state).toBe('open');
  return breaker.retryAfterMs;
}

/** How long it stays open each time it fails its trial. */
async function stays(options: CircuitBreakerOptions, times: number, runtime = virtualRuntime()): Promise<number[]> {
  const breaker = circuitBreaker({ consecutive: 1, ...options }, runtime);
  const all: number[] = [];
  for (let time = 0; time < times; time += 1) {
    all.push(opened(breaker));
    await runtime.clock.advance(breaker.retryAfterMs);
  }
  return all;
}

/** Opens it, lets the trial succeed, and makes one success every ten milliseconds for as long as it says. */
async function recover(breaker: CircuitBreaker, { clock }: VirtualRuntime, successes: number): Promise<void> {
  await clock.advance(breaker.retryAfterMs);
  breaker.acquire().settle('success');
  for (let call = 0; call < successes; call += 1) {
    await clock.advance(10);
    breaker.acquire().settle('success');
  }
}

describe('growth', () => {
  test('B11: without `maxCooldownMs` every cooldown is `cooldownMs`', async () => {
    expect(await stays({ cooldownMs: 100 }, 4)).toEqual([100, 100, 100, 100]);
  });

  test('B11: each failed trial doubles the cooldown, up to `maxCooldownMs`', async () => {
    expect(await stays({ cooldownMs: 100, maxCooldownMs: 500 }, 5)).toEqual([100, 200, 400, 500, 500]);
    expect(await stays({ cooldownMs: 100, maxCooldownMs: 500, cooldownFactor: 3 }, 3)).toEqual([100, 300, 500]);
    expect(await stays({ cooldownMs: 100, maxCooldownMs: 500, cooldownFactor: 1 }, 3)).toEqual([100, 100, 100]);
  });

  test('B11: chance takes off its share and never adds, at the cap too', async () => {
    const options = { cooldownMs: 1_000, maxCooldownMs: 2_000, cooldownJitterRatio: 0.5 };
    const all = await stays(options, 50);
    expect(all[0]).toBeGreaterThan(500);
    expect(all[0]).toBeLessThanOrEqual(1_000);
    const capped = all.slice(2);
    expect(Math.min(...capped)).toBeGreaterThan(1_000);
    expect(Math.max(...capped)).toBeLessThanOrEqual(2_000);
    expect(new Set(capped).size).toBe(48);
    expect(await stays(options, 50)).toEqual(all);
    const always = { random: () => 0.2 };
    expect(await stays({ cooldownMs: 1_000, cooldownJitterRatio: 0.5 }, 1, virtualRuntime(always))).toEqual([900]);
  });

  test('B11: a recovery that lasts for the window starts it anew, and a shorter one does not', async () => {
    const runtime = virtualRuntime();
    const options = { consecutive: 1, cooldownMs: 100, maxCooldownMs: 1_000, window: { ms: 500 } };
    const breaker = circuitBreaker(options, runtime);
    expect(opened(breaker)).toBe(100);
    await recover(breaker, runtime, 49);
    expect(opened(breaker)).toBe(200);
    await recover(breaker, runtime, 50);
    expect(opened(breaker)).toBe(100);
  });

  test('B11: with a window of calls, as many successes as it holds start it anew', async () => {
    const runtime = virtualRuntime();
    const options = { consecutive: 1, cooldownMs: 100, maxCooldownMs: 1_000, window: { calls: 3 } };
    const breaker = circuitBreaker(options, runtime);
    expect(opened(breaker)).toBe(100);
    await recover(breaker, runtime, 2);
    expect(opened(breaker)).toBe(200);
    await recover(breaker, runtime, 3);
    expect(opened(breaker)).toBe(100);
  });

  test('B11: successes from before it opened are no recovery', async () => {
    const runtime = virtualRuntime();
    const options = { consecutive: 1, cooldownMs: 100, maxCooldownMs: 1_000, window: { calls: 3 } };
    const breaker = circuitBreaker(options, runtime);
    for (let call = 0; call < 10; call += 1) breaker.acquire().settle('success');
    const all: number[] = [];
    for (let time = 0; time < 3; time += 1) {
      all.push(opened(breaker));
      await runtime.clock.advance(breaker.retryAfterMs);
    }
    expect(all).toEqual([100, 200, 400]);
  });

  test('B11: `reset` starts it anew', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 100, maxCooldownMs: 1_000 }, runtime);
    opened(breaker);
    await runtime.clock.advance(100);
    expect(opened(breaker)).toBe(200);
    breaker.reset();
    expect(opened(breaker)).toBe(100);
  });

  test('B11: a wait that the failure states is the least, up to `maxCooldownMs`', () => {
    const waits = (retryAfterMs: number, maxCooldownMs?: number): number =>
      opened(
        circuitBreaker({ consecutive: 1, cooldownMs: 100, maxCooldownMs }, virtualRuntime()),
        createError('model_overloaded', { retryAfterMs }),
      );
    expect(waits(300, 1_000)).toBe(300);
    expect(waits(50, 1_000)).toBe(100);
    expect(waits(5_000, 1_000)).toBe(1_000);
    expect(waits(300)).toBe(100);
  });

  test('B11: an endless cooldown stays endless, and cooldowns that outgrow all numbers end at the cap', async () => {
    expect(await stays({ cooldownMs: Number.POSITIVE_INFINITY, cooldownJitterRatio: 0.5 }, 1)).toEqual([
      Number.POSITIVE_INFINITY,
    ]);
    const all = await stays({ cooldownMs: 1, maxCooldownMs: 5_000, cooldownFactor: 1e200 }, 4);
    expect(all).toEqual([1, 5_000, 5_000, 5_000]);
  });
});

describe('pause', () => {
  const limited = (retryAfterMs?: number): Error =>
    createError('rate_limited', retryAfterMs === undefined ? {} : { retryAfterMs });
  const rejects = (breaker: CircuitBreaker, error: unknown): Promise<unknown> =>
    breaker.execute(() => Promise.reject(error)).catch((thrown: unknown) => thrown);

  test.each([
    ['our 429', limited(700)],
    ['an SDK 429', Object.assign(new Error('slow down'), { status: 429, retryAfterMs: 700 })],
    ['our 529', createError('model_overloaded', { retryAfterMs: 700, details: { status: 529 } })],
    ['an SDK 529', Object.assign(new Error('overloaded'), { status: 529, retryAfterMs: 700 })],
  ])('B12: one %s that states a wait opens it until then, and says that it is a pause', async (_, error) => {
    const runtime = virtualRuntime();
    const seen: unknown[] = [];
    runtime.events.on(({ type, ...rest }) => seen.push([type, rest]));
    const breaker = circuitBreaker({ name: 'main', maxPauseMs: 60_000 }, runtime);
    expect(await rejects(breaker, error)).toBe(error);
    expect([breaker.state, breaker.openCause, breaker.retryAfterMs]).toEqual(['open', 'pause', 700]);
    expect(await rejects(breaker, down)).toMatchObject({
      details: { reason: 'circuit_open', circuit_cause: 'pause' },
      isRetryable: true,
      retryAfterMs: 700,
      cause: error,
    });
    expect(seen[0]).toMatchObject(['breaker.paused', { name: 'main', pausedMs: 700, reason: 'pause' }]);
    await runtime.clock.advance(700);
    expect([breaker.state, breaker.openCause]).toEqual(['half_open', undefined]);
    await breaker.execute(() => 'done');
    expect(breaker.state).toBe('closed');
  });

  test('B12: not without `maxPauseMs`, not without a stated wait, and never for longer than `maxPauseMs`', async () => {
    const deaf = circuitBreaker({ consecutive: 1 }, virtualRuntime());
    await rejects(deaf, limited(700));
    expect(deaf.state).toBe('closed');
    const breaker = circuitBreaker({ maxPauseMs: 500 }, virtualRuntime());
    await rejects(breaker, limited());
    await rejects(breaker, limited(0));
    expect(breaker.state).toBe('closed');
    await rejects(breaker, limited(700));
    expect(breaker.retryAfterMs).toBe(500);
  });

  test('B12: a plain overload counts as a failure and pauses nothing, nor does our own limit or a caller who left', async () => {
    const breaker = circuitBreaker({ maxPauseMs: 500 }, virtualRuntime());
    await rejects(breaker, createError('model_overloaded', { retryAfterMs: 700, details: { status: 503 } }));
    await rejects(breaker, createError('rate_limited', { retryAfterMs: 700, details: { reason: 'queue_timeout' } }));
    breaker.acquire().settle('cancelled', limited(700));
    breaker.acquire().settle('rejected', limited(700));
    expect(breaker.state).toBe('closed');
  });

  test('B12: a pause is no failure as well, though the error would count as one', async () => {
    const runtime = virtualRuntime();
    const seen: unknown[] = [];
    runtime.events.on(({ type }) => seen.push(type));
    const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 9_000, maxPauseMs: 500 }, runtime);
    await rejects(breaker, createError('model_overloaded', { retryAfterMs: 300, details: { status: 529 } }));
    expect([breaker.openCause, breaker.retryAfterMs]).toEqual(['pause', 300]);
    expect(breaker.snapshot().counters).toEqual({ counted: 0, failures: 0, slow: 0, failuresInARow: 0, opens: 0 });
    expect(seen).toEqual(['breaker.paused']);
  });

  test('B12 G3: a caller who leaves during a call asks for no pause, whatever it throws because of that', async () => {
    const breaker = circuitBreaker({ maxPauseMs: 500 }, virtualRuntime());
    const caller = new AbortController();
    const error = limited(300);
    const call = breaker.run(
      () => {
        caller.abort('left');
        throw error;
      },
      recordingContext({ signal: caller.signal }),
    );
    await expect(call).rejects.toBe(error);
    expect(breaker.state).toBe('closed');
  });

  test('B12: a pause in a trial prolongs the wait, and makes no later cooldown longer', async () => {
    const runtime = virtualRuntime();
    const options = { consecutive: 1, cooldownMs: 100, maxCooldownMs: 1_000, maxPauseMs: 1_000 };
    const breaker = circuitBreaker(options, runtime);
    opened(breaker);
    for (let time = 0; time < 3; time += 1) {
      await runtime.clock.advance(breaker.retryAfterMs);
      await rejects(breaker, limited(300));
      expect([breaker.openCause, breaker.retryAfterMs]).toEqual(['pause', 300]);
    }
    await runtime.clock.advance(300);
    expect(opened(breaker)).toBe(200);
    expect(breaker.openCause).toBe('failures');
  });
});

describe('quota', () => {
  test.each([
    ['our own error', createError('quota_exceeded', { retryAfterMs: 1_000, details: { status: 429 } })],
    ['a 402', Object.assign(new Error('pay'), { status: 402 })],
    ['a 429 that says so', Object.assign(new Error('spent'), { status: 429, code: 'insufficient_quota' })],
  ])('B13: %s opens it at once for `quotaCooldownMs`, and nothing is retried until then', async (_, error) => {
    const runtime = virtualRuntime();
    const seen: unknown[] = [];
    runtime.events.on((event) => seen.push(event));
    const options = { name: 'main', cooldownMs: 100, maxPauseMs: 500, quotaCooldownMs: 3_600_000 };
    const breaker = circuitBreaker(options, runtime);
    expect(await breaker.execute(() => Promise.reject(error)).catch((thrown: unknown) => thrown)).toBe(error);
    expect(seen).toMatchObject([{ type: 'breaker.paused', name: 'main', pausedMs: 3_600_000, reason: 'quota' }]);
    expect([breaker.state, breaker.openCause, breaker.retryAfterMs]).toEqual(['open', 'quota', 3_600_000]);
    expect(await breaker.execute(() => 'done').catch((thrown: unknown) => thrown)).toMatchObject({
      details: { reason: 'circuit_open', circuit_cause: 'quota' },
      isRetryable: false,
      retryAfterMs: 3_600_000,
      cause: error,
    });
    await runtime.clock.advance(3_600_000);
    expect(await breaker.execute(() => 'done')).toBe('done');
    expect(breaker.state).toBe('closed');
  });

  test('B13: neither a spent quota nor the rejections after it are retried, however much time there is', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ quotaCooldownMs: 1_000 }, runtime);
    const asking = pipeline(retry({ maxDelayMs: 10_000 }, runtime), breaker);
    let calls = 0;
    const ask = (): Promise<unknown> =>
      asking
        .execute(
          () => {
            calls += 1;
            throw createError('quota_exceeded');
          },
          { deadlineMs: 1e9 },
        )
        .catch((error: unknown) => error);
    expect(await ask()).toMatchObject({ errorType: 'quota_exceeded', stopReason: 'not_retryable' });
    expect(await ask()).toMatchObject({ details: { reason: 'circuit_open' }, stopReason: 'not_retryable' });
    expect([calls, runtime.clock.pending]).toEqual([1, 0]);
  });

  test('B13: without `quotaCooldownMs` a spent quota opens nothing, and is not taken for a pause', () => {
    const breaker = circuitBreaker({ consecutive: 1, maxPauseMs: 500 }, virtualRuntime());
    for (const error of [
      createError('quota_exceeded', { retryAfterMs: 1_000, details: { status: 429 } }),
      Object.assign(new Error('spent'), { status: 429, code: 'insufficient_quota', retryAfterMs: 100 }),
    ]) {
      breaker.acquire().settle('ignored', error);
      expect(breaker.state).toBe('closed');
    }
  });

  test.each([undefined, null, 'spent', 402])('B12 B13: %s is no error that asks for anything', (error) => {
    const breaker = circuitBreaker({ maxPauseMs: 500, quotaCooldownMs: 500 }, virtualRuntime());
    breaker.acquire().settle('ignored', error);
    breaker.acquire().settle('failure', error);
    expect(breaker.state).toBe('closed');
  });
});

test('B11: the longest cooldown may be the first one', () => {
  const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 100, maxCooldownMs: 100 }, virtualRuntime());
  expect(opened(breaker)).toBe(100);
});

test.each([
  [{ maxCooldownMs: 59_999 }, 'maxCooldownMs must be at least cooldownMs (60000), got 59999'],
  [{ maxCooldownMs: Number.NaN }, 'maxCooldownMs must be at least cooldownMs (60000), got NaN'],
  [{ cooldownFactor: 0.9 }, 'cooldownFactor must be 1 or above, got 0.9'],
  [{ cooldownJitterRatio: -0.1 }, 'cooldownJitterRatio must be 0 or above, and below 1, got -0.1'],
  [{ cooldownJitterRatio: 1 }, 'cooldownJitterRatio must be 0 or above, and below 1, got 1'],
  [{ maxPauseMs: 0 }, 'maxPauseMs must be above 0, got 0'],
  [{ quotaCooldownMs: -1 }, 'quotaCooldownMs must be above 0, got -1'],
  [{ leaseMs: 0 }, 'leaseMs must be above 0, got 0'],
])('G7 D32: %o is refused with the option, the rule and the value', (options, message) => {
  expect(() => circuitBreaker(options)).toThrow(new RangeError(message));
});
