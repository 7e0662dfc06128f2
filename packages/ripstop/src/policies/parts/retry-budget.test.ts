import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Call } from '../../call/call.js';
import { callReport } from '../../call/call-report.js';
import type { Clock, Runtime } from '../../call/runtime.js';
import { createError } from '../../errors/create-error.js';
import { ModelOverloadedError } from '../../errors/rejections.js';
import { GenerationFailedError } from '../../errors/upstream-errors.js';
import { recordingContext } from '../../testing/recording-context.js';
import { seededRandom, type VirtualRuntime, virtualRuntime } from '../../testing/virtual-runtime.js';
import { retry } from '../retry.js';
import { type RetryBudget, retryBudget, type RetryBudgetOptions, retryBudgetDefaults } from './retry-budget.js';

const down = new GenerationFailedError('down');

/** A runtime whose time a test sets by hand. */
function handRuntime(): Runtime & { readonly clock: Clock & { time: number } } {
  const clock = {
    time: 0,
    now(): number {
      return this.time;
    },
    date: () => new Date(0),
    after: () => ({ cancel: () => undefined }),
  };
  return { ...virtualRuntime(), clock };
}

async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => expect.unreachable('the call succeeded'),
    (error: unknown) => error,
  );
}

/** A budget that only its own rules move: no reserve. */
const still: RetryBudgetOptions = { minPerSecond: 0 };

function drain(budget: RetryBudget): number {
  let taken = 0;
  while (budget.take() === 'granted') taken += 1;
  return taken;
}

describe('the balance', () => {
  test('U1: starts full', () => {
    expect(retryBudgetDefaults).toEqual({ capacity: 10, ratio: 0.2, minPerSecond: 3 });
    const budget = retryBudget({}, handRuntime());
    expect(budget.balance).toBe(10);
    expect(drain(budget)).toBe(10);
    expect(budget.balance).toBe(0);
  });

  test('U2: an extra attempt takes one, a success adds the ratio, and what is not there cannot be taken', () => {
    const budget = retryBudget({ ...still, capacity: 1, ratio: 0.25 }, handRuntime());
    expect(budget.take()).toBe('granted');
    for (let success = 1; success <= 3; success += 1) {
      budget.succeeded();
      expect(budget.take()).toBe('denied');
      expect(budget.balance).toBe(success * 0.25);
    }
    budget.succeeded();
    expect(budget.take()).toBe('granted');
    expect(budget.balance).toBe(0);
  });

  test.each([0.1, 0.2, 1 / 3, 0.7])('U2: fractions that are not exact add up to a token all the same: %d', (ratio) => {
    const budget = retryBudget({ ...still, ratio }, handRuntime());
    drain(budget);
    const successes = Math.ceil(1 / ratio - 1e-9);
    for (let success = 0; success < successes; success += 1) budget.succeeded();
    expect(budget.take()).toBe('granted');
    expect(budget.balance).toBeGreaterThanOrEqual(0);
  });

  test('U2: time adds its reserve, by the fraction of a second, and no more than there is room for', () => {
    const runtime = handRuntime();
    const budget = retryBudget({ minPerSecond: 4 }, runtime);
    drain(budget);
    runtime.clock.time = 249;
    expect(budget.take()).toBe('denied');
    runtime.clock.time = 250;
    expect(budget.take()).toBe('granted');
    runtime.clock.time = 1_000;
    expect(budget.balance).toBe(3);
    runtime.clock.time = 3_600_000;
    expect(budget.balance).toBe(10);
  });

  test('U2: a clock that goes back neither adds nor takes', () => {
    const runtime = handRuntime();
    runtime.clock.time = 10_000;
    const budget = retryBudget({ capacity: 2 }, runtime);
    drain(budget);
    runtime.clock.time = 0;
    expect(budget.balance).toBe(0);
    runtime.clock.time = 100;
    expect(budget.balance).toBeCloseTo(0.3);
  });

  test('U2: is never below 0 or above the capacity, and what is granted is paid, whatever happens', () => {
    const action = fc.oneof(
      fc.constantFrom('take', 'giveBack', 'succeeded'),
      fc.integer({ min: 0, max: 5_000 }).map((ms) => ({ ms })),
    );
    const options = fc.record({
      capacity: fc.double({ min: 1, max: 50, noNaN: true }),
      ratio: fc.double({ min: 0, max: 2, noNaN: true }),
      minPerSecond: fc.double({ min: 0, max: 20, noNaN: true }),
    });
    fc.assert(
      fc.property(options, fc.array(action, { maxLength: 200 }), (settings, actions) => {
        const runtime = handRuntime();
        const budget = retryBudget(settings, runtime);
        for (const next of actions) {
          const before = budget.balance;
          if (next === 'take') {
            const taken = budget.take();
            expect(budget.balance).toBeCloseTo(taken === 'granted' ? Math.max(0, before - 1) : before, 9);
            expect(taken).toBe(before >= 1 - 1e-6 ? 'granted' : 'denied');
          } else if (next === 'giveBack' || next === 'succeeded') {
            budget[next]();
          } else {
            runtime.clock.time += next.ms;
          }
          expect(budget.balance).toBeGreaterThanOrEqual(0);
          expect(budget.balance).toBeLessThanOrEqual(settings.capacity);
        }
      }),
    );
  });
});

describe('options', () => {
  test.each<[RetryBudgetOptions, string]>([
    [{ capacity: 0 }, 'capacity must be above 0, got 0'],
    [{ capacity: 0.5 }, 'capacity must be 1 or above, or it never holds a token, got 0.5'],
    [{ capacity: Number.NaN }, 'capacity must be above 0, got NaN'],
    [{ ratio: -0.1 }, 'ratio must be 0 or above, got -0.1'],
    [{ minPerSecond: -1 }, 'minPerSecond must be 0 or above, got -1'],
    [{ minPerSecond: Number.POSITIVE_INFINITY }, 'minPerSecond must be finite, got Infinity'],
  ])('G7 G8: a bad one is refused: %o', (options, message) => {
    expect(() => retryBudget(options)).toThrow(new RangeError(message));
  });
});

/** `calls` calls, `everyMs` apart; a failed attempt is repeated at once, up to three times, while the budget pays. */
function simulate(
  calls: number,
  everyMs: number,
  failsAttempt: () => 'fails' | 'succeeds',
  options: RetryBudgetOptions,
): { extra: number; denied: number; extraAt: number[] } {
  const runtime = handRuntime();
  const budget = retryBudget(options, runtime);
  const extraAt: number[] = [];
  let denied = 0;
  for (let call = 0; call < calls; call += 1, runtime.clock.time += everyMs) {
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      if (failsAttempt() === 'succeeds') {
        budget.succeeded();
        break;
      }
      if (attempt === 4) break;
      if (budget.take() === 'denied') {
        denied += 1;
        break;
      }
      extraAt.push(runtime.clock.time);
    }
  }
  return { extra: extraAt.length, denied, extraAt };
}

const traffic = fc.record({
  everyMs: fc.constantFrom(1, 3, 10, 50, 200, 1_000),
  ratio: fc.double({ min: 0.05, max: 0.5, noNaN: true }),
  minPerSecond: fc.integer({ min: 0, max: 10 }),
});

describe('the load', () => {
  test('U4: at 100 % failure, 10^5 calls make at most ratio · rate + minPerSecond extra ones, and one full bucket', () => {
    fc.assert(
      fc.property(traffic, ({ everyMs, ratio, minPerSecond }) => {
        const { extra, extraAt } = simulate(100_000, everyMs, () => 'fails', { ratio, minPerSecond });
        const seconds = (100_000 * everyMs) / 1_000;
        const perSecond = ratio * (1_000 / everyMs) + minPerSecond;
        expect(extra).toBeLessThanOrEqual(10 + perSecond * seconds);
        // Nor does the load bunch up: no stretch of ten seconds has more than the bucket and its share.
        for (let first = 0, last = 0; last < extraAt.length; last += 1) {
          while ((extraAt[last] ?? 0) - (extraAt[first] ?? 0) > 10_000) first += 1;
          if (last - first + 1 > 10 + perSecond * 10 + 1) expect.unreachable(`${last - first + 1} in ten seconds`);
        }
      }),
      { numRuns: 15 },
    );
  });

  test('U4: at any share of failures, extra calls are at most ratio · successes, the reserve, and one full bucket', () => {
    const seeded = fc.record({ seed: fc.integer(), failing: fc.double({ min: 0, max: 1, noNaN: true }), traffic });
    fc.assert(
      fc.property(seeded, ({ seed, failing, traffic: { everyMs, ratio, minPerSecond } }) => {
        const random = seededRandom(seed);
        const chance = (): 'fails' | 'succeeds' => (random() < failing ? 'fails' : 'succeeds');
        const { extra } = simulate(20_000, everyMs, chance, { ratio, minPerSecond });
        expect(extra).toBeLessThanOrEqual(10 + 20_000 * ratio + minPerSecond * 20 * everyMs + 1);
      }),
      { numRuns: 30 },
    );
  });

  test('U5: while failures per success stay below the ratio, none of 10^5 calls notices it, at any rate', () => {
    const cases = fc.record({ everyMs: traffic.map(({ everyMs }) => everyMs), ratio: fc.constantFrom(0.1, 0.2, 0.5) });
    fc.assert(
      fc.property(cases, fc.integer({ min: 1, max: 8 }), ({ everyMs, ratio }, burst) => {
        // `burst` failures in a row, then just enough successes to pay for them.
        const successes = Math.ceil(burst / ratio);
        let step = 0;
        const { denied, extra } = simulate(
          100_000,
          everyMs,
          () => (step++ % (burst + successes) < burst ? 'fails' : 'succeeds'),
          { ratio, minPerSecond: 0 },
        );
        expect(extra).toBeGreaterThan(0);
        expect(denied).toBe(0);
      }),
      { numRuns: 15 },
    );
  });

  test.each([
    [0.05, 0],
    [0.1, 3],
    [0.15, 150],
  ])('U5: of 10^5 random failures and successes, with %d failing, at most %i retries are denied', (failing, most) => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const random = seededRandom(seed);
      const { denied } = simulate(100_000, 10, () => (random() < failing ? 'fails' : 'succeeds'), {});
      expect(denied).toBeLessThanOrEqual(most);
    }
  });
});

describe('in retry', () => {
  /** Calls under retry, without delays, with this budget. */
  async function retried<T>(fn: Call<T>, budget: RetryBudget, runtime: VirtualRuntime): Promise<unknown> {
    const outcome = Promise.allSettled([retry({ baseDelayMs: 0, budget }, runtime).execute(fn)]);
    await runtime.clock.runAll();
    const [result] = await outcome;
    return result.status === 'fulfilled' ? result.value : result.reason;
  }

  test('U1: first attempts are free: calls that succeed need no token, and add to it', async () => {
    const runtime = virtualRuntime();
    const budget = retryBudget(still, runtime);
    drain(budget);
    for (let call = 1; call <= 5; call += 1) expect(await retried(() => call, budget, runtime)).toBe(call);
    expect(budget.balance).toBeCloseTo(1);
  });

  test('U2 U3: each further attempt takes one, a success after them adds the ratio', async () => {
    const runtime = virtualRuntime();
    const budget = retryBudget(still, runtime);
    const fn: Call<string> = ({ attempt }) => (attempt < 3 ? Promise.reject(down) : 'done');
    expect(await retried(fn, budget, runtime)).toBe('done');
    expect(budget.balance).toBeCloseTo(10 - 2 + 0.2);
  });

  test('U3: an error that is not retried costs nothing', async () => {
    const runtime = virtualRuntime();
    const budget = retryBudget(still, runtime);
    const refused = createError('invalid_input');
    expect(await retried(() => Promise.reject(refused), budget, runtime)).toBe(refused);
    expect(budget.balance).toBe(10);
  });

  test('U3 RT2: the budget is asked last: what another question has ended costs nothing', async () => {
    const runtime = virtualRuntime();
    const budget = retryBudget(still, runtime);
    const fails = (): Promise<never> => Promise.reject(down);
    await failure(retry({ attempts: 1, budget }, runtime).execute(fails));
    const late = failure(
      retry({ baseDelayMs: 500, jitter: 'none', budget }, runtime).execute(fails, { deadlineMs: 100 }),
    );
    expect(callReport(await late)).toMatchObject({ stopReason: 'deadline' });
    expect(budget.balance).toBe(10);
  });

  test('U3 K5: an attempt that our own policy refused gives its token back', async () => {
    const runtime = virtualRuntime();
    const budget = retryBudget(still, runtime);
    const full = new ModelOverloadedError(undefined, { details: { reason: 'queue_full' } });
    const fn: Call<never> = ({ attempt }) => {
      // What the second and further attempts have paid is there again when the next one asks.
      if (attempt > 1) expect(budget.balance).toBe(9);
      return Promise.reject(attempt === 1 ? down : full);
    };
    expect(await retried(fn, budget, runtime)).toBe(full);
    expect(budget.balance).toBe(10);
  });

  test('U1 U3: a call that our own policies have refused so far is still to be made, and that is free', async () => {
    const runtime = virtualRuntime();
    const budget = retryBudget(still, runtime);
    drain(budget);
    const full = new ModelOverloadedError(undefined, { details: { reason: 'queue_full' } });
    const inTheEnd: Call<string> = ({ attempt }) => (attempt < 4 ? Promise.reject(full) : 'done');
    expect(await retried(inTheEnd, budget, runtime)).toBe('done');
    expect(budget.balance).toBeCloseTo(0.2);

    const madeOnce: Call<never> = ({ attempt }) => Promise.reject(attempt === 2 ? down : full);
    expect(await retried(madeOnce, budget, runtime)).toBe(down);
    expect(callReport(down)).toMatchObject({ stopReason: 'budget' });
  });

  test('U3: a caller who leaves while a retry waits gets its token back into the bucket', async () => {
    const runtime = virtualRuntime();
    const budget = retryBudget(still, runtime);
    const caller = new AbortController();
    const outcome = failure(
      retry({ baseDelayMs: 100, jitter: 'none', budget }, runtime).execute(() => Promise.reject(down), {
        signal: caller.signal,
      }),
    );
    await runtime.clock.advance(50);
    expect(budget.balance).toBe(9);
    caller.abort('left');
    expect(await outcome).toBe('left');
    expect(budget.balance).toBe(10);
  });

  test("RT2 RT3: an empty budget ends the call before any wait, with the attempt's own error", async () => {
    const runtime = virtualRuntime();
    const budget = retryBudget(still, runtime);
    drain(budget);
    const context = recordingContext(undefined, runtime);
    const error = new GenerationFailedError('down');
    const outcome = failure(retry({ budget }, runtime).run(() => Promise.reject(error), context));
    expect(await outcome).toBe(error);
    expect(runtime.clock.now()).toBe(0);
    expect(runtime.clock.pending).toBe(0);
    expect(callReport(error)).toMatchObject({ stopReason: 'budget', attempts: [{ errorType: 'generation_failed' }] });
    expect(context.events).toEqual([{ type: 'retry.stopped', stopReason: 'budget', errorType: 'generation_failed' }]);
  });

  test('U6: policies that share one draw from one balance', async () => {
    const runtime = virtualRuntime();
    const budget = retryBudget({ ...still, capacity: 4 }, runtime);
    let calls = 0;
    const fails = (): Promise<never> => {
      calls += 1;
      return Promise.reject(down);
    };
    await retried(fails, budget, runtime);
    await retried(fails, budget, runtime);
    await retried(fails, budget, runtime);
    expect(calls).toBe(3 + 4);
    expect(budget.balance).toBe(0);
  });

  test('U3: a stream is a success when it has ended well, and none when it broke', async () => {
    const runtime = virtualRuntime();
    const budget = retryBudget({ ...still, ratio: 1 }, runtime);
    drain(budget);
    async function* tokens(end: 'well' | 'broken'): AsyncGenerator<number> {
      yield 1;
      if (end === 'broken') throw down;
    }
    for (const [end, balance] of [
      ['broken', 0],
      ['well', 1],
    ] as const) {
      const stream = (await retried(() => tokens(end), budget, runtime)) as AsyncIterable<number>;
      expect(budget.balance).toBe(0);
      const read = async (): Promise<void> => {
        for await (const token of stream) expect(token).toBe(1);
      };
      await read().catch((error: unknown) => expect(error).toBe(down));
      expect(budget.balance).toBe(balance);
    }
  });

  test('U4: 10^5 calls under retry, all failing, 100 a second: 3 extra a second, and one full bucket', async () => {
    const runtime = virtualRuntime();
    const policy = retry({ baseDelayMs: 0, budget: retryBudget({}, runtime) }, runtime);
    let attempts = 0;
    const fails: Call<never> = () => {
      attempts += 1;
      return Promise.reject(down);
    };
    const seconds = 1_000;
    for (let second = 0; second < seconds; second += 1) {
      const calls = Array.from({ length: 100 }, () => policy.execute(fails));
      const outcomes = Promise.allSettled(calls);
      await runtime.clock.advance(1_000);
      expect((await outcomes).every(({ status }) => status === 'rejected')).toBe(true);
    }
    const extra = attempts - 100 * seconds;
    expect(extra).toBeGreaterThan(3 * (seconds - 1));
    expect(extra).toBeLessThanOrEqual(10 + 3 * seconds);
  });
});
