/** Retry: cockatiel's and p-retry's beside ours. */
import * as cockatiel from 'cockatiel';
import pRetry from 'p-retry';
import { circuitBreaker, createError, deadline, pipeline, retry } from 'ripstop';
import { virtualRuntime } from 'ripstop/testing';
import { expect, vi } from 'vitest';
import { cockatielBreaker, cockatielRetry, down, fails, never, outcome, pause, type Shown } from './theirs.js';

export const retrying: Shown = {
  async '`attempts` counts every call'() {
    let [theirs, others, ours] = [0, 0, 0];
    await outcome(cockatielRetry(3).execute(() => ((theirs += 1), fails())));
    await outcome(pRetry(() => ((others += 1), fails()), { retries: 3, minTimeout: 0 }));
    await outcome(retry({ attempts: 3, baseDelayMs: 0 }).execute(() => ((ours += 1), fails())));
    expect([theirs, others, ours]).toEqual([4, 4, 3]);
  },

  async 'A bug is not retried'() {
    let [theirs, ours] = [0, 0];
    const bug = new TypeError('x is not a function');
    await outcome(cockatielRetry(3).execute(() => ((theirs += 1), Promise.reject(bug))));
    await outcome(retry().execute(() => ((ours += 1), Promise.reject(bug))));
    expect([theirs, ours]).toEqual([4, 1]);

    let [others, again] = [0, 0];
    const named = new TypeError('terminated');
    await outcome(pRetry(() => ((others += 1), Promise.reject(named)), { retries: 3, minTimeout: 0 }));
    await outcome(retry({ baseDelayMs: 0 }).execute(() => ((again += 1), Promise.reject(named))));
    expect([others, again]).toEqual([4, 1]);
    const lost = new TypeError('terminated', { cause: Object.assign(new Error(), { code: 'ECONNRESET' }) });
    await outcome(retry({ baseDelayMs: 0 }).execute(() => ((again += 1), Promise.reject(lost))));
    expect(again).toBe(5);
  },

  async 'A refused request is not repeated'() {
    let [theirs, others, ours] = [0, 0, 0];
    const refused = Object.assign(new Error('no such key'), { status: 401 });
    const refuse = (): Promise<never> => Promise.reject(refused);
    await outcome(cockatielRetry(3).execute(() => ((theirs += 1), refuse())));
    await outcome(pRetry(() => ((others += 1), refuse()), { retries: 3, minTimeout: 0 }));
    await outcome(retry().execute(() => ((ours += 1), refuse())));
    expect([theirs, others, ours]).toEqual([4, 4, 1]);
  },

  async 'A wait that the service states is kept'() {
    const busy = createError('rate_limited', { retryAfterMs: 30_000 });
    const busyOnce = (): (() => string) => {
      let calls = 0;
      return () => {
        calls += 1;
        if (calls === 1) throw busy;
        return 'done';
      };
    };
    expect(await cockatielRetry(1).execute(busyOnce())).toBe('done');
    expect(await pRetry(busyOnce(), { retries: 1, minTimeout: 0 })).toBe('done');
    const runtime = virtualRuntime();
    const ours = vi.fn<() => string>(busyOnce());
    const answer = retry({ baseDelayMs: 0 }, runtime).execute(ours);
    await runtime.clock.advance(29_999);
    expect(ours).toHaveBeenCalledOnce();
    await runtime.clock.advance(1);
    expect(await answer).toBe('done');
  },

  async 'The limit on the whole call ends it'() {
    const theirs = pRetry(() => never, { maxRetryTime: 10 });
    const runtime = virtualRuntime();
    const ours = outcome(pipeline(deadline({ limitMs: 10 }, runtime), retry({}, runtime)).execute(() => never));
    await runtime.clock.advance(10);
    expect(await ours).toMatchObject({ errorType: 'inference_timeout', details: { phase: 'total' } });
    expect(await Promise.race([theirs, pause(30).then(() => 'still running')])).toBe('still running');

    let waited = 0;
    await outcome(pRetry(fails, { minTimeout: 60_000, maxRetryTime: 20, onFailedAttempt: () => void (waited += 1) }));
    expect(waited).toBeGreaterThan(1); // it waited for what was left, and called once more
    let calls = 0;
    const inVain = pipeline(deadline({ limitMs: 20 }, runtime), retry({ jitter: 'none' }, runtime));
    await outcome(inVain.execute(() => ((calls += 1), fails())));
    expect(calls).toBe(1);
  },

  async 'A caller who leaves ends a wait at once'() {
    const caller = new AbortController();
    const theirs = outcome(cockatielRetry(1, 200).execute(fails, caller.signal));
    const ours = outcome(retry({ baseDelayMs: 60_000, jitter: 'none' }).execute(fails, { signal: caller.signal }));
    await pause(10);
    caller.abort('left');
    expect(await Promise.race([theirs, pause(100).then(() => 'still waiting')])).toBe('still waiting');
    expect(await ours).toBe('left');
    await theirs;
  },

  async 'For a caller who has left nothing is called'() {
    let [theirs, ours] = [0, 0];
    const signal = AbortSignal.abort('left');
    await outcome(cockatielRetry(1).execute(() => (theirs += 1), signal));
    await outcome(retry().execute(() => (ours += 1), { signal }));
    expect([theirs, ours]).toEqual([1, 0]);
  },

  async 'Retrying stops at an open breaker, with the error of the service'() {
    const theirs = cockatiel.wrap(cockatielRetry(4), cockatielBreaker(1, 60_000));
    expect(await outcome(theirs.execute(fails))).toBeInstanceOf(cockatiel.BrokenCircuitError);
    const ours = pipeline(retry(), circuitBreaker({ consecutive: 1 }));
    expect(await outcome(ours.execute(fails))).toBe(down);
    expect(down.stopReason).toBe('circuit_open');
  },
};
