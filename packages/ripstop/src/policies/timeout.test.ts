import { describe, expect, test } from 'vitest';
import type { Call } from '../call/call.js';
import { InferenceTimeoutError } from '../errors/upstream-errors.js';
import { recordingContext } from '../testing/recording-context.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { pipeline, policy } from './policy.js';
import { retry } from './retry.js';
import { timeout, timeoutDefaults } from './timeout.js';

const never = new Promise<never>(() => undefined);
const silent: Call<never> = () => never;

async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => expect.unreachable('the call succeeded'),
    (error: unknown) => error,
  );
}

test('T3: an attempt that outlasts its limit is told to stop, and fails', async () => {
  const runtime = virtualRuntime();
  const context = recordingContext();
  let stopped = false;
  const silent: Call<never> = ({ signal }) =>
    new Promise(() => signal.addEventListener('abort', () => (stopped = true)));

  const outcome = timeout({ limitMs: 1_000 }, runtime)
    .run(silent, context)
    .catch((error: unknown) => error);
  await runtime.clock.advance(999);
  expect(stopped).toBe(false);
  await runtime.clock.advance(1);

  expect(await outcome).toMatchObject({ errorType: 'inference_timeout', isRetryable: true });
  expect(stopped).toBe(true);
  expect(context.events).toEqual([{ type: 'timeout.expired', limitMs: 1_000 }]);
});

describe('the limit', () => {
  test('T6: is 30 seconds by default', async () => {
    const runtime = virtualRuntime();
    const outcome = failure(timeout({}, runtime).execute(silent));
    await runtime.clock.advance(29_999);
    expect(runtime.clock.pending).toBe(1);
    await runtime.clock.advance(1);
    expect(await outcome).toMatchObject({ details: { timeout_seconds: 30 } });
    expect(timeoutDefaults.limitMs).toBe(30_000);
  });

  test.each([0, -1, Number.NaN, Number.NEGATIVE_INFINITY])('T6 G7: %d is refused', (limitMs) => {
    expect(() => timeout({ limitMs })).toThrow(new RangeError(`limitMs must be above 0, got ${limitMs}`));
  });

  test('T6 G7: an endless limit makes no timer', async () => {
    const runtime = virtualRuntime();
    const call = timeout({ limitMs: Number.POSITIVE_INFINITY }, runtime).execute(async () => {
      expect(runtime.clock.pending).toBe(0);
      return 'done';
    });
    expect(await call).toBe('done');
  });

  test('G7: may be longer than any timer of the platform', async () => {
    const runtime = virtualRuntime();
    const limitMs = 2 ** 31 + 5;
    const outcome = failure(timeout({ limitMs }, runtime).execute(silent));
    await runtime.clock.advance(2 ** 31);
    expect(runtime.clock.pending).toBe(1);
    await runtime.clock.advance(5);
    expect(await outcome).toMatchObject({ errorType: 'inference_timeout' });
  });

  test('T2: of an attempt is what is left of the deadline, where that is less', async () => {
    const runtime = virtualRuntime();
    const outcome = failure(timeout({ limitMs: 1_000 }, runtime).execute(silent, { deadlineMs: 400 }));
    await runtime.clock.advance(399);
    expect(runtime.clock.pending).toBe(1);
    await runtime.clock.advance(1);
    expect(await outcome).toMatchObject({ details: { phase: 'total', timeout_seconds: 0.4 } });
    expect(runtime.clock.pending).toBe(0);
  });

  test('T2: is its own where more is left of the deadline', async () => {
    const runtime = virtualRuntime();
    const outcome = failure(timeout({ limitMs: 300 }, runtime).execute(silent, { deadlineMs: 400 }));
    await runtime.clock.advance(300);
    expect(await outcome).toMatchObject({ details: { phase: 'attempt', timeout_seconds: 0.3 } });
    expect(runtime.clock.pending).toBe(0);
  });

  test.each([100, 1_000])(
    'T2 T4: a deadline that ends the attempt first is not reported as this limit: %i',
    async (limitMs) => {
      const runtime = virtualRuntime();
      const context = recordingContext({ deadlineMs: 100 }, runtime);
      const outcome = failure(timeout({ limitMs }, runtime).run(silent, context));
      expect(runtime.clock.pending).toBe(1);
      await runtime.clock.advance(100);
      expect(await outcome).toMatchObject({ details: { phase: 'total' } });
      expect(context.events).toEqual([]);
    },
  );
});

describe('at the limit', () => {
  test('T3: the signal aborts with the very error that the caller gets, which names the phase', async () => {
    const runtime = virtualRuntime();
    let reason: unknown;
    const outcome = failure(
      timeout({ limitMs: 50 }, runtime).execute(({ signal }) => {
        signal.addEventListener('abort', () => (reason = signal.reason));
        return never;
      }),
    );
    await runtime.clock.advance(50);
    expect(await outcome).toBeInstanceOf(InferenceTimeoutError);
    expect(await outcome).toBe(reason);
    expect(await outcome).toMatchObject({ details: { phase: 'attempt' }, message: /0\.05 seconds/ });
  });

  test('T3: what the attempt throws because of its abort does not hide the timeout', async () => {
    const runtime = virtualRuntime();
    const obedient: Call<never> = ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('socket closed'))));
    const outcome = failure(timeout({ limitMs: 50 }, runtime).execute(obedient));
    await runtime.clock.advance(50);
    expect(await outcome).toBeInstanceOf(InferenceTimeoutError);
  });

  test.each(['resolve', 'reject'] as const)(
    'T3: an attempt that %ss late is dropped, and never unhandled',
    async (end) => {
      const unhandled: unknown[] = [];
      const note = (reason: unknown): void => void unhandled.push(reason);
      process.on('unhandledRejection', note);
      try {
        const runtime = virtualRuntime();
        const late: Call<string> = () =>
          new Promise((resolve, reject) => {
            runtime.clock.after(80, () => (end === 'resolve' ? resolve('late') : reject(new Error('late'))));
          });
        const outcome = failure(timeout({ limitMs: 50 }, runtime).execute(late));
        await runtime.clock.advance(50);
        expect(await outcome).toBeInstanceOf(InferenceTimeoutError);
        await runtime.clock.runAll();
        expect(runtime.clock.pending).toBe(0);
        expect(unhandled).toEqual([]);
      } finally {
        process.off('unhandledRejection', note);
      }
    },
  );
});

describe('a call that answers because it was told to stop', () => {
  /** Gives what it has so far, as a loop does that breaks when its signal aborts. */
  const partial: Call<string> = ({ signal }) =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve('half an ans')));

  test('T3: is too late: half an answer never passes for a whole one', async () => {
    const runtime = virtualRuntime();
    const outcome = failure(timeout({ limitMs: 50 }, runtime).execute(partial));
    await runtime.clock.advance(50);
    expect(await outcome).toBeInstanceOf(InferenceTimeoutError);
  });

  test('T3: not even through layers and a retry, and under a deadline neither', async () => {
    const runtime = virtualRuntime();
    const whole = pipeline(
      timeout({ limitMs: 120 }, runtime),
      retry({ attempts: 2, baseDelayMs: 0 }, runtime),
      timeout({ limitMs: 50 }, runtime),
    );
    const limited = failure(whole.execute(partial));
    const bounded = failure(retry({}, runtime).execute(partial, { deadlineMs: 70 }));
    await runtime.clock.advance(120);
    expect(await limited).toMatchObject({
      errorType: 'inference_timeout',
      details: { timeout_seconds: 0.05 },
      stopReason: 'attempts',
    });
    expect(await bounded).toMatchObject({ errorType: 'inference_timeout', details: { phase: 'total' } });
  });

  test('T3: nor does a stream that ends because of it pass for a complete one', async () => {
    const runtime = virtualRuntime();
    const stream = await timeout({ limitMs: 50 }, runtime).execute(async function* ({
      signal,
    }): AsyncGenerator<string> {
      yield 'half an';
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    } as Call<AsyncGenerator<string>>);
    const items: string[] = [];
    const reading = failure(
      (async () => {
        for await (const item of stream) items.push(item);
      })(),
    );
    await runtime.clock.advance(50);
    expect(await reading).toBeInstanceOf(InferenceTimeoutError);
    expect(items).toEqual(['half an']);
  });
});

describe('when the caller leaves', () => {
  test('T4: his reason passes through untouched, and no timeout is reported', async () => {
    const runtime = virtualRuntime();
    const caller = new AbortController();
    const context = recordingContext({ signal: caller.signal }, runtime);
    const outcome = failure(timeout({ limitMs: 1_000 }, runtime).run(silent, context));
    await runtime.clock.advance(10);
    const reason = { why: 'closed the tab' };
    caller.abort(reason);
    expect(await outcome).toBe(reason);
    await runtime.clock.runAll();
    expect(context.events).toEqual([]);
    expect(runtime.clock.pending).toBe(0);
  });

  test('T4: in the same tick in which the limit runs out, it is he who ended the call', async () => {
    const { clock, ...rest } = virtualRuntime();
    let fire = (): void => undefined;
    const runtime = {
      ...rest,
      clock: { ...clock, after: (_ms: number, action: () => void) => ((fire = action), { cancel: () => undefined }) },
    };
    const caller = new AbortController();
    const context = recordingContext({ signal: caller.signal }, runtime);
    const outcome = failure(timeout({ limitMs: 1_000 }, runtime).run(silent, context));
    caller.abort('left');
    fire();
    expect(await outcome).toBe('left');
    expect(context.events).toEqual([]);
  });
});

describe('when the attempt ends in time', () => {
  test.each(['timeout', 'deadline'] as const)(
    'T5 G4: and be it in the tick of its limit: nothing is aborted and nothing reported: %s',
    async (kind) => {
      const { clock, ...rest } = virtualRuntime();
      let fire = (): void => undefined;
      const after = (_ms: number, action: () => void): { cancel(): void } => {
        fire = action;
        return { cancel: () => undefined };
      };
      const runtime = { ...rest, clock: { ...clock, after } };
      const reported: unknown[] = [];
      runtime.events.on((event) => reported.push(event));
      let signal: AbortSignal | undefined;
      let finish: (value: string) => void = () => undefined;
      const work: Call<string> = (context) => {
        ({ signal } = context);
        return new Promise((resolve) => (finish = resolve));
      };
      const outcome =
        kind === 'timeout'
          ? timeout({ limitMs: 50 }, runtime).execute(work)
          : timeout({ limitMs: Number.POSITIVE_INFINITY }, runtime).execute(work, { deadlineMs: 50 });
      fire();
      finish('done');
      expect(await outcome).toBe('done');
      await clock.advance(1);
      expect(signal?.aborted).toBe(false);
      expect(reported).toEqual([]);
    },
  );

  test('T5: nothing is aborted, then or later, and no timer is left', async () => {
    const runtime = virtualRuntime();
    const context = recordingContext(undefined, runtime);
    let signal: AbortSignal | undefined;
    const call = timeout({ limitMs: 1_000 }, runtime).run((inner) => {
      ({ signal } = inner);
      return 'done';
    }, context);
    expect(await call).toBe('done');
    expect(runtime.clock.pending).toBe(0);
    await runtime.clock.advance(5_000);
    expect(signal?.aborted).toBe(false);
    expect(context.events).toEqual([]);
  });

  test('G6: a failure leaves no timer either, and is passed on as it is', async () => {
    const runtime = virtualRuntime();
    const down = new Error('down');
    expect(await failure(timeout({}, runtime).execute(() => Promise.reject(down)))).toBe(down);
    expect(runtime.clock.pending).toBe(0);
  });

  test('G6: a policy inside that throws before it calls leaves no timer either', async () => {
    const runtime = virtualRuntime();
    const refuses = policy(
      'refuses',
      () => {
        throw new Error('not today');
      },
      runtime,
    );
    await expect(pipeline(timeout({}, runtime), refuses).execute(() => 1)).rejects.toThrow('not today');
    expect(runtime.clock.pending).toBe(0);
  });
});

test('each attempt that reads no signal costs no AbortController, and each that does has its own', async () => {
  const runtime = virtualRuntime();
  const limited = timeout({ limitMs: 50 }, runtime);
  const signals: AbortSignal[] = [];
  const calls = [1, 2].map((call) =>
    limited.execute(({ signal }) => {
      signals.push(signal);
      return call === 1 ? never : new Promise((resolve) => runtime.clock.after(49, () => resolve('done')));
    }),
  );
  const outcomes = Promise.allSettled(calls);
  await runtime.clock.advance(50);
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
});
