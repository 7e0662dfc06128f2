import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { virtualRuntime } from '../../testing/virtual-runtime.js';
import type { Clock } from '../../call/runtime.js';
import { type RollingWindow, rollingWindow } from './rolling-window.js';

interface Outcome {
  readonly at: number;
  readonly failed: boolean;
  readonly slow: boolean;
}

/** A clock that a property moves by hand, also backwards. */
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

function totals({ counted, failures, slow }: RollingWindow): Record<string, number> {
  return { counted, failures, slow };
}

function sumOf(outcomes: readonly Outcome[]): Record<string, number> {
  return {
    counted: outcomes.length,
    failures: outcomes.filter(({ failed }) => failed).length,
    slow: outcomes.filter(({ slow }) => slow).length,
  };
}

const outcome = fc.record({ failed: fc.boolean(), slow: fc.boolean() });

describe('a window of calls', () => {
  test('B5: holds exactly the last calls', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.array(outcome, { maxLength: 100 }), (calls, outcomes) => {
        const window = rollingWindow({ calls }, virtualRuntime().clock);
        const seen: Outcome[] = [];
        for (const { failed, slow } of outcomes) {
          window.add(failed, slow);
          seen.push({ at: 0, failed, slow });
          expect(totals(window)).toEqual(sumOf(seen.slice(-calls)));
        }
      }),
    );
  });

  test('a cleared window starts from nothing', () => {
    const window = rollingWindow({ calls: 3 }, virtualRuntime().clock);
    for (let call = 0; call < 5; call += 1) window.add(true, true);
    window.clear();
    expect(totals(window)).toEqual({ counted: 0, failures: 0, slow: 0 });
    window.add(false, false);
    expect(totals(window)).toEqual({ counted: 1, failures: 0, slow: 0 });
  });
});

describe('a window of time', () => {
  const step = fc.record({ failed: fc.boolean(), slow: fc.boolean(), gap: fc.integer({ min: 0, max: 2_500 }) });

  test('B5: holds the calls of the last nine to ten tenths of it, the same as a list of them all would', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), fc.integer({ min: 0, max: 10_000 }), (steps, start) => {
        const clock = handClock();
        clock.time = start;
        const window = rollingWindow({ ms: 1_000 }, clock);
        const seen: Outcome[] = [];
        for (const { failed, slow, gap } of steps) {
          clock.time += gap;
          window.add(failed, slow);
          seen.push({ at: clock.time, failed, slow });
          const tenth = Math.floor(clock.time / 100);
          expect(totals(window)).toEqual(sumOf(seen.filter(({ at }) => tenth - Math.floor(at / 100) < 10)));
        }
      }),
    );
  });

  test('B14: an idle gap as long as the window empties it, read or written', async () => {
    for (const gap of [30_000, 31_234, 3_600_000]) {
      const { clock } = virtualRuntime();
      const window = rollingWindow({ ms: 30_000 }, clock);
      await clock.advance(1_234);
      for (let call = 0; call < 4; call += 1) window.add(true, true);
      await clock.advance(gap);
      expect(totals(window)).toEqual({ counted: 0, failures: 0, slow: 0 });
      window.add(true, false);
      expect(totals(window)).toEqual({ counted: 1, failures: 1, slow: 0 });
    }
  });

  test('nothing is lost for nine tenths of the window', async () => {
    const { clock } = virtualRuntime();
    const window = rollingWindow({ ms: 30_000 }, clock);
    window.add(true, false);
    await clock.advance(27_000);
    expect(window.failures).toBe(1);
  });

  test('a clock that goes back loses nothing and counts nothing twice', () => {
    const clock = handClock();
    clock.time = 5_000;
    const window = rollingWindow({ ms: 1_000 }, clock);
    window.add(true, false);
    clock.time = 1_000;
    window.add(true, false);
    expect(totals(window)).toEqual({ counted: 2, failures: 2, slow: 0 });
    clock.time = 5_900;
    expect(totals(window)).toEqual({ counted: 2, failures: 2, slow: 0 });
    clock.time = 6_000;
    expect(totals(window)).toEqual({ counted: 0, failures: 0, slow: 0 });
  });

  test('B14: it takes no longer to forget a century than a second', () => {
    const clock = handClock();
    const window = rollingWindow({ ms: 1 }, clock);
    window.add(true, false);
    clock.time = 3e12;
    expect(window.counted).toBe(0);
  });

  test('an endless window forgets nothing', async () => {
    const { clock } = virtualRuntime();
    const window = rollingWindow({ ms: Number.POSITIVE_INFINITY }, clock);
    window.add(true, false);
    await clock.advance(1e9);
    expect(window.counted).toBe(1);
  });
});

test('G8: the largest window of calls holds a hundred thousand', () => {
  const window = rollingWindow({ calls: 100_000 }, virtualRuntime().clock);
  for (let call = 0; call <= 100_000; call += 1) window.add(call === 0, false);
  expect(totals(window)).toEqual({ counted: 100_000, failures: 0, slow: 0 });
});

describe('bad sizes', () => {
  test.each([
    [{ calls: 0 }, 'window.calls must be a whole number from 1 to 100000, got 0'],
    [{ calls: 1.5 }, 'window.calls must be a whole number from 1 to 100000, got 1.5'],
    [{ calls: Number.NaN }, 'window.calls must be a whole number from 1 to 100000, got NaN'],
    [{ calls: 100_001 }, 'window.calls must be a whole number from 1 to 100000, got 100001'],
    [{ calls: Number.POSITIVE_INFINITY }, 'window.calls must be a whole number from 1 to 100000, got Infinity'],
    [{ ms: 0 }, 'window.ms must be above 0, got 0'],
    [{ ms: -1 }, 'window.ms must be above 0, got -1'],
    [{ ms: Number.NaN }, 'window.ms must be above 0, got NaN'],
  ])('G7 D32: %o is refused', (size, message) => {
    expect(() => rollingWindow(size, virtualRuntime().clock)).toThrow(new RangeError(message));
  });
});
