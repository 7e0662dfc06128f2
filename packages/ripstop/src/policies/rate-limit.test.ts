import { describe, expect, test } from 'vitest';
import type { CallContext } from '../call/call.js';
import { ModelOverloadedError, QuotaExceededError, RateLimitError } from '../errors/rejections.js';
import { recordingContext } from '../testing/recording-context.js';
import { type VirtualRuntime, virtualRuntime } from '../testing/virtual-runtime.js';
import { pipeline, policy } from './policy.js';
import { type RateLimit, rateLimit, rateLimitDefaults } from './rate-limit.js';

const answer = async (): Promise<string> => 'answer';
const twoPerSecond = { requests: { limit: 2, perMs: 1_000 } };
const refused = (retryAfterMs: number) => async (): Promise<never> => {
  throw new RateLimitError(undefined, { retryAfterMs, origin: 'upstream' });
};

async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => expect.unreachable('the call succeeded'),
    (error: unknown) => error,
  );
}

/** Makes calls at once, and notes when each of them starts. */
function starts(limit: RateLimit, { clock }: VirtualRuntime, count: number): number[] {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    void limit.execute(async () => times.push(clock.now())).catch(() => times.push(Number.NaN));
  }
  return times;
}

/** A call in a context that goes on after it, and counts who listens to its end. */
function listened(runtime: VirtualRuntime): { readonly context: CallContext; readonly held: () => number } {
  const context = recordingContext({ signal: new AbortController().signal }, runtime);
  const listen = context.onAbort.bind(context);
  let held = 0;
  context.onAbort = (listener) => {
    const stop = listen(listener);
    held += 1;
    return () => {
      held -= 1;
      stop();
    };
  };
  return { context, held: () => held };
}

describe('requests', () => {
  test('G1: go out as fast as the limit allows, the first of them at once', async () => {
    const runtime = virtualRuntime();
    const times = starts(rateLimit(twoPerSecond, runtime), runtime, 5);
    await runtime.clock.runAll();
    expect(times).toEqual([0, 0, 500, 1_000, 1_500]);
  });

  test('may be spread evenly: `burst` says how many go out together', async () => {
    const runtime = virtualRuntime();
    const times = starts(rateLimit({ requests: { limit: 2, perMs: 1_000, burst: 1 } }, runtime), runtime, 3);
    await runtime.clock.runAll();
    expect(times).toEqual([0, 500, 1_000]);
  });

  test('C1: are counted for each attempt, not for each call', async () => {
    const runtime = virtualRuntime();
    const limit = rateLimit(twoPerSecond, runtime);
    const thrice = policy('thrice', async (next, context) => {
      await next(context);
      await next(context);
      return next(context);
    });
    await Promise.all([pipeline(thrice, limit).execute(answer), runtime.clock.runAll()]);
    expect(runtime.clock.now()).toBe(500);
  });

  test('are limited for each key by itself', async () => {
    const runtime = virtualRuntime();
    const limit = rateLimit({ requests: { limit: 1, perMs: 1_000 }, maxQueue: 0 }, runtime);
    for (const key of ['a', 'b', undefined]) expect(await limit.execute(answer, { key })).toBe('answer');
    expect(await failure(limit.execute(answer, { key: 'a' }))).toMatchObject({ errorType: 'rate_limited' });
    expect(limit.state('a')).toEqual({ requests: 0, tokens: Number.POSITIVE_INFINITY, pausedMs: 0, waiting: 0 });
    expect(limit.state('c').requests).toBe(1);
  });

  test('never start too early, be it by half a millisecond', async () => {
    const runtime = virtualRuntime();
    const limit = rateLimit({ requests: { limit: 2_000, perMs: 1_000, burst: 1 } }, runtime);
    starts(limit, runtime, 2);
    expect(limit.state().waiting).toBe(1);
    await runtime.clock.runAll();
  });

  test('C2: that an inner policy refuses let the next in line go', async () => {
    const runtime = virtualRuntime();
    const limit = rateLimit({ requests: { limit: 1, perMs: 1_000 } }, runtime);
    const open = new ModelOverloadedError(undefined, { details: { reason: 'circuit_open' } });
    const first = failure(limit.execute(() => Promise.reject(open)));
    const times = starts(limit, runtime, 1);
    await first;
    await runtime.clock.runAll();
    expect(times).toEqual([0]);
  });

  test('C2: that an inner policy refuses cost nothing', async () => {
    const limit = rateLimit(
      { ...twoPerSecond, tokens: { limit: 100, perMs: 1_000 }, estimate: () => 40 },
      virtualRuntime(),
    );
    const open = new ModelOverloadedError(undefined, { details: { reason: 'circuit_open' } });
    expect(await failure(limit.execute(() => Promise.reject(open)))).toBe(open);
    expect(limit.state()).toMatchObject({ requests: 2, tokens: 100 });
  });

  test('G9: that fail keep what they took, and their own error', async () => {
    const limit = rateLimit(twoPerSecond, virtualRuntime());
    const error = new Error('no answer');
    expect(await failure(limit.execute(() => Promise.reject(error)))).toBe(error);
    expect(limit.state().requests).toBe(1);
  });

  test('G12: work for synchronous, empty and falsy outcomes', async () => {
    const limit = rateLimit({}, virtualRuntime());
    expect(await limit.execute(() => undefined)).toBeUndefined();
    expect(await failure(limit.execute(() => Promise.reject(null)))).toBeNull();
    expect(
      await failure(
        limit.execute(() => {
          throw new TypeError('at once');
        }),
      ),
    ).toMatchObject({ message: 'at once' });
  });
});

describe('tokens', () => {
  const tokens = { limit: 100, perMs: 1_000 };

  test('are reserved by an estimate and settled by what was used', async () => {
    const limit = rateLimit({ tokens, estimate: () => 60, usage: (result) => result as number }, virtualRuntime());
    await limit.execute(() => {
      expect(limit.state().tokens).toBe(40);
      return 10;
    });
    expect(limit.state().tokens).toBe(90);
    await limit.execute(() => 85);
    expect(limit.state().tokens).toBe(5);
  });

  test('that were given back let the next in line go', async () => {
    const runtime = virtualRuntime();
    const limit = rateLimit({ tokens, estimate: () => 80, usage: (result) => result as number }, runtime);
    let finish: (used: number) => void = () => undefined;
    const first = limit.execute(() => new Promise<number>((resolve) => (finish = resolve)));
    const times = starts(limit, runtime, 1);
    expect(limit.state().waiting).toBe(1);
    await runtime.clock.advance(100);
    finish(10);
    await first;
    await runtime.clock.advance(0);
    expect(times).toEqual([100]);
  });

  test('that were not estimated may be owed, up to one full bucket', async () => {
    const runtime = virtualRuntime();
    const limit = rateLimit({ tokens, usage: (result) => result as number }, runtime);
    await limit.execute(() => 1_000_000);
    expect(limit.state().tokens).toBe(-100);
    const times = starts(limit, runtime, 1);
    await runtime.clock.runAll();
    expect(times).toEqual([1_000]);
  });

  test('beyond what fits into the limit wait for all of it', async () => {
    const runtime = virtualRuntime();
    const estimates = [30, 5_000];
    const limit = rateLimit({ tokens, estimate: () => estimates.shift() ?? 0 }, runtime);
    const times = starts(limit, runtime, 2);
    await runtime.clock.runAll();
    expect(times).toEqual([0, 300]);
  });

  test('and requests are taken together or not at all', async () => {
    const runtime = virtualRuntime();
    const estimates = [100, 50];
    const limit = rateLimit({ ...twoPerSecond, tokens, estimate: () => estimates.shift() ?? 0 }, runtime);
    const times = starts(limit, runtime, 2);
    expect(limit.state()).toMatchObject({ requests: 1, tokens: 0, waiting: 1 });
    await runtime.clock.runAll();
    expect(times).toEqual([0, 500]);
  });

  test('of a stream are settled at its end', async () => {
    const usage = (result: unknown): number => (result as { used: number }).used;
    const limit = rateLimit({ tokens, estimate: () => 50, usage }, virtualRuntime());
    const stream = await limit.execute(() => {
      return Object.assign(
        (async function* () {
          yield 'a';
        })(),
        { used: 20 },
      );
    });
    expect(limit.state().tokens).toBe(50);
    for await (const item of stream) expect(item).toBe('a');
    expect(limit.state().tokens).toBe(80);
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('a bug');
      },
    ],
    ['is no amount', () => Number.NaN],
  ])('G5: an estimate or a usage that %s changes no outcome', async (_, figure: () => number) => {
    const runtime = virtualRuntime();
    const limit = rateLimit({ tokens, estimate: figure, usage: figure }, runtime);
    expect(await limit.execute(answer)).toBe('answer');
    expect(limit.state().tokens).toBe(100);
  });
});

describe('who waits', () => {
  test('K2: goes first come first served, also where a later call would need less', async () => {
    const runtime = virtualRuntime();
    const order: string[] = [];
    const sizes: Record<string, number> = { a: 100, b: 90, c: 1 };
    const limit = rateLimit(
      { tokens: { limit: 100, perMs: 1_000 }, estimate: ({ correlationId }) => sizes[correlationId] ?? 0 },
      runtime,
    );
    for (const id of ['a', 'b', 'c']) void limit.execute(() => order.push(id), { correlationId: id });
    await runtime.clock.runAll();
    expect(order).toEqual(['a', 'b', 'c']);
    expect(runtime.clock.now()).toBe(910);
  });

  test('RT4 K3: leaves at once when the caller does, and those behind move up', async () => {
    const runtime = virtualRuntime();
    const limit = rateLimit({ requests: { limit: 1, perMs: 1_000 } }, runtime);
    await limit.execute(answer);
    const caller = new AbortController();
    const left = failure(limit.execute(answer, { signal: caller.signal }));
    const times = starts(limit, runtime, 1);
    await runtime.clock.advance(300);
    caller.abort('gone');
    expect(await left).toBe('gone');
    expect(limit.state().waiting).toBe(1);
    await runtime.clock.runAll();
    expect(times).toEqual([1_000]);
  });

  test('G6 G11: leaves no timer behind, whether he goes first, goes last or leaves', async () => {
    const runtime = virtualRuntime();
    const limit = rateLimit({ requests: { limit: 1, perMs: 1_000 } }, runtime);
    const caller = new AbortController();
    await limit.execute(answer);
    expect(runtime.clock.pending).toBe(0);
    const first = limit.execute(answer, { signal: caller.signal });
    const second = failure(limit.execute(answer, { signal: caller.signal }));
    expect(runtime.clock.pending).toBe(1);
    await runtime.clock.advance(1_000);
    await first;
    expect(runtime.clock.pending).toBe(1);
    caller.abort();
    await second;
    expect(runtime.clock.pending).toBe(0);
  });

  test('G6: leaves no listener behind, whether he went or was refused', async () => {
    const runtime = virtualRuntime();
    const limit = rateLimit({ requests: { limit: 1, perMs: 1_000 }, maxWaitMs: 3_000 }, runtime);
    const { context, held } = listened(runtime);
    await limit.execute(answer);
    const went = limit.run(answer, context);
    const refusedLater = failure(limit.run(answer, context));
    expect(held()).toBe(2);
    await runtime.clock.advance(1_000);
    await went;
    expect(held()).toBe(1);
    limit.pause(60_000);
    await refusedLater;
    expect(held()).toBe(0);
  });

  test('RT3: is refused at once where the wait is longer than he may wait', async () => {
    const runtime = virtualRuntime();
    const context = recordingContext({}, runtime);
    const limit = rateLimit({ requests: { limit: 1, perMs: 1_000 }, maxWaitMs: 999, name: 'gpt-x' }, runtime);
    await limit.execute(answer);
    expect(await failure(limit.run(answer, context))).toMatchObject({
      errorType: 'rate_limited',
      isRetryable: true,
      retryAfterMs: 1_000,
      details: { reason: 'queue_timeout', rate_limit: 'gpt-x' },
    });
    expect(context.events).toEqual([
      { type: 'rate_limit.rejected', name: 'gpt-x', reason: 'queue_timeout', waitMs: 1_000 },
    ]);
    expect(runtime.clock.pending).toBe(0);
  });

  test('RT3: is refused at once where the wait is longer than his deadline', async () => {
    const runtime = virtualRuntime();
    const limit = rateLimit({ requests: { limit: 1, perMs: 1_000 } }, runtime);
    await limit.execute(answer);
    expect(await failure(limit.execute(answer, { deadlineMs: 1_000 }))).toMatchObject({ retryAfterMs: 1_000 });
    expect(runtime.clock.now()).toBe(0);
    const inTime = limit.execute(answer, { deadlineMs: 1_001 });
    await runtime.clock.advance(1_000);
    expect(await inTime).toBe('answer');
    expect(runtime.clock.pending).toBe(0);
  });

  test('G8: finds a queue of 100 places, and is told when to come back once it is full', async () => {
    const runtime = virtualRuntime();
    expect(rateLimitDefaults).toEqual({ name: 'default', maxQueue: 100, maxWaitMs: 30_000, maxKeys: 1_000 });
    const limit = rateLimit({ requests: { limit: 10, perMs: 1_000 } }, runtime);
    starts(limit, runtime, 110);
    expect(limit.state().waiting).toBe(100);
    expect(await failure(limit.execute(answer))).toMatchObject({
      retryAfterMs: 10_100,
      details: { reason: 'queue_full' },
    });
  });

  test('hears of it at once when his turn moves beyond what he may wait', async () => {
    const runtime = virtualRuntime();
    const limit = rateLimit({ requests: { limit: 1, perMs: 1_000 }, maxWaitMs: 5_000 }, runtime);
    await limit.execute(answer);
    const impatient = failure(limit.execute(answer, { deadlineMs: 2_000 }));
    const patient = limit.execute(answer);
    await runtime.clock.advance(500);
    limit.pause(3_000);
    expect(await impatient).toMatchObject({ errorType: 'rate_limited', retryAfterMs: 3_000 });
    await runtime.clock.advance(3_000);
    expect(await patient).toBe('answer');
  });

  test('reports how long it will probably take', async () => {
    const runtime = virtualRuntime();
    const context = recordingContext({}, runtime);
    const limit = rateLimit(twoPerSecond, runtime);
    starts(limit, runtime, 3);
    void limit.run(answer, context);
    expect(context.events).toEqual([{ type: 'rate_limit.delayed', name: 'default', waitMs: 1_000 }]);
    await runtime.clock.runAll();
  });

  test('gives back what he was handed in the moment in which he left', async () => {
    const limit = rateLimit({ requests: { limit: 1, perMs: 1_000 } }, virtualRuntime());
    const caller = new AbortController();
    await limit.execute(answer);
    let called = false;
    const call = failure(limit.execute(() => (called = true), { signal: caller.signal }));
    limit.reset();
    expect(limit.state()).toMatchObject({ requests: 0, waiting: 0 });
    caller.abort('gone');
    expect(await call).toBe('gone');
    expect(called).toBe(false);
    expect(limit.state().requests).toBe(1);
  });
});

describe('a 429', () => {
  test('with a stated wait pauses every caller of its key, and no other', async () => {
    const runtime = virtualRuntime();
    const context = recordingContext({ key: 'a' }, runtime);
    const limit = rateLimit({ name: 'gpt-x' }, runtime);
    await failure(limit.run(refused(2_000), context));
    expect(context.events).toEqual([{ type: 'rate_limit.paused', name: 'gpt-x', pausedMs: 2_000 }]);
    expect(limit.state('a').pausedMs).toBe(2_000);
    const times: number[] = [];
    for (const key of ['a', 'b', 'a']) void limit.execute(() => times.push(runtime.clock.now()), { key });
    await runtime.clock.runAll();
    expect(times).toEqual([0, 2_000, 2_000]);
  });

  test('holds back those who wait already', async () => {
    const runtime = virtualRuntime();
    const limit = rateLimit(twoPerSecond, runtime);
    const first = failure(limit.execute(refused(3_000)));
    const times = starts(limit, runtime, 3);
    await first;
    await runtime.clock.runAll();
    expect(times).toEqual([0, 3_000, 3_000]);
  });

  test('with the shorter wait does not end a longer pause, and is not reported again', async () => {
    const runtime = virtualRuntime();
    const reported: string[] = [];
    runtime.events.on(({ type }) => reported.push(type));
    const limit = rateLimit({}, runtime);
    await Promise.all([2_000, 3_000, 1_000].map((waitMs) => failure(limit.execute(refused(waitMs)))));
    expect(limit.state().pausedMs).toBe(3_000);
    expect(reported).toEqual(['rate_limit.paused']);
  });

  test.each([
    ['no stated wait', new RateLimitError()],
    ['a spent quota', new QuotaExceededError(undefined, { retryAfterMs: 1_000 })],
    ['an overload', new ModelOverloadedError(undefined, { retryAfterMs: 1_000 })],
    [
      "an SDK's spent quota",
      Object.assign(new Error('429'), { status: 429, code: 'insufficient_quota', retryAfterMs: 9 }),
    ],
    ['a rejection of our own', new RateLimitError(undefined, { retryAfterMs: 9, details: { reason: 'queue_full' } })],
    ['a stated wait of 0', new RateLimitError(undefined, { retryAfterMs: 0 })],
  ])('that is %s pauses nobody', async (_, error) => {
    const runtime = virtualRuntime();
    const reported: string[] = [];
    runtime.events.on(({ type }) => reported.push(type));
    const limit = rateLimit({}, runtime);
    expect(await failure(limit.execute(() => Promise.reject(error)))).toBe(error);
    expect(limit.state().pausedMs).toBe(0);
    expect(reported).toEqual([]);
  });

  test.each([
    ['a plain object', { 'retry-after': '3' }],
    ['Headers', new Headers({ 'Retry-After-Ms': '3000' })],
  ])("in the shape of an SDK's error is read from its headers: %s", async (_, headers) => {
    const limit = rateLimit({}, virtualRuntime());
    const error = Object.assign(new Error('429 status code'), { status: 429, headers });
    expect(await failure(limit.execute(() => Promise.reject(error)))).toBe(error);
    expect(limit.state().pausedMs).toBe(3_000);
  });

  test('G5 G9: with headers that throw when they are read stays the error of the call', async () => {
    const limit = rateLimit({}, virtualRuntime());
    const headers = {
      get: () => {
        throw new Error('a bug');
      },
    };
    const error = Object.assign(new Error('429'), { status: 429, headers });
    expect(await failure(limit.execute(() => Promise.reject(error)))).toBe(error);
  });

  test('in the middle of a stream counts as well', async () => {
    const limit = rateLimit({}, virtualRuntime());
    const stream = await limit.execute(async function* () {
      yield 'a';
      await refused(4_000)();
    });
    await failure(
      (async () => {
        for await (const item of stream) expect(item).toBe('a');
      })(),
    );
    expect(limit.state().pausedMs).toBe(4_000);
  });

  test('with a wait beyond 7 days is cut, and a reset ends any pause', async () => {
    const runtime = virtualRuntime();
    const limit = rateLimit({}, runtime);
    const error = { status: 429, retryAfterMs: Number.MAX_VALUE };
    await failure(limit.execute(() => Promise.reject(error)));
    expect(limit.state().pausedMs).toBe(604_800_000);
    limit.reset();
    expect(await limit.execute(answer)).toBe('answer');
  });

  test('keeps its key when there is no room for a new one', async () => {
    const runtime = virtualRuntime();
    const limit = rateLimit({ maxKeys: 2 }, runtime);
    await failure(limit.execute(refused(5_000), { key: 'a' }));
    for (const key of ['b', 'c', 'd']) await limit.execute(answer, { key });
    expect(limit.state('a').pausedMs).toBe(5_000);
    limit.pause(5_000, 'd');
    expect(await failure(limit.execute(answer, { key: 'e' }))).toMatchObject({ details: { reason: 'queue_full' } });
    await runtime.clock.advance(5_000);
    expect(await limit.execute(answer, { key: 'e' })).toBe('answer');
  });
});

describe('the headers of an answer', () => {
  test('give a limit where none was configured', async () => {
    const runtime = virtualRuntime();
    const limit = rateLimit({}, runtime);
    limit.learn({
      'x-ratelimit-limit-requests': '60',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '1m0s',
    });
    expect(limit.state().requests).toBe(0);
    const times = starts(limit, runtime, 2);
    await runtime.clock.runAll();
    expect(times).toEqual([1_000, 2_000]);
  });

  test('lower what is left of a configured limit, never raise it', () => {
    const limit = rateLimit({ requests: { limit: 10, perMs: 1_000 } }, virtualRuntime());
    limit.learn({ 'anthropic-ratelimit-requests-remaining': '4' });
    expect(limit.state().requests).toBe(4);
    limit.learn({ 'anthropic-ratelimit-requests-limit': '50', 'anthropic-ratelimit-requests-remaining': '49' });
    expect(limit.state().requests).toBe(4);
  });

  test('bound a configured burst by the limit that the upstream has', () => {
    const limit = rateLimit({ requests: { limit: 100, perMs: 60_000 } }, virtualRuntime());
    limit.learn({ 'X-Chutes-RL-User': '60' });
    expect(limit.state().requests).toBe(60);
    limit.learn({ 'X-Chutes-RL-User': 'inf' });
    expect(limit.state().requests).toBe(60);
  });

  test('hold everybody back until the reset where nothing is left and nobody knows of how much', async () => {
    const runtime = virtualRuntime();
    const limit = rateLimit({}, runtime);
    limit.learn({ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '3' }, 'a');
    expect(limit.state('a').pausedMs).toBe(3_000);
    expect(limit.state().pausedMs).toBe(0);
  });

  test('are read from the error of an SDK, whatever it says', async () => {
    const limit = rateLimit({ requests: { limit: 10, perMs: 1_000 } }, virtualRuntime());
    const error = Object.assign(new Error('500'), { status: 500, headers: { 'x-ratelimit-remaining-requests': '3' } });
    await failure(limit.execute(() => Promise.reject(error)));
    expect(limit.state()).toMatchObject({ requests: 3, pausedMs: 0 });
  });

  test('tell the speed anew with every answer', async () => {
    const runtime = virtualRuntime();
    const limit = rateLimit({}, runtime);
    const tokens = (remaining: number, reset: string): Record<string, string> => ({
      'x-ratelimit-limit-tokens': '100',
      'x-ratelimit-remaining-tokens': String(remaining),
      'x-ratelimit-reset-tokens': reset,
    });
    limit.learn(tokens(100, '1s'));
    expect(limit.state().tokens).toBe(Number.POSITIVE_INFINITY);
    limit.learn(tokens(99, '1s'));
    limit.learn(tokens(50, '5s'));
    expect(limit.state().tokens).toBe(50);
    await runtime.clock.advance(1_000);
    expect(limit.state().tokens).toBe(60);
  });

  test('that say nothing change nothing', () => {
    const limit = rateLimit(twoPerSecond, virtualRuntime());
    limit.learn({ 'content-type': 'text/plain' });
    expect(limit.state()).toEqual({ requests: 2, tokens: Number.POSITIVE_INFINITY, pausedMs: 0, waiting: 0 });
  });

  test('keep the waiting in line, and make them hear of a new limit', async () => {
    const runtime = virtualRuntime();
    const limit = rateLimit({ tokens: { limit: 100, perMs: 1_000 }, estimate: () => 60 }, runtime);
    await limit.execute(answer);
    const times = starts(limit, runtime, 1);
    limit.learn({ 'x-ratelimit-remaining-tokens': '0' });
    await runtime.clock.runAll();
    expect(times).toEqual([600]);
  });
});

describe('options', () => {
  const bad: readonly (readonly [object, string])[] = [
    [{ requests: { limit: 0, perMs: 1 } }, 'requests.limit must be a whole number of at least 1, got 0'],
    [{ requests: { limit: 1.5, perMs: 1 } }, 'requests.limit must be a whole number of at least 1, got 1.5'],
    [{ requests: { limit: 1, perMs: 0 } }, 'requests.perMs must be above 0, got 0'],
    [{ requests: { limit: 1, perMs: Number.POSITIVE_INFINITY } }, 'requests.perMs must be finite, got Infinity'],
    [{ requests: { limit: 1, perMs: 1, burst: 0 } }, 'requests.burst must be a whole number of at least 1, got 0'],
    [{ tokens: { limit: 1, perMs: 1 } }, 'tokens needs estimate or usage, or nothing counts them, got "neither"'],
    [{ maxQueue: -1 }, 'maxQueue must be a whole number of at least 0, got -1'],
    [{ maxWaitMs: Number.NaN }, 'maxWaitMs must be above 0, got NaN'],
    [{ maxKeys: 0 }, 'maxKeys must be a whole number of at least 1, got 0'],
  ];

  test.each(bad)('G7: %j is refused', (options, message) => {
    expect(() => rateLimit(options)).toThrow(new RangeError(message));
  });

  test('G7: a pause of NaN is refused', () => {
    expect(() => rateLimit().pause(Number.NaN)).toThrow(RangeError);
  });

  test('G7: Infinity is no limit', async () => {
    const limit = rateLimit({ requests: { limit: Number.POSITIVE_INFINITY, perMs: 1 } }, virtualRuntime());
    await limit.execute(answer);
    expect(limit.state().requests).toBe(Number.POSITIVE_INFINITY);
  });
});
