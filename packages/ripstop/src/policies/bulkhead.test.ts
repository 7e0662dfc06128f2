import { getEventListeners } from 'node:events';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Call } from '../call/call.js';
import { createContext } from '../call/root-scope.js';
import type { Runtime } from '../call/runtime.js';
import { ModelOverloadedError } from '../errors/rejections.js';
import { UpstreamUnavailableError } from '../errors/upstream-errors.js';
import { recordingContext } from '../testing/recording-context.js';
import { type VirtualRuntime, virtualRuntime } from '../testing/virtual-runtime.js';
import { type Bulkhead, bulkhead, bulkheadDefaults } from './bulkhead.js';
import { circuitBreaker } from './circuit-breaker.js';
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

/** Calls that end when they are told to, and note when they begin. */
function work(): { call: (name: string) => Call<string>; end: (name: string) => Promise<void>; began: string[] } {
  const began: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    began,
    call: (name) => () => {
      began.push(name);
      return new Promise((resolve) => ends.set(name, () => resolve(name)));
    },
    async end(name) {
      ends.get(name)?.();
      await settled();
    },
  };
}

/** A bulkhead whose only slot is taken by a call named `first`. */
function occupied(
  options: Parameters<typeof bulkhead>[0],
  runtime: VirtualRuntime = virtualRuntime(),
): { slots: Bulkhead; first: Promise<string> } & ReturnType<typeof work> {
  const works = work();
  const slots = bulkhead({ limit: 1, ...options }, runtime);
  return { slots, first: slots.execute(works.call('first')), ...works };
}

describe('slots', () => {
  test('K1: a call beyond the limit is refused at once, for there is no queue by default', async () => {
    const { slots, call, began, end, first } = occupied({ name: 'gpt-x' });
    const refused = await failure(slots.execute(call('second')));
    expect(refused).toBeInstanceOf(ModelOverloadedError);
    expect(refused).toMatchObject({
      message: 'Too many calls at once for gpt-x',
      details: { reason: 'queue_full', bulkhead: 'gpt-x' },
      isRetryable: true,
    });
    expect(began).toEqual(['first']);
    await end('first');
    expect(await first).toBe('first');
    expect(slots.running).toBe(0);
  });

  test('K1: limit, queue and wait have finite defaults', () => {
    expect(bulkheadDefaults).toEqual({ name: 'default', limit: 100, maxQueue: 0, maxWaitMs: 2_000 });
    const slots = bulkhead();
    expect([slots.limit, slots.running, slots.waiting]).toEqual([100, 0, 0]);
  });

  test('what can be read of it is listed with it', () => {
    const slots = bulkhead({ limit: 3 }, virtualRuntime());
    expect({ ...slots }).toMatchObject({ name: 'bulkhead', limit: 3, running: 0, waiting: 0 });
  });

  test.each([
    [{ limit: 0 }, 'limit must be a whole number of at least 1, got 0'],
    [{ limit: 1.5 }, 'limit must be a whole number of at least 1, got 1.5'],
    [{ limit: Number.NaN }, 'limit must be a whole number of at least 1, got NaN'],
    [{ maxQueue: -1 }, 'maxQueue must be a whole number of at least 0, got -1'],
    [{ maxWaitMs: 0 }, 'maxWaitMs must be above 0, got 0'],
    [{ maxWaitMs: Number.NaN }, 'maxWaitMs must be above 0, got NaN'],
  ])('K1: %j is refused', (options, message) => {
    expect(() => bulkhead(options)).toThrow(new RangeError(message));
  });

  test.each([
    ['a success', () => 'done'],
    ['undefined', () => undefined],
    [
      'a synchronous throw',
      () => {
        throw new Error('bug');
      },
    ],
    ['a failure', () => Promise.reject(new UpstreamUnavailableError())],
    ['a falsy failure', () => Promise.reject(undefined as unknown as Error)],
  ])('K4 G12: %s frees the slot', async (_, call: () => unknown) => {
    const slots = bulkhead({ limit: 1 }, virtualRuntime());
    await slots.execute(call).catch(() => undefined);
    expect(slots.running).toBe(0);
    expect(await slots.execute(() => 'next')).toBe('next');
  });

  test('K4: a call that hangs frees its slot when its caller leaves or its deadline passes', async () => {
    const runtime = virtualRuntime();
    const slots = bulkhead({ limit: 2 }, runtime);
    const caller = new AbortController();
    const hanging: Call<never> = () => new Promise(() => undefined);
    const left = failure(slots.execute(hanging, { signal: caller.signal }));
    const late = failure(pipeline(deadline({ limitMs: 100 }, runtime), slots).execute(hanging));
    expect(slots.running).toBe(2);
    caller.abort('left');
    expect(await left).toBe('left');
    expect(slots.running).toBe(1);
    await runtime.clock.advance(100);
    expect(await late).toMatchObject({ errorType: 'inference_timeout' });
    expect(slots.running).toBe(0);
  });

  test('G6 G10: a call that finds a slot makes no timer and no listener', async () => {
    const runtime = virtualRuntime();
    const caller = new AbortController();
    const outcome = bulkhead({}, runtime).run(
      () => {
        expect(runtime.clock.pending).toBe(0);
        expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
        return 'done';
      },
      createContext({ signal: caller.signal }, runtime),
    );
    expect(await outcome).toBe('done');
  });
});

describe('the queue', () => {
  test('K2: is served first come first served', async () => {
    const { slots, call, began, end } = occupied({ maxQueue: 3 });
    const rest = ['second', 'third', 'fourth'].map((name) => slots.execute(call(name)));
    expect([slots.running, slots.waiting]).toEqual([1, 3]);
    for (const name of ['first', 'second', 'third', 'fourth']) await end(name);
    expect(await Promise.all(rest)).toEqual(['second', 'third', 'fourth']);
    expect(began).toEqual(['first', 'second', 'third', 'fourth']);
    expect([slots.running, slots.waiting]).toEqual([0, 0]);
  });

  test('K2: serves a higher priority before, and equals in their order', async () => {
    const { slots, call, began, end } = occupied({ maxQueue: 9, priority: ({ key }) => Number(key) });
    const calls = ['a0', 'b1', 'c0', 'd2', 'e1'].map((name) => slots.execute(call(name), { key: name[1] }));
    const order = ['d2', 'b1', 'e1', 'a0', 'c0'];
    for (const name of ['first', ...order]) await end(name);
    await Promise.all(calls);
    expect(began).toEqual(['first', ...order]);
  });

  test('K2 G5: a priority that throws or is no number counts as 0', async () => {
    const runtime = virtualRuntime();
    const context = recordingContext({ key: 'bad' }, runtime);
    const bug = new Error('no such tenant');
    const { slots, call, began, end } = occupied(
      {
        maxQueue: 9,
        priority({ key }) {
          if (key === 'bad') throw bug;
          return Number(key);
        },
      },
      runtime,
    );
    const calls = [
      slots.run(call('throws'), context),
      slots.execute(call('-1'), { key: '-1' }),
      slots.execute(call('NaN'), { key: 'none' }),
    ];
    for (const name of ['first', 'throws', 'NaN', '-1']) await end(name);
    await Promise.all(calls);
    expect(began).toEqual(['first', 'throws', 'NaN', '-1']);
    expect(context.events).toEqual([{ type: 'listener.failed', error: bug }]);
  });

  test('K2: a freed slot is handed over in the same step: nobody who comes later takes it', async () => {
    const { call, began } = work();
    const slots = bulkhead({ limit: 1, maxQueue: 2 }, virtualRuntime());
    let free = (): void => undefined;
    void slots.execute(() => new Promise<void>((resolve) => (free = resolve)));
    void slots.execute(call('waiter'));
    free();
    for (let step = 0; step < 20 && began.length === 0; step += 1) {
      void slots.execute(call('barger')).catch((error: unknown) => expect(error).toBeInstanceOf(ModelOverloadedError));
      await Promise.resolve();
    }
    expect(began).toEqual(['waiter']);
  });

  test('K1 K5: is bounded; who finds it full is refused at once', async () => {
    const runtime = virtualRuntime();
    const { slots, call, end } = occupied({ maxQueue: 1 }, runtime);
    const second = slots.execute(call('second'));
    const context = recordingContext({}, runtime);
    expect(await failure(slots.run(call('third'), context))).toMatchObject({ details: { reason: 'queue_full' } });
    expect(context.events).toEqual([{ type: 'bulkhead.rejected', name: 'default', reason: 'queue_full' }]);
    await end('first');
    await end('second');
    expect(await second).toBe('second');
  });

  test('K3 K5: who waits longer than allowed is refused, and gives up the place at once', async () => {
    const runtime = virtualRuntime();
    const { slots, call, end, began } = occupied({ maxQueue: 1, maxWaitMs: 500 }, runtime);
    const context = recordingContext({}, runtime);
    const second = failure(slots.run(call('second'), context));
    await runtime.clock.advance(499);
    expect(slots.waiting).toBe(1);
    await runtime.clock.advance(1);
    expect(slots.waiting).toBe(0);
    expect(await second).toMatchObject({ details: { reason: 'queue_timeout' }, isRetryable: true });
    expect(context.events).toEqual([{ type: 'bulkhead.rejected', name: 'default', reason: 'queue_timeout' }]);
    const third = slots.execute(call('third'));
    await end('first');
    await end('third');
    expect(await third).toBe('third');
    expect(began).toEqual(['first', 'third']);
    expect(runtime.clock.pending).toBe(0);
  });

  test('K3: who leaves gives up the place at once, with the very reason, and leaves nothing behind', async () => {
    const runtime = virtualRuntime();
    const { slots, call, end, began } = occupied({ maxQueue: 2 }, runtime);
    const caller = new AbortController();
    const second = failure(slots.execute(call('second'), { signal: caller.signal }));
    const third = slots.execute(call('third'));
    const reason = { why: 'closed the tab' };
    caller.abort(reason);
    expect(slots.waiting).toBe(1);
    expect(await second).toBe(reason);
    await end('first');
    await end('third');
    expect(await third).toBe('third');
    expect(began).toEqual(['first', 'third']);
    expect(runtime.clock.pending).toBe(0);
    expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
  });

  test.each(Array.from({ length: 8 }, (_, steps) => steps))(
    'K3 K4: who leaves %i microtasks after a slot is freed is not called any more, and passes it on',
    async (steps) => {
      const runtime = virtualRuntime();
      const slots = bulkhead({ limit: 1, maxQueue: 2 }, runtime);
      let free = (): void => undefined;
      const first = slots.run(() => new Promise<void>((resolve) => (free = resolve)), createContext({}, runtime));
      const caller = new AbortController();
      let left = false;
      const second = slots.run(
        () => {
          expect(left).toBe(false);
        },
        createContext({ signal: caller.signal }, runtime),
      );
      second.catch((reason: unknown) => expect(reason).toBe('left'));
      const third = slots.run(() => 'third', createContext({}, runtime));
      free();
      for (let step = 0; step < steps; step += 1) await Promise.resolve();
      left = true;
      caller.abort('left');
      await first;
      expect(await third).toBe('third');
      expect([slots.running, slots.waiting, runtime.clock.pending]).toEqual([0, 0, 0]);
    },
  );

  test('K6: waiting counts against the whole call, and ends with its deadline on its one timer', async () => {
    const runtime = virtualRuntime();
    const { slots, call, began } = occupied({ maxQueue: 1, maxWaitMs: 500 }, runtime);
    const outcome = failure(slots.execute(call('second'), { deadlineMs: 300 }));
    expect(runtime.clock.pending).toBe(1);
    await runtime.clock.advance(300);
    expect(await outcome).toMatchObject({ errorType: 'inference_timeout', details: { phase: 'total' } });
    expect(slots.waiting).toBe(0);
    expect(began).toEqual(['first']);
    expect(runtime.clock.pending).toBe(0);
  });

  test.each([300, 500])(
    'K6: a deadline after %d ms of 500 is the only timer of the wait, whenever it begins, and its error the answer',
    async (deadlineMs) => {
      const runtime = virtualRuntime();
      await runtime.clock.advance(10_000);
      const { slots, call } = occupied({ maxQueue: 1, maxWaitMs: 500 }, runtime);
      const outcome = failure(slots.execute(call('second'), { deadlineMs }));
      expect(runtime.clock.pending).toBe(1);
      await runtime.clock.advance(deadlineMs);
      expect(await outcome).toMatchObject({ errorType: 'inference_timeout', details: { phase: 'total' } });
    },
  );

  test('K6: waiting does not count against the attempt', async () => {
    const runtime = virtualRuntime();
    const slots = bulkhead({ limit: 1, maxQueue: 1 }, runtime);
    const limited = pipeline(slots, timeout({ limitMs: 200 }, runtime));
    const slowly: Call<string> = () => new Promise((resolve) => runtime.clock.after(150, () => resolve('done')));
    const both = Promise.all([limited.execute(slowly), limited.execute(slowly)]);
    await runtime.clock.advance(300);
    expect(await both).toEqual(['done', 'done']);
  });

  test('K3 G6: a wait that is over leaves nothing on the caller’s signal, though the call goes on', async () => {
    const runtime = virtualRuntime();
    const slots = bulkhead({ limit: 1, maxQueue: 2, maxWaitMs: 500 }, runtime);
    let free = (): void => undefined;
    void slots.execute(() => new Promise<void>((resolve) => (free = resolve)));
    const callers = [new AbortController(), new AbortController()];
    const listening = (): number[] => callers.map(({ signal }) => getEventListeners(signal, 'abort').length);
    const [admitted, refused] = callers.map(({ signal }, index) =>
      slots.run(() => (index === 0 ? new Promise(() => undefined) : 'done'), createContext({ signal }, runtime)),
    );
    void admitted;
    expect(listening()).toEqual([1, 1]);
    free();
    await settled();
    expect(slots.running).toBe(1);
    expect(listening()).toEqual([0, 1]);
    const outcome = failure(Promise.resolve(refused));
    await runtime.clock.advance(500);
    expect(await outcome).toMatchObject({ details: { reason: 'queue_timeout' } });
    expect(listening()).toEqual([0, 0]);
  });

  test('K6: an endless wait makes no timer', async () => {
    const runtime = virtualRuntime();
    const { slots, call, end } = occupied({ maxQueue: 1, maxWaitMs: Number.POSITIVE_INFINITY }, runtime);
    const second = slots.execute(call('second'));
    expect(runtime.clock.pending).toBe(0);
    await end('first');
    await end('second');
    expect(await second).toBe('second');
  });
});

describe('a rejection', () => {
  test('K5: is invisible to breakers, inside and outside', async () => {
    const runtime = virtualRuntime();
    const { slots, call } = occupied({}, runtime);
    const breaker = circuitBreaker({ consecutive: 1 }, runtime);
    await failure(pipeline(breaker, slots).execute(call('second')));
    expect(breaker.state).toBe('closed');
  });

  test('K5: says when to come back, from the time that slots are held', async () => {
    const runtime = virtualRuntime();
    const slots = bulkhead({ limit: 2, maxQueue: 1 }, runtime);
    const lasting =
      (ms: number): Call<void> =>
      () =>
        new Promise((resolve) => runtime.clock.after(ms, resolve));
    const unknown = Promise.all([
      slots.execute(lasting(400)),
      slots.execute(lasting(400)),
      slots.execute(lasting(400)),
    ]);
    expect(await failure(slots.execute(lasting(1)))).toMatchObject({ retryAfterMs: undefined });
    await runtime.clock.advance(800);
    await unknown;
    const busy = Promise.all([slots.execute(lasting(400)), slots.execute(lasting(400)), slots.execute(lasting(400))]);
    // One waits already, so two slots of 400 ms must be freed, at two every 400 ms.
    expect(await failure(slots.execute(lasting(1)))).toMatchObject({ retryAfterMs: 400 });
    await runtime.clock.advance(800);
    await busy;
  });

  test('K5: is retried outside, after the wait that it states', async () => {
    const runtime = virtualRuntime();
    const slots = bulkhead({ limit: 1 }, runtime);
    const lasting: Call<string> = () => new Promise((resolve) => runtime.clock.after(100, () => resolve('done')));
    const both = pipeline(retry({ baseDelayMs: 50, jitter: 'none' }, runtime), slots);
    const answers = Promise.all([both.execute(lasting), both.execute(lasting)]);
    await runtime.clock.advance(1_000);
    expect(await answers).toEqual(['done', 'done']);
  });
});

describe('a new limit', () => {
  test('K7: that is lower ends no running call, and admits nobody until enough have gone', async () => {
    const works = work();
    const slots = bulkhead({ limit: 3, maxQueue: 5 }, virtualRuntime());
    const calls = ['a', 'b', 'c', 'd'].map((name) => slots.execute(works.call(name)));
    slots.setLimit(1);
    expect([slots.limit, slots.running, slots.waiting]).toEqual([1, 3, 1]);
    await works.end('a');
    await works.end('b');
    expect(works.began).toEqual(['a', 'b', 'c']);
    await works.end('c');
    expect(works.began).toEqual(['a', 'b', 'c', 'd']);
    await works.end('d');
    expect(await Promise.all(calls)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('K7: that is higher admits who waits, at once', async () => {
    const { slots, call, end, began, first } = occupied({ maxQueue: 5 });
    const calls = [first, ...['a', 'b', 'c'].map((name) => slots.execute(call(name)))];
    slots.setLimit(3);
    expect([slots.running, slots.waiting]).toEqual([3, 1]);
    await settled();
    expect(began).toEqual(['first', 'a', 'b']);
    for (const name of ['first', 'a', 'b', 'c']) await end(name);
    await Promise.all(calls);
  });

  test('K7: must be a whole number of at least 1', () => {
    const slots = bulkhead({ limit: 2 });
    expect(() => slots.setLimit(0)).toThrow(new RangeError('limit must be a whole number of at least 1, got 0'));
    expect(slots.limit).toBe(2);
  });
});

describe('a stream', () => {
  const two: Call<AsyncGenerator<number>> = async function* () {
    yield 1;
    yield 2;
  } as Call<AsyncGenerator<number>>;

  async function read(stream: AsyncIterable<number>): Promise<number[]> {
    const items: number[] = [];
    for await (const item of stream) items.push(item);
    return items;
  }

  test('K4: holds its slot until it has been read', async () => {
    const slots = bulkhead({ limit: 1 }, virtualRuntime());
    const items: number[] = [];
    for await (const item of await slots.execute(two)) {
      items.push(item);
      expect(slots.running).toBe(1);
    }
    expect(items).toEqual([1, 2]);
    expect(slots.running).toBe(0);
  });

  test('K4: gives it back once, when its reader leaves or it fails', async () => {
    const slots = bulkhead({ limit: 2 }, virtualRuntime());
    const stream = await slots.execute(two);
    for await (const _ of stream) break;
    expect(slots.running).toBe(0);
    await stream.return(undefined);
    const broken = await slots.execute(async function* (): AsyncGenerator<number> {
      yield 1;
      throw new Error('broke off');
    } as Call<AsyncGenerator<number>>);
    expect(slots.running).toBe(1);
    expect(await failure(read(broken))).toMatchObject({ message: 'broke off' });
    expect(slots.running).toBe(0);
  });

  test('K4 G6: leaves nothing on the caller’s signal when it has ended', async () => {
    const runtime = virtualRuntime();
    const caller = new AbortController();
    const context = createContext({ signal: caller.signal }, runtime);
    const stream = await bulkhead({}, runtime).run(two, context);
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(1);
    expect(await read(stream)).toEqual([1, 2]);
    expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
  });

  test('K4: gives it back when the caller leaves, though nobody reads on', async () => {
    const slots = bulkhead({ limit: 1 }, virtualRuntime());
    const caller = new AbortController();
    await slots.execute(two, { signal: caller.signal });
    expect(slots.running).toBe(1);
    caller.abort('left');
    expect(slots.running).toBe(0);
  });
});

describe('under any interleaving', () => {
  interface Plan {
    readonly limit: number;
    readonly maxQueue: number;
    readonly calls: readonly { readonly priority: number; readonly fails: boolean; readonly leaves: boolean }[];
    readonly expiries: number;
    readonly limits: readonly number[];
  }

  const plans: fc.Arbitrary<Plan> = fc.record({
    limit: fc.integer({ min: 1, max: 3 }),
    maxQueue: fc.integer({ min: 0, max: 4 }),
    calls: fc.array(
      fc.record({ priority: fc.integer({ min: 0, max: 2 }), fails: fc.boolean(), leaves: fc.boolean() }),
      { minLength: 1, maxLength: 12 },
    ),
    expiries: fc.nat({ max: 4 }),
    limits: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }),
  });

  /** A clock whose timers fire when the test says so. */
  function manualRuntime(): { runtime: Runtime; fireOne: () => void; pending: () => number } {
    const timers = new Set<() => void>();
    const { clock, ...rest } = virtualRuntime();
    const after = (_ms: number, action: () => void): { cancel: () => void } => {
      const timer = (): void => action();
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    };
    return {
      runtime: { ...rest, clock: { ...clock, after } },
      pending: () => timers.size,
      fireOne() {
        const [timer] = timers;
        if (timer === undefined) return;
        timers.delete(timer);
        timer();
      },
    };
  }

  test('K1 K2 K3 K4 K7: never more run than the limit lets begin, no slot is lost, everybody gets an outcome', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), plans, async (scheduler, plan) => {
        const { runtime, fireOne, pending } = manualRuntime();
        const slots = bulkhead({ ...plan, priority: ({ key }) => Number(key) }, runtime);
        let running = 0;
        const outcomes = plan.calls.map(async ({ priority, fails, leaves }, index) => {
          await scheduler.schedule(Promise.resolve(), `call ${index}`);
          const caller = new AbortController();
          if (leaves) {
            void scheduler.schedule(Promise.resolve(), `leave ${index}`).then(() => caller.abort('left'));
          }
          const context = createContext({ signal: caller.signal, key: String(priority) }, runtime);
          const call: Call<string> = async () => {
            expect(slots.running).toBeLessThanOrEqual(Math.max(slots.limit, running + 1));
            expect(caller.signal.aborted).toBe(false);
            running += 1;
            await scheduler.schedule(Promise.resolve(), `end ${index}`);
            running -= 1;
            if (fails) throw new Error('failed');
            return 'done';
          };
          const outcome = await slots.run(call, context).then(
            (value) => value,
            (error: unknown) => error,
          );
          context.release();
          expect(running).toBeLessThanOrEqual(Math.max(plan.limit, ...plan.limits));
          return outcome;
        });
        const disturbances = [
          ...Array.from({ length: plan.expiries }, (_, index) =>
            scheduler.schedule(Promise.resolve(), `expiry ${index}`).then(fireOne),
          ),
          ...plan.limits.map((limit, index) =>
            scheduler.schedule(Promise.resolve(), `limit ${index}`).then(() => slots.setLimit(limit)),
          ),
        ];
        await scheduler.waitFor(Promise.all([...outcomes, ...disturbances]));
        expect(await Promise.all(outcomes)).toHaveLength(plan.calls.length);
        expect([slots.running, slots.waiting, running, pending()]).toEqual([0, 0, 0, 0]);

        const holders = Array.from({ length: slots.limit }, () =>
          slots.run(() => settled(), createContext({}, runtime)),
        );
        expect(slots.running).toBe(slots.limit);
        await Promise.all(holders);
        expect(slots.running).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  test('K2: the queue is ordered by priority and then by arrival, whoever leaves it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ priority: fc.integer({ min: 0, max: 3 }), leaves: fc.boolean() }), { maxLength: 20 }),
        async (callers) => {
          const runtime = virtualRuntime();
          const { slots, end } = occupied({ maxQueue: 20, priority: ({ key }) => Number(key) }, runtime);
          const served: number[] = [];
          const leaving = new AbortController();
          const calls = callers.map(({ priority, leaves }, index) =>
            slots
              .execute(() => served.push(index), {
                key: String(priority),
                signal: leaves ? leaving.signal : undefined,
              })
              .catch((reason: unknown) => reason),
          );
          leaving.abort('left');
          await end('first');
          await Promise.all(calls);
          const stayed = callers.flatMap(({ priority, leaves }, index) => (leaves ? [] : [{ priority, index }]));
          expect(served).toEqual(stayed.sort((a, b) => b.priority - a.priority).map(({ index }) => index));
          expect([slots.running, slots.waiting, runtime.clock.pending]).toEqual([0, 0, 0]);
        },
      ),
      { numRuns: 200 },
    );
  });
});
