/** What the tables "From opossum" and "From p-retry" say beside names and defaults. */
import pRetry, { AbortError, makeRetriable } from 'p-retry';
import { circuitBreaker, createError, deadline, fallback, pipeline, retry } from 'ripstop';
import { virtualRuntime } from 'ripstop/testing';
import { expect, vi } from 'vitest';
import { down, fails, never, opossum, outcome, pause, type Shown } from './theirs.js';

export const opossumFacts: Shown = {
  async 'a share opens above the threshold there, at it here'() {
    const theirs = opossum((ok: boolean) => (ok ? Promise.resolve('done') : fails()), { volumeThreshold: 10 });
    const ours = circuitBreaker({ consecutive: Number.POSITIVE_INFINITY, failureRatio: 0.5 });
    for (let call = 0; call < 10; call += 1) {
      await outcome(theirs.fire(call % 2 === 0));
      await outcome(ours.execute(() => (call % 2 === 0 ? 'done' : fails())));
    }
    expect([theirs.opened, ours.state]).toEqual([false, 'open']);
    await outcome(theirs.fire(false));
    expect(theirs.opened).toBe(true);
  },

  async 'client errors open a breaker there, and none here'() {
    const refuse = (): Promise<never> => Promise.reject(Object.assign(new Error('no such key'), { status: 401 }));
    const theirs = opossum(refuse);
    const ours = circuitBreaker({ consecutive: 1 });
    await outcome(theirs.fire());
    await outcome(ours.execute(refuse));
    expect([theirs.opened, ours.state]).toEqual([true, 'closed']);
  },

  async '`this` is the function there, the caller’s here'() {
    const action = vi.fn<(this: unknown) => Promise<number>>().mockResolvedValue(1);
    await opossum(action).fire();
    expect(action.mock.contexts[0]).toBe(action);
    const caller = {};
    await circuitBreaker().wrap(action).call(caller);
    expect(action.mock.contexts[1]).toBe(caller);
  },

  async 'a fallback gets the arguments and the error there, the error and the context here'() {
    const standIn = vi.fn<(...args: never[]) => string>(() => 'later');
    const theirs = opossum(fails);
    theirs.fallback(standIn);
    await theirs.fire('a', 'b');
    expect(standIn).toHaveBeenLastCalledWith('a', 'b', down);
    await fallback(standIn).wrap(fails)();
    expect(standIn).toHaveBeenLastCalledWith(down, expect.objectContaining({ attempt: 1 }));
  },

  async '`open()` ends by itself, `isolate()` by `release()`'() {
    const theirs = opossum(() => 1, { resetTimeout: 20 });
    theirs.open();
    const runtime = virtualRuntime();
    const ours = circuitBreaker({ cooldownMs: 20 }, runtime);
    ours.isolate();
    await Promise.all([pause(40), runtime.clock.advance(1_000_000)]);
    expect([theirs.halfOpen, ours.state]).toEqual([true, 'open']);
    ours.release();
    expect(ours.state).toBe('closed');
  },

  async 'disabled, a fallback is off there, and works here'() {
    const theirs = opossum(fails);
    theirs.fallback(() => 'later');
    theirs.disable();
    expect(await outcome(theirs.fire())).toBe(down);
    const breaker = circuitBreaker();
    breaker.disable();
    expect(await pipeline(fallback('later'), breaker).execute(fails)).toBe('later');
  },

  async '`maxFailures` only prints that it is deprecated'() {
    const print = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    try {
      const theirs = opossum(fails, { maxFailures: 1, volumeThreshold: 9 });
      expect(print).toHaveBeenCalledOnce();
      for (let call = 0; call < 8; call += 1) await outcome(theirs.fire());
      expect(theirs.opened).toBe(false);
    } finally {
      print.mockRestore();
    }
  },

  async 'the codes of its own errors'() {
    const slow = opossum(() => never, { timeout: 5, capacity: 1, volumeThreshold: 9 });
    const first = outcome(slow.fire());
    expect(await outcome(slow.fire())).toMatchObject({ code: 'ESEMLOCKED' });
    expect(await first).toMatchObject({ code: 'ETIMEDOUT' });
    slow.open();
    expect(await outcome(slow.fire())).toMatchObject({ code: 'EOPENBREAKER' });
    slow.shutdown();
    expect(await outcome(slow.fire())).toMatchObject({ code: 'ESHUTDOWN' });
  },
};

/** The waits between the calls of p-retry, with time put in fast motion. */
async function theirWaits(options: Parameters<typeof pRetry>[1]): Promise<number[]> {
  vi.useFakeTimers();
  try {
    const starts: number[] = [];
    const call = outcome(pRetry(() => (starts.push(Date.now()), fails()), options));
    await vi.runAllTimersAsync();
    expect(await call).toBe(down);
    return starts.slice(1).map((start, index) => start - (starts[index] ?? 0));
  } finally {
    vi.useRealTimers();
  }
}

export const pRetryFacts: Shown = {
  async 'ten retries, from 1 s doubling to 512 s, without jitter'() {
    const doubling = Array.from({ length: 10 }, (_, retryNumber) => 1_000 * 2 ** retryNumber);
    expect(await theirWaits({})).toEqual(doubling);
    expect(doubling.at(-1)).toBe(512_000);
    expect(await theirWaits({ retries: 3, factor: 2, minTimeout: 1_000, maxTimeout: Infinity })).toEqual([
      1_000, 2_000, 4_000,
    ]);
  },

  async '`randomize` makes a wait up to twice as long'() {
    const chance = vi.spyOn(Math, 'random').mockReturnValue(0.5);
    try {
      expect(await theirWaits({ retries: 2, randomize: true })).toEqual([1_500, 3_000]);
    } finally {
      chance.mockRestore();
    }
  },

  async 'a promise of `when` is not waited for, and says yes'() {
    let [theirs, ours] = [0, 0];
    const no = (): Promise<boolean> => Promise.resolve(false);
    await outcome(pRetry(() => ((theirs += 1), fails()), { minTimeout: 0, retries: 3, shouldRetry: no }));
    const when = no as unknown as () => boolean;
    await outcome(retry({ baseDelayMs: 0, when }).execute(() => ((ours += 1), fails())));
    expect([theirs, ours]).toEqual([1, 4]);
  },

  async 'a listener that throws ends the call there, and changes nothing here'() {
    const bad = (): never => {
      throw new Error('a bad listener');
    };
    let [theirs, ours] = [0, 0];
    const call = pRetry(() => ((theirs += 1), fails()), { minTimeout: 0, onFailedAttempt: bad });
    expect(await outcome(call)).toMatchObject({ message: 'a bad listener' });
    const runtime = virtualRuntime();
    runtime.events.on(bad);
    const second = outcome(retry({ baseDelayMs: 0 }, runtime).execute(() => ((ours += 1), fails())));
    await runtime.clock.runAll();
    expect(await second).toBe(down);
    expect([theirs, ours]).toEqual([1, 4]);
  },

  async 'what ends the attempts'() {
    const final = new Error('no such model');
    expect(await outcome(pRetry(() => Promise.reject(new AbortError(final))))).toBe(final);
    const refused = createError('model_not_found');
    const stated = Object.assign(new Error('no such model'), { isRetryable: false });
    for (const error of [refused, stated, Object.assign(new Error(), { status: 404 })]) {
      let calls = 0;
      expect(await outcome(retry().execute(() => ((calls += 1), Promise.reject(error))))).toBe(error);
      expect(calls).toBe(1);
    }
  },

  async 'what the function gets'() {
    const work = vi.fn<(...args: unknown[]) => string>(() => 'done');
    await pRetry(work);
    await retry().execute(work);
    expect(work.mock.calls).toEqual([[1], [expect.objectContaining({ attempt: 1 })]]);
    expect(await makeRetriable(work)('a')).toBe('done');
    expect(await retry().wrap(work)('b')).toBe('done');
    expect(work.mock.calls.slice(2)).toEqual([['a'], ['b']]);
    const { signal } = new AbortController();
    let reached: AbortSignal | undefined;
    await pipeline(deadline(), retry()).execute((context) => (reached = context.signal), { signal });
    expect(reached).toBeInstanceOf(AbortSignal);
  },
};
