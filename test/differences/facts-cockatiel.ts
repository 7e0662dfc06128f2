/** What the table "From cockatiel" says beside the names. */
import * as cockatiel from 'cockatiel';
import {
  bulkhead,
  circuitBreaker,
  fallback,
  fromCockatiel,
  pipeline,
  policy,
  retry,
  type RetryOptions,
  timeout,
} from 'ripstop';
import { virtualRuntime } from 'ripstop/testing';
import { expect, vi } from 'vitest';
import { cockatielBreaker, cockatielRetry, down, fails, never, outcome, pause, type Shown } from './theirs.js';

/** The waits that a cockatiel backoff gives, one after the other. */
function waits(backoff: cockatiel.IBackoffFactory<unknown>, count: number): number[] {
  const found: number[] = [];
  let current = backoff.next(undefined);
  for (let wait = 0; wait < count; wait += 1) {
    found.push(current.duration);
    current = current.next(undefined);
  }
  return found;
}

/** The waits of our retry, one after the other. */
async function ourWaits(options: RetryOptions): Promise<number[]> {
  const runtime = virtualRuntime();
  const found: number[] = [];
  runtime.events.on((event) => event.type === 'retry.scheduled' && found.push(event.delayMs));
  await Promise.all([outcome(retry(options, runtime).execute(fails)), runtime.clock.runAll()]);
  return found;
}

function shareBreaker(breaker: cockatiel.IBreaker): cockatiel.CircuitBreakerPolicy {
  return cockatiel.circuitBreaker(cockatiel.handleAll, { halfOpenAfter: 20, breaker });
}

export const cockatielFacts: Shown = {
  async '`wrap` and `pipeline` have the same order'() {
    const theirs = (name: string): cockatiel.FallbackPolicy<string> => cockatiel.fallback(cockatiel.handleAll, name);
    expect(await cockatiel.wrap(theirs('outer'), theirs('inner')).execute(fails)).toBe('inner');
    expect(await pipeline(fallback('outer'), fallback('inner')).execute(fails)).toBe('inner');
  },

  async 'attempts are counted from 0 there, from 1 here'() {
    const [theirs, ours]: number[][] = [[], []];
    await outcome(cockatielRetry(1).execute(({ attempt }) => (theirs?.push(attempt), fails())));
    await outcome(retry({ attempts: 2, baseDelayMs: 0 }).execute(({ attempt }) => (ours?.push(attempt), fails())));
    expect([theirs, ours]).toEqual([
      [0, 1],
      [1, 2],
    ]);
  },

  async 'without `maxAttempts` they retry for ever, at once'() {
    let calls = 0;
    const until = (): Promise<unknown> => ((calls += 1), calls < 200 ? fails() : Promise.resolve('done'));
    expect(await cockatiel.retry(cockatiel.handleAll, {}).execute(until)).toBe('done');
    expect(calls).toBe(200);
  },

  async 'an exponential backoff begins with 128 ms, doubles, and ends at 30 s'() {
    const generator = cockatiel.noJitterGenerator;
    expect(waits(new cockatiel.ExponentialBackoff({ generator }), 9).slice(0, 3)).toEqual([128, 256, 512]);
    expect(waits(new cockatiel.ExponentialBackoff({ generator }), 12).at(-1)).toBe(30_000);
    const tripled = new cockatiel.ExponentialBackoff({ generator, exponent: 3, initialDelay: 10 });
    expect(waits(tripled, 3)).toEqual([10, 20, 40]); // and takes no notice of `exponent`

    expect(await ourWaits({ baseDelayMs: 10, factor: 3, jitter: 'none' })).toEqual([10, 30, 90]);
  },

  async 'constant waits, those of a list and those of a function are the same here'() {
    const plain = { attempts: 5, jitter: 'none' } as const;
    const constant = waits(new cockatiel.ConstantBackoff(30), 4);
    expect(await ourWaits({ ...plain, backoff: 'constant', baseDelayMs: 30 })).toEqual(constant);
    const list = [10, 50];
    const listed = waits(new cockatiel.IterableBackoff(list), 4);
    expect(listed).toEqual([10, 50, 50, 50]);
    expect(await ourWaits({ ...plain, backoff: (retry) => list[retry - 1] ?? Number(list.at(-1)) })).toEqual(listed);
    const asked: unknown[] = [];
    new cockatiel.DelegateBackoff((context) => (asked.push(context), 5)).next('the outcome');
    expect(asked).toEqual(['the outcome']);
  },

  async 'their default is decorrelated jitter'() {
    const chance = vi.spyOn(Math, 'random').mockReturnValue(0.5);
    try {
      const generator = cockatiel.decorrelatedJitterGenerator;
      const named = waits(new cockatiel.ExponentialBackoff({ generator }), 5);
      expect(waits(new cockatiel.ExponentialBackoff(), 5)).toEqual(named);
      expect(waits(new cockatiel.ExponentialBackoff({ generator: cockatiel.fullJitterGenerator }), 5)).not.toEqual(
        named,
      );
    } finally {
      chance.mockRestore();
    }
  },

  async '`when` cannot make a bug retryable'() {
    let calls = 0;
    const bug = new TypeError('x is not a function');
    await outcome(retry({ when: () => true }).execute(() => ((calls += 1), Promise.reject(bug))));
    expect(calls).toBe(1);
  },

  async 'a share opens above the threshold there, at it here; the minimum is a full window there, 10 calls here'() {
    const theirs = shareBreaker(new cockatiel.CountBreaker({ threshold: 0.5, size: 20 }));
    const failureRatio = 0.5;
    const ours = circuitBreaker({ consecutive: Number.POSITIVE_INFINITY, failureRatio, window: { calls: 20 } });
    for (let call = 0; call < 20; call += 1) {
      const work = (): unknown => (call % 2 === 0 ? 'done' : fails());
      await outcome(theirs.execute(work));
      if (call < 10) await outcome(ours.execute(work));
    }
    expect([theirs.state, ours.state]).toEqual([cockatiel.CircuitState.Closed, 'open']);
    await outcome(theirs.execute(fails));
    expect(theirs.state).toBe(cockatiel.CircuitState.Open);

    const fresh = shareBreaker(new cockatiel.CountBreaker({ threshold: 0.5, size: 20 }));
    for (let call = 1; call < 20; call += 1) await outcome(fresh.execute(fails));
    expect(fresh.state).toBe(cockatiel.CircuitState.Closed);
  },

  async 'after the cooldown theirs reads open, ours half-open'() {
    const theirs = cockatielBreaker(1, 10);
    const runtime = virtualRuntime();
    const ours = circuitBreaker({ consecutive: 1, cooldownMs: 10 }, runtime);
    await outcome(theirs.execute(fails));
    await outcome(ours.execute(fails));
    await Promise.all([pause(30), runtime.clock.advance(10)]);
    expect([theirs.state, ours.state]).toEqual([cockatiel.CircuitState.Open, 'half_open']);
  },

  async 'theirs counts handles of isolation, ours ends with one release'() {
    const theirs = cockatielBreaker(1);
    const [first, second] = [theirs.isolate(), theirs.isolate()];
    first.dispose();
    expect(theirs.state).toBe(cockatiel.CircuitState.Isolated);
    second.dispose();
    expect(theirs.state).toBe(cockatiel.CircuitState.Closed);
    const ours = circuitBreaker();
    ours.isolate();
    ours.isolate();
    ours.release();
    expect([ours.state, ours.override]).toEqual(['closed', undefined]);
  },

  async 'the last failure is the cause of a rejection; a restored breaker has none'() {
    const ours = circuitBreaker({ consecutive: 1 });
    await outcome(ours.execute(fails));
    expect(await outcome(ours.execute(fails))).toMatchObject({ cause: down, details: { reason: 'circuit_open' } });
    const restored = circuitBreaker({ consecutive: 1 });
    restored.restore(ours.snapshot());
    const rejection = await outcome(restored.execute(fails));
    expect(rejection).toMatchObject({ details: { reason: 'circuit_open' } });
    expect(rejection).not.toHaveProperty('cause');
    const state = {
      ownState: { value: cockatiel.CircuitState.Open, openedAt: Date.now(), attemptNo: 1 },
      breakerState: 1,
    };
    const breaker = new cockatiel.ConsecutiveBreaker(1);
    const theirs = cockatiel.circuitBreaker(cockatiel.handleAll, {
      halfOpenAfter: 60_000,
      breaker,
      initialState: state,
    });
    expect(theirs.lastFailure).toMatchObject({ error: expect.any(cockatiel.HydratingCircuitError) });
  },

  async 'a cooperative timeout waits for the call to notice, ours does not'() {
    const theirs = cockatiel.timeout(10, cockatiel.TimeoutStrategy.Cooperative).execute(() => never);
    const ours = await outcome(timeout({ limitMs: 10 }).execute(() => never));
    expect(ours).toMatchObject({ errorType: 'inference_timeout' });
    expect(await Promise.race([theirs, pause(20).then(() => 'still running')])).toBe('still running');
  },

  async 'no queue by default, and what each rejects with'() {
    const theirs = cockatiel.bulkhead(1);
    const ours = bulkhead({ limit: 1 });
    void theirs.execute(() => never);
    void outcome(ours.execute(() => never));
    expect([theirs.executionSlots, theirs.queueSlots]).toEqual([0, 0]);
    expect(await outcome(theirs.execute(() => 1))).toBeInstanceOf(cockatiel.BulkheadRejectedError);
    expect(await outcome(ours.execute(() => 1))).toMatchObject({ details: { reason: 'queue_full' } });
  },

  async 'a fallback function gets nothing there, the error and the context here'() {
    const theirs = vi.fn<(...args: unknown[]) => string>(() => 'later');
    const ours = vi.fn<(...args: unknown[]) => string>(() => 'later');
    await cockatiel.fallback(cockatiel.handleAll, theirs).execute(fails);
    await fallback(ours).execute(fails);
    expect(theirs).toHaveBeenCalledWith();
    expect(ours).toHaveBeenCalledWith(down, expect.objectContaining({ attempt: 1 }));
  },

  async 'one piece at a time: our retry does not know their open breaker, unless `when` leaves it out'() {
    for (const [when, expected] of [
      [undefined, 3],
      [(error: unknown): boolean => !cockatiel.isBrokenCircuitError(error), 2],
    ] as const) {
      let asked = 0;
      const theirs = cockatielBreaker(1, 60_000);
      const counting = policy('counting', (next, context) => ((asked += 1), next(context)));
      const half = pipeline(retry({ attempts: 3, baseDelayMs: 0, when }), counting, fromCockatiel(theirs));
      expect(await outcome(half.execute(fails))).toBeInstanceOf(cockatiel.BrokenCircuitError);
      expect(asked).toBe(expected);
    }
  },

  async 'one piece at a time: their retry and ours multiply'() {
    let calls = 0;
    const both = pipeline(fromCockatiel(cockatielRetry(1)), retry({ attempts: 2, baseDelayMs: 0 }));
    await outcome(both.execute(() => ((calls += 1), fails())));
    expect(calls).toBe(4);
  },
};
