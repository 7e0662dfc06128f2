import { expect, test } from 'vitest';
import { GenerationFailedError } from '../../errors/upstream-errors.js';
import { virtualRuntime } from '../../testing/virtual-runtime.js';
import { circuitBreaker } from '../circuit-breaker.js';
import { steadyClock } from './steady-clock.js';

/** A runtime whose clock can be set back. */
function adjustable(): { readonly runtime: ReturnType<typeof virtualRuntime>; readonly set: (now: number) => void } {
  const runtime = virtualRuntime();
  let now = 1_000;
  return {
    runtime: { ...runtime, clock: Object.assign(runtime.clock, { now: () => now }) },
    set(value) {
      now = value;
    },
  };
}

test('B15: it stands still where the clock goes back, and then goes on at its pace', () => {
  const { runtime, set } = adjustable();
  const steady = steadyClock(runtime.clock);
  expect(steady.now()).toBe(1_000);
  set(1_040);
  expect(steady.now()).toBe(1_040);
  set(0);
  expect(steady.now()).toBe(1_040);
  set(10);
  expect(steady.now()).toBe(1_050);
  set(-5);
  expect(steady.now()).toBe(1_050);
});

test('B15: dates are those of the other clock', () => {
  const { runtime } = adjustable();
  expect(steadyClock(runtime.clock).date()).toEqual(runtime.clock.date());
});

test.each([1_040, 999, 0, -1e9])(
  'B15: a clock that goes back to %d leaves an open breaker what it had to wait',
  (back) => {
    const { runtime, set } = adjustable();
    const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 100 }, runtime);
    breaker.acquire().settle('failure', new GenerationFailedError());
    set(1_060);
    expect(breaker.retryAfterMs).toBe(40);
    set(back);
    expect([breaker.state, breaker.retryAfterMs]).toEqual(['open', 40]);
    set(back + 39);
    expect(breaker.state).toBe('open');
    set(back + 40);
    expect(breaker.state).toBe('half_open');
  },
);

test('B15: nobody having looked in between, it still waits no longer than its cooldown', () => {
  const { runtime, set } = adjustable();
  const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 100 }, runtime);
  breaker.acquire().settle('failure', new GenerationFailedError());
  set(-1e9);
  expect(breaker.retryAfterMs).toBe(100);
  set(-1e9 + 100);
  expect(breaker.state).toBe('half_open');
});

test('B15 B14: a window of time goes on counting when the clock goes back', () => {
  const { runtime, set } = adjustable();
  const options = { consecutive: Number.POSITIVE_INFINITY, failureRatio: 1, minCalls: 2, window: { ms: 100 } };
  const breaker = circuitBreaker(options, runtime);
  breaker.acquire().settle('failure', new GenerationFailedError());
  set(-5_000);
  breaker.acquire().settle('failure', new GenerationFailedError());
  expect(breaker.state).toBe('open');
});
