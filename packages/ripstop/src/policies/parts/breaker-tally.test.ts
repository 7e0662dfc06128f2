import { describe, expect, test } from 'vitest';
import { GenerationFailedError } from '../../errors/upstream-errors.js';
import { recordingContext } from '../../testing/recording-context.js';
import { virtualRuntime } from '../../testing/virtual-runtime.js';
import { type CircuitBreakerOptions, circuitBreaker, type Permit } from '../circuit-breaker.js';

const down = new GenerationFailedError('down');
const options: CircuitBreakerOptions = { consecutive: 1, slowMs: 100, slowRatio: 0.5, minCalls: 4 };

describe('calls in flight', () => {
  test('B6: calls that are still running count as slow when they have run for `slowMs`', async () => {
    const runtime = virtualRuntime();
    const seen: unknown[] = [];
    runtime.events.on((event) => seen.push(event));
    const breaker = circuitBreaker({ name: 'main', ...options }, runtime);
    for (let call = 0; call < 4; call += 1) breaker.acquire();
    await runtime.clock.advance(99);
    expect(breaker.state).toBe('closed');
    await runtime.clock.advance(1);
    expect(breaker.state).toBe('open');
    expect(seen).toEqual([
      { type: 'breaker.opened', name: 'main', cooldownMs: 60_000, reason: '4 of 4 calls were slow', at: 100 },
    ]);
    expect(runtime.clock.pending).toBe(0);
  });

  test('B6: the next caller after that is refused, though nobody asked for the state', async () => {
    const { clock, ...runtime } = virtualRuntime();
    const breaker = circuitBreaker(options, { clock, ...runtime });
    for (let call = 0; call < 4; call += 1) breaker.acquire();
    await clock.advance(100);
    expect(() => breaker.acquire()).toThrow('is OPEN');
  });

  test('B6 B5: those that may yet be fast are in no share, neither among the slow nor among all', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker(options, runtime);
    for (let call = 0; call < 2; call += 1) breaker.acquire();
    await runtime.clock.advance(50);
    for (let call = 0; call < 100; call += 1) breaker.acquire();
    for (let call = 0; call < 2; call += 1) breaker.acquire().settle('success');
    await runtime.clock.advance(49);
    expect(breaker.state).toBe('closed');
    await runtime.clock.advance(1);
    expect(breaker.state).toBe('open');
  });

  test('B6: a slow call is counted once, before its end or after it', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ ...options, minCalls: 3 }, runtime);
    const slow = breaker.acquire();
    await runtime.clock.advance(100);
    expect(breaker.state).toBe('closed');
    slow.settle('success');
    breaker.acquire().settle('success');
    expect(breaker.state).toBe('closed');
    const another = breaker.acquire();
    await runtime.clock.advance(100);
    another.settle('success');
    expect(breaker.state).toBe('open');
  });

  test.each(['ignored', 'cancelled', 'rejected'] as const)(
    'B6 B5: a slow call that ends %s was none of them after all',
    async (outcome) => {
      const runtime = virtualRuntime();
      const breaker = circuitBreaker(options, runtime);
      const slow: Permit[] = Array.from({ length: 3 }, () => breaker.acquire());
      await runtime.clock.advance(100);
      for (const permit of slow) permit.settle(outcome);
      for (let call = 0; call < 4; call += 1) breaker.acquire().settle('success');
      expect(breaker.state).toBe('closed');
    },
  );

  test('B6: a slow call that fails is judged by its failure, and is the cause of the rejections', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ ...options, minCalls: 1 }, runtime);
    const slow = breaker.acquire();
    await runtime.clock.advance(100);
    slow.settle('failure', down);
    expect(() => breaker.acquire()).toThrow(expect.objectContaining({ cause: down }));
  });

  test('B6 B4: calls from before the breaker closed again are in no share', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ ...options, cooldownMs: 10 }, runtime);
    for (let call = 0; call < 4; call += 1) breaker.acquire();
    await runtime.clock.advance(50);
    // Not slow yet when it opens, and long so when it has closed again.
    for (let call = 0; call < 20; call += 1) breaker.acquire();
    await runtime.clock.advance(50);
    expect(breaker.state).toBe('open');
    await runtime.clock.advance(10);
    breaker.acquire().settle('success');
    await runtime.clock.advance(1_000);
    for (let call = 0; call < 10; call += 1) breaker.acquire().settle('success');
    expect(breaker.state).toBe('closed');
  });

  test('B6: it opens because a call got slow, and not because fast ones were forgotten', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ ...options, minCalls: 1, window: { ms: 1_000 } }, runtime);
    const slow = breaker.acquire();
    for (let call = 0; call < 3; call += 1) breaker.acquire().settle('success');
    await runtime.clock.advance(500);
    slow.settle('success');
    expect(breaker.state).toBe('closed');
    await runtime.clock.advance(600);
    expect(breaker.state).toBe('closed');
  });

  test('B6: how long a call has run counts from its own start, not from that of the breaker', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ ...options, minCalls: 1 }, runtime);
    await runtime.clock.advance(5_000);
    breaker.acquire();
    await runtime.clock.advance(99);
    expect(breaker.state).toBe('closed');
    await runtime.clock.advance(1);
    expect(breaker.state).toBe('open');
  });

  test('B6: a call that ends is judged together with those in flight, and opens it there and then', async () => {
    const runtime = virtualRuntime();
    const context = recordingContext(undefined, runtime);
    const breaker = circuitBreaker({ ...options, name: 'main' }, runtime);
    for (let call = 0; call < 3; call += 1) breaker.acquire();
    await runtime.clock.advance(100);
    await breaker.run(() => 'fast', context);
    expect(context.events).toEqual([
      { type: 'breaker.opened', name: 'main', cooldownMs: 60_000, reason: '3 of 4 calls were slow' },
    ]);
  });

  test.each(['disable', 'metricsOnly'] as const)('B1 B6: under `%s` calls in flight open nothing', async (override) => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ ...options, minCalls: 1 }, runtime);
    breaker[override]();
    for (let call = 0; call < 20; call += 1) breaker.acquire();
    await runtime.clock.advance(1_000);
    expect(breaker.state).toBe('closed');
    breaker.release();
    expect(breaker.state).toBe('closed');
  });

  test('B6: without `slowRatio` calls in flight open nothing', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ slowMs: 100, failureRatio: 0.1, minCalls: 1 }, runtime);
    for (let call = 0; call < 20; call += 1) breaker.acquire();
    await runtime.clock.advance(1_000);
    expect(breaker.state).toBe('closed');
  });
});

test('B5: it says which share of failures opened it', async () => {
  const runtime = virtualRuntime();
  const context = recordingContext(undefined, runtime);
  const settings = { consecutive: Number.POSITIVE_INFINITY, failureRatio: 0.5, minCalls: 4 };
  const breaker = circuitBreaker({ ...settings, name: 'main' }, runtime);
  for (let call = 0; call < 3; call += 1) breaker.acquire().settle(call === 0 ? 'failure' : 'success', down);
  await breaker.run(() => Promise.reject(down), context).catch((error: unknown) => expect(error).toBe(down));
  expect(context.events).toEqual([
    { type: 'breaker.opened', name: 'main', cooldownMs: 60_000, reason: '2 of 4 calls failed' },
  ]);
});
