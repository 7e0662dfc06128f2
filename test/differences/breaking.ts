/** Circuit breakers: cockatiel's and opossum's beside ours. */
import * as cockatiel from 'cockatiel';
import { circuitBreaker, createError, pipeline, policy } from 'ripstop';
import { virtualRuntime } from 'ripstop/testing';
import { expect, vi } from 'vitest';
import { cockatielBreaker, down, fails, never, opossum, ourBreaker, outcome, pause, type Shown } from './theirs.js';

export const breaking: Shown = {
  async 'A caller who leaves is no failure of the service'() {
    const theirs = cockatielBreaker(1);
    const { breaker } = ourBreaker();
    const caller = new AbortController();
    const listens = ({ signal }: { readonly signal: AbortSignal }): Promise<never> =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
    const calls = [
      outcome(theirs.execute(listens, caller.signal)),
      outcome(breaker.execute(listens, { signal: caller.signal })),
    ];
    caller.abort();
    await Promise.all(calls);
    expect(theirs.state).toBe(cockatiel.CircuitState.Open);
    expect(breaker.state).toBe('closed');
  },

  async 'A rejection of our own is no failure of the service'() {
    const theirs = opossum(() => pause(20), { capacity: 1 });
    const running = theirs.fire();
    await Promise.all([outcome(theirs.fire()), outcome(theirs.fire())]);
    expect(theirs.opened).toBe(true);
    await running;

    const { breaker } = ourBreaker();
    const full = policy('full', () =>
      Promise.reject(createError('model_overloaded', { details: { reason: 'queue_full' } })),
    );
    await outcome(pipeline(breaker, full).execute(() => 'done'));
    expect(breaker.state).toBe('closed');
  },

  async 'One failure opens nothing'() {
    const theirs = opossum(fails);
    const ours = circuitBreaker();
    await outcome(theirs.fire());
    await outcome(ours.execute(fails));
    expect([theirs.opened, ours.state]).toEqual([true, 'closed']);
  },

  async 'Shares are taken over calls that have ended'() {
    const options = { volumeThreshold: 10, errorThresholdPercentage: 50 };
    const theirs = opossum((hangs: boolean) => (hangs ? never : fails()), options);
    const ours = circuitBreaker({ consecutive: Number.POSITIVE_INFINITY, failureRatio: 0.5, minCalls: 10 });
    for (let call = 0; call < 20; call += 1) {
      void outcome(theirs.fire(true));
      void outcome(ours.execute(() => never));
    }
    for (let call = 0; call < 15; call += 1) {
      await outcome(theirs.fire(false));
      await outcome(ours.execute(fails));
    }
    expect([theirs.opened, ours.state]).toEqual([false, 'open']);
  },

  async 'A share needs calls, and not calls per second'() {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const breaker = new cockatiel.SamplingBreaker({ threshold: 0.2, duration: 30_000 });
      const theirs = cockatiel.circuitBreaker(cockatiel.handleAll, { halfOpenAfter: 20, breaker });
      const runtime = virtualRuntime();
      const ours = circuitBreaker({ consecutive: Number.POSITIVE_INFINITY, failureRatio: 0.2 }, runtime);
      for (let call = 1; call <= 749; call += 1) {
        await outcome(theirs.execute(fails));
        if (call <= 10) await outcome(ours.execute(fails));
      }
      expect(theirs.state).toBe(cockatiel.CircuitState.Closed);
      expect(ours.state).toBe('open');
      await outcome(theirs.execute(fails));
      expect(theirs.state).toBe(cockatiel.CircuitState.Open);
    } finally {
      vi.useRealTimers();
    }
  },

  async 'Old failures are forgotten'() {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const breaker = new cockatiel.SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 0.5 });
      const theirs = cockatiel.circuitBreaker(cockatiel.handleAll, { halfOpenAfter: 20, breaker });
      const runtime = virtualRuntime();
      const window = { ms: 10_000 };
      const ours = circuitBreaker({ consecutive: 99, failureRatio: 0.5, minCalls: 5, window }, runtime);
      const failOnce = async (): Promise<void> => {
        await outcome(theirs.execute(fails));
        await outcome(ours.execute(fails));
      };
      for (let call = 0; call < 4; call += 1) await failOnce();
      vi.advanceTimersByTime(300_000);
      await runtime.clock.advance(300_000);
      await failOnce();
      expect(theirs.state).toBe(cockatiel.CircuitState.Open);
      expect(ours.state).toBe('closed');
      for (let call = 0; call < 4; call += 1) await failOnce();
      expect(ours.state).toBe('open');
    } finally {
      vi.useRealTimers();
    }
  },

  async 'What was begun in an earlier state decides nothing'() {
    let failLate: (error: unknown) => void = () => undefined;
    const late = new Promise<never>((_, reject) => (failLate = reject));
    const theirs = cockatielBreaker(1);
    const { breaker, runtime } = ourBreaker();
    const slow = [outcome(theirs.execute(() => late)), outcome(breaker.execute(() => late))];
    await outcome(theirs.execute(fails));
    await outcome(breaker.execute(fails));
    await Promise.all([pause(30), runtime.clock.advance(20)]);
    void outcome(theirs.execute(() => never));
    void outcome(breaker.execute(() => never));
    failLate(down);
    await Promise.all(slow);
    expect(theirs.state).toBe(cockatiel.CircuitState.Open);
    expect(breaker.state).toBe('half_open');

    let succeedLate: (value: string) => void = () => undefined;
    let calls = 0;
    const others = opossum(
      () => {
        calls += 1;
        if (calls === 1) return new Promise((resolve) => (succeedLate = resolve));
        return calls <= 3 ? fails() : never;
      },
      { resetTimeout: 20 },
    );
    const early = others.fire();
    await Promise.all([outcome(others.fire()), outcome(others.fire())]);
    expect(others.opened).toBe(true);
    await pause(40);
    void outcome(others.fire());
    succeedLate('late');
    await early;
    expect(others.closed).toBe(true);
  },

  async 'Nobody waits in a breaker'() {
    const theirs = cockatielBreaker(1);
    const { breaker, runtime } = ourBreaker();
    await outcome(theirs.execute(fails));
    await outcome(breaker.execute(fails));
    await Promise.all([pause(30), runtime.clock.advance(20)]);
    void outcome(theirs.execute(() => never));
    void outcome(breaker.execute(() => never));
    const second = outcome(theirs.execute(() => 'done'));
    expect(await Promise.race([second, pause(50).then(() => 'still waiting')])).toBe('still waiting');
    expect(await outcome(breaker.execute(() => 'done'))).toMatchObject({ details: { reason: 'circuit_open' } });
  },

  async 'A trial that says nothing decides nothing'() {
    const theirs = cockatielBreaker(1, 20, cockatiel.handleType(RangeError));
    const { breaker, runtime } = ourBreaker();
    await outcome(theirs.execute(() => Promise.reject(new RangeError('counts'))));
    await outcome(breaker.execute(fails));
    await Promise.all([pause(30), runtime.clock.advance(20)]);
    await outcome(theirs.execute(() => Promise.reject(new Error('does not count'))));
    await outcome(breaker.execute(() => Promise.reject(createError('invalid_input'))));
    expect(theirs.state).toBe(cockatiel.CircuitState.Closed);
    expect(breaker.state).toBe('half_open');

    let error: unknown = down;
    const options = { resetTimeout: 20, errorFilter: (thrown: unknown) => thrown !== down };
    const others = opossum(() => Promise.reject(error), options);
    await outcome(others.fire());
    expect(others.opened).toBe(true);
    await pause(40);
    error = createError('invalid_input');
    await outcome(others.fire());
    expect(others.closed).toBe(true);
  },

  async 'A breaker has no timer'() {
    const timers = vi.spyOn(globalThis, 'setTimeout');
    try {
      await outcome(circuitBreaker({ consecutive: 1 }).execute(fails));
      expect(timers).not.toHaveBeenCalled();
      await outcome(opossum(fails, { resetTimeout: 60_000 }).fire());
      expect(timers).toHaveBeenCalled();
    } finally {
      timers.mockRestore();
    }
  },
};
