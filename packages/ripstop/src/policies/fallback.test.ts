import { getEventListeners } from 'node:events';
import { describe, expect, expectTypeOf, test } from 'vitest';
import type { Call, CallContext } from '../call/call.js';
import { callReport } from '../call/call-report.js';
import { ContextLengthError, InvalidInputError } from '../errors/input-errors.js';
import { ModelOverloadedError, RateLimitError } from '../errors/rejections.js';
import { InferenceTimeoutError, UpstreamUnavailableError } from '../errors/upstream-errors.js';
import { recordingContext } from '../testing/recording-context.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { bulkhead } from './bulkhead.js';
import { circuitBreaker } from './circuit-breaker.js';
import { deadline } from './deadline.js';
import { type FallbackOutcome, fallback } from './fallback.js';
import { type Policy, type PolicyOf, pipeline } from './policy.js';
import { retry } from './retry.js';
import { timeout } from './timeout.js';

async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => expect.unreachable('the call succeeded'),
    (error: unknown) => error,
  );
}

const down = new UpstreamUnavailableError();
const silent: Call<never> = () => new Promise(() => undefined);
const failing = (error: unknown): Call<string> => {
  return async () => {
    throw error;
  };
};

/** A fallback that counts how often it is asked. */
function counted(): { standIn: (error: unknown) => string; asked: unknown[] } {
  const asked: unknown[] = [];
  return {
    asked,
    standIn(error) {
      asked.push(error);
      return 'later';
    },
  };
}

describe('a call that fails', () => {
  test('F1: is answered by the fallback, which is told the error', async () => {
    const { standIn, asked } = counted();
    expect(await fallback(standIn, {}, virtualRuntime()).execute(failing(down))).toBe('later');
    expect(asked).toEqual([down]);
  });

  test.each([['a text'], [0], [''], [null], [undefined], [{ generated_text: 'later' }]])(
    'F1: is answered by a value: %j',
    async (value) => {
      expect(await fallback(value, {}, virtualRuntime()).execute(failing(down))).toBe(value);
    },
  );

  test('F1: has failed for good: the fallback comes once, after all attempts', async () => {
    const runtime = virtualRuntime();
    const { standIn, asked } = counted();
    let attempts = 0;
    const outcome = pipeline(fallback(standIn, {}, runtime), retry({ attempts: 3 }, runtime)).execute(async () => {
      attempts += 1;
      expect(asked).toEqual([]);
      throw down;
    });
    await runtime.clock.runAll();
    expect(await outcome).toBe('later');
    expect(attempts).toBe(3);
    expect(asked).toHaveLength(1);
  });

  test('F1: late outcomes of an abandoned call ask it no second time', async () => {
    const runtime = virtualRuntime();
    const { standIn, asked } = counted();
    const late: Call<string> = () =>
      new Promise((_, reject) => {
        runtime.clock.after(80, () => reject(down));
      });
    const outcome = pipeline(fallback(standIn, {}, runtime), timeout({ limitMs: 50 }, runtime)).execute(late);
    await runtime.clock.runAll();
    expect(await outcome).toBe('later');
    expect(asked).toHaveLength(1);
  });

  test('F1: one that succeeds is left alone', async () => {
    const { standIn, asked } = counted();
    expect(await fallback(standIn, {}, virtualRuntime()).execute(() => undefined)).toBeUndefined();
    expect(asked).toEqual([]);
  });

  test('F1 G12: a synchronous throw is a failure like any other', async () => {
    const outcome = fallback('later', {}, virtualRuntime()).execute((): string => {
      throw down;
    });
    expect(await outcome).toBe('later');
  });

  test('F1: the fallback gets a context of its call, and may wait', async () => {
    const runtime = virtualRuntime();
    let seen: CallContext | undefined;
    const policy = fallback(
      async (_, context) => {
        seen = context;
        await new Promise<void>((resolve) => runtime.clock.after(30, resolve));
        return 'later';
      },
      {},
      runtime,
    );
    const outcome = policy.execute(failing(down), { key: 'gpt-x', deadlineMs: 100, correlationId: 'abc' });
    await runtime.clock.advance(30);
    expect(await outcome).toBe('later');
    expect(seen).toMatchObject({ key: 'gpt-x', deadline: 100, correlationId: 'abc' });
    expect(runtime.clock.pending).toBe(0);
  });
});

describe('a caller who leaves', () => {
  test('F1: gets no fallback, but his own reason', async () => {
    const runtime = virtualRuntime();
    const { standIn, asked } = counted();
    const caller = new AbortController();
    const outcome = failure(fallback(standIn, {}, runtime).execute(silent, { signal: caller.signal }));
    const reason = { why: 'closed the tab' };
    caller.abort(reason);
    expect(await outcome).toBe(reason);
    expect(asked).toEqual([]);
  });

  test('F1: gets none whatever was thrown because of it, nor by a filter that takes everything', async () => {
    const runtime = virtualRuntime();
    const { standIn, asked } = counted();
    const caller = new AbortController();
    const obedient: Call<string> = ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(down)));
    const context = recordingContext({ signal: caller.signal }, runtime);
    const outcome = failure(fallback(standIn, { when: () => true }, runtime).run(obedient, context));
    caller.abort('left');
    expect(await outcome).toBe(down);
    expect(asked).toEqual([]);
    expect(context.events).toEqual([]);
  });

  test('F1 F3: during the fallback ends it, with his reason', async () => {
    const runtime = virtualRuntime();
    const caller = new AbortController();
    let told: unknown;
    const policy = fallback(
      (_, { signal }) => {
        signal.addEventListener('abort', () => (told = signal.reason));
        return new Promise<string>(() => undefined);
      },
      {},
      runtime,
    );
    const outcome = failure(policy.execute(failing(down), { signal: caller.signal }));
    await runtime.clock.advance(0);
    caller.abort('left');
    expect(await outcome).toBe('left');
    expect(told).toBe('left');
    expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
  });
});

describe('a deadline', () => {
  test('F1: that has passed ends the call, fallback or not', async () => {
    const runtime = virtualRuntime();
    const { standIn, asked } = counted();
    const within = fallback(standIn, {}, runtime);
    const outcomes = [
      failure(within.execute(silent, { deadlineMs: 100 })),
      failure(pipeline(deadline({ limitMs: 100 }, runtime), within).execute(silent)),
    ];
    await runtime.clock.advance(100);
    for (const outcome of outcomes) expect(await outcome).toMatchObject({ details: { phase: 'total' } });
    expect(asked).toEqual([]);
  });

  test('F1 F2: inside the fallback is a timeout for which it stands in', async () => {
    const runtime = virtualRuntime();
    const outcome = pipeline(fallback('later', {}, runtime), deadline({ limitMs: 100 }, runtime)).execute(silent);
    await runtime.clock.advance(100);
    expect(await outcome).toBe('later');
  });

  test('F1 F3: that passes during the fallback ends it', async () => {
    const runtime = virtualRuntime();
    const slow = fallback(() => new Promise<string>(() => undefined), {}, runtime);
    const outcome = failure(slow.execute(failing(down), { deadlineMs: 100 }));
    await runtime.clock.advance(100);
    expect(await outcome).toMatchObject({ errorType: 'inference_timeout', details: { phase: 'total' } });
  });
});

describe('what it stands in for', () => {
  const shed = new ModelOverloadedError(undefined, { details: { reason: 'queue_full' } });
  const slow = new InferenceTimeoutError(1_000);
  const aborted = new DOMException('The operation timed out', 'TimeoutError');
  const kinds: [FallbackOutcome, unknown][] = [
    ['rejected', shed],
    ['timeout', slow],
    ['timeout', aborted],
    ['failure', down],
    ['failure', new RateLimitError()],
    ['failure', new Error('socket hang up')],
    ['failure', 'thrown text'],
    ['failure', undefined],
    ['failure', Object.assign(new Error('too many'), { status: 429 })],
    ['failure', Object.assign(new Error('no key'), { status: 401 })],
    ['failure', Object.assign(new Error('bad gateway'), { status: 502 })],
  ];

  test.each(kinds)('F2: everything that was %s, by default: %s', async (outcome, error) => {
    const runtime = virtualRuntime();
    const context = recordingContext({}, runtime);
    expect(await fallback('later', {}, runtime).run(failing(error), context)).toBe('later');
    expect(context.events).toMatchObject([{ type: 'fallback.used', outcome }]);
  });

  test.each(kinds)('F2: %s alone, if that is asked for: %s', async (outcome, error) => {
    const all: FallbackOutcome[] = ['rejected', 'failure', 'timeout'];
    const runtime = virtualRuntime();
    const others = all.filter((other) => other !== outcome);
    expect(await fallback('later', { when: [outcome] }, runtime).execute(failing(error))).toBe('later');
    expect(await failure(fallback('later', { when: others }, runtime).execute(failing(error)))).toBe(error);
  });

  test.each([
    ['a bug', new TypeError('x is not a function')],
    ['a request that was never valid', new InvalidInputError()],
    ['an input that is too long', new ContextLengthError()],
    ['a request that the service refused', Object.assign(new Error('no such field'), { status: 422 })],
  ])('F2: not for %s, unless a filter asks for it', async (_, error) => {
    const runtime = virtualRuntime();
    expect(await failure(fallback('later', {}, runtime).execute(failing(error)))).toBe(error);
    const asked: unknown[] = [];
    const when = (candidate: unknown, context: CallContext): boolean => {
      asked.push(candidate, context.attempt);
      return true;
    };
    expect(await fallback('later', { when }, runtime).execute(failing(error))).toBe('later');
    expect(asked).toEqual([error, 1]);
  });

  test('F2 G9: what a filter declines comes through as it was thrown', async () => {
    const error = Object.freeze(new Error('foreign'));
    const policy = fallback('later', { when: () => false }, virtualRuntime());
    expect(await failure(policy.execute(failing(error)))).toBe(error);
  });

  test('F2 G5: a filter that throws asks for nothing, and is reported', async () => {
    const runtime = virtualRuntime();
    const context = recordingContext({}, runtime);
    const bug = new Error('bug in the filter');
    const when = (): boolean => {
      throw bug;
    };
    expect(await failure(fallback('later', { when }, runtime).run(failing(down), context))).toBe(down);
    expect(context.events).toEqual([{ type: 'listener.failed', error: bug }]);
  });

  test('F2: an outcome that does not exist is refused', () => {
    expect(() => fallback('later', { when: ['rejection' as 'rejected'] })).toThrow(
      new RangeError('when must be one of rejected, failure, timeout, got "rejection"'),
    );
  });

  test('F2: an open breaker and a full bulkhead inside are rejections', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1 }, runtime);
    const rejected = fallback('later', { when: ['rejected'] }, runtime);
    const guarded = pipeline(rejected, breaker);
    expect(await failure(guarded.execute(failing(down)))).toBe(down);
    expect(await guarded.execute(failing(down))).toBe('later');
    const slots = bulkhead({ limit: 1 }, runtime);
    void slots.execute(silent);
    expect(await pipeline(rejected, slots).execute(() => 'done')).toBe('later');
  });

  test('F2: a limit inside is a timeout', async () => {
    const runtime = virtualRuntime();
    const outcome = pipeline(
      fallback('later', { when: ['timeout'] }, runtime),
      timeout({ limitMs: 100 }, runtime),
    ).execute(silent);
    await runtime.clock.advance(100);
    expect(await outcome).toBe('later');
  });
});

describe('a fallback that fails too', () => {
  const broken = new Error('no cache');

  test.each([
    [
      'throws',
      () => {
        throw broken;
      },
    ],
    ['rejects', async () => Promise.reject(broken)],
  ])('F3: and %s: both errors are told, the first as the cause', async (_, standIn: () => unknown) => {
    const runtime = virtualRuntime();
    const context = recordingContext({}, runtime);
    const error = await failure(fallback(standIn, {}, runtime).run(failing(down), context));
    expect(error).toBeInstanceOf(AggregateError);
    expect(error).toMatchObject({ errors: [down, broken], cause: down });
    expect(context.events).toEqual([]);
  });

  test('F3 G9: keeps the history of the call', async () => {
    const runtime = virtualRuntime();
    const policy = fallback(() => Promise.reject(broken), {}, runtime);
    const outcome = failure(pipeline(policy, retry({ attempts: 2 }, runtime)).execute(failing(down)));
    await runtime.clock.runAll();
    expect(callReport(await outcome)).toMatchObject({ stopReason: 'attempts', attempts: [{}, {}] });
  });
});

test('F4: that a fallback answered is reported, with what it stood in for', async () => {
  const runtime = virtualRuntime();
  const context = recordingContext({}, runtime);
  await fallback(async () => 'later', {}, runtime).run(failing(down), context);
  expect(context.events).toEqual([{ type: 'fallback.used', outcome: 'failure', errorType: 'upstream_unavailable' }]);
});

describe('a stream', () => {
  const two: Call<AsyncGenerator<number>> = async function* () {
    yield 1;
    throw down;
  } as Call<AsyncGenerator<number>>;

  test('F5: that has been handed out is not replaced', async () => {
    const { standIn, asked } = counted();
    const stream = await fallback(standIn, {}, virtualRuntime()).execute(two);
    const items: unknown[] = [];
    const reading = failure(
      (async () => {
        for await (const item of stream) items.push(item);
      })(),
    );
    expect(await reading).toBe(down);
    expect(items).toEqual([1]);
    expect(asked).toEqual([]);
  });

  test('F1: may be what stands in, and ends with its caller', async () => {
    const caller = new AbortController();
    const policy = fallback(
      async function* () {
        yield 'one moment';
        await new Promise(() => undefined);
      },
      {},
      virtualRuntime(),
    );
    const stream = (await policy.execute(failing(down), { signal: caller.signal })) as AsyncIterable<string>;
    const items: string[] = [];
    const reading = failure(
      (async () => {
        for await (const item of stream) {
          items.push(item);
          caller.abort('left');
        }
      })(),
    );
    expect(await reading).toBe('left');
    expect(items).toEqual(['one moment']);
  });
});

test('the type of a result says that it may be the fallback’s, through pipelines too', async () => {
  const runtime = virtualRuntime();
  const stands = fallback('later', {}, runtime);
  expectTypeOf(stands).toEqualTypeOf<PolicyOf<string>>();
  expectTypeOf(stands.wrap((n: number) => n + 1)).returns.resolves.toEqualTypeOf<number | string>();
  const whole = pipeline(
    stands,
    retry({}, runtime),
    circuitBreaker({}, runtime),
    fallback(async () => null, {}, runtime),
  );
  expectTypeOf(whole).toEqualTypeOf<PolicyOf<string | null>>();
  const limits = [timeout()];
  expectTypeOf(pipeline(retry(), circuitBreaker(), ...limits)).toEqualTypeOf<Policy>();
  expectTypeOf(await whole.execute(() => 1)).toEqualTypeOf<number | string | null>();
  expect(await whole.execute(failing(new UpstreamUnavailableError()))).toBeNull();
});

test('G6 G10: around a success nothing is made and nothing is listened to', async () => {
  const runtime = virtualRuntime();
  const caller = new AbortController();
  const context = recordingContext({ signal: caller.signal }, runtime);
  await fallback('later', {}, runtime).run(() => 'done', context);
  expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
  expect(runtime.clock.pending).toBe(0);
  expect(context.events).toEqual([]);
});
