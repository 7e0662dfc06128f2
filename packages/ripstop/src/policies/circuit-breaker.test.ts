import { describe, expect, test } from 'vitest';
import type { Call } from '../call/call.js';
import { createError } from '../errors/create-error.js';
import type { ErrorType } from '../errors/error-types.js';
import { ModelOverloadedError, RateLimitError } from '../errors/rejections.js';
import { GenerationFailedError } from '../errors/upstream-errors.js';
import { recordingContext } from '../testing/recording-context.js';
import { type VirtualRuntime, virtualRuntime } from '../testing/virtual-runtime.js';
import { type CircuitBreaker, circuitBreaker, circuitBreakerDefaults } from './circuit-breaker.js';
import type { BreakerOutcome } from './parts/breaker-state.js';

const down = new GenerationFailedError('down');
const fails: Call<never> = () => Promise.reject(down);
const works: Call<string> = () => 'done';

async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => expect.unreachable('the call succeeded'),
    (error: unknown) => error,
  );
}

async function failTimes(breaker: CircuitBreaker, times: number): Promise<void> {
  for (let call = 0; call < times; call += 1) expect(await failure(breaker.execute(fails))).toBe(down);
}

/** One call that takes `ms`. */
async function slowCall(breaker: CircuitBreaker, { clock }: VirtualRuntime, ms: number): Promise<void> {
  const call = breaker.execute(() => new Promise<void>((resolve) => clock.after(ms, resolve)));
  await clock.advance(ms);
  await call;
}

describe('closed', () => {
  test('R50 R51: it is closed at first, and calls', async () => {
    const breaker = circuitBreaker();
    expect(breaker.state).toBe('closed');
    expect(breaker.retryAfterMs).toBe(0);
    expect(await breaker.execute(works)).toBe('done');
    expect(breaker.state).toBe('closed');
  });

  test('R50 R55 B5: five failures in a row open it for a minute by default, each failing call with its own error', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({}, runtime);
    await failTimes(breaker, 4);
    expect(breaker.state).toBe('closed');
    await failTimes(breaker, 1);
    expect(breaker.state).toBe('open');
    expect(breaker.retryAfterMs).toBe(60_000);
    expect(circuitBreakerDefaults).toMatchObject({ consecutive: 5, cooldownMs: 60_000 });
  });

  test('D34: a success between failures starts the count anew', async () => {
    const breaker = circuitBreaker({ consecutive: 2 }, virtualRuntime());
    for (let round = 0; round < 10; round += 1) {
      await failTimes(breaker, 1);
      await breaker.execute(works);
    }
    expect(breaker.state).toBe('closed');
  });

  test('B5: with `minCalls` it also waits until so many calls are counted', async () => {
    const breaker = circuitBreaker({ consecutive: 2, minCalls: 4 }, virtualRuntime());
    await failTimes(breaker, 3);
    expect(breaker.state).toBe('closed');
    await failTimes(breaker, 1);
    expect(breaker.state).toBe('open');
  });

  test('R57 G12: a function that is not async is called the same, and a throw of it is a failure', async () => {
    const breaker = circuitBreaker({ consecutive: 1 }, virtualRuntime());
    expect(await breaker.execute(() => 7)).toBe(7);
    const thrown = await failure(
      breaker.execute(() => {
        throw down;
      }),
    );
    expect(thrown).toBe(down);
    expect(breaker.state).toBe('open');
  });

  test.each([undefined, null, 0, '', false])('G12: a falsy throw is a failure like any other: %s', async (thrown) => {
    const breaker = circuitBreaker({ consecutive: 1 }, virtualRuntime());
    expect(await failure(breaker.execute(() => Promise.reject(thrown)))).toBe(thrown);
    expect(breaker.state).toBe('open');
  });
});

describe('what counts', () => {
  test.each<ErrorType>(['invalid_input', 'context_length_exceeded', 'content_filtered', 'rate_limited', 'cancelled'])(
    'D39 B5: %s says nothing about the service',
    async (errorType) => {
      const breaker = circuitBreaker({ consecutive: 1 }, virtualRuntime());
      await failure(breaker.execute(() => Promise.reject(createError(errorType))));
      expect(breaker.state).toBe('closed');
    },
  );

  test('D39 B5: nor does a rejection by a policy inside, or an outer breaker would open for the sake of an inner one', async () => {
    const breaker = circuitBreaker({ consecutive: 1 }, virtualRuntime());
    const rejection = new ModelOverloadedError('queue full', { details: { reason: 'queue_full' } });
    expect(await failure(breaker.execute(() => Promise.reject(rejection)))).toBe(rejection);
    expect(breaker.state).toBe('closed');
  });

  test('G3 B5: nor does a caller who leaves, whatever the attempt throws because of it', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1 }, runtime);
    for (const reason of [undefined, 'closed the tab', down, new Error('bye')]) {
      const caller = new AbortController();
      const call = failure(
        breaker.run(
          () => new Promise((_, reject) => runtime.clock.after(5, () => reject(down))),
          recordingContext({ signal: caller.signal }, runtime),
        ),
      );
      caller.abort(reason);
      await runtime.clock.advance(5);
      expect(await call).toBe(down);
      expect(breaker.state).toBe('closed');
    }
  });

  test('B5: neither ignored, cancelled nor rejected calls move a ratio, in either direction', () => {
    const breaker = circuitBreaker(
      { consecutive: Number.POSITIVE_INFINITY, failureRatio: 0.5, minCalls: 4, window: { calls: 4 } },
      virtualRuntime(),
    );
    const settle = (...outcomes: BreakerOutcome[]): void => {
      for (const outcome of outcomes) breaker.acquire().settle(outcome, down);
    };
    settle('failure', 'failure', 'success');
    for (let round = 0; round < 50; round += 1) settle('ignored', 'cancelled', 'rejected');
    expect(breaker.state).toBe('closed');
    settle('success');
    expect(breaker.state).toBe('open');
  });

  test('B5: a call that has not ended is not counted, so many in flight dilute nothing', () => {
    const breaker = circuitBreaker(
      { consecutive: Number.POSITIVE_INFINITY, failureRatio: 1, minCalls: 3 },
      virtualRuntime(),
    );
    for (let call = 0; call < 100; call += 1) breaker.acquire();
    for (let call = 0; call < 3; call += 1) breaker.acquire().settle('failure', down);
    expect(breaker.state).toBe('open');
  });

  test('R55: `when` narrows what counts, and cannot widen it', async () => {
    const when = (error: unknown): boolean => error === down;
    const breaker = circuitBreaker({ consecutive: 1, when }, virtualRuntime());
    await failure(breaker.execute(() => Promise.reject(new GenerationFailedError('another'))));
    expect(breaker.state).toBe('closed');
    await failTimes(breaker, 1);
    expect(breaker.state).toBe('open');

    const wide = circuitBreaker({ consecutive: 1, when: () => true }, virtualRuntime());
    await failure(wide.execute(() => Promise.reject(createError('invalid_input'))));
    expect(wide.state).toBe('closed');
  });

  test('G5 D35: a `when` that throws is reported, and neither hides the error nor loses the permit', async () => {
    const runtime = virtualRuntime();
    const bug = new TypeError('cannot read properties of undefined');
    const breaker = circuitBreaker(
      {
        consecutive: 1,
        cooldownMs: 10,
        when: () => {
          throw bug;
        },
      },
      runtime,
    );
    for (let round = 0; round < 3; round += 1) {
      const context = recordingContext(undefined, runtime);
      expect(await failure(breaker.run(fails, context))).toBe(down);
      expect(context.events).toContainEqual({ type: 'listener.failed', error: bug });
      expect(breaker.state).toBe('open');
      await runtime.clock.advance(10);
    }
  });
});

describe('ratios', () => {
  const never = Number.POSITIVE_INFINITY;

  test('B5: a share of failures opens it, once enough calls are counted', async () => {
    const breaker = circuitBreaker({ consecutive: never, failureRatio: 0.5, minCalls: 6 }, virtualRuntime());
    for (let round = 0; round < 2; round += 1) {
      await breaker.execute(works);
      await failTimes(breaker, 1);
    }
    await breaker.execute(works);
    expect(breaker.state).toBe('closed');
    await failTimes(breaker, 1);
    expect(breaker.state).toBe('open');
  });

  test('B5: ten calls are enough by default, or as many as the window holds', async () => {
    const ten = circuitBreaker({ consecutive: never, failureRatio: 0.5 }, virtualRuntime());
    await failTimes(ten, 9);
    expect(ten.state).toBe('closed');
    await failTimes(ten, 1);
    expect(ten.state).toBe('open');

    const four = circuitBreaker({ consecutive: never, failureRatio: 0.5, window: { calls: 4 } }, virtualRuntime());
    await failTimes(four, 4);
    expect(four.state).toBe('open');
  });

  test('B5 D34: failures that the window has forgotten do not open it', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker(
      { consecutive: never, failureRatio: 0.5, minCalls: 4, window: { ms: 1_000 } },
      runtime,
    );
    await failTimes(breaker, 3);
    await runtime.clock.advance(300_000);
    await failTimes(breaker, 1);
    expect(breaker.state).toBe('closed');
  });

  test('D40 B5: a share of slow calls opens it, though every one of them succeeds', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ slowMs: 100, slowRatio: 0.5, minCalls: 4 }, runtime);
    await slowCall(breaker, runtime, 99);
    await slowCall(breaker, runtime, 99);
    await slowCall(breaker, runtime, 100);
    expect(breaker.state).toBe('closed');
    await slowCall(breaker, runtime, 500);
    expect(breaker.state).toBe('open');
    const rejection = await failure(breaker.execute(works));
    expect(rejection).not.toHaveProperty('cause');
  });

  test('B5: a slow failure counts for both', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ slowMs: 10, slowRatio: 1, minCalls: 1 }, runtime);
    const call = failure(
      breaker.execute(() => new Promise((_, reject) => runtime.clock.after(10, () => reject(down)))),
    );
    await runtime.clock.advance(10);
    await call;
    expect(breaker.state).toBe('open');
  });
});

describe('open', () => {
  test('R53 B2 D41: it rejects without calling, with its name, its state, the wait and the last failure', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ name: 'main', consecutive: 2, cooldownMs: 100 }, runtime);
    await failTimes(breaker, 2);
    await runtime.clock.advance(30);
    let called = false;
    const rejection = await failure(breaker.execute(() => (called = true)));
    expect(called).toBe(false);
    expect(rejection).toBeInstanceOf(ModelOverloadedError);
    expect(rejection).toMatchObject({
      message: 'Circuit breaker is OPEN for main',
      errorType: 'model_overloaded',
      details: { reason: 'circuit_open', circuit_state: 'OPEN', circuit: 'main' },
      isRetryable: true,
      retryAfterMs: 70,
      status: 503,
      cause: down,
    });
  });

  test('B2: `acquire` throws there and then, and a permit is there and then', async () => {
    const breaker = circuitBreaker({ consecutive: 1 }, virtualRuntime());
    const permit = breaker.acquire();
    expect(permit).toMatchObject({ generation: expect.any(Number) });
    permit.settle('failure', down);
    expect(() => breaker.acquire()).toThrow(ModelOverloadedError);
  });

  test('B2: the cause is the failure before this opening, not one from before the last recovery', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 10, slowMs: 5, slowRatio: 1, minCalls: 1 }, runtime);
    await failTimes(breaker, 1);
    await runtime.clock.advance(10);
    await breaker.execute(works);
    expect(breaker.state).toBe('closed');
    await slowCall(breaker, runtime, 5);
    expect(breaker.state).toBe('open');
    expect(await failure(breaker.execute(works))).not.toHaveProperty('cause');
  });

  test('D36: the cooldown counts from the failure, not from the start of the call that failed', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 50 }, runtime);
    const slow = failure(
      breaker.execute(() => new Promise((_, reject) => runtime.clock.after(100, () => reject(down)))),
    );
    await runtime.clock.advance(100);
    await slow;
    await runtime.clock.advance(49);
    expect(breaker.state).toBe('open');
    expect(await failure(breaker.execute(works))).toMatchObject({ details: { reason: 'circuit_open' } });
    await runtime.clock.advance(1);
    expect(breaker.state).toBe('half_open');
  });

  test('B7 G11: it keeps no timer, and turns half-open when it is looked at', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 100 }, runtime);
    await failTimes(breaker, 1);
    expect(runtime.clock.pending).toBe(0);
    await runtime.clock.advance(99);
    expect([breaker.state, breaker.retryAfterMs]).toEqual(['open', 1]);
    await runtime.clock.advance(1);
    expect([breaker.state, breaker.retryAfterMs]).toEqual(['half_open', 0]);
  });

  test('D37 B15: a wall clock that is set back keeps it open no longer', async () => {
    const runtime = virtualRuntime();
    let wall = 1_000_000;
    const moving = { ...runtime, clock: { ...runtime.clock, date: () => new Date(wall) } };
    const breaker = circuitBreaker(
      { consecutive: 1, cooldownMs: 100 },
      { ...moving, clock: Object.assign(moving.clock, { now: () => runtime.clock.now() }) },
    );
    await failTimes(breaker, 1);
    wall -= 3_600_000;
    await runtime.clock.advance(100);
    expect(breaker.state).toBe('half_open');
    expect(await breaker.execute(works)).toBe('done');
  });
});

describe('half-open', () => {
  async function halfOpen(
    options: Parameters<typeof circuitBreaker>[0] = {},
  ): Promise<[CircuitBreaker, VirtualRuntime]> {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 100, ...options }, runtime);
    await failTimes(breaker, 1);
    await runtime.clock.advance(100);
    return [breaker, runtime];
  }

  test('D33 B8 B7: of twenty callers at once one is let through, and nineteen are rejected', async () => {
    const [breaker, runtime] = await halfOpen();
    let running = 0;
    const outcomes = Promise.allSettled(
      Array.from({ length: 20 }, () =>
        breaker.execute(() => {
          running += 1;
          return new Promise<void>((resolve) => runtime.clock.after(10, resolve));
        }),
      ),
    );
    await runtime.clock.advance(10);
    expect(running).toBe(1);
    const rejected = (await outcomes).filter(({ status }) => status === 'rejected');
    expect(rejected).toHaveLength(19);
    expect(rejected[0]).toMatchObject({
      reason: {
        details: { reason: 'circuit_open', circuit_state: 'HALF_OPEN' },
        // Nobody knows how long the trial will take.
        retryAfterMs: undefined,
        cause: down,
      },
    });
  });

  test('B7: the first caller gets the trial, even when a listener asks for one in between', async () => {
    const [breaker, runtime] = await halfOpen();
    const refused: unknown[] = [];
    runtime.events.on(({ type }) => {
      if (type !== 'breaker.half_opened') return;
      try {
        breaker.acquire();
      } catch (error) {
        refused.push(error);
      }
    });
    expect(await breaker.execute(works)).toBe('done');
    expect(refused).toHaveLength(1);
  });

  test('GW11 B8: two successes can be asked for of trials that come one at a time', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 1_000, trials: 2, trialsAtOnce: 1 }, runtime);
    await failTimes(breaker, 1);
    await runtime.clock.advance(1_000);
    const first = breaker.acquire();
    expect(() => breaker.acquire()).toThrow(ModelOverloadedError);
    first.settle('success');
    expect(breaker.state).toBe('half_open');
    const second = breaker.acquire();
    expect(() => breaker.acquire()).toThrow(ModelOverloadedError);
    second.settle('success');
    expect(breaker.state).toBe('closed');
  });

  test('R54 B9: a trial that succeeds closes it, with nothing held against it', async () => {
    const [breaker] = await halfOpen({ consecutive: 2, minCalls: 1, failureRatio: 1 });
    await breaker.execute(works);
    expect(breaker.state).toBe('closed');
    await failTimes(breaker, 1);
    expect(breaker.state).toBe('open');
  });

  test('B9: when it closes, `minCalls` calls must be counted anew', async () => {
    const runtime = virtualRuntime();
    const patient = circuitBreaker({ consecutive: 1, minCalls: 3, cooldownMs: 100 }, runtime);
    await failTimes(patient, 3);
    await runtime.clock.advance(100);
    await patient.execute(works);
    await failTimes(patient, 2);
    expect(patient.state).toBe('closed');
    await failTimes(patient, 1);
    expect(patient.state).toBe('open');
  });

  test('B9: failures from before are forgotten when it closes', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 3, cooldownMs: 100 }, runtime);
    await failTimes(breaker, 3);
    await runtime.clock.advance(100);
    await breaker.execute(works);
    await failTimes(breaker, 2);
    expect(breaker.state).toBe('closed');
  });

  test('R56 B9: a trial that fails opens it again, for a whole cooldown from then', async () => {
    const [breaker, runtime] = await halfOpen();
    await runtime.clock.advance(500);
    await failTimes(breaker, 1);
    expect([breaker.state, breaker.retryAfterMs]).toEqual(['open', 100]);
  });

  test('B8 B9: of three trials all must succeed, and a fourth waits for nobody', async () => {
    const [breaker] = await halfOpen({ trials: 3 });
    const permits = [breaker.acquire(), breaker.acquire(), breaker.acquire()];
    expect(() => breaker.acquire()).toThrow(ModelOverloadedError);
    permits[0]?.settle('success');
    permits[1]?.settle('success');
    expect(() => breaker.acquire()).toThrow(ModelOverloadedError);
    expect(breaker.state).toBe('half_open');
    permits[2]?.settle('success');
    expect(breaker.state).toBe('closed');
  });

  test('B9: one failure among three trials opens it, and the others no longer matter', async () => {
    const [breaker] = await halfOpen({ trials: 3 });
    const permits = [breaker.acquire(), breaker.acquire(), breaker.acquire()];
    permits[0]?.settle('success');
    permits[1]?.settle('failure', down);
    expect(breaker.state).toBe('open');
    permits[2]?.settle('success');
    expect(breaker.state).toBe('open');
  });

  test.each<BreakerOutcome>(['ignored', 'cancelled', 'rejected'])(
    'D35 B9: a trial that ends %s gives its place to the next, and decides nothing',
    async (outcome) => {
      const [breaker] = await halfOpen();
      for (let round = 0; round < 5; round += 1) {
        breaker.acquire().settle(outcome, down);
        expect(breaker.state).toBe('half_open');
      }
      expect(await breaker.execute(works)).toBe('done');
      expect(breaker.state).toBe('closed');
    },
  );

  test('D35 B9: a caller who leaves during the trial, or whose own fault it is, does not decide it', async () => {
    const [breaker] = await halfOpen();
    const caller = new AbortController();
    const left = failure(breaker.execute(() => new Promise(() => undefined), { signal: caller.signal }));
    caller.abort();
    await left;
    expect(breaker.state).toBe('half_open');
    await failure(breaker.execute(() => Promise.reject(createError('invalid_input'))));
    expect(breaker.state).toBe('half_open');
    await breaker.execute(works);
    expect(breaker.state).toBe('closed');
  });
});

describe('lease', () => {
  const options = { name: 'main', consecutive: 1, cooldownMs: 100, leaseMs: 1_000 };

  async function halfOpen(more: Parameters<typeof circuitBreaker>[0] = {}): Promise<[CircuitBreaker, VirtualRuntime]> {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ ...options, ...more }, runtime);
    breaker.acquire().settle('failure', down);
    await runtime.clock.advance(100);
    return [breaker, runtime];
  }

  test('B10: a trial that hangs is a failure when its lease ends, and the cooldown counts from there', async () => {
    const [breaker, { clock, events }] = await halfOpen();
    const seen: unknown[] = [];
    const trial = breaker.acquire();
    events.on((event) => seen.push(event));
    await clock.advance(999);
    expect(breaker.state).toBe('half_open');
    await clock.advance(31);
    expect([breaker.state, breaker.retryAfterMs]).toEqual(['open', 70]);
    expect(seen).toEqual([
      { type: 'breaker.opened', name: 'main', cooldownMs: 100, reason: 'trial outlasted its lease', at: 1_130 },
    ]);
    trial.settle('success');
    expect(breaker.state).toBe('open');
    await clock.advance(70);
    expect(await breaker.execute(works)).toBe('done');
    expect([breaker.state, clock.pending]).toEqual(['closed', 0]);
  });

  test.each<BreakerOutcome>(['success', 'failure', 'ignored', 'cancelled'])(
    'B10: what is settled after the lease (%s) changes nothing, though nobody asked in between',
    async (outcome) => {
      const [breaker, { clock }] = await halfOpen();
      const trial = breaker.acquire();
      await clock.advance(1_040);
      trial.settle(outcome, new Error('late'));
      expect([breaker.state, breaker.retryAfterMs]).toEqual(['open', 60]);
      expect(await failure(breaker.execute(works))).toHaveProperty('cause', down);
    },
  );

  test('B10: after the lease and another cooldown the next caller is the trial, however long nobody came', async () => {
    const [breaker, { clock }] = await halfOpen();
    breaker.acquire();
    await clock.advance(1e9);
    expect(breaker.state).toBe('half_open');
    const trial = breaker.acquire();
    expect(() => breaker.acquire()).toThrow('is OPEN');
    trial.settle('success');
    expect(breaker.state).toBe('closed');
  });

  test('B10: without a trial half-open lasts, and the next caller is the trial', async () => {
    const [breaker, { clock }] = await halfOpen();
    await clock.advance(1e9);
    expect(breaker.state).toBe('half_open');
    expect(await breaker.execute(works)).toBe('done');
    expect(breaker.state).toBe('closed');
  });

  test('B10: of several trials the oldest decides, and one that ended in time has no lease', async () => {
    const [breaker, { clock }] = await halfOpen({ trials: 3 });
    const [first] = [breaker.acquire(), breaker.acquire()];
    await clock.advance(500);
    first.settle('success');
    const third = breaker.acquire();
    await clock.advance(499);
    expect(breaker.state).toBe('half_open');
    await clock.advance(1);
    expect(breaker.state).toBe('open');
    third.settle('success');
    expect(breaker.state).toBe('open');
  });

  test('B10: a sign of life renews the lease, and comes too late after it', async () => {
    const [breaker, { clock }] = await halfOpen({ trials: 2 });
    const [alive, silent] = [breaker.acquire(), breaker.acquire()];
    await clock.advance(600);
    alive.renew();
    await clock.advance(399);
    expect(breaker.state).toBe('half_open');
    silent.settle('success');
    await clock.advance(600);
    expect(breaker.state).toBe('half_open');
    await clock.advance(1);
    alive.renew();
    expect(breaker.state).toBe('open');
  });

  test('B10 B17: the items of a stream are signs of life, so that a long answer is no failure', async () => {
    const [breaker, { clock }] = await halfOpen();
    async function* slowly(): AsyncGenerator<number> {
      for (let item = 0; item < 5; item += 1) {
        await new Promise<void>((resolve) => clock.after(900, resolve));
        yield item;
      }
    }
    const reading = breaker
      .execute(() => slowly())
      .then(async (stream) => {
        const items: number[] = [];
        for await (const item of stream) items.push(item);
        return items;
      });
    await clock.advance(4_499);
    expect(breaker.state).toBe('half_open');
    await clock.advance(1);
    expect(await reading).toHaveLength(5);
    expect(breaker.state).toBe('closed');
  });

  test('B10: a call through a closed breaker has no lease', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker(options, runtime);
    const permit = breaker.acquire();
    await runtime.clock.advance(1e9);
    permit.renew();
    expect(breaker.state).toBe('closed');
    permit.settle('failure', down);
    expect(breaker.state).toBe('open');
  });
});

describe('overrides', () => {
  test('B1 D42: isolated, it refuses every call until it is released, however long that takes', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ name: 'main', cooldownMs: 100 }, runtime);
    await failTimes(breaker, 1);
    breaker.isolate();
    await runtime.clock.advance(1e9);
    expect([breaker.state, breaker.override]).toEqual(['open', 'forced_open']);
    expect([breaker.retryAfterMs, breaker.openCause]).toEqual([Number.POSITIVE_INFINITY, undefined]);
    const rejection = await failure(breaker.execute(works));
    expect(rejection).toMatchObject({
      details: { reason: 'circuit_open', circuit_state: 'OPEN', circuit: 'main' },
      // Nobody knows how long, so that no retry waits for it.
      isRetryable: false,
      retryAfterMs: undefined,
    });
    // No failure is the cause; an operator is.
    expect(rejection).not.toHaveProperty('cause');
    breaker.release();
    expect([breaker.state, breaker.override, breaker.retryAfterMs]).toEqual(['closed', undefined, 0]);
    expect(await breaker.execute(works)).toBe('done');
  });

  test('B1: disabled, it lets every call through, counts none, and hears no pause', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1, maxPauseMs: 500 }, runtime);
    await failTimes(breaker, 1);
    breaker.disable();
    await failTimes(breaker, 20);
    await failure(breaker.execute(() => Promise.reject(createError('rate_limited', { retryAfterMs: 100 }))));
    expect([breaker.state, breaker.override, breaker.retryAfterMs]).toEqual(['closed', 'disabled', 0]);
    expect(breaker.snapshot().counters).toEqual({ counted: 0, failures: 0, slow: 0, failuresInARow: 0, opens: 1 });
  });

  test('B1: with metrics only, it counts and never opens', async () => {
    const runtime = virtualRuntime();
    const options = { consecutive: 2, failureRatio: 0.1, slowMs: 10, slowRatio: 0.1, maxPauseMs: 500, minCalls: 1 };
    const breaker = circuitBreaker(options, runtime);
    breaker.metricsOnly();
    await slowCall(breaker, runtime, 10);
    await failTimes(breaker, 3);
    breaker.acquire().settle('ignored', createError('rate_limited', { retryAfterMs: 100 }));
    expect([breaker.state, breaker.override]).toEqual(['closed', 'metrics_only']);
    expect(breaker.snapshot().counters).toEqual({ counted: 4, failures: 3, slow: 1, failuresInARow: 3, opens: 0 });
  });

  test.each(['isolate', 'disable', 'metricsOnly', 'reset'] as const)(
    'B1 B4: what was counted, or was in flight, before `%s` and `release` is forgotten after them',
    async (method) => {
      const runtime = virtualRuntime();
      const breaker = circuitBreaker({ consecutive: 2, failureRatio: 0.5, minCalls: 2 }, runtime);
      await failTimes(breaker, 1);
      const before = breaker.acquire();
      breaker[method]();
      const during = method === 'isolate' ? undefined : breaker.acquire();
      breaker.release();
      if (method !== 'reset') during?.settle('failure', down);
      before.settle('failure', down);
      await failTimes(breaker, 1);
      expect(breaker.state).toBe('closed');
      await failTimes(breaker, 1);
      expect(breaker.state).toBe('open');
    },
  );

  test.each(['disable', 'isolate', 'metricsOnly'] as const)('B1: `%s` works from half-open too', async (method) => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 100 }, runtime);
    await failTimes(breaker, 1);
    await runtime.clock.advance(100);
    const trial = breaker.acquire();
    breaker[method]();
    const state = method === 'isolate' ? 'open' : 'closed';
    trial.settle('failure', down);
    expect(breaker.state).toBe(state);
    breaker.release();
    expect(breaker.state).toBe('closed');
  });

  test('B1: the last override holds, `reset` ends it, and `release` of a breaker that decides itself does nothing', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1 }, runtime);
    breaker.disable();
    breaker.isolate();
    expect(breaker.override).toBe('forced_open');
    breaker.reset();
    expect([breaker.state, breaker.override]).toEqual(['closed', undefined]);
    await failTimes(breaker, 1);
    breaker.release();
    expect(breaker.state).toBe('open');
  });

  test('B1: setting and releasing are reported', () => {
    const runtime = virtualRuntime();
    const seen: unknown[] = [];
    runtime.events.on((event) => seen.push(event));
    const breaker = circuitBreaker({ name: 'main' }, runtime);
    breaker.isolate();
    breaker.release();
    breaker.release();
    expect(seen).toEqual([
      { type: 'breaker.overridden', name: 'main', override: 'forced_open', at: 0 },
      { type: 'breaker.released', name: 'main', at: 0 },
    ]);
  });
});

describe('permits', () => {
  test('B3: each settles once, and what is settled later is ignored', () => {
    const breaker = circuitBreaker({ consecutive: 2 }, virtualRuntime());
    const permit = breaker.acquire();
    permit.settle('failure', down);
    permit.settle('failure', down);
    permit.settle('failure', down);
    expect(breaker.state).toBe('closed');
    const another = breaker.acquire();
    another.settle('success');
    another.settle('failure', down);
    breaker.acquire().settle('failure', down);
    expect(breaker.state).toBe('closed');
  });

  test('B4 D38: a success begun while closed does not close a half-open breaker', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 100 }, runtime);
    const [early, late] = [breaker.acquire(), breaker.acquire()];
    early.settle('failure', down);
    await runtime.clock.advance(100);
    breaker.acquire();
    late.settle('success');
    expect(breaker.state).toBe('half_open');
  });

  test('B4 D38: a failure begun while closed does not open a half-open or a recovered breaker', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 100 }, runtime);
    const [first, second, third] = [breaker.acquire(), breaker.acquire(), breaker.acquire()];
    first.settle('failure', down);
    await runtime.clock.advance(100);
    const trial = breaker.acquire();
    second.settle('failure', down);
    expect(breaker.state).toBe('half_open');
    trial.settle('success');
    third.settle('failure', down);
    expect(breaker.state).toBe('closed');
  });

  test('B4: a failure that comes while it is open does not prolong the cooldown', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 100 }, runtime);
    const [first, second] = [breaker.acquire(), breaker.acquire()];
    first.settle('failure', down);
    await runtime.clock.advance(60);
    second.settle('failure', new Error('late'));
    expect(breaker.retryAfterMs).toBe(40);
    expect(await failure(breaker.execute(works))).toHaveProperty('cause', down);
  });

  test('D42: `reset` closes it and forgets, calls in flight included', () => {
    const breaker = circuitBreaker({ consecutive: 2 }, virtualRuntime());
    const inFlight = breaker.acquire();
    for (let call = 0; call < 2; call += 1) breaker.acquire().settle('failure', down);
    expect(breaker.state).toBe('open');
    breaker.reset();
    expect(breaker.state).toBe('closed');
    inFlight.settle('failure', down);
    breaker.acquire().settle('failure', down);
    expect(breaker.state).toBe('closed');
  });
});

describe('`endCooldown`', () => {
  test('R197: a service that seems to be back is tried at once, and no trial is taken for good', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 60_000, trials: 2 }, runtime);
    breaker.acquire().settle('failure', down);
    breaker.endCooldown();
    expect([breaker.state, breaker.retryAfterMs]).toEqual(['half_open', 0]);
    breaker.acquire().settle('success');
    expect(breaker.state).toBe('half_open');
    breaker.acquire().settle('success');
    expect(breaker.state).toBe('closed');
    breaker.endCooldown();
    expect(breaker.state).toBe('closed');
  });

  test('B12 B13: what the service or an operator has asked for stays as it is', () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ maxPauseMs: 60_000 }, runtime);
    breaker.acquire().settle('ignored', new RateLimitError(undefined, { retryAfterMs: 5_000 }));
    breaker.endCooldown();
    expect([breaker.openCause, breaker.retryAfterMs]).toEqual(['pause', 5_000]);
    breaker.isolate();
    breaker.endCooldown();
    expect(breaker.state).toBe('open');
  });
});

describe('events', () => {
  test('R197: `reset` of a breaker that was not closed is told like any other recovery', () => {
    const runtime = virtualRuntime();
    const told: string[] = [];
    runtime.events.on(({ type }) => told.push(type));
    const breaker = circuitBreaker({ consecutive: 1 }, runtime);
    breaker.reset();
    expect(told).toEqual([]);
    breaker.acquire().settle('failure', down);
    breaker.reset();
    expect(told).toEqual(['breaker.opened', 'breaker.closed']);
  });

  test('every transition and every rejection is reported', async () => {
    const runtime = virtualRuntime();
    const context = recordingContext(undefined, runtime);
    const breaker = circuitBreaker({ name: 'main', consecutive: 2, cooldownMs: 100 }, runtime);
    await failure(breaker.run(fails, context));
    await failure(breaker.run(fails, context));
    await failure(breaker.run(works, context));
    await runtime.clock.advance(100);
    await failure(breaker.run(fails, context));
    await runtime.clock.advance(100);
    await breaker.run(works, context);
    expect(context.events).toEqual([
      { type: 'breaker.opened', name: 'main', cooldownMs: 100, reason: '2 failures in a row' },
      { type: 'breaker.rejected', name: 'main', retryAfterMs: 100 },
      { type: 'breaker.half_opened', name: 'main' },
      { type: 'breaker.opened', name: 'main', cooldownMs: 100, reason: 'trial failed' },
      { type: 'breaker.half_opened', name: 'main' },
      { type: 'breaker.closed', name: 'main' },
    ]);
  });

  test('permits taken by hand report to the runtime, with the time', () => {
    const runtime = virtualRuntime();
    const seen: unknown[] = [];
    runtime.events.on((event) => seen.push(event));
    circuitBreaker({ consecutive: 1 }, runtime).acquire().settle('failure', down);
    expect(seen).toEqual([
      { type: 'breaker.opened', name: 'default', cooldownMs: 60_000, reason: '1 failures in a row', at: 0 },
    ]);
  });

  test('G5: a listener that throws changes no outcome and no state', async () => {
    const runtime = virtualRuntime();
    runtime.events.on(() => {
      throw new Error('a bad listener');
    });
    const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 10 }, runtime);
    await failTimes(breaker, 1);
    expect(breaker.state).toBe('open');
    await runtime.clock.advance(10);
    expect(await breaker.execute(works)).toBe('done');
    expect(breaker.state).toBe('closed');
  });
});

describe('bad options', () => {
  test.each([
    [{ consecutive: 0 }, 'consecutive must be a whole number of at least 1, got 0'],
    [{ consecutive: 2.5 }, 'consecutive must be a whole number of at least 1, got 2.5'],
    [{ cooldownMs: 0 }, 'cooldownMs must be above 0, got 0'],
    [{ cooldownMs: Number.NaN }, 'cooldownMs must be above 0, got NaN'],
    [{ trials: 0 }, 'trials must be a whole number of at least 1, got 0'],
    [{ minCalls: 0 }, 'minCalls must be a whole number of at least 1, got 0'],
    [{ failureRatio: 0 }, 'failureRatio must be above 0 and at most 1, got 0'],
    [{ failureRatio: 1.01 }, 'failureRatio must be above 0 and at most 1, got 1.01'],
    [{ slowRatio: 2, slowMs: 1 }, 'slowRatio must be above 0 and at most 1, got 2'],
    [{ slowRatio: 0.5 }, 'slowRatio needs slowMs, got none'],
    [{ slowMs: -1 }, 'slowMs must be above 0, got -1'],
    [{ window: { ms: -1 } }, 'window.ms must be above 0, got -1'],
    [{ window: { calls: 0 } }, 'window.calls must be a whole number from 1 to 100000, got 0'],
    [
      { window: { calls: 5 }, failureRatio: 0.5, minCalls: 6 },
      'minCalls must be at most window.calls (5), or no ratio is ever taken, got 6',
    ],
  ])('G7 D32: %o is refused with the option, the rule and the value', (options, message) => {
    expect(() => circuitBreaker(options)).toThrow(new RangeError(message));
  });

  test('an option that is `undefined` has its default', async () => {
    const breaker = circuitBreaker({ consecutive: undefined, cooldownMs: undefined }, virtualRuntime());
    await failTimes(breaker, 5);
    expect(breaker.retryAfterMs).toBe(60_000);
  });

  test('an endless cooldown ends with `reset` only', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1, cooldownMs: Number.POSITIVE_INFINITY }, runtime);
    await failTimes(breaker, 1);
    await runtime.clock.advance(1e12);
    expect(breaker.state).toBe('open');
    breaker.reset();
    expect(await breaker.execute(works)).toBe('done');
  });
});

test('D39: a caller in a hurry does not close a healthy service to everybody else', async () => {
  const runtime = virtualRuntime();
  const breaker = circuitBreaker({ consecutive: 2 }, runtime);
  for (let call = 0; call < 5; call += 1) {
    const outcome = breaker
      .execute(() => new Promise<never>(() => undefined), { deadlineMs: 1 })
      .catch((error: unknown) => error);
    await runtime.clock.advance(1);
    expect(await outcome).toMatchObject({ errorType: 'inference_timeout', details: { phase: 'total' } });
  }
  expect(breaker.state).toBe('closed');
});
