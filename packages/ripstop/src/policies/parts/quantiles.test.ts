import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../call/runtime.js';
import { type Quantiles, quantiles } from './quantiles.js';

/** A clock that a test moves by hand, also backwards. */
function handClock(): Clock & { time: number } {
  return {
    time: 0,
    now() {
      return this.time;
    },
    date: () => new Date(0),
    after: () => ({ cancel: () => undefined }),
  };
}

const longestMs = 24 * 60 * 60 * 1_000;
const rounding = 1e-9;

/** The nearest-rank quantile of all of them. */
function exact(durations: readonly number[], q: number): number {
  const sorted = durations.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

function expectClose(found: number | undefined, wanted: number): void {
  expect(found).toBeGreaterThanOrEqual(wanted * (1 - rounding));
  expect(found).toBeLessThanOrEqual(wanted * (1.04 + rounding));
}

const duration = fc.oneof(
  fc.double({ min: 1, max: 100, noNaN: true }),
  fc.double({ min: 1, max: longestMs, noNaN: true }),
  fc.integer({ min: 1, max: longestMs }),
);
const share = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 0.5, 0.9, 0.95, 0.99, 1));

describe('a quantile', () => {
  test('H6: is that of all durations, sorted, or up to 4 % more', () => {
    fc.assert(
      fc.property(fc.array(duration, { minLength: 1, maxLength: 300 }), share, (durations, q) => {
        const recent = quantiles(1_000, handClock());
        for (const ms of durations) recent.record(ms);
        expect(recent.count).toBe(durations.length);
        expectClose(recent.quantile(q), exact(durations, q));
      }),
    );
  });

  test.each([1, 2, 10, 1_000, 59_999.5, longestMs])('H6: of a single duration is that one: %d ms', (ms) => {
    const recent = quantiles(1_000, handClock());
    recent.record(ms);
    for (const q of [0, 0.5, 1]) expectClose(recent.quantile(q), ms);
  });

  test('what is too short or too long counts as the bound', () => {
    const recent = quantiles(1_000, handClock());
    for (const ms of [0, 0.25, -3]) recent.record(ms);
    expectClose(recent.quantile(1), 1);
    for (const ms of [longestMs + 1, Number.POSITIVE_INFINITY]) recent.record(ms);
    expectClose(recent.quantile(1), longestMs);
    expect(recent.count).toBe(5);
  });

  test('of nothing is not known', () => {
    expect(quantiles(1_000, handClock()).quantile(0.5)).toBeUndefined();
  });
});

describe('the window', () => {
  /** The halves that still count, when every half takes 50 ms. */
  function inWindow<T extends { readonly at: number }>(entries: readonly T[], now: number): T[] {
    return entries.filter(({ at }) => Math.floor(now / 50) - Math.floor(at / 50) < 2);
  }

  test('H6: holds the present half and the one before it, however time passes', () => {
    const step = fc.record({ passMs: fc.integer({ min: 0, max: 120 }), ms: fc.integer({ min: 1, max: 10_000 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), share, (steps, q) => {
        const clock = handClock();
        const recent = quantiles(100, clock);
        const entries: { readonly at: number; readonly ms: number }[] = [];
        for (const { passMs, ms } of steps) {
          clock.time += passMs;
          const before = inWindow(entries, clock.time);
          expect(recent.count).toBe(before.length);
          if (before.length === 0) expect(recent.quantile(q)).toBeUndefined();
          recent.record(ms);
          entries.push({ at: clock.time, ms });
          const durations = inWindow(entries, clock.time).map((entry) => entry.ms);
          expectClose(recent.quantile(q), exact(durations, q));
        }
      }),
    );
  });

  test('that starts late is as empty as one that starts at once', () => {
    const clock = handClock();
    clock.time = 1_234_567;
    const recent = quantiles(100, clock);
    expect(recent.count).toBe(0);
    recent.record(5);
    clock.time += 200;
    expect(recent.count).toBe(0);
    expect(recent.quantile(0.5)).toBeUndefined();
  });

  test('a clock that goes back loses nothing and counts nothing twice', () => {
    const clock = handClock();
    clock.time = 500;
    const recent: Quantiles = quantiles(100, clock);
    recent.record(5);
    clock.time = 320;
    recent.record(7);
    expect(recent.count).toBe(2);
    clock.time = 500;
    expect(recent.count).toBe(2);
  });

  test('must be above 0', () => {
    expect(() => quantiles(0, handClock())).toThrow(new RangeError('windowMs must be above 0, got 0'));
  });
});
