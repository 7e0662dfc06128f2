import { execFileSync } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Call, CallContext } from '../call/call.js';
import { callReport } from '../call/call-report.js';
import { createError } from '../errors/create-error.js';
import { GenerationFailedError, InferenceTimeoutError, OutOfMemoryError } from '../errors/upstream-errors.js';
import { type VirtualRuntime, virtualRuntime } from '../testing/virtual-runtime.js';
import { circuitBreaker } from './circuit-breaker.js';
import { type Policy, pipeline, policy } from './policy.js';
import { retry } from './retry.js';
import { timeout } from './timeout.js';

const down = new GenerationFailedError('down');
const never = new Promise<never>(() => undefined);

async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => expect.unreachable('the call succeeded'),
    (error: unknown) => error,
  );
}

function deferred<T>(): { promise: Promise<T>; resolve(value: T): void; reject(error: unknown): void } {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

/** Layers to be tested all alike. */
const layerings: Record<string, (runtime: VirtualRuntime) => Policy> = {
  retry: (runtime) => retry({}, runtime),
  circuitBreaker: (runtime) => circuitBreaker({}, runtime),
  timeout: (runtime) => timeout({}, runtime),
  'retry, circuitBreaker, timeout': (runtime) =>
    pipeline(retry({}, runtime), circuitBreaker({}, runtime), timeout({}, runtime)),
  'timeout, retry, circuitBreaker, timeout': (runtime) =>
    pipeline(timeout({}, runtime), retry({}, runtime), circuitBreaker({}, runtime), timeout({}, runtime)),
  'five timeouts in each other': (runtime) =>
    pipeline(...Array.from({ length: 5 }, () => timeout({}, runtime)), retry({}, runtime)),
};
const everyLayering = Object.entries(layerings);

const unhandled: unknown[] = [];
const noteUnhandled = (reason: unknown): void => void unhandled.push(reason);
beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', noteUnhandled);
});
afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', noteUnhandled);
  vi.unstubAllGlobals();
  expect(unhandled).toEqual([]);
});

describe('a value and an abort in the same tick', () => {
  /** How the work hands its value on: by itself, or through functions that await it. */
  const hands: Record<string, (work: Promise<string>) => Call<string>> = {
    'by itself': (work) => () => work,
    'through an async function': (work) => async () => work,
    'through three that await': (work) => async () => {
      const one = async (): Promise<string> => {
        const value = await work;
        return value;
      };
      const two = async (): Promise<string> => {
        const value = await one();
        return value;
      };
      const value = await two();
      return value;
    },
  };

  test.each(
    everyLayering.flatMap(([name, make]) => Object.entries(hands).map(([hand, call]) => ({ name, make, hand, call }))),
  )('G4: the value wins under $name, handed on $hand', async ({ make, call }) => {
    for (const order of ['value first', 'abort first']) {
      const runtime = virtualRuntime();
      const caller = new AbortController();
      const work = deferred<string>();
      const outcome = make(runtime).execute(call(work.promise), { signal: caller.signal });
      await runtime.clock.advance(1);
      if (order === 'value first') work.resolve('done');
      caller.abort('left');
      if (order === 'abort first') work.resolve('done');
      expect(await outcome).toBe('done');
      expect(runtime.clock.pending).toBe(0);
    }
  });

  test.each(everyLayering.filter(([name]) => name.includes('timeout')))(
    'G4: it wins over a limit that runs out, too: %s',
    async (_, make) => {
      const { clock, ...rest } = virtualRuntime();
      const actions: (() => void)[] = [];
      const after = (_ms: number, action: () => void): { cancel(): void } => {
        actions.push(action);
        return { cancel: () => undefined };
      };
      const work = deferred<string>();
      const outcome = make({ ...rest, clock: { ...clock, after } }).execute(() => work.promise);
      await clock.advance(1);
      work.resolve('done');
      for (const action of actions) action();
      expect(await outcome).toBe('done');
    },
  );

  test.each(everyLayering)('G3: a failure in the same tick is a cancellation: %s', async (_, make) => {
    const runtime = virtualRuntime();
    const caller = new AbortController();
    const work = deferred<string>();
    const outcome = failure(make(runtime).execute(() => work.promise, { signal: caller.signal }));
    await runtime.clock.advance(1);
    work.reject(down);
    caller.abort('left');
    expect(await outcome).toBe('left');
    await runtime.clock.runAll();
    expect(runtime.clock.pending).toBe(0);
  });
});

describe('an abort', () => {
  test.each(everyLayering)('T4 D24: ends a call that does not listen, with the very reason: %s', async (_, make) => {
    for (const reason of ['text', undefined, null, 0, new Error('bye'), { why: 'left' }]) {
      const runtime = virtualRuntime();
      const caller = new AbortController();
      const call = failure(make(runtime).execute(() => never, { signal: caller.signal }));
      await runtime.clock.advance(1);
      caller.abort(reason);
      expect(await call).toBe(caller.signal.reason);
      expect(runtime.clock.pending).toBe(0);
      expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
    }
  });

  test('D31: is seen by every layer from the inside out, so an outer limit knows the attempts before it', async () => {
    const runtime = virtualRuntime();
    const events: string[] = [];
    runtime.events.on(({ type }) => events.push(type));
    let calls = 0;
    const limited = pipeline(
      timeout({ limitMs: 5_000 }, runtime),
      retry({ jitter: 'none' }, runtime),
      circuitBreaker({}, runtime),
      timeout({ limitMs: 60_000 }, runtime),
    );
    let error: unknown;
    const call = limited
      .execute(() => {
        calls += 1;
        return calls === 1 ? Promise.reject(down) : never;
      })
      .catch((reason: unknown) => {
        error = reason;
        // What is known at the moment at which the caller hears of it.
        expect(callReport(reason)).toEqual({
          stopReason: 'deadline',
          attempts: [
            { errorType: 'generation_failed', ms: 0 },
            { errorType: 'inference_timeout', phase: 'attempt', ms: 4_000 },
          ],
        });
      });
    await runtime.clock.advance(5_000);
    await call;
    expect(error).toMatchObject({ details: { timeout_seconds: 5 } });
    expect(events).toEqual(['retry.scheduled', 'timeout.expired', 'retry.stopped']);
    expect(runtime.clock.pending).toBe(0);
  });

  test('G3 D35: of the caller is no failure for the breaker, and gives the trial back, even if the call never listens', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 100 }, runtime);
    const whole = pipeline(retry({ attempts: 1 }, runtime), breaker, timeout({}, runtime));
    await failure(whole.execute(() => Promise.reject(down)));
    await runtime.clock.advance(100);
    for (let round = 0; round < 3; round += 1) {
      const caller = new AbortController();
      const call = failure(whole.execute(() => never, { signal: caller.signal }));
      await runtime.clock.advance(1);
      caller.abort('left');
      expect(await call).toBe('left');
      expect(breaker.state).toBe('half_open');
    }
    expect(await whole.execute(() => 'done')).toBe('done');
    expect(breaker.state).toBe('closed');
  });

  test('G5 G6: reaches everybody, though a listener of the call throws', async () => {
    const runtime = virtualRuntime();
    const caller = new AbortController();
    const bug = new Error('a bad listener');
    const reported: unknown[] = [];
    runtime.events.on((event) => event.type === 'listener.failed' && reported.push(event.error));
    const call = failure(
      layerings['retry, circuitBreaker, timeout'](runtime).execute(
        (context) => {
          context.onAbort(() => {
            throw bug;
          });
          return never;
        },
        { signal: caller.signal },
      ),
    );
    await runtime.clock.advance(1);
    caller.abort('left');
    expect(await call).toBe('left');
    expect(reported).toEqual([bug]);
    expect(runtime.clock.pending).toBe(0);
  });
});

describe('retry around a breaker', () => {
  test('D26 RT3: the call that trips it ends there, with its own error, and without a wait', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 3 }, runtime);
    const whole = pipeline(retry({ baseDelayMs: 10 }, runtime), breaker, timeout({}, runtime));
    let calls = 0;
    const call = failure(whole.execute(() => ((calls += 1), Promise.reject(down))));
    await runtime.clock.runAll();
    const error = await call;
    expect(error).toBe(down);
    expect(calls).toBe(3);
    expect(callReport(error)).toMatchObject({ stopReason: 'circuit_open', attempts: [{}, {}, {}] });
    expect(runtime.clock.now()).toBeLessThan(100);
  });

  test('D26: the next call is rejected at once, and told what the last failure was', async () => {
    const runtime = virtualRuntime();
    const whole = pipeline(retry({}, runtime), circuitBreaker({ name: 'main', consecutive: 1 }, runtime));
    await failure(whole.execute(() => Promise.reject(down)));
    const rejection = await failure(whole.execute(() => 'done'));
    expect(rejection).toMatchObject({
      details: { reason: 'circuit_open', circuit: 'main' },
      stopReason: 'circuit_open',
      attempts: [{ errorType: 'model_overloaded' }],
      cause: down,
    });
    expect(runtime.clock.now()).toBe(0);
    expect(runtime.clock.pending).toBe(0);
  });

  test('D26: a breaker that another call opened meanwhile ends this one, too', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1 }, runtime);
    const whole = pipeline(retry({}, runtime), breaker);
    const mine = deferred<never>();
    const call = failure(whole.execute(() => mine.promise));
    const permit = breaker.acquire();
    permit.settle('failure', down);
    const own = createError('generation_failed');
    mine.reject(own);
    expect(await call).toBe(own);
    expect(own.stopReason).toBe('circuit_open');
    expect(runtime.clock.pending).toBe(0);
  });

  test('RT3: a breaker that closes before the next attempt is waited for', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 500 }, runtime);
    let calls = 0;
    const whole = pipeline(retry({ jitter: 'none' }, runtime), breaker);
    const call = whole.execute(() => {
      calls += 1;
      if (calls === 1) throw down;
      return 'done';
    });
    await runtime.clock.advance(1_000);
    expect(await call).toBe('done');
    expect(breaker.state).toBe('closed');
  });

  test('G2: a rejection by an inner breaker is no failure of an outer one', async () => {
    const runtime = virtualRuntime();
    const outer = circuitBreaker({ name: 'outer', consecutive: 2 }, runtime);
    const inner = circuitBreaker({ name: 'inner', consecutive: 1 }, runtime);
    const both = pipeline(outer, inner);
    await failure(both.execute(() => Promise.reject(down)));
    for (let call = 0; call < 5; call += 1) await failure(both.execute(() => 'done'));
    expect([outer.state, inner.state]).toEqual(['closed', 'open']);
  });

  test('G2: a timeout is a failure for the breaker around it', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1 }, runtime);
    const call = failure(pipeline(breaker, timeout({ limitMs: 10 }, runtime)).execute(() => never));
    await runtime.clock.advance(10);
    await call;
    expect(breaker.state).toBe('open');
  });
});

test('R58 D21: the guide’s robust inference: timeouts are tried again, a full memory is not', async () => {
  const runtime = virtualRuntime();
  class GpuOutOfMemory extends Error {}
  const model = { infer: async (input: string): Promise<string> => input.toUpperCase() };
  const robust = pipeline(
    retry({ attempts: 4, baseDelayMs: 1_000 }, runtime),
    circuitBreaker({ name: 'robust_model_inference', consecutive: 5, cooldownMs: 30_000 }, runtime),
  );
  const inference = robust.wrap(async (input: string) => {
    try {
      return await model.infer(input);
    } catch (error) {
      if (error instanceof GpuOutOfMemory) throw new OutOfMemoryError({ cause: error });
      if ((error as Error).name === 'TimeoutError') throw new InferenceTimeoutError(30_000, { cause: error });
      throw error;
    }
  });
  expect(await inference('text')).toBe('TEXT');

  let calls = 0;
  model.infer = async () => {
    calls += 1;
    if (calls < 3) throw new DOMException('slow', 'TimeoutError');
    return 'third time';
  };
  const slow = inference('text');
  await runtime.clock.runAll();
  expect(await slow).toBe('third time');

  calls = 0;
  model.infer = async () => {
    calls += 1;
    throw new GpuOutOfMemory();
  };
  expect(await failure(inference('text'))).toMatchObject({ errorType: 'out_of_memory', stopReason: 'not_retryable' });
  expect(calls).toBe(1);
});

describe('what a call leaves behind', () => {
  /** A signal that counts who listens to it. */
  function countedSignal(): {
    signal: AbortSignal;
    controller: AbortController;
    counts: { added: number; removed: number };
  } {
    const controller = new AbortController();
    const { signal } = controller;
    const counts = { added: 0, removed: 0 };
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...listener: Parameters<typeof add>) => ((counts.added += 1), add(...listener));
    signal.removeEventListener = (...listener: Parameters<typeof remove>) => (
      (counts.removed += 1), remove(...listener)
    );
    return { signal, controller, counts };
  }

  test.each(everyLayering)('G6: as many listeners are removed as were added, however it ends: %s', async (_, make) => {
    const ends: Record<string, (context: CallContext) => unknown> = {
      value: () => 'done',
      'late value': () => new Promise((resolve) => setImmediate(() => resolve('done'))),
      'read signal': ({ signal }) => signal.aborted,
      throw: () => {
        throw createError('invalid_input');
      },
      rejection: async ({ signal }) => {
        signal.addEventListener('abort', () => undefined);
        throw createError('invalid_input');
      },
    };
    for (const [name, end] of Object.entries(ends)) {
      const runtime = virtualRuntime();
      const { signal, counts } = countedSignal();
      await Promise.allSettled([make(runtime).execute(end, { signal })]);
      expect(counts.added, name).toBeGreaterThan(0);
      expect(counts.removed, name).toBe(counts.added);
      expect(runtime.clock.pending, name).toBe(0);
    }
  });

  test('G6: retries, waits and an abort leave no listener and no timer either', async () => {
    for (const leaveAt of [0, 500, 1_500, 10_000]) {
      const runtime = virtualRuntime();
      const { signal, controller, counts } = countedSignal();
      const whole = pipeline(
        retry({ jitter: 'none' }, runtime),
        circuitBreaker({}, runtime),
        timeout({ limitMs: 400 }, runtime),
      );
      const call = failure(whole.execute(() => never, { signal, deadlineMs: 9_000 }));
      await runtime.clock.advance(leaveAt);
      controller.abort('left');
      await call;
      await runtime.clock.runAll();
      expect(getEventListeners(signal, 'abort')).toEqual([]);
      expect(counts.removed).toBe(counts.added);
    }
  });

  test('G6: a thousand calls on one signal, a hundred at a time, leave none and draw no warning', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    try {
      const runtime = virtualRuntime();
      const { signal } = new AbortController();
      const whole = layerings['retry, circuitBreaker, timeout'](runtime);
      for (let round = 0; round < 10; round += 1) {
        const calls = Array.from({ length: 100 }, (_, index) =>
          whole.execute(
            (context) =>
              new Promise((resolve) => runtime.clock.after(1, () => resolve(index + Number(context.signal.aborted)))),
            { signal },
          ),
        );
        const values = Promise.all(calls);
        expect(getEventListeners(signal, 'abort').length).toBe(1);
        await runtime.clock.advance(1);
        expect(await values).toHaveLength(100);
        expect(getEventListeners(signal, 'abort')).toEqual([]);
      }
      await new Promise((resolve) => setImmediate(resolve));
      expect(warnings).toEqual([]);
    } finally {
      process.off('warning', note);
    }
  });

  test('G6: one abort ends a hundred calls on one signal, each with the reason', async () => {
    const runtime = virtualRuntime();
    const caller = new AbortController();
    const whole = layerings['retry, circuitBreaker, timeout'](runtime);
    const calls = Array.from({ length: 100 }, () => failure(whole.execute(() => never, { signal: caller.signal })));
    await runtime.clock.advance(1);
    caller.abort('shutting down');
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 100 }, () => 'shutting down'));
    expect(runtime.clock.pending).toBe(0);
    expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
  });

  test('G6: whoever reads the signal after the end leaves nothing on the caller’s', async () => {
    const runtime = virtualRuntime();
    const { signal } = new AbortController();
    let kept: CallContext | undefined;
    await layerings['retry, circuitBreaker, timeout'](runtime).execute((context) => (kept = context), { signal });
    expect(kept?.signal.aborted).toBe(false);
    kept?.onAbort(() => undefined);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test('G10: without a caller’s signal nothing is listened to, and no AbortController is made', async () => {
    let made = 0;
    let listened = 0;
    const Real = AbortController;
    vi.stubGlobal(
      'AbortController',
      class extends Real {
        constructor() {
          super();
          made += 1;
        }
      },
    );
    const listen = vi.spyOn(AbortSignal.prototype, 'addEventListener').mockImplementation(() => void (listened += 1));
    try {
      for (const [, make] of everyLayering) {
        const runtime = virtualRuntime();
        const member = make(runtime);
        expect(await member.execute(() => 'done')).toBe('done');
        expect(await member.execute(async () => 'done')).toBe('done');
        expect(await member.wrap(() => 'done')()).toBe('done');
        await failure(member.execute(() => Promise.reject(createError('invalid_input'))));
        expect(await member.execute(() => 'done', { deadlineMs: 100 })).toBe('done');
      }
      expect([made, listened]).toEqual([0, 0]);
      const runtime = virtualRuntime();
      await layerings['retry, circuitBreaker, timeout'](runtime).execute(({ signal }) => [signal, signal]);
      expect(made).toBe(1);
    } finally {
      listen.mockRestore();
    }
  });

  test('G10: nor is one made for a caller’s signal that nobody asks for', async () => {
    const { signal } = new AbortController();
    let made = 0;
    const Real = AbortController;
    vi.stubGlobal(
      'AbortController',
      class extends Real {
        constructor() {
          super();
          made += 1;
        }
      },
    );
    await layerings['retry, circuitBreaker, timeout'](virtualRuntime()).execute(() => 'done', { signal });
    expect(made).toBe(0);
  });

  test('G1 G6 G11: on the real clock, ended calls and idle policies keep the process from nothing', () => {
    // In a process of its own, since the timers of a test runner come and go.
    const program = `
      import { circuitBreaker, InvalidInputError, pipeline, retry, timeout } from 'ripstop';
      const waiting = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
      const whole = pipeline(retry(), circuitBreaker(), timeout());
      await whole.execute(() => 'done');
      await whole.execute(() => Promise.reject(new InvalidInputError())).catch(() => undefined);
      const idle = waiting();
      const caller = new AbortController();
      const asleep = whole
        .execute(() => Promise.reject(new Error('down')), { signal: caller.signal, deadlineMs: 3_600_000 })
        .catch((error) => error);
      await new Promise((resolve) => setImmediate(resolve));
      const busy = waiting();
      caller.abort('left');
      console.log(JSON.stringify({ idle, busy: busy > 0, reason: await asleep, after: waiting() }));
    `;
    const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      timeout: 15_000, // A process that is kept from its end would be killed here, and fail.
    });
    expect(JSON.parse(printed)).toEqual({ idle: 0, busy: true, reason: 'left', after: 0 });
  });

  test('C4 G10: three policies around a success make at most four promises and one timer, and no signal or listener', () => {
    // In a process of its own, in which every promise and every timer is counted by the platform itself.
    const program = `
      import { createHook } from 'node:async_hooks';
      import { circuitBreaker, pipeline, retry, timeout } from 'ripstop';
      const whole = pipeline(retry(), circuitBreaker(), timeout());
      let counts;
      const reset = () => (counts = { PROMISE: 0, Timeout: 0, controllers: 0, listeners: 0 });
      const { AbortController: Real } = globalThis;
      globalThis.AbortController = class extends Real {
        constructor() {
          super();
          counts.controllers += 1;
        }
      };
      const { addEventListener } = EventTarget.prototype;
      EventTarget.prototype.addEventListener = function (...listener) {
        counts.listeners += 1;
        return addEventListener.apply(this, listener);
      };
      const hook = createHook({
        init(id, type) {
          if (type in counts) counts[type] += 1;
        },
      });
      const answer = Promise.resolve('done'); // the work's own promise, which is not the policies'
      const cost = (fn) =>
        new Promise((resolve) => {
          let call;
          // Between two turns of the event loop, so that nothing of this program's own is counted.
          setImmediate(() => {
            setImmediate(() => {
              hook.disable();
              const made = { ...counts };
              call.then((value) => resolve({ ...made, value }));
            });
            reset();
            hook.enable();
            call = whole.execute(fn);
          });
        });
      console.log(JSON.stringify([await cost(() => answer), await cost(({ signal }) => (signal.aborted, answer))]));
    `;
    const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      timeout: 15_000,
    });
    const [plain, reading] = JSON.parse(printed) as Record<string, number>[];
    expect(plain).toMatchObject({ Timeout: 1, controllers: 0, listeners: 0, value: 'done' });
    expect(plain?.['PROMISE']).toBeGreaterThan(0);
    expect(plain?.['PROMISE']).toBeLessThanOrEqual(4);
    expect(reading).toMatchObject({ controllers: 1, listeners: 0 });
  });

  test('T3: late failures of abandoned attempts are never unhandled', async () => {
    const runtime = virtualRuntime();
    const whole = pipeline(
      retry({ attempts: 3, baseDelayMs: 0 }, runtime),
      circuitBreaker({}, runtime),
      timeout({ limitMs: 10 }, runtime),
    );
    const late: Call<never> = () =>
      new Promise((_, reject) => runtime.clock.after(1_000, () => reject(new Error('late'))));
    const call = failure(whole.execute(late));
    await runtime.clock.runAll();
    expect(await call).toBeInstanceOf(InferenceTimeoutError);
    const caller = new AbortController();
    const left = failure(whole.execute(late, { signal: caller.signal }));
    await runtime.clock.advance(1);
    caller.abort('left');
    await left;
    await runtime.clock.runAll();
  });
});

describe('errors and listeners', () => {
  test('G5: listeners that throw at every event change no outcome', async () => {
    const runtime = virtualRuntime();
    runtime.events.on(() => {
      throw new Error('a bad listener');
    });
    const whole = pipeline(
      retry({ baseDelayMs: 1 }, runtime),
      circuitBreaker({ consecutive: 3, cooldownMs: 5 }, runtime),
      timeout({ limitMs: 50 }, runtime),
    );
    let calls = 0;
    const call = whole.execute(() => {
      calls += 1;
      if (calls < 3) throw down;
      return 'done';
    });
    await runtime.clock.runAll();
    expect(await call).toBe('done');
    const slow = failure(whole.execute(() => never));
    await runtime.clock.runAll();
    expect(await slow).toBeInstanceOf(InferenceTimeoutError);
  });

  test('G9: a foreign error comes through every layer as it was thrown, and its report beside it', async () => {
    const runtime = virtualRuntime();
    const foreign = Object.assign(new Error('503 from an SDK'), { status: 503, headers: { a: 1 } });
    const before = JSON.stringify(Object.getOwnPropertyDescriptors(foreign));
    const whole = pipeline(retry({ attempts: 2 }, runtime), circuitBreaker({}, runtime), timeout({}, runtime));
    const call = failure(whole.execute(() => Promise.reject(foreign)));
    await runtime.clock.runAll();
    expect(await call).toBe(foreign);
    expect(JSON.stringify(Object.getOwnPropertyDescriptors(foreign))).toBe(before);
    expect(callReport(foreign)).toMatchObject({ stopReason: 'attempts', attempts: [{ status: 503 }, { status: 503 }] });
  });

  test('RT9: an attempt knows its number through the breaker and the timeout', async () => {
    const runtime = virtualRuntime();
    const numbers: number[] = [];
    const whole = pipeline(
      retry({ attempts: 3 }, runtime),
      circuitBreaker({}, runtime),
      policy('pass', (next, context) => next(context), runtime),
      timeout({}, runtime),
    );
    const call = failure(
      whole.execute(({ attempt }) => {
        numbers.push(attempt);
        throw down;
      }),
    );
    await runtime.clock.runAll();
    await call;
    expect(numbers).toEqual([1, 2, 3]);
  });
});
