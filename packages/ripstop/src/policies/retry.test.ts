import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Call, CallContext } from '../call/call.js';
import { callReport } from '../call/call-report.js';
import { createError } from '../errors/create-error.js';
import type { ErrorType } from '../errors/error-types.js';
import { CancelledError, ModelOverloadedError, RateLimitError } from '../errors/rejections.js';
import { GenerationFailedError, InferenceTimeoutError, UpstreamUnavailableError } from '../errors/upstream-errors.js';
import { recordingContext } from '../testing/recording-context.js';
import { type VirtualRuntime, virtualRuntime } from '../testing/virtual-runtime.js';
import { retry, type RetryOptions } from './retry.js';

const down = new GenerationFailedError('down');

/** Fails with each of `errors` in turn, then succeeds. Notes when it was called. */
function flaky(runtime: VirtualRuntime, ...errors: unknown[]): Call<string> & { readonly calledAt: number[] } {
  const calledAt: number[] = [];
  const call = (): Promise<string> => {
    calledAt.push(runtime.clock.now());
    return calledAt.length <= errors.length ? Promise.reject(errors[calledAt.length - 1]) : Promise.resolve('done');
  };
  return Object.assign(call, { calledAt });
}

async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => expect.unreachable('the call succeeded'),
    (error: unknown) => error,
  );
}

/** Runs `fn` under retry until time has nothing more to bring. */
async function retried<T>(
  fn: Call<T>,
  options: RetryOptions,
  runtime = virtualRuntime(),
): Promise<PromiseSettledResult<T>> {
  const outcome = Promise.allSettled([retry(options, runtime).execute(fn)]);
  await runtime.clock.runAll();
  const [result] = await outcome;
  return result;
}

const plain: RetryOptions = { jitter: 'none' };

describe('attempts', () => {
  test('R42 RT1: there are four in all by default', async () => {
    const runtime = virtualRuntime();
    const fn = flaky(runtime, down, down, down, down, down);
    expect(await retried(fn, {}, runtime)).toEqual({ status: 'rejected', reason: down });
    expect(fn.calledAt).toHaveLength(4);
  });

  test('R43: two timeouts, then a success: three calls, and the value', async () => {
    const runtime = virtualRuntime();
    const late = (): InferenceTimeoutError => new InferenceTimeoutError(30_000);
    const fn = flaky(runtime, late(), late());
    expect(await retried(fn, { attempts: 3, baseDelayMs: 10 }, runtime)).toEqual({
      status: 'fulfilled',
      value: 'done',
    });
    expect(fn.calledAt).toHaveLength(3);
  });

  test('R43: a success at once is the end of it, and keeps no timer', async () => {
    const runtime = virtualRuntime();
    const fn = flaky(runtime);
    expect(await retry({}, runtime).execute(fn)).toBe('done');
    expect(fn.calledAt).toEqual([0]);
    expect(runtime.clock.pending).toBe(0);
  });

  test('RT1: `attempts: 1` never retries', async () => {
    const runtime = virtualRuntime();
    const fn = flaky(runtime, down);
    expect(await failure(retry({ attempts: 1 }, runtime).execute(fn))).toBe(down);
    expect(fn.calledAt).toHaveLength(1);
  });

  test('RT9: every attempt has its number, from 1, in its context and in what it reports', async () => {
    const runtime = virtualRuntime();
    const numbers: number[] = [];
    const reported: unknown[] = [];
    runtime.events.on(({ type, attempt }) => type === 'generation.reduced' && reported.push(attempt));
    const call = failure(
      retry({ ...plain, attempts: 3 }, runtime).execute((context) => {
        numbers.push(context.attempt);
        context.emit({ type: 'generation.reduced', maxTokens: 1 });
        throw down;
      }),
    );
    await runtime.clock.runAll();
    await call;
    expect(numbers).toEqual([1, 2, 3]);
    expect(reported).toEqual([1, 2, 3]);
  });

  test('R49 R57 G12: a function that is not async is retried like any other', async () => {
    const runtime = virtualRuntime();
    let calls = 0;
    const result = await retried(
      () => {
        calls += 1;
        if (calls < 3) throw down;
        return calls;
      },
      {},
      runtime,
    );
    expect(result).toEqual({ status: 'fulfilled', value: 3 });
  });

  test.each([undefined, null, 0, '', false, Number.NaN])(
    'G12: a falsy throw is retried, and thrown as it is: %s',
    async (thrown) => {
      const runtime = virtualRuntime();
      const fn = flaky(runtime, thrown, thrown);
      expect(await retried(fn, { attempts: 2 }, runtime)).toEqual({ status: 'rejected', reason: thrown });
      expect(fn.calledAt).toHaveLength(2);
    },
  );

  test.each([undefined, null, 0, '', false])('G12: a falsy value is a success: %s', async (value) => {
    const runtime = virtualRuntime();
    expect(await retry({}, runtime).execute(() => value)).toBe(value);
  });
});

describe('what is retried', () => {
  test.each<[ErrorType, number]>([
    ['out_of_memory', 1],
    ['context_length_exceeded', 1],
    ['invalid_input', 1],
    ['quota_exceeded', 1],
    ['cancelled', 1],
    ['generation_failed', 4],
    ['inference_timeout', 4],
    ['upstream_unavailable', 4],
    ['model_overloaded', 4],
  ])('D21 RT8: %s is called %i times', async (errorType, times) => {
    const runtime = virtualRuntime();
    const fn = flaky(runtime, ...Array.from({ length: 9 }, () => createError(errorType)));
    await retried(fn, {}, runtime);
    expect(fn.calledAt).toHaveLength(times);
  });

  test('D22 RT8: a bug is thrown at once, and its report says why', async () => {
    const runtime = virtualRuntime();
    const bug = new TypeError('x is not a function');
    const fn = flaky(runtime, bug);
    expect(await failure(retry({}, runtime).execute(fn))).toBe(bug);
    expect(fn.calledAt).toHaveLength(1);
    expect(callReport(bug)).toMatchObject({ stopReason: 'not_retryable' });
  });

  test('R42: `when` narrows it, is asked with the error and the context of its attempt, and cannot widen it', async () => {
    const runtime = virtualRuntime();
    const asked: unknown[] = [];
    const when = (error: unknown, { attempt }: CallContext): boolean => {
      asked.push([error, attempt]);
      return error instanceof InferenceTimeoutError;
    };
    const timeoutError = new InferenceTimeoutError(1);
    const fn = flaky(runtime, timeoutError, down);
    expect(await retried(fn, { when }, runtime)).toEqual({ status: 'rejected', reason: down });
    expect(asked).toEqual([
      [timeoutError, 1],
      [down, 2],
    ]);

    const never = flaky(runtime, createError('invalid_input'));
    await retried(never, { when: () => true }, runtime);
    expect(never.calledAt).toHaveLength(1);
  });

  test('G5 G9: a `when` that throws is reported, and ends the call with the error that it was asked about', async () => {
    const runtime = virtualRuntime();
    const bug = new TypeError('cannot read properties of undefined');
    const context = recordingContext(undefined, runtime);
    const when = (): boolean => {
      throw bug;
    };
    expect(await failure(retry({ when }, runtime).run(flaky(runtime, down), context))).toBe(down);
    expect(context.events).toContainEqual({ type: 'listener.failed', error: bug });
  });
});

test('the event of its end says why a policy of ours has refused, and of what was made it says nothing of the kind', async () => {
  const stopped = async (error: Error): Promise<unknown> => {
    const runtime = virtualRuntime();
    const context = recordingContext(undefined, runtime);
    await failure(retry({ when: () => false }, runtime).run(flaky(runtime, error), context));
    return context.events;
  };
  const facts = { type: 'retry.stopped', stopReason: 'not_retryable' };
  const full = new ModelOverloadedError(undefined, { details: { reason: 'queue_full' } });
  expect(await stopped(full)).toEqual([{ ...facts, errorType: 'model_overloaded', rejection: 'queue_full' }]);
  expect(await stopped(down)).toEqual([{ ...facts, errorType: 'generation_failed' }]);
});

describe('waits', () => {
  test('R44: they are 1, 2 and 4 seconds without jitter', async () => {
    const runtime = virtualRuntime();
    const fn = flaky(runtime, down, down, down, down);
    await retried(fn, plain, runtime);
    expect(fn.calledAt).toEqual([0, 1_000, 3_000, 7_000]);
  });

  test('`backoff` says how they grow', async () => {
    const at = async (backoff: RetryOptions['backoff']): Promise<number[]> => {
      const runtime = virtualRuntime();
      const fn = flaky(runtime, down, down, down);
      await retried(fn, { ...plain, backoff }, runtime);
      return fn.calledAt;
    };
    expect(await at('linear')).toEqual([0, 1_000, 3_000, 6_000]);
    expect(await at('constant')).toEqual([0, 1_000, 2_000, 3_000]);
    expect(await at((retry, previousMs) => [10, 50][retry - 1] ?? previousMs + 1)).toEqual([0, 10, 60, 111]);
  });

  test('G5 G9: a `backoff` that throws is reported, and takes nothing from the error or the next attempt', async () => {
    const runtime = virtualRuntime();
    const bug = new TypeError('cannot read properties of undefined');
    const context = recordingContext(undefined, runtime);
    const backoff = (): never => {
      throw bug;
    };
    const fn = flaky(runtime, down, down);
    const call = failure(retry({ ...plain, attempts: 2, backoff }, runtime).run(fn, context));
    await runtime.clock.runAll();
    expect(await call).toBe(down);
    expect(fn.calledAt).toEqual([0, 1_000]);
    expect(context.events).toContainEqual({ type: 'listener.failed', error: bug });
  });

  test('R45 G1: chance and time are those of the runtime', async () => {
    const runtime = virtualRuntime({ random: () => 0.25 });
    const fn = flaky(runtime, down, down);
    await retried(fn, {}, runtime);
    expect(fn.calledAt).toEqual([0, 250, 750]);
  });

  test('RT5: a stated wait is a floor, whatever the backoff and the jitter say', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 60_000 }),
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        fc.constantFrom('full' as const, 'equal' as const, 'decorrelated' as const, 'none' as const),
        async (retryAfterMs, chance, jitter) => {
          const runtime = virtualRuntime({ random: () => chance });
          const fn = flaky(runtime, new RateLimitError(undefined, { retryAfterMs }));
          expect(await retried(fn, { jitter }, runtime)).toMatchObject({ status: 'fulfilled' });
          expect(fn.calledAt[1]).toBeGreaterThanOrEqual(retryAfterMs);
          expect(fn.calledAt[1]).toBeLessThanOrEqual(retryAfterMs * 1.1);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('RT5 D25: a stated wait of a foreign error is obeyed too, and one above the cap ends the call', async () => {
    const runtime = virtualRuntime();
    const busy = Object.assign(new Error('busy'), { retryAfterMs: 7_000 });
    const fn = flaky(runtime, busy);
    await retried(fn, plain, runtime);
    expect(fn.calledAt[1]).toBeGreaterThanOrEqual(7_000);

    const daily = new RateLimitError(undefined, { retryAfterMs: 60_001 });
    const patient = flaky(runtime, daily);
    expect(await failure(retry({}, runtime).execute(patient))).toBe(daily);
    expect(daily.stopReason).toBe('deadline');
    expect(runtime.clock.pending).toBe(0);
  });

  test('RT5: two callers that were told the same wait do not come back together', async () => {
    const runtime = virtualRuntime();
    const limited = (): unknown => new RateLimitError(undefined, { retryAfterMs: 5_000 });
    const fns = [flaky(runtime, limited()), flaky(runtime, limited())] as const;
    const policy = retry({}, runtime);
    const outcomes = Promise.all(fns.map((fn) => policy.execute(fn)));
    await runtime.clock.runAll();
    await outcomes;
    expect(fns[0].calledAt[1]).not.toBe(fns[1].calledAt[1]);
  });

  test('RT3 D23: a wait that does not fit into the time left is not begun', async () => {
    const runtime = virtualRuntime();
    const fn = flaky(runtime, down, down, down);
    const call = failure(retry(plain, runtime).execute(fn, { deadlineMs: 3_000 }));
    await runtime.clock.advance(1_000);
    expect(await call).toBe(down);
    expect(fn.calledAt).toEqual([0, 1_000]);
    expect(callReport(await call)).toMatchObject({ stopReason: 'deadline', attempts: [{}, {}] });
    expect(runtime.clock.pending).toBe(0);
  });

  test('RT3 RT5: a stated wait longer than the time left ends the call at once, with the original error', async () => {
    const runtime = virtualRuntime();
    const limited = new RateLimitError(undefined, { retryAfterMs: 10_000 });
    const call = failure(retry({}, runtime).execute(flaky(runtime, limited), { deadlineMs: 9_000 }));
    expect(await call).toBe(limited);
    expect(limited.stopReason).toBe('deadline');
    expect(runtime.clock.pending).toBe(0);
  });

  test('RT3: nothing waits after the last attempt', async () => {
    const runtime = virtualRuntime();
    const call = failure(retry({ ...plain, attempts: 2 }, runtime).execute(flaky(runtime, down, down)));
    await runtime.clock.advance(1_000);
    expect(await call).toBe(down);
    expect(runtime.clock.now()).toBe(1_000);
    expect(runtime.clock.pending).toBe(0);
  });

  test('RT3 D26: a rejection by an open breaker is not waited for, as nobody said how long the caller has', async () => {
    const runtime = virtualRuntime();
    const open = new ModelOverloadedError('open', { details: { reason: 'circuit_open' }, retryAfterMs: 1_000 });
    expect(await failure(retry({}, runtime).execute(flaky(runtime, open)))).toBe(open);
    expect(open.stopReason).toBe('circuit_open');
    expect(runtime.clock.pending).toBe(0);
  });

  test('RT3: with a deadline that the breaker opens before, it is', async () => {
    const runtime = virtualRuntime();
    const open = new ModelOverloadedError('open', { details: { reason: 'circuit_open' }, retryAfterMs: 1_000 });
    const call = retry({}, runtime).execute(flaky(runtime, open), { deadlineMs: 5_000 });
    await runtime.clock.advance(1_100);
    expect(await call).toBe('done');
    expect(runtime.clock.pending).toBe(0);
  });
});

describe('when the caller leaves', () => {
  test('RT4 D24 G6: a wait ends at once, with his very reason, caused by the last error, and leaves no timer', async () => {
    const runtime = virtualRuntime();
    const caller = new AbortController();
    let error: unknown;
    const call = retry({}, runtime)
      .execute(flaky(runtime, down, down), { signal: caller.signal })
      .catch((reason: unknown) => (error = reason));
    await runtime.clock.advance(0);
    expect(runtime.clock.pending).toBe(1);
    caller.abort();
    expect(runtime.clock.pending).toBe(0);
    await call;
    expect(error).toBe(caller.signal.reason);
    expect(error).toHaveProperty('cause', down);
    expect(callReport(error)).toMatchObject({
      stopReason: 'cancelled',
      attempts: [{ errorType: 'generation_failed' }],
    });
    expect(runtime.clock.now()).toBe(0);
  });

  test.each(['a string', 7, undefined, null, { why: 'object' }, Object.freeze(new Error('frozen'))])(
    'RT4: any reason passes through as it is: %s',
    async (reason) => {
      const runtime = virtualRuntime();
      const caller = new AbortController();
      const call = failure(retry({}, runtime).execute(flaky(runtime, down), { signal: caller.signal }));
      await runtime.clock.advance(0);
      caller.abort(reason);
      expect(await call).toBe(caller.signal.reason);
    },
  );

  test('RT4: a reason that has a cause keeps it', async () => {
    const runtime = virtualRuntime();
    const caller = new AbortController();
    const call = failure(retry({}, runtime).execute(flaky(runtime, down), { signal: caller.signal }));
    await runtime.clock.advance(0);
    caller.abort(new Error('left', { cause: 'closed the tab' }));
    expect(await call).toHaveProperty('cause', 'closed the tab');
  });

  test('G3 D24: during an attempt nothing is retried, whatever the attempt throws', async () => {
    for (const thrown of [down, undefined, new DOMException('late', 'TimeoutError')]) {
      const runtime = virtualRuntime();
      const caller = new AbortController();
      let calls = 0;
      const context = recordingContext({ signal: caller.signal }, runtime);
      const call = failure(
        retry({}, runtime).run(() => {
          calls += 1;
          caller.abort('left');
          throw thrown;
        }, context),
      );
      expect(await call).toBe(thrown);
      expect(calls).toBe(1);
      expect(context.events).toEqual([{ type: 'retry.stopped', stopReason: 'cancelled', errorType: 'cancelled' }]);
      expect(runtime.clock.pending).toBe(0);
    }
  });

  test('D31 G3: the report calls that attempt cancelled, and blames nobody', async () => {
    const runtime = virtualRuntime();
    const caller = new AbortController();
    const call = failure(retry({}, runtime).execute(() => new Promise(() => undefined), { signal: caller.signal }));
    await runtime.clock.advance(40);
    caller.abort(new DOMException('too slow for me', 'TimeoutError'));
    expect(callReport(await call)).toEqual({ stopReason: 'cancelled', attempts: [{ errorType: 'cancelled', ms: 40 }] });
  });

  test('D24: a call whose caller has left already is not made', async () => {
    const runtime = virtualRuntime();
    const fn = flaky(runtime);
    const reason = new CancelledError();
    expect(await failure(retry({}, runtime).execute(fn, { signal: AbortSignal.abort(reason), deadlineMs: 50 }))).toBe(
      reason,
    );
    expect(fn.calledAt).toEqual([]);
    expect(runtime.clock.pending).toBe(0);
  });

  test('D24: in the same tick in which a wait ends, no further attempt is begun', async () => {
    const { clock, ...rest } = virtualRuntime();
    let endWait = (): void => undefined;
    const after = (_ms: number, action: () => void): { cancel(): void } => {
      endWait = action;
      return { cancel: () => undefined };
    };
    const caller = new AbortController();
    let calls = 0;
    const call = failure(
      retry({}, { ...rest, clock: { ...clock, after } }).execute(
        () => {
          calls += 1;
          throw down;
        },
        { signal: caller.signal },
      ),
    );
    await clock.advance(0);
    endWait();
    caller.abort('left');
    expect(await call).toBe('left');
    expect(calls).toBe(1);
  });
});

describe('the deadline', () => {
  test('D23: ends an attempt in the middle, after earlier attempts too', async () => {
    const runtime = virtualRuntime();
    let calls = 0;
    const call = failure(
      retry(plain, runtime).execute(
        () => {
          calls += 1;
          return calls === 1 ? Promise.reject(down) : new Promise(() => undefined);
        },
        { deadlineMs: 5_000 },
      ),
    );
    await runtime.clock.advance(5_000);
    const error = await call;
    expect(error).toMatchObject({
      errorType: 'inference_timeout',
      details: { phase: 'total' },
      stopReason: 'deadline',
    });
    expect(callReport(error)?.attempts).toEqual([
      { errorType: 'generation_failed', ms: 0 },
      { errorType: 'inference_timeout', phase: 'total', ms: 4_000 },
    ]);
    expect(runtime.clock.pending).toBe(0);
  });

  test('D23: ends a wait, should one outlast it', async () => {
    const runtime = virtualRuntime();
    const context = recordingContext(undefined, runtime);
    const call = failure(retry(plain, runtime).run(flaky(runtime, down), context));
    await runtime.clock.advance(500);
    const limit = new InferenceTimeoutError(500, { details: { phase: 'total' } });
    context.abort(limit);
    expect(await call).toBe(limit);
    expect(limit).toMatchObject({ stopReason: 'deadline', cause: down });
    expect(runtime.clock.pending).toBe(0);
  });
});

describe('the report', () => {
  test('R48 G9 D31: the last error itself is thrown, with every attempt and the reason to stop', async () => {
    const runtime = virtualRuntime();
    const errors = [
      new InferenceTimeoutError(5, { details: { phase: 'attempt' } }),
      new UpstreamUnavailableError(undefined, { details: { status: 502 } }),
    ];
    const result = await retried(flaky(runtime, ...errors), { attempts: 2 }, runtime);
    expect(result).toMatchObject({ status: 'rejected' });
    expect(result).toHaveProperty('reason', errors[1]);
    const attempts = [
      { errorType: 'inference_timeout', phase: 'attempt', ms: 0 },
      { errorType: 'upstream_unavailable', status: 502, ms: 0 },
    ];
    expect(errors[1]).toMatchObject({ attempts, stopReason: 'attempts' });
    expect(callReport(errors[1])).toEqual({ attempts, stopReason: 'attempts' });
    expect(errors[0]?.attempts).toBeUndefined();
  });

  test('G9: a foreign error is thrown as it is, with nothing written on it, and its report beside it', async () => {
    const runtime = virtualRuntime();
    const foreign = Object.freeze(Object.assign(new Error('from an SDK'), { status: 503 }));
    const result = await retried(flaky(runtime, down, foreign), { attempts: 2 }, runtime);
    expect(result).toHaveProperty('reason', foreign);
    expect(Object.keys(foreign)).toEqual(['status']);
    expect(callReport(foreign)).toEqual({
      attempts: [
        { errorType: 'generation_failed', ms: 0 },
        { errorType: 'upstream_unavailable', status: 503, ms: 0 },
      ],
      stopReason: 'attempts',
    });
  });

  test('G9: an error of ours that cannot be written on is thrown as it is, too', async () => {
    const runtime = virtualRuntime();
    const frozen = Object.freeze(new GenerationFailedError('frozen'));
    const result = await retried(flaky(runtime, frozen), { attempts: 1 }, runtime);
    expect(result).toHaveProperty('reason', frozen);
  });

  test('D31: each attempt says how long it took', async () => {
    const runtime = virtualRuntime();
    const slow: Call<never> = () => new Promise((_, reject) => runtime.clock.after(250, () => reject(down)));
    await retried(slow, { ...plain, attempts: 2 }, runtime);
    expect(down.attempts?.map(({ ms }) => ms)).toEqual([250, 250]);
  });

  test('G8 D31: of very many attempts the first and the last are kept', async () => {
    const runtime = virtualRuntime();
    const first = new UpstreamUnavailableError('first');
    const last = new InferenceTimeoutError(1);
    const errors = [first, ...Array.from({ length: 98 }, () => new GenerationFailedError()), last];
    await retried(flaky(runtime, ...errors), { attempts: 100, baseDelayMs: 0 }, runtime);
    expect(last.attempts?.length).toBe(32);
    expect(last.attempts?.at(0)?.errorType).toBe('upstream_unavailable');
    expect(last.attempts?.at(-1)?.errorType).toBe('inference_timeout');
  });

  test('events: each wait is announced, and the end gives its reason', async () => {
    const runtime = virtualRuntime();
    const context = recordingContext(undefined, runtime);
    const call = failure(retry({ ...plain, attempts: 3 }, runtime).run(flaky(runtime, down, down, down), context));
    await runtime.clock.runAll();
    await call;
    expect(context.events).toEqual([
      { type: 'retry.scheduled', delayMs: 1_000, errorType: 'generation_failed' },
      { type: 'retry.scheduled', delayMs: 2_000, errorType: 'generation_failed' },
      { type: 'retry.stopped', stopReason: 'attempts', errorType: 'generation_failed' },
    ]);
  });
});

describe('bad options', () => {
  test.each([0, -1, 1.5, Number.NaN])('D32 G7: attempts %d is refused', (attempts) => {
    expect(() => retry({ attempts })).toThrow(
      new RangeError(`attempts must be a whole number of at least 1, got ${attempts}`),
    );
  });

  test('D32 G7: so is a delay or a factor that makes no sense', () => {
    expect(() => retry({ baseDelayMs: -1 })).toThrow(RangeError);
    expect(() => retry({ maxDelayMs: Number.NaN })).toThrow(RangeError);
    expect(() => retry({ factor: 0 })).toThrow(RangeError);
  });

  test('G7 U1: so is a budget that is none, when the policy is made and not at its first retry', () => {
    for (const budget of ['unlimited', null, {}, 5]) {
      expect(() => retry({ budget: budget as never })).toThrow(/^budget must be a retryBudget\(\), got /);
    }
  });

  test('RT1: an option that is `undefined` has its default', async () => {
    const runtime = virtualRuntime();
    const fn = flaky(runtime, down, down, down, down, down);
    await retried(fn, { attempts: undefined, baseDelayMs: undefined, jitter: undefined }, runtime);
    expect(fn.calledAt).toHaveLength(4);
  });

  test('G7: a wait longer than any timer of the platform is waited for', async () => {
    const runtime = virtualRuntime();
    const fn = flaky(runtime, down);
    await retried(fn, { baseDelayMs: 2 ** 31 + 7, maxDelayMs: 2 ** 40, jitter: 'none' }, runtime);
    expect(fn.calledAt).toEqual([0, 2 ** 31 + 7]);
  });
});
