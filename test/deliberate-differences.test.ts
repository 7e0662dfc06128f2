import { createRequire } from 'node:module';
import * as cockatiel from 'cockatiel';
import { type CircuitBreaker, circuitBreaker, createError, pipeline, policy, retry, timeout } from 'ripstop';
import { virtualRuntime } from 'ripstop/testing';
import { afterAll, expect, test, vi } from 'vitest';
import { readText } from './repository.js';

/** As much of opossum as is used here; it brings no types. */
interface Opossum {
  fire(...args: unknown[]): Promise<unknown>;
  on(event: string, listener: () => void): void;
  shutdown(): void;
  readonly opened: boolean;
  readonly closed: boolean;
}
type OpossumClass = new (action: (...args: never[]) => unknown, options: Record<string, unknown>) => Opossum;
const Opossum = createRequire(import.meta.url)('opossum') as OpossumClass;

const opened: Opossum[] = [];
function opossum(action: (...args: never[]) => unknown, options: Record<string, unknown> = {}): Opossum {
  const breaker = new Opossum(action, { timeout: false, ...options });
  opened.push(breaker);
  return breaker;
}
afterAll(() => {
  for (const breaker of opened) breaker.shutdown();
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const never = new Promise<never>(() => undefined);
const down = createError('upstream_unavailable', { message: 'down' });
const fails = (): Promise<never> => Promise.reject(down);

/** What a call ended in. */
async function outcome(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: unknown) => error);
}

function cockatielRetry(maxAttempts: number, backoffMs = 0): cockatiel.RetryPolicy {
  return cockatiel.retry(cockatiel.handleAll, { maxAttempts, backoff: new cockatiel.ConstantBackoff(backoffMs) });
}

function cockatielBreaker(
  failures: number,
  halfOpenAfter = 20,
  handled = cockatiel.handleAll,
): cockatiel.CircuitBreakerPolicy {
  return cockatiel.circuitBreaker(handled, { halfOpenAfter, breaker: new cockatiel.ConsecutiveBreaker(failures) });
}

/** One of ours that opens at the first failure, on a clock of its own. */
function ourBreaker(): { readonly breaker: CircuitBreaker; readonly runtime: ReturnType<typeof virtualRuntime> } {
  const runtime = virtualRuntime();
  return { breaker: circuitBreaker({ consecutive: 1, cooldownMs: 20 }, runtime), runtime };
}

const shown: Record<string, () => Promise<void>> = {
  async '`attempts` counts every call'() {
    let [theirs, ours] = [0, 0];
    await outcome(cockatielRetry(3).execute(() => ((theirs += 1), fails())));
    await outcome(retry({ attempts: 3, baseDelayMs: 0 }).execute(() => ((ours += 1), fails())));
    expect([theirs, ours]).toEqual([4, 3]);
  },

  async 'A bug is not retried'() {
    let [theirs, ours] = [0, 0];
    const bug = new TypeError('x is not a function');
    await outcome(cockatielRetry(3).execute(() => ((theirs += 1), Promise.reject(bug))));
    await outcome(retry().execute(() => ((ours += 1), Promise.reject(bug))));
    expect([theirs, ours]).toEqual([4, 1]);
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
  },
};

test.each(Object.entries(shown))('%s', async (_, show) => {
  await show();
});

test('docs/deliberate-differences.md tells of each of these, and of nothing that is not shown', () => {
  const page = readText('docs/deliberate-differences.md');
  expect([...page.matchAll(/^### (.+)$/gm)].map(([, title]) => title)).toEqual(Object.keys(shown));
});
