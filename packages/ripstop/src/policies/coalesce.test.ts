import { getEventListeners } from 'node:events';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Call } from '../call/call.js';
import { UpstreamUnavailableError } from '../errors/upstream-errors.js';
import { recordingContext } from '../testing/recording-context.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { bulkhead } from './bulkhead.js';
import { circuitBreaker } from './circuit-breaker.js';
import { coalesce, coalesceDefaults } from './coalesce.js';
import { deadline } from './deadline.js';
import { pipeline } from './policy.js';
import { retry } from './retry.js';
import { timeout } from './timeout.js';

async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => expect.unreachable('the call succeeded'),
    (error: unknown) => error,
  );
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A service that answers when it is told to, and counts. */
function service(): {
  call: Call<string>;
  answer: (value?: string) => void;
  fail: (error: unknown) => void;
  readonly signals: AbortSignal[];
} {
  const signals: AbortSignal[] = [];
  const ends: { resolve: (value: string) => void; reject: (error: unknown) => void }[] = [];
  return {
    signals,
    call({ signal }) {
      signals.push(signal);
      return new Promise((resolve, reject) => ends.push({ resolve, reject }));
    },
    answer: (value = 'Paris.') => ends.at(-1)?.resolve(value),
    fail: (error) => ends.at(-1)?.reject(error),
  };
}

describe('calls of one key', () => {
  test('C3: that come while one is in flight share it', async () => {
    const { call, answer, signals } = service();
    const shared = coalesce({}, virtualRuntime());
    const calls = [1, 2, 3].map(() => shared.execute(call, { key: 'capital' }));
    answer();
    expect(await Promise.all(calls)).toEqual(['Paris.', 'Paris.', 'Paris.']);
    expect(signals).toHaveLength(1);
  });

  test('C3: share a failure too, as the very error', async () => {
    const { call, fail } = service();
    const shared = coalesce({}, virtualRuntime());
    const calls = [1, 2].map(() => failure(shared.execute(call, { key: 'capital' })));
    const error = new UpstreamUnavailableError();
    fail(error);
    expect(await Promise.all(calls)).toEqual([error, error]);
  });

  test.each(['answer', 'fail'] as const)('C3: nothing is kept once it has settled: %s', async (end) => {
    const first = service();
    const shared = coalesce({}, virtualRuntime());
    const outcome = shared.execute(first.call, { key: 'capital' }).catch((error: unknown) => error);
    first[end](end === 'fail' ? 'down' : 'Paris.');
    await outcome;
    expect(await shared.execute(() => 'afresh', { key: 'capital' })).toBe('afresh');
  });

  test('C3: other keys, and calls without one, are made apart', async () => {
    const { call, signals } = service();
    const shared = coalesce({}, virtualRuntime());
    for (const key of ['a', 'b', undefined, undefined]) void shared.execute(call, { key });
    expect(signals).toHaveLength(4);
  });

  test('C3: the key may be worked out from the context', async () => {
    const { call, answer, signals } = service();
    const shared = coalesce({ key: ({ key }) => key?.toLowerCase() }, virtualRuntime());
    const calls = [shared.execute(call, { key: 'A' }), shared.execute(call, { key: 'a' })];
    answer();
    await Promise.all(calls);
    expect(signals).toHaveLength(1);
  });

  test('G5: a key that throws shares nothing, and is reported', async () => {
    const runtime = virtualRuntime();
    const context = recordingContext({}, runtime);
    const bug = new Error('no body');
    const shared = coalesce(
      {
        key() {
          throw bug;
        },
      },
      runtime,
    );
    expect(await shared.run(() => 'done', context)).toBe('done');
    expect(context.events).toEqual([{ type: 'listener.failed', error: bug }]);
  });

  test('G12: a synchronous throw, undefined and a falsy failure are shared like anything else', async () => {
    const shared = coalesce({}, virtualRuntime());
    const bug = new Error('bug');
    const throwing = (): never => {
      throw bug;
    };
    expect(await failure(shared.execute(throwing, { key: 'a' }))).toBe(bug);
    expect(await shared.execute(() => undefined, { key: 'a' })).toBeUndefined();
    const falsy = [1, 2].map(() => shared.execute(async () => Promise.reject(0), { key: 'a' }));
    expect(await Promise.all(falsy.map(failure))).toEqual([0, 0]);
  });

  test('C3: who joins is reported, with how many share', async () => {
    const runtime = virtualRuntime();
    const { call, answer } = service();
    const shared = coalesce({}, runtime);
    const contexts = [1, 2, 3].map(() => recordingContext({ key: 'capital' }, runtime));
    const calls = contexts.map((context) => shared.run(call, context));
    answer();
    await Promise.all(calls);
    expect(contexts.map(({ events }) => events)).toEqual([
      [],
      [{ type: 'coalesce.joined', callers: 2 }],
      [{ type: 'coalesce.joined', callers: 3 }],
    ]);
  });
});

describe('bounds', () => {
  test('G8: only so many keys are shared at a time; further calls are made all the same', async () => {
    const { call, answer, signals } = service();
    const shared = coalesce({ maxKeys: 1 }, virtualRuntime());
    void shared.execute(call, { key: 'a' });
    void shared.execute(call, { key: 'b' });
    const last = shared.execute(call, { key: 'b' });
    expect(signals).toHaveLength(3);
    answer();
    expect(await last).toBe('Paris.');
    expect(coalesceDefaults).toEqual({ maxKeys: 1_000 });
  });

  test.each([0, -1, 1.5, Number.NaN])('G8: maxKeys %d is refused', (maxKeys) => {
    expect(() => coalesce({ maxKeys })).toThrow(
      new RangeError(`maxKeys must be a whole number of at least 1, got ${maxKeys}`),
    );
  });
});

describe('a caller who leaves', () => {
  test('C3: leaves alone, with his reason; the others get the answer', async () => {
    const { call, answer, signals } = service();
    const shared = coalesce({}, virtualRuntime());
    const callers = [1, 2, 3].map(() => new AbortController());
    const calls = callers.map(({ signal }) =>
      shared.execute(call, { key: 'capital', signal }).catch((e: unknown) => e),
    );
    const reason = { why: 'closed the tab' };
    callers[0]?.abort(reason);
    callers[2]?.abort('left too');
    expect(await calls[0]).toBe(reason);
    expect(await calls[2]).toBe('left too');
    expect(signals[0]?.aborted).toBe(false);
    answer();
    expect(await calls[1]).toBe('Paris.');
    for (const { signal } of callers) expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test('C3: cancels the call if he was the last, and a call that comes then is made afresh', async () => {
    const { call, signals, answer } = service();
    const shared = coalesce({}, virtualRuntime());
    const callers = [1, 2].map(() => new AbortController());
    const calls = callers.map(({ signal }) =>
      shared.execute(call, { key: 'capital', signal }).catch((e: unknown) => e),
    );
    callers[0]?.abort('left');
    callers[1]?.abort('left last');
    expect(signals[0]?.aborted).toBe(true);
    expect(signals[0]?.reason).toBe('left last');
    const next = shared.execute(call, { key: 'capital' });
    expect(signals).toHaveLength(2);
    answer();
    expect(await next).toBe('Paris.');
    expect(await Promise.all(calls)).toEqual(['left', 'left last']);
  });

  test('C3: who cannot leave keeps the call alive', async () => {
    const { call, signals, answer } = service();
    const shared = coalesce({}, virtualRuntime());
    const caller = new AbortController();
    const left = failure(shared.execute(call, { key: 'capital', signal: caller.signal }));
    const stays = shared.execute(call, { key: 'capital' });
    caller.abort('left');
    expect(await left).toBe('left');
    expect(signals[0]?.aborted).toBe(false);
    answer();
    expect(await stays).toBe('Paris.');
  });

  test('C3 G3: is seen as one within, when he was the last', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1 }, runtime);
    const slots = bulkhead({ limit: 1 }, runtime);
    const caller = new AbortController();
    const { call } = service();
    const options = { key: 'capital', signal: caller.signal };
    const outcome = failure(pipeline(coalesce({}, runtime), slots, breaker).execute(call, options));
    caller.abort('left');
    expect(await outcome).toBe('left');
    await settled();
    expect(breaker.state).toBe('closed');
    expect(slots.running).toBe(0);
  });

  test('C3: whose signal has aborted already is neither called nor joins', async () => {
    const runtime = virtualRuntime();
    const { call, signals } = service();
    const outcome = coalesce({}, runtime).run(
      call,
      recordingContext({ key: 'capital', signal: AbortSignal.abort('left') }, runtime),
    );
    expect(await failure(outcome)).toBe('left');
    expect(signals).toEqual([]);
  });

  test('G4: a value that is complete when he leaves is his', async () => {
    const { call, answer } = service();
    const caller = new AbortController();
    const outcome = coalesce({}, virtualRuntime()).execute(call, { key: 'capital', signal: caller.signal });
    answer();
    caller.abort('left');
    expect(await outcome).toBe('Paris.');
  });
});

describe('time', () => {
  test('C3: each has his own deadline, and the call that of the most patient', async () => {
    const runtime = virtualRuntime();
    const seen: number[] = [];
    const { call, answer, signals } = service();
    const shared = coalesce({}, runtime);
    let inside = (): number => 0;
    const hurried = failure(
      shared.execute(
        (context) => {
          inside = () => context.deadline;
          return call(context);
        },
        { key: 'capital', deadlineMs: 100 },
      ),
    );
    seen.push(inside());
    const patient = shared.execute(call, { key: 'capital', deadlineMs: 300 });
    seen.push(inside());
    expect(seen).toEqual([100, 300]);
    await runtime.clock.advance(100);
    expect(await hurried).toMatchObject({ errorType: 'inference_timeout', details: { phase: 'total' } });
    expect(signals[0]?.aborted).toBe(false);
    answer();
    expect(await patient).toBe('Paris.');
    expect(runtime.clock.pending).toBe(0);
  });

  test('C3: nobody joins a call for which the time of another has run out', async () => {
    const runtime = virtualRuntime();
    const { call, signals } = service();
    const shared = pipeline(deadline({ limitMs: 100 }, runtime), coalesce({}, runtime));
    const outcomes: Promise<unknown>[] = [];
    for (let caller = 0; caller < 8; caller += 1) {
      outcomes.push(failure(shared.execute(call, { key: 'capital' })));
      await runtime.clock.advance(60);
    }
    // At 0 and 60 they share, at 120 a new call begins, and so on: a call that hangs gathers callers for 100 ms.
    expect(signals).toHaveLength(4);
    await runtime.clock.runAll();
    for (const outcome of outcomes) expect(await outcome).toMatchObject({ errorType: 'inference_timeout' });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true, true]);
  });

  test('C1: inside a deadline and around retry and timeout, all share the attempts', async () => {
    const runtime = virtualRuntime();
    const whole = pipeline(
      deadline({ limitMs: 5_000 }, runtime),
      coalesce({}, runtime),
      retry({ baseDelayMs: 100, jitter: 'none' }, runtime),
      timeout({ limitMs: 200 }, runtime),
    );
    let attempts = 0;
    const second: Call<string> = ({ attempt }) => {
      attempts += 1;
      return attempt === 2 ? 'Paris.' : new Promise(() => undefined);
    };
    const calls = Promise.all([1, 2, 3].map(() => whole.execute(second, { key: 'capital' })));
    await runtime.clock.advance(400);
    expect(await calls).toEqual(['Paris.', 'Paris.', 'Paris.']);
    expect(attempts).toBe(2);
    expect(runtime.clock.pending).toBe(0);
  });

  test('C1 RT2: a retry inside stops at a breaker that has opened inside', async () => {
    const runtime = virtualRuntime();
    const whole = pipeline(
      coalesce({}, runtime),
      retry({ baseDelayMs: 1, jitter: 'none' }, runtime),
      circuitBreaker({ consecutive: 1 }, runtime),
    );
    const outcome = failure(whole.execute(() => Promise.reject(new UpstreamUnavailableError()), { key: 'capital' }));
    expect(await outcome).toMatchObject({ errorType: 'upstream_unavailable', stopReason: 'circuit_open' });
  });

  test('C3: an open breaker inside is told to a retry outside, of every caller', async () => {
    const runtime = virtualRuntime();
    const whole = pipeline(
      retry({ baseDelayMs: 1, jitter: 'none' }, runtime),
      coalesce({}, runtime),
      circuitBreaker({ consecutive: 1 }, runtime),
    );
    const { call, fail, signals } = service();
    const calls = [1, 2].map(() => failure(whole.execute(call, { key: 'capital' })));
    fail(new UpstreamUnavailableError());
    for (const outcome of calls) expect(await outcome).toMatchObject({ stopReason: 'circuit_open' });
    expect(signals).toHaveLength(1);
  });
});

describe('a stream', () => {
  function streams(): { call: Call<AsyncGenerator<number>>; calls: () => number; signals: AbortSignal[] } {
    let calls = 0;
    const signals: AbortSignal[] = [];
    return {
      calls: () => calls,
      signals,
      call: async ({ signal }) => {
        calls += 1;
        const number = calls;
        signals.push(signal);
        await settled();
        return (async function* () {
          yield number;
          await settled();
          yield number;
        })();
      },
    };
  }

  async function read(stream: AsyncIterable<number>): Promise<number[]> {
    const items: number[] = [];
    for await (const item of stream) items.push(item);
    return items;
  }

  test('C3: is not shared: one gets it, and the others make calls of their own', async () => {
    const { call, calls } = streams();
    const shared = coalesce({}, virtualRuntime());
    const all = await Promise.all([1, 2, 3].map(() => shared.execute(call, { key: 'poem' })));
    expect(await Promise.all(all.map(read))).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    expect(calls()).toBe(3);
  });

  test('C3: goes to the first who is still there', async () => {
    const { call, calls } = streams();
    const shared = coalesce({}, virtualRuntime());
    const caller = new AbortController();
    const first = failure(shared.execute(call, { key: 'poem', signal: caller.signal }));
    const second = shared.execute(call, { key: 'poem', signal: new AbortController().signal });
    caller.abort('left');
    expect(await first).toBe('left');
    expect(await read(await second)).toEqual([1, 1]);
    expect(calls()).toBe(1);
  });

  test('C3 T5: ends with its reader, whoever else had asked', async () => {
    const { call, signals } = streams();
    const shared = coalesce({}, virtualRuntime());
    const caller = new AbortController();
    const first = await Promise.all([
      shared.execute(call, { key: 'poem', signal: caller.signal }),
      shared.execute(call, { key: 'poem', signal: new AbortController().signal }),
    ]);
    const reading = failure(read(first[0]));
    caller.abort('left');
    expect(await reading).toBe('left');
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    expect(await read(first[1])).toEqual([2, 2]);
    expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
  });

  test('C3: that comes when all have left is closed', async () => {
    const runtime = virtualRuntime();
    const shared = coalesce({}, runtime);
    const caller = new AbortController();
    let closed = false;
    let arrive = (): void => undefined;
    const call: Call<AsyncIterable<number>> = () =>
      new Promise((resolve) => {
        const iterator = {
          next: () => new Promise<never>(() => undefined),
          return() {
            closed = true;
            return Promise.resolve({ done: true, value: undefined } as const);
          },
        };
        arrive = () => resolve({ [Symbol.asyncIterator]: () => iterator });
      });
    const outcome = failure(shared.run(call, recordingContext({ key: 'poem', signal: caller.signal }, runtime)));
    caller.abort('left');
    expect(await outcome).toBe('left');
    arrive();
    await settled();
    expect(closed).toBe(true);
  });
});

test('C3 G6: under any interleaving everybody gets an outcome, calls are never abandoned, and nothing is kept', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.record({ key: fc.constantFrom('a', 'b'), leaves: fc.boolean(), fails: fc.boolean() }), {
        minLength: 1,
        maxLength: 10,
      }),
      async (scheduler, callers) => {
        const runtime = virtualRuntime();
        const shared = coalesce({}, runtime);
        const inFlight = new Map<string, number>();
        const outcomes = callers.map(async ({ key, leaves, fails }, index) => {
          await scheduler.schedule(Promise.resolve(), `call ${index}`);
          const caller = new AbortController();
          if (leaves) void scheduler.schedule(Promise.resolve(), `leave ${index}`).then(() => caller.abort('left'));
          const call: Call<string> = async (context) => {
            inFlight.set(key, (inFlight.get(key) ?? 0) + 1);
            const over = (): void => void inFlight.set(key, (inFlight.get(key) ?? 0) - 1);
            context.onAbort(over);
            await scheduler.schedule(Promise.resolve(), `end ${index}`);
            if (!context.aborted) over();
            if (fails) throw new Error(`${key} failed`);
            return key;
          };
          const outcome = await shared
            .execute(call, { key, signal: caller.signal })
            .catch((error: unknown) => (error instanceof Error ? error.message : error));
          expect(inFlight.get(key)).toBeLessThanOrEqual(1);
          expect([key, `${key} failed`, ...(leaves ? ['left'] : [])]).toContain(outcome);
        });
        await scheduler.waitFor(Promise.all(outcomes));
        await settled();
        expect([...inFlight.values()].every((calls) => calls === 0)).toBe(true);
        for (const key of ['a', 'b']) expect(await shared.execute(() => 'afresh', { key })).toBe('afresh');
      },
    ),
    { numRuns: 300 },
  );
});
