/** Timeouts, signals, listeners and values: cockatiel's, opossum's and p-retry's beside ours. */
import * as cockatiel from 'cockatiel';
import pRetry from 'p-retry';
import { circuitBreaker, pipeline, retry, timeout } from 'ripstop';
import { expect, vi } from 'vitest';
import { cockatielRetry, down, fails, never, opossum, ourBreaker, outcome, pause, type Shown } from './theirs.js';

export const limiting: Shown = {
  async 'A listener that throws changes nothing'() {
    const theirs = cockatielRetry(1);
    theirs.onSuccess(() => {
      throw new Error('a bad listener');
    });
    expect(await outcome(theirs.execute(() => 'done'))).toMatchObject({ message: 'a bad listener' });
    const others = opossum(() => Promise.resolve('done'));
    others.on('success', () => {
      throw new Error('a bad listener');
    });
    expect(await outcome(others.fire())).toMatchObject({ message: 'a bad listener' });
    expect(others.opened).toBe(true);

    const { breaker, runtime } = ourBreaker();
    runtime.events.on(() => {
      throw new Error('a bad listener');
    });
    expect(await outcome(breaker.execute(fails))).toBe(down);
    await runtime.clock.advance(20);
    expect(await breaker.execute(() => 'done')).toBe('done');
  },

  async 'A success aborts nothing'() {
    const signals: AbortSignal[] = [];
    const keep = ({ signal }: { readonly signal: AbortSignal }): number => signals.push(signal);
    await cockatiel.timeout(1_000, cockatiel.TimeoutStrategy.Cooperative).execute(keep);
    await timeout({ limitMs: 1_000 }).execute(keep);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  },

  async 'An answer that is complete stays one'() {
    const [theirs, ours] = [new AbortController(), new AbortController()];
    const left = new Error('left');
    const answer = (caller: AbortController): string => {
      caller.abort(left);
      return 'done';
    };
    expect(await outcome(pRetry(() => answer(theirs), { signal: theirs.signal }))).toBe(left);
    expect(await outcome(retry().execute(() => answer(ours), { signal: ours.signal }))).toBe('done');
  },

  async '`Infinity` is no limit'() {
    const slow = (): Promise<string> => pause(30).then(() => 'done');
    const theirs = cockatiel.timeout(Number.POSITIVE_INFINITY, cockatiel.TimeoutStrategy.Aggressive);
    expect(await outcome(theirs.execute(slow))).toBeInstanceOf(cockatiel.TaskCancelledError);
    expect(await timeout({ limitMs: Number.POSITIVE_INFINITY }).execute(slow)).toBe('done');
  },

  async 'A caller who leaves is no timeout'() {
    const caller = new AbortController();
    const theirs = cockatiel.timeout(1_000, cockatiel.TimeoutStrategy.Aggressive);
    const told = vi.fn<() => void>();
    theirs.onTimeout(told);
    const calls = [
      outcome(theirs.execute(() => never, caller.signal)),
      outcome(timeout({ limitMs: 1_000 }).execute(() => never, { signal: caller.signal })),
    ];
    caller.abort('left');
    expect(await calls[0]).toBeInstanceOf(cockatiel.TaskCancelledError);
    expect(told).toHaveBeenCalledOnce();
    expect(await calls[1]).toBe('left');
  },

  async 'Each attempt has a signal of its own'() {
    const shared = new AbortController();
    const signals: AbortSignal[] = [];
    let calls = 0;
    const work = (signal: AbortSignal): Promise<unknown> => {
      signals.push(signal);
      calls += 1;
      return calls % 2 === 1 ? never : pause(40);
    };
    const theirs = opossum(() => work(shared.signal), { timeout: 20, abortController: shared });
    const first = outcome(theirs.fire());
    await pause(15);
    const second = theirs.fire();
    await first;
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    await outcome(second);

    signals.length = 0;
    const ours = timeout({ limitMs: 60 });
    const both = [
      outcome(ours.execute(({ signal }) => work(signal))),
      outcome(ours.execute(({ signal }) => work(signal))),
    ];
    await Promise.all(both);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  },

  async 'Nothing is listened to where nobody can leave'() {
    const listen = vi.spyOn(AbortSignal.prototype, 'addEventListener');
    try {
      await cockatiel
        .wrap(cockatielRetry(1), cockatiel.timeout(1_000, cockatiel.TimeoutStrategy.Cooperative))
        .execute(() => 'done');
      expect(listen.mock.calls.length).toBeGreaterThan(0);
      listen.mockClear();
      await pipeline(retry(), timeout()).execute(() => 'done');
      expect(listen).not.toHaveBeenCalled();
    } finally {
      listen.mockRestore();
    }
  },

  async 'Any value is a value'() {
    expect(await outcome(opossum(() => undefined).fire())).toBeInstanceOf(TypeError);
    expect(await circuitBreaker().execute(() => undefined)).toBeUndefined();
    expect(await outcome(pRetry(() => Promise.reject('a text')))).toBeInstanceOf(TypeError);
    expect(await outcome(retry({ attempts: 1 }).execute(() => Promise.reject('a text')))).toBe('a text');
  },
};
