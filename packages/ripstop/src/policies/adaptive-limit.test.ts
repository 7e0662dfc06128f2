import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sleep } from '../call/abort.js';
import type { Call, CallContext } from '../call/call.js';
import { ModelOverloadedError, QuotaExceededError, RateLimitError } from '../errors/rejections.js';
import { GenerationFailedError, InferenceTimeoutError } from '../errors/upstream-errors.js';
import { recordingContext } from '../testing/recording-context.js';
import { type VirtualRuntime, virtualRuntime } from '../testing/virtual-runtime.js';
import {
  type AdaptiveLimit,
  type AdaptiveLimitOptions,
  adaptiveLimit,
  adaptiveLimitDefaults,
} from './adaptive-limit.js';
import { pipeline } from './policy.js';
import { timeout } from './timeout.js';

const answer = async (): Promise<string> => 'answer';
const overloaded = (): Promise<never> => Promise.reject(new ModelOverloadedError(undefined, { origin: 'upstream' }));
const never = new Promise<never>(() => undefined);

async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => expect.unreachable('the call succeeded'),
    (error: unknown) => error,
  );
}

/** Calls that run until they are told how to end. */
function held(limit: AdaptiveLimit, count: number): { readonly end: (outcome: Promise<unknown>) => void }[] {
  return Array.from({ length: count }, () => {
    let end: (outcome: Promise<unknown>) => void = () => undefined;
    void limit.execute(() => new Promise((resolve) => (end = resolve))).catch(() => undefined);
    return { end };
  });
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

describe('the limit', () => {
  test('G8: begins at 20 and stays between 1 and 200', () => {
    expect(adaptiveLimit({}, virtualRuntime())).toMatchObject({ limit: 20, running: 0, waiting: 0 });
    expect(adaptiveLimitDefaults).toMatchObject({ minLimit: 1, maxLimit: 200, backoffRatio: 0.9, maxQueue: 0 });
    expect(adaptiveLimit({ minLimit: 30 }).limit).toBe(30);
    expect(adaptiveLimit({ maxLimit: 5 }).limit).toBe(5);
  });

  test('holds so many calls at a time, and refuses the others', async () => {
    const runtime = virtualRuntime();
    const context = recordingContext({}, runtime);
    const limit = adaptiveLimit({ initialLimit: 2, name: 'gpt-x' }, runtime);
    held(limit, 2);
    expect(limit.running).toBe(2);
    expect(await failure(limit.run(answer, context))).toMatchObject({
      errorType: 'model_overloaded',
      isRetryable: true,
      details: { reason: 'queue_full', adaptive_limit: 'gpt-x' },
    });
    expect(context.events).toEqual([{ type: 'limit.rejected', name: 'gpt-x', reason: 'queue_full' }]);
  });

  test('grows by one while calls succeed and it is in use, and reports it', async () => {
    const runtime = virtualRuntime();
    const context = recordingContext({}, runtime);
    const limit = adaptiveLimit({ initialLimit: 2 }, runtime);
    await limit.run(answer, context);
    expect(limit.limit).toBe(3);
    await limit.run(answer, context);
    expect(limit.limit).toBe(3);
    expect(context.events).toEqual([{ type: 'limit.changed', name: 'default', limit: 3, previous: 2 }]);
  });

  test('is cut to nine tenths by an overload, and reports it', async () => {
    const runtime = virtualRuntime();
    const context = recordingContext({}, runtime);
    const limit = adaptiveLimit({}, runtime);
    await failure(limit.run(overloaded, context));
    expect(limit.limit).toBe(18);
    expect(context.events).toEqual([{ type: 'limit.changed', name: 'default', limit: 18, previous: 20 }]);
  });

  test('is cut once for calls that ran together, and again for one that was begun after', async () => {
    const limit = adaptiveLimit({}, virtualRuntime());
    const together = held(limit, 10);
    for (const { end } of together) end(overloaded());
    await failure(limit.execute(overloaded));
    expect(limit.limit).toBe(18);
    expect(limit.running).toBe(0);
    await failure(limit.execute(overloaded));
    expect(limit.limit).toBe(16);
  });

  test('that was cut ends no running call, and admits nobody until enough have gone', async () => {
    const limit = adaptiveLimit({ initialLimit: 4, backoffRatio: 0.5 }, virtualRuntime());
    const [first, second, third] = held(limit, 4);
    first?.end(overloaded());
    await Promise.resolve();
    await new Promise(setImmediate);
    expect(limit).toMatchObject({ limit: 2, running: 3 });
    expect(await failure(limit.execute(answer))).toMatchObject({ details: { reason: 'queue_full' } });
    second?.end(answer());
    third?.end(answer());
    await new Promise(setImmediate);
    expect(await limit.execute(answer)).toBe('answer');
  });
});

describe('overload', () => {
  const meansOverload: readonly (readonly [string, unknown])[] = [
    ['an overload', new ModelOverloadedError()],
    ['a 429', new RateLimitError(undefined, { origin: 'upstream' })],
    ['a timeout', new InferenceTimeoutError(30_000, { details: { phase: 'attempt' } })],
    ["an SDK's 429", Object.assign(new Error(), { status: 429 })],
    ["an SDK's 529", Object.assign(new Error(), { status: 529 })],
    ["an SDK's 503", Object.assign(new Error(), { statusCode: 503 })],
  ];
  const meansNothing: readonly (readonly [string, unknown])[] = [
    ['a failure', new GenerationFailedError()],
    ['a spent quota', new QuotaExceededError()],
    ["an SDK's spent quota", Object.assign(new Error(), { status: 429, code: 'insufficient_quota' })],
    ["a caller's deadline", new InferenceTimeoutError(5, { details: { phase: 'total' } })],
    ["a caller's fault", Object.assign(new Error(), { status: 400 })],
    ['nothing at all', undefined],
  ];

  test.each(meansOverload)('is %s', async (_, error) => {
    const limit = adaptiveLimit({}, virtualRuntime());
    expect(await failure(limit.execute(() => Promise.reject(error)))).toBe(error);
    expect(limit.limit).toBe(18);
  });

  test.each(meansNothing)('G12: is not %s', async (_, error) => {
    const limit = adaptiveLimit({}, virtualRuntime());
    expect(await failure(limit.execute(() => Promise.reject(error)))).toBe(error);
    expect(limit).toMatchObject({ limit: 20, running: 0 });
  });

  test.each([
    new ModelOverloadedError(undefined, { details: { reason: 'circuit_open' } }),
    new RateLimitError(undefined, { details: { reason: 'queue_full' } }),
  ])('C2: is not what an inner policy refused', async (error) => {
    const limit = adaptiveLimit({}, virtualRuntime());
    expect(await failure(limit.execute(() => Promise.reject(error)))).toBe(error);
    expect(limit.limit).toBe(20);
  });

  test('G3: is not what a call throws whose caller has left', async () => {
    const limit = adaptiveLimit({}, virtualRuntime());
    const caller = new AbortController();
    const call = failure(limit.execute(() => never, { signal: caller.signal }));
    caller.abort(new ModelOverloadedError());
    await call;
    expect(limit).toMatchObject({ limit: 20, running: 0 });
  });

  test('is what `when` leaves of it; a filter that throws leaves all', async () => {
    const no = adaptiveLimit({ when: () => false }, virtualRuntime());
    await failure(no.execute(overloaded));
    expect(no.limit).toBe(20);
    const bug = (): never => {
      throw new Error('a bug');
    };
    const broken = adaptiveLimit({ when: bug }, virtualRuntime());
    expect(await failure(broken.execute(overloaded))).toMatchObject({ errorType: 'model_overloaded' });
    expect(broken.limit).toBe(18);
  });
});

describe('who waits', () => {
  const queued = { initialLimit: 1, maxQueue: 2, maxWaitMs: 1_000 };

  test('K2: gets the freed slot before anybody who comes later', async () => {
    const runtime = virtualRuntime();
    const limit = adaptiveLimit({ ...queued, maxLimit: 1 }, runtime);
    const [running] = held(limit, 1);
    const order: string[] = [];
    const calls = ['first', 'second'].map((id) => limit.execute(() => order.push(id)));
    running?.end(answer());
    await Promise.all(calls);
    expect(order).toEqual(['first', 'second']);
    expect(limit.running).toBe(0);
    expect(runtime.clock.pending).toBe(0);
  });

  test('K3 K5: is refused when the time is up, and leaves his place', async () => {
    const runtime = virtualRuntime();
    const limit = adaptiveLimit(queued, runtime);
    held(limit, 1);
    const call = failure(limit.execute(answer));
    expect(limit.waiting).toBe(1);
    await runtime.clock.advance(1_000);
    expect(await call).toMatchObject({ errorType: 'model_overloaded', details: { reason: 'queue_timeout' } });
    expect(limit.waiting).toBe(0);
  });

  test('RT4 K3 G6: leaves at once when the caller does, and no timer behind', async () => {
    const runtime = virtualRuntime();
    const limit = adaptiveLimit(queued, runtime);
    held(limit, 1);
    const caller = new AbortController();
    const call = failure(limit.execute(answer, { signal: caller.signal }));
    expect(runtime.clock.pending).toBe(1);
    caller.abort('gone');
    expect(await call).toBe('gone');
    expect(limit.waiting).toBe(0);
    expect(runtime.clock.pending).toBe(0);
  });

  test('G6: leaves no listener behind', async () => {
    const runtime = virtualRuntime();
    const limit = adaptiveLimit({ ...queued, maxLimit: 1 }, runtime);
    const [running] = held(limit, 1);
    const { context, held: listeners } = listened(runtime);
    const call = limit.run(answer, context);
    expect(listeners()).toBe(1);
    running?.end(answer());
    await call;
    const stream = await limit.run(async function* () {
      yield 'a';
    }, context);
    expect(listeners()).toBe(1);
    for await (const item of stream) expect(item).toBe('a');
    expect(listeners()).toBe(0);
  });

  test('has one timer, his own or that of a deadline which comes first', async () => {
    const runtime = virtualRuntime();
    const limit = adaptiveLimit(queued, runtime);
    held(limit, 1);
    const call = failure(limit.execute(answer, { deadlineMs: 1_000 }));
    expect(runtime.clock.pending).toBe(1);
    await runtime.clock.advance(1_000);
    expect(await call).toMatchObject({ errorType: 'inference_timeout', details: { phase: 'total' } });
  });

  test('K7: is let in by a limit that grows', async () => {
    const limit = adaptiveLimit({ ...queued, initialLimit: 2 }, virtualRuntime());
    const [first] = held(limit, 2);
    const calls = [limit.execute(() => never), limit.execute(() => never)];
    expect(calls).toHaveLength(2);
    first?.end(answer());
    await new Promise(setImmediate);
    expect(limit).toMatchObject({ limit: 3, running: 3, waiting: 0 });
  });

  test('is not let in by a slot that the cut has taken away', async () => {
    const limit = adaptiveLimit({ initialLimit: 2, maxQueue: 1, backoffRatio: 0.5 }, virtualRuntime());
    const [first] = held(limit, 2);
    void limit.execute(() => never);
    first?.end(overloaded());
    await new Promise(setImmediate);
    expect(limit).toMatchObject({ limit: 1, running: 1, waiting: 1 });
  });

  test('K3: gives the slot back that he was handed in the moment in which he left', async () => {
    const runtime = virtualRuntime();
    const limit = adaptiveLimit(queued, runtime);
    const [running] = held(limit, 1);
    const caller = new AbortController();
    let called = false;
    const context = recordingContext({ signal: caller.signal }, runtime);
    const call = failure(limit.run(() => (called = true), context));
    running?.end(answer());
    while (limit.waiting > 0) await Promise.resolve();
    caller.abort('gone');
    expect(await call).toBe('gone');
    expect(called).toBe(false);
    expect(limit.running).toBe(0);
  });
});

describe('a stream', () => {
  async function* items(outcome?: unknown): AsyncGenerator<string> {
    yield 'a';
    if (outcome !== undefined) throw outcome;
    yield 'b';
  }

  test('holds its slot until it ends, and is judged then', async () => {
    const limit = adaptiveLimit({ initialLimit: 1, maxLimit: 2 }, virtualRuntime());
    const stream = await limit.execute(() => items());
    expect(limit).toMatchObject({ running: 1, limit: 1 });
    for await (const item of stream) expect(item).toMatch(/[ab]/);
    expect(limit).toMatchObject({ running: 0, limit: 2 });
  });

  test('that ends in an overload cuts the limit', async () => {
    const limit = adaptiveLimit({}, virtualRuntime());
    const stream = await limit.execute(() => items(new ModelOverloadedError()));
    await failure(
      (async () => {
        for await (const item of stream) expect(item).toBe('a');
      })(),
    );
    expect(limit).toMatchObject({ running: 0, limit: 18 });
  });

  test.each([
    [1, 2],
    [0, 1],
  ])('whose reader leaves after %i items leaves a limit of %i', async (count, expected) => {
    const limit = adaptiveLimit({ initialLimit: 1, maxLimit: 2 }, virtualRuntime());
    const stream = await limit.execute(() => items());
    if (count > 0) await stream.next();
    await stream.return(undefined);
    expect(limit).toMatchObject({ running: 0, limit: expected });
  });

  test('frees its slot when the caller leaves, whether or not anybody reads on', async () => {
    const limit = adaptiveLimit({}, virtualRuntime());
    const caller = new AbortController();
    await limit.execute(() => items(), { signal: caller.signal });
    expect(limit.running).toBe(1);
    caller.abort();
    expect(limit).toMatchObject({ running: 0, limit: 20 });
  });
});

/** Callers who call again and again, and what came of it. */
async function traffic(
  call: Call<unknown>,
  runtime: VirtualRuntime,
  limit: { execute(fn: Call<unknown>): Promise<unknown> },
  { callers, forMs }: { readonly callers: number; readonly forMs: number },
): Promise<{ answered: number; failed: number }> {
  const seen = { answered: 0, failed: 0 };
  const until = runtime.clock.now() + forMs;
  const caller = async (): Promise<void> => {
    while (runtime.clock.now() < until) {
      try {
        await limit.execute(call);
        seen.answered += 1;
      } catch (error) {
        if (!(error instanceof ModelOverloadedError && error.details['reason'] !== undefined)) seen.failed += 1;
        await sleep(runtime.clock, 20 + 20 * runtime.random(), recordingContext({}, runtime));
      }
    }
  };
  const all = Promise.all(Array.from({ length: callers }, caller));
  await runtime.clock.advance(forMs + 10_000);
  await all;
  return seen;
}

/** Takes `capacity` calls at a time and turns the others away. */
function upstream(capacity: () => number, runtime: VirtualRuntime): Call<unknown> {
  let running = 0;
  return async (context: CallContext) => {
    if (running >= capacity()) return overloaded();
    running += 1;
    await sleep(runtime.clock, 80 + 40 * runtime.random(), context);
    running -= 1;
    return 'answer';
  };
}

const simulated: AdaptiveLimitOptions = { maxQueue: 1_000, maxWaitMs: Number.POSITIVE_INFINITY };

describe('against a simulated upstream', () => {
  test('finds the capacity from below and from above, and keeps to it', async () => {
    const scenario = fc.record({
      seed: fc.integer({ min: 1, max: 1_000 }),
      capacity: fc.integer({ min: 8, max: 40 }),
      initialLimit: fc.constantFrom(1, 20, 150),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ seed, capacity, initialLimit }) => {
        const runtime = virtualRuntime({ seed });
        const limit = adaptiveLimit({ ...simulated, initialLimit }, runtime);
        const call = upstream(() => capacity, runtime);
        await traffic(call, runtime, limit, { callers: 60, forMs: 3_000 });
        const { answered, failed } = await traffic(call, runtime, limit, { callers: 60, forMs: 2_000 });
        expect(limit.limit).toBeGreaterThanOrEqual(Math.floor(capacity * 0.8));
        expect(limit.limit).toBeLessThanOrEqual(capacity + 1);
        expect(failed / (answered + failed)).toBeLessThan(1 / capacity);
        // At least four fifths of what the capacity allows for.
        expect(answered).toBeGreaterThan(capacity * 20 * 0.8);
      }),
      { numRuns: 8 },
    );
  }, 30_000);

  test('follows a capacity that falls and comes back', async () => {
    const runtime = virtualRuntime();
    let capacity = 30;
    const limit = adaptiveLimit(simulated, runtime);
    const call = upstream(() => capacity, runtime);
    await traffic(call, runtime, limit, { callers: 40, forMs: 2_000 });
    expect(limit.limit).toBeGreaterThanOrEqual(24);
    capacity = 6;
    await traffic(call, runtime, limit, { callers: 40, forMs: 2_000 });
    expect(limit.limit).toBeLessThanOrEqual(7);
    capacity = 30;
    await traffic(call, runtime, limit, { callers: 40, forMs: 5_000 });
    expect(limit.limit).toBeGreaterThanOrEqual(24);
  });

  test('a service that is only slow under load, so that every call runs into its timeout, gets fewer and fewer', async () => {
    const runtime = virtualRuntime();
    let running = 0;
    // Ten at a time take 100 ms; every further one slows down all of them alike.
    const slow: Call<unknown> = async (context) => {
      running += 1;
      try {
        await sleep(runtime.clock, 10 * Math.max(10, running), context);
      } finally {
        running -= 1;
      }
    };
    const limit = adaptiveLimit({ ...simulated, initialLimit: 100 }, runtime);
    const limited = pipeline(limit, timeout({ limitMs: 200 }, runtime));
    await traffic(slow, runtime, limited, { callers: 150, forMs: 10_000 });
    expect(limit.limit).toBeLessThanOrEqual(21);
    expect(limit.limit).toBeGreaterThanOrEqual(15);
  });

  test('few callers never raise a limit that they do not need', async () => {
    const runtime = virtualRuntime();
    const limit = adaptiveLimit(simulated, runtime);
    await traffic(
      upstream(() => 100, runtime),
      runtime,
      limit,
      { callers: 5, forMs: 2_000 },
    );
    expect(limit.limit).toBe(20);
  });
});

describe('options', () => {
  const bad: readonly (readonly [AdaptiveLimitOptions, string])[] = [
    [{ minLimit: 0 }, 'minLimit must be a whole number of at least 1, got 0'],
    [{ minLimit: 5, maxLimit: 4 }, 'maxLimit must not be below minLimit (5), got 4'],
    [{ initialLimit: 201 }, 'initialLimit must be between minLimit (1) and maxLimit (200), got 201'],
    [{ initialLimit: 1.5 }, 'initialLimit must be a whole number of at least 1, got 1.5'],
    [{ backoffRatio: 0 }, 'backoffRatio must be above 0 and at most 1, got 0'],
    [{ backoffRatio: 1 }, 'backoffRatio must be below 1, got 1'],
    [{ maxQueue: -1 }, 'maxQueue must be a whole number of at least 0, got -1'],
    [{ maxWaitMs: Number.NaN }, 'maxWaitMs must be above 0, got NaN'],
  ];

  test.each(bad)('G7: %j is refused', (options, message) => {
    expect(() => adaptiveLimit(options)).toThrow(new RangeError(message));
  });
});
