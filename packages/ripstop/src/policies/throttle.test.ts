import { describe, expect, test } from 'vitest';
import { createError } from '../errors/create-error.js';
import { errorTypes } from '../errors/error-table.js';
import type { ErrorType } from '../errors/error-types.js';
import { ModelOverloadedError } from '../errors/rejections.js';
import { UpstreamUnavailableError } from '../errors/upstream-errors.js';
import { recordingContext } from '../testing/recording-context.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { circuitBreaker } from './circuit-breaker.js';
import { hedge } from './hedge.js';
import { pipeline } from './policy.js';
import { type Throttle, type ThrottleOptions, throttle, throttleDefaults } from './throttle.js';

const overloaded = (): ModelOverloadedError => new ModelOverloadedError();
/** Rejects whenever there is any chance of it. */
const strict = { random: (): number => 0 };
/** Never rejects. */
const lenient = { random: (): number => 0.999_999 };

/** Makes `times` calls that end like this; what came of each. */
async function calls(
  policy: Throttle,
  times: number,
  outcome: () => unknown,
): Promise<Record<'value' | 'error' | 'throttled', number>> {
  const ends = { value: 0, error: 0, throttled: 0 };
  for (let call = 0; call < times; call += 1) {
    await policy.execute(outcome).then(
      () => (ends.value += 1),
      (error: unknown) => {
        const ours = ModelOverloadedError.isInstance(error) && error.details['reason'] === 'throttled';
        ends[ours ? 'throttled' : 'error'] += 1;
      },
    );
  }
  return ends;
}

const fail = (error: unknown) => (): Promise<never> => Promise.reject(error);

describe('the chance of a rejection', () => {
  test.each([
    // accepted, refused, expected: (requests − 2 · accepts) / (requests + 1)
    [20, 0, 0],
    [10, 10, 0],
    [10, 11, 1 / 22],
    [10, 30, 20 / 41],
    [0, 10, 10 / 11],
    [0, 8, 8 / 9],
  ])('after %i accepted and %i refused calls is that of the SRE book', async (accepted, refused, expected) => {
    const policy = throttle({ minCalls: 1, maxRejectRatio: 0.99 }, virtualRuntime(lenient));
    await calls(policy, accepted, () => 'done');
    await calls(policy, refused, fail(overloaded()));
    expect(policy.rejectRatio).toBeCloseTo(expected, 12);
  });

  test('a lower `k` throttles sooner, a higher one later', async () => {
    const ratios = await Promise.all(
      [1, 1.5, 2, 4].map(async (k) => {
        const policy = throttle({ k }, virtualRuntime(lenient));
        await calls(policy, 10, () => 'done');
        await calls(policy, 20, fail(overloaded()));
        return policy.rejectRatio;
      }),
    );
    expect(ratios.map((ratio) => Math.round(ratio * 31))).toEqual([20, 15, 10, 0]);
  });

  test('is 0 below `minCalls`, and never above `maxRejectRatio`', async () => {
    const policy = throttle({}, virtualRuntime(lenient));
    await calls(policy, 9, fail(overloaded()));
    expect(policy.rejectRatio).toBe(0);
    await calls(policy, 1, fail(overloaded()));
    expect(policy.rejectRatio).toBe(0.9);
    await calls(policy, 1_000, fail(overloaded()));
    expect(policy.rejectRatio).toBe(0.9);
  });

  test('counts the calls that it rejects, and forgets all of them with the window', async () => {
    const runtime = virtualRuntime(strict);
    const policy = throttle({}, runtime);
    await calls(policy, 5, () => 'done');
    await calls(policy, 6, fail(overloaded()));
    expect(policy.rejectRatio).toBeCloseTo(1 / 12);
    expect(await calls(policy, 8, () => 'done')).toEqual({ value: 0, error: 0, throttled: 8 });
    expect(policy.rejectRatio).toBeCloseTo(9 / 20);
    await runtime.clock.advance(120_000);
    expect(policy.rejectRatio).toBe(0);
    expect(await calls(policy, 1, () => 'done')).toMatchObject({ value: 1 });
  });

  test('a crowd of calls that have only just begun is nobody’s refusal', async () => {
    const runtime = virtualRuntime(strict);
    const policy = throttle({}, runtime);
    const crowd = Array.from({ length: 500 }, () =>
      policy.execute(() => new Promise((resolve) => runtime.clock.after(60_000, () => resolve('done')))),
    );
    expect(policy.rejectRatio).toBe(0);
    await runtime.clock.runAll();
    expect(new Set(await Promise.all(crowd))).toEqual(new Set(['done']));
    expect(policy.rejectRatio).toBe(0);
  });

  test('a refusal that takes longer than the window counts all the same', async () => {
    const runtime = virtualRuntime(lenient);
    const policy = throttle({ windowMs: 1_000 }, runtime);
    const hung = Array.from({ length: 20 }, () =>
      policy.execute(
        () => new Promise((_, reject) => runtime.clock.after(5_000, () => reject(createError('inference_timeout')))),
      ),
    );
    const outcomes = Promise.allSettled(hung);
    await runtime.clock.runAll();
    await outcomes;
    expect(policy.rejectRatio).toBe(0.9);
  });
});

describe('what counts as accepted', () => {
  const turnedAway: readonly ErrorType[] = [
    'rate_limited',
    'model_overloaded',
    'model_loading_failed',
    'inference_timeout',
    'upstream_unavailable',
  ];

  test.each(Object.keys(errorTypes) as ErrorType[])('an answer, but no refusal: %s', async (errorType) => {
    const policy = throttle({}, virtualRuntime(lenient));
    await calls(policy, 20, fail(createError(errorType)));
    expect(policy.rejectRatio).toBe(turnedAway.includes(errorType) ? 0.9 : 0);
  });

  test.each([
    [{ status: 429 }, 0.9],
    [{ status: 429, code: 'insufficient_quota' }, 0],
    [{ status: 408 }, 0.9],
    [{ status: 500 }, 0.9],
    [{ statusCode: 503 }, 0.9],
    [{ status: 529 }, 0.9],
    [{ status: 400 }, 0],
    [{ status: 404 }, 0],
    [{ code: 'ECONNREFUSED' }, 0.9],
    [{ name: 'TypeError' }, 0],
  ])("an SDK's error goes by its status: %o", async (fields, ratio) => {
    const policy = throttle({}, virtualRuntime(lenient));
    await calls(policy, 20, fail(Object.assign(new Error('from an SDK'), fields)));
    expect(policy.rejectRatio).toBe(ratio);
  });

  test('C2 G2: a rejection by a policy inside counts neither way', async () => {
    const runtime = virtualRuntime(lenient);
    const outer = throttle({ minCalls: 1 }, runtime);
    const inner = circuitBreaker({ consecutive: 1 }, runtime);
    inner.acquire().settle('failure', new UpstreamUnavailableError());
    for (let call = 0; call < 20; call += 1) {
      await expect(pipeline(outer, inner).execute(() => 'done')).rejects.toMatchObject({
        details: { reason: 'circuit_open' },
      });
    }
    expect(outer.rejectRatio).toBe(0);
    await calls(outer, 1, fail(overloaded()));
    expect(outer.rejectRatio).toBe(1 / 2);
  });

  test('G2 G3: a call that the caller gave up counts neither way, whatever it throws because of that', async () => {
    const policy = throttle({ minCalls: 1 }, virtualRuntime(lenient));
    for (let call = 0; call < 20; call += 1) {
      const caller = new AbortController();
      const outcome = policy.execute(() => new Promise(() => caller.abort('left')), { signal: caller.signal });
      await expect(outcome).rejects.toBe('left');
    }
    await calls(policy, 1, fail(overloaded()));
    expect(policy.rejectRatio).toBe(1 / 2);
  });

  test('G2 H5: nor does one that the deadline ends, or that loses to a faster attempt', async () => {
    const runtime = virtualRuntime(lenient);
    const policy = throttle({ minCalls: 1 }, runtime);
    const hung = (): Promise<never> => new Promise(() => undefined);
    const late = Promise.allSettled(Array.from({ length: 20 }, () => policy.execute(hung, { deadlineMs: 100 })));
    const raced = pipeline(hedge({ safety: 'idempotent', delayMs: 50 }, runtime), policy);
    const lost = raced.execute(({ attempt }) => (attempt === 1 ? hung() : 'second'));
    await runtime.clock.advance(100);
    await Promise.all([late, lost]);
    await calls(policy, 1, fail(overloaded()));
    // Of the race only the winner counts.
    expect(policy.rejectRatio).toBe(0);
    await calls(policy, 1, fail(overloaded()));
    expect(policy.rejectRatio).toBe(1 / 4);
  });

  test.each([
    [0, 'turned away', 0.9],
    [1, 'taken', 0],
  ])('B17: a stream that fails after %i items was %s', async (items, _, ratio) => {
    const policy = throttle({}, virtualRuntime(lenient));
    async function* broken(): AsyncGenerator<number> {
      for (let item = 0; item < items; item += 1) yield item;
      throw overloaded();
    }
    for (let call = 0; call < 20; call += 1) {
      const stream = await policy.execute(() => broken());
      const read = async (): Promise<void> => {
        for await (const item of stream) expect(item).toBe(0);
      };
      await expect(read()).rejects.toBeInstanceOf(ModelOverloadedError);
    }
    expect(policy.rejectRatio).toBe(ratio);
  });

  test('B17: a stream that ends well, or whose reader leaves, was taken', async () => {
    const policy = throttle({ minCalls: 1 }, virtualRuntime(lenient));
    async function* tokens(): AsyncGenerator<number> {
      yield 1;
      yield 2;
    }
    for (const most of [1, 2]) {
      const stream = await policy.execute(() => tokens());
      for await (const token of stream) if (token === most) break;
    }
    expect(policy.rejectRatio).toBe(0);
  });
});

describe('a rejection', () => {
  test('G9: says that it was ours, and is reported', async () => {
    const context = recordingContext();
    const policy = throttle({}, virtualRuntime(strict));
    await calls(policy, 10, fail(overloaded()));
    let called = false;
    const outcome = policy.run(() => (called = true), context);
    await expect(outcome).rejects.toMatchObject({
      errorType: 'model_overloaded',
      isRetryable: true,
      details: { reason: 'throttled' },
    });
    expect(called).toBe(false);
    expect(context.events).toEqual([{ type: 'throttle.rejected', rejectRatio: 0.9 }]);
  });

  test('C2: a breaker outside does not count it', async () => {
    const runtime = virtualRuntime(strict);
    const inner = throttle({}, runtime);
    await calls(inner, 10, fail(overloaded()));
    const outer = circuitBreaker({ consecutive: 1 }, runtime);
    await expect(pipeline(outer, inner).execute(() => 'done')).rejects.toThrow();
    expect(outer.state).toBe('closed');
  });

  test('never becomes the rule: of 10^4 calls to a service that is down, a tenth still goes there', async () => {
    const policy = throttle({}, virtualRuntime({ seed: 7 }));
    const { throttled, error } = await calls(policy, 10_000, fail(overloaded()));
    expect(error).toBeGreaterThan(900);
    expect(error).toBeLessThan(1_100);
    expect(throttled).toBe(10_000 - error);
  });
});

/** Asks `perSecond` times a second for `seconds`; the service takes `capacity` a second and turns the rest away. */
async function load(
  options: ThrottleOptions,
  { perSecond, capacity, seconds }: Record<'perSecond' | 'capacity' | 'seconds', number>,
): Promise<{ sentPerSecond: number; takenPerSecond: number }> {
  const runtime = virtualRuntime({ seed: 3 });
  const policy = throttle(options, runtime);
  let sent = 0;
  let taken = 0;
  for (let second = 0; second < seconds; second += 1) {
    let left = capacity;
    // The second half counts: by then it has seen what the service takes.
    const counts = second >= seconds / 2 ? 1 : 0;
    await calls(policy, perSecond, () => {
      sent += counts;
      left -= 1;
      if (left < 0) throw overloaded();
      taken += counts;
    });
    await runtime.clock.advance(1_000);
  }
  return { sentPerSecond: sent / (seconds / 2), takenPerSecond: taken / (seconds / 2) };
}

describe('an overloaded service', () => {
  test('gets about k times what it takes, of five times as much, and loses nothing of what it can take', async () => {
    const { sentPerSecond, takenPerSecond } = await load({}, { perSecond: 50, capacity: 10, seconds: 240 });
    expect(sentPerSecond).toBeGreaterThan(15);
    expect(sentPerSecond).toBeLessThan(25);
    expect(takenPerSecond).toBe(10);
  });

  test('that can take all of it gets all of it', async () => {
    const whole = { perSecond: 20, capacity: 20, seconds: 20 };
    expect(await load({}, whole)).toEqual({ sentPerSecond: 20, takenPerSecond: 20 });
  });

  test('that recovers is used again within a window', async () => {
    const runtime = virtualRuntime({ seed: 5 });
    const policy = throttle({ windowMs: 10_000 }, runtime);
    let down = true;
    for (let second = 0; second < 40; second += 1) {
      down = second < 20;
      await calls(policy, 20, () => (down ? Promise.reject(overloaded()) : 'done'));
      if (second === 19) expect(policy.rejectRatio).toBe(0.9);
      await runtime.clock.advance(1_000);
    }
    expect(policy.rejectRatio).toBe(0);
  });
});

describe('options', () => {
  test('have these defaults', () => {
    expect(throttleDefaults).toEqual({ k: 2, windowMs: 120_000, maxRejectRatio: 0.9, minCalls: 10 });
  });

  test.each<[ThrottleOptions, string]>([
    [{ k: 0.9 }, 'k must be 1 or above, and finite, got 0.9'],
    [{ k: Number.POSITIVE_INFINITY }, 'k must be 1 or above, and finite, got Infinity'],
    [{ windowMs: 0 }, 'windowMs must be above 0, got 0'],
    [{ maxRejectRatio: 0 }, 'maxRejectRatio must be above 0 and at most 1, got 0'],
    [{ maxRejectRatio: 1 }, 'maxRejectRatio must be below 1, or nothing ever finds out, got 1'],
    [{ minCalls: 0 }, 'minCalls must be a whole number of at least 1, got 0'],
  ])('G7 G8: a bad one is refused: %o', (options, message) => {
    expect(() => throttle(options)).toThrow(new RangeError(message));
  });
});

test('G6 G10 G11: no timer, no signal, and nothing left behind', async () => {
  const runtime = virtualRuntime();
  const policy = throttle({}, runtime);
  await calls(policy, 10, () => 'done');
  expect(runtime.clock.pending).toBe(0);
});
