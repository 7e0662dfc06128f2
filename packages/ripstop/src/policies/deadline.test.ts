import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import type { Call } from '../call/call.js';
import { InferenceTimeoutError, UpstreamUnavailableError } from '../errors/upstream-errors.js';
import { recordingContext } from '../testing/recording-context.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { bulkhead } from './bulkhead.js';
import { circuitBreaker } from './circuit-breaker.js';
import { deadline, deadlineDefaults } from './deadline.js';
import { pipeline, policy } from './policy.js';
import { retry } from './retry.js';
import { timeout } from './timeout.js';

const never = new Promise<never>(() => undefined);
const silent: Call<never> = () => never;
const failing: Call<never> = async () => {
  throw new UpstreamUnavailableError();
};

async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => expect.unreachable('the call succeeded'),
    (error: unknown) => error,
  );
}

test('T1: the whole call ends at the deadline, attempts and pauses included', async () => {
  const runtime = virtualRuntime();
  const context = recordingContext({}, runtime);
  const whole = pipeline(
    deadline({ limitMs: 2_500 }, runtime),
    retry({ attempts: 10, baseDelayMs: 1_000, factor: 1, jitter: 'none' }, runtime),
    timeout({ limitMs: 500 }, runtime),
  );
  let calls = 0;
  const outcome = failure(
    whole.run(() => {
      calls += 1;
      return never;
    }, context),
  );
  await runtime.clock.advance(1_600);
  expect(calls).toBe(2);
  // 500 ms are left after the second attempt, and the pause would take 1 000.
  await runtime.clock.advance(400);
  expect(await outcome).toMatchObject({ details: { phase: 'attempt' }, stopReason: 'deadline' });
  expect(runtime.clock.now()).toBe(2_000);
  expect(calls).toBe(2);
  expect(runtime.clock.pending).toBe(0);
});

test('T1 T3: a call that outlasts it is told to stop, and fails at once with the very error of its signal', async () => {
  const runtime = virtualRuntime();
  const context = recordingContext({}, runtime);
  let reason: unknown;
  const outcome = failure(
    deadline({ limitMs: 1_000 }, runtime).run(({ signal }) => {
      signal.addEventListener('abort', () => (reason = signal.reason));
      return never;
    }, context),
  );
  await runtime.clock.advance(999);
  expect(reason).toBeUndefined();
  await runtime.clock.advance(1);
  expect(await outcome).toBeInstanceOf(InferenceTimeoutError);
  expect(await outcome).toBe(reason);
  expect(await outcome).toMatchObject({ isRetryable: true, details: { phase: 'total', timeout_seconds: 1 } });
  expect(context.events).toEqual([{ type: 'deadline.expired', limitMs: 1_000 }]);
});

describe('the limit', () => {
  test('T6: is 30 seconds by default', async () => {
    const runtime = virtualRuntime();
    const outcome = failure(deadline({}, runtime).execute(silent));
    await runtime.clock.advance(29_999);
    expect(runtime.clock.pending).toBe(1);
    await runtime.clock.advance(1);
    expect(await outcome).toMatchObject({ details: { timeout_seconds: 30 } });
    expect(deadlineDefaults.limitMs).toBe(30_000);
  });

  test.each([0, -1, Number.NaN, Number.NEGATIVE_INFINITY])('T6 G7: %d is refused', (limitMs) => {
    expect(() => deadline({ limitMs })).toThrow(new RangeError(`limitMs must be above 0, got ${limitMs}`));
  });

  test('T6 G7: an endless limit makes no timer', async () => {
    const runtime = virtualRuntime();
    const call = deadline({ limitMs: Number.POSITIVE_INFINITY }, runtime).execute(async (context) => {
      expect(runtime.clock.pending).toBe(0);
      return context.deadline;
    });
    expect(await call).toBe(Number.POSITIVE_INFINITY);
  });

  test.each([
    { limitMs: 300, deadlineMs: 400, left: 300, timers: 2 },
    { limitMs: 400, deadlineMs: 300, left: 300, timers: 1 },
    { limitMs: 300, deadlineMs: 300, left: 300, timers: 1 },
    { limitMs: 300, deadlineMs: undefined, left: 300, timers: 1 },
  ])('T2: the earlier of this and the caller’s holds: %j', async ({ limitMs, deadlineMs, left, timers }) => {
    const runtime = virtualRuntime();
    await runtime.clock.advance(50);
    let seen = 0;
    const outcome = failure(
      deadline({ limitMs }, runtime).execute(
        (context) => {
          seen = context.deadline - runtime.clock.now();
          return never;
        },
        { deadlineMs },
      ),
    );
    expect(seen).toBe(left);
    await runtime.clock.advance(left - 1);
    expect(runtime.clock.pending).toBe(timers);
    await runtime.clock.advance(1);
    expect(await outcome).toMatchObject({ details: { phase: 'total', timeout_seconds: left / 1_000 } });
    expect(runtime.clock.pending).toBe(0);
  });

  test('T2: an attempt that has less than its own limit left makes no timer', async () => {
    const runtime = virtualRuntime();
    const whole = pipeline(deadline({ limitMs: 100 }, runtime), timeout({ limitMs: 200 }, runtime));
    const outcome = failure(whole.execute(silent));
    expect(runtime.clock.pending).toBe(1);
    await runtime.clock.advance(100);
    expect(await outcome).toMatchObject({ details: { phase: 'total' } });
  });

  test('T2: a nested deadline only ever shortens', async () => {
    const runtime = virtualRuntime();
    const nested = pipeline(deadline({ limitMs: 100 }, runtime), deadline({ limitMs: 200 }, runtime));
    expect(await nested.execute((context) => context.deadline)).toBe(100);
    const other = pipeline(deadline({ limitMs: 200 }, runtime), deadline({ limitMs: 100 }, runtime));
    expect(await other.execute((context) => context.deadline)).toBe(100);
    expect(runtime.clock.pending).toBe(0);
  });
});

describe('at the deadline', () => {
  test('G2 T1: every layer sees the call end, even if the call never listens', async () => {
    const runtime = virtualRuntime();
    const slots = bulkhead({ limit: 1 }, runtime);
    const outcome = failure(pipeline(deadline({ limitMs: 100 }, runtime), slots).execute(silent));
    expect(slots.running).toBe(1);
    await runtime.clock.advance(100);
    expect(await outcome).toMatchObject({ details: { phase: 'total' } });
    expect(slots.running).toBe(0);
  });

  test('T1: a pause between attempts ends', async () => {
    const runtime = virtualRuntime();
    const waiting = policy('waiting', (_, context) => {
      return new Promise((_resolve, reject) => context.onAbort(reject));
    });
    const outcome = failure(pipeline(deadline({ limitMs: 100 }, runtime), waiting).execute(silent));
    await runtime.clock.advance(100);
    expect(await outcome).toMatchObject({ errorType: 'inference_timeout' });
  });

  test('T1: a layer that heeds no signal holds nobody up', async () => {
    const runtime = virtualRuntime();
    const deaf = policy('deaf', () => never);
    const outcome = failure(pipeline(deadline({ limitMs: 100 }, runtime), deaf).execute(silent));
    await runtime.clock.advance(100);
    expect(await outcome).toMatchObject({ errorType: 'inference_timeout' });
  });

  test('T3: half an answer, given because of the abort, is too late', async () => {
    const runtime = virtualRuntime();
    const partial: Call<string> = ({ signal }) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve('half an ans')));
    const outcome = failure(deadline({ limitMs: 100 }, runtime).execute(partial));
    await runtime.clock.advance(100);
    expect(await outcome).toMatchObject({ errorType: 'inference_timeout' });
  });

  test('G4: a value that is complete in the same tick wins', async () => {
    const { clock, ...rest } = virtualRuntime();
    let fire = (): void => undefined;
    const after = (_ms: number, action: () => void): { cancel: () => void } => {
      fire = action;
      return { cancel: () => undefined };
    };
    const runtime = { ...rest, clock: { ...clock, after } };
    const context = recordingContext({}, runtime);
    let answer: (value: string) => void = () => undefined;
    const call: Call<string> = () => new Promise((resolve) => (answer = resolve));
    const outcome = deadline({ limitMs: 100 }, runtime).run(call, context);
    answer('in time');
    fire();
    expect(await outcome).toBe('in time');
    expect(context.events).toEqual([]);
  });
});

describe('a caller who leaves', () => {
  test('T4: is no expiry, and the reason passes through untouched', async () => {
    const runtime = virtualRuntime();
    const caller = new AbortController();
    const context = recordingContext({ signal: caller.signal }, runtime);
    const outcome = failure(deadline({ limitMs: 100 }, runtime).run(silent, context));
    const reason = { why: 'closed the tab' };
    caller.abort(reason);
    expect(await outcome).toBe(reason);
    expect(runtime.clock.pending).toBe(0);
    expect(context.events).toEqual([]);
  });

  test('T4 G3: is still seen as one within', async () => {
    const runtime = virtualRuntime();
    const caller = new AbortController();
    const breaker = circuitBreaker({ consecutive: 1 }, runtime);
    const outcome = failure(
      pipeline(deadline({ limitMs: 100 }, runtime), breaker).execute(silent, { signal: caller.signal }),
    );
    caller.abort('left');
    expect(await outcome).toBe('left');
    expect(breaker.state).toBe('closed');
  });
});

describe('a call that ends in time', () => {
  test('T5 G6: is not aborted, and leaves no timer and no listener', async () => {
    const runtime = virtualRuntime();
    const caller = new AbortController();
    let aborted = false;
    const answer = deadline({ limitMs: 100 }, runtime).execute(
      async ({ signal }) => {
        signal.addEventListener('abort', () => (aborted = true));
        return 'done';
      },
      { signal: caller.signal },
    );
    expect(await answer).toBe('done');
    expect(runtime.clock.pending).toBe(0);
    expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
    await runtime.clock.advance(200);
    expect(aborted).toBe(false);
  });

  test('G6 G9: and so does one that fails, with its own error', async () => {
    const runtime = virtualRuntime();
    expect(await failure(deadline({}, runtime).execute(failing))).toBeInstanceOf(UpstreamUnavailableError);
    expect(runtime.clock.pending).toBe(0);
  });

  test('G10: makes no AbortController where nobody reads the signal', async () => {
    const Native = globalThis.AbortController;
    let made = 0;
    globalThis.AbortController = class extends Native {
      constructor() {
        super();
        made += 1;
      }
    };
    try {
      expect(await deadline({}, virtualRuntime()).execute(async () => 'done')).toBe('done');
    } finally {
      globalThis.AbortController = Native;
    }
    expect(made).toBe(0);
  });
});

describe('a stream', () => {
  const ticking = (everyMs: number, runtime: ReturnType<typeof virtualRuntime>): Call<AsyncGenerator<number>> =>
    async function* () {
      for (let item = 0; item < 3; item += 1) {
        await new Promise<void>((resolve) => runtime.clock.after(everyMs, resolve));
        yield item;
      }
    } as Call<AsyncGenerator<number>>;

  async function read(stream: AsyncIterable<number>, items: number[]): Promise<void> {
    for await (const item of stream) items.push(item);
  }

  test('T1 T5: stays under the deadline to its end', async () => {
    const runtime = virtualRuntime();
    const items: number[] = [];
    const reading = failure(read(await deadline({ limitMs: 100 }, runtime).execute(ticking(40, runtime)), items));
    await runtime.clock.advance(100);
    expect(await reading).toMatchObject({ errorType: 'inference_timeout', details: { phase: 'total' } });
    expect(items).toEqual([0, 1]);
  });

  test('T5 G6: that ends in time is whole, and leaves no timer', async () => {
    const runtime = virtualRuntime();
    const items: number[] = [];
    const reading = read(await deadline({ limitMs: 100 }, runtime).execute(ticking(30, runtime)), items);
    await runtime.clock.advance(90);
    await reading;
    expect(items).toEqual([0, 1, 2]);
    expect(runtime.clock.pending).toBe(0);
  });
});

test('T1 RT3: a policy that stands inside plans by what is left', async () => {
  const runtime = virtualRuntime();
  const whole = pipeline(deadline({ limitMs: 500 }, runtime), retry({ baseDelayMs: 1_000, jitter: 'none' }, runtime));
  const outcome = failure(whole.execute(failing));
  expect(await outcome).toMatchObject({ errorType: 'upstream_unavailable', stopReason: 'deadline' });
  expect(runtime.clock.now()).toBe(0);
});
