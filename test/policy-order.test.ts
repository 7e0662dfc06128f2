/** What docs/policies/which-and-in-what-order.md says of the order: what is right, and what goes wrong otherwise. */
import {
  bulkhead,
  type Call,
  circuitBreaker,
  coalesce,
  createError,
  deadline,
  type ExecuteOptions,
  fallback,
  hedge,
  type PolicyOf,
  pipeline,
  rateLimit,
  retry,
  retryBudget,
  timeout,
} from 'ripstop';
import { virtualRuntime } from 'ripstop/testing';
import { describe, expect, test } from 'vitest';

type Runtime = ReturnType<typeof virtualRuntime>;
type Pipeline = PolicyOf<unknown>;

const down = createError('upstream_unavailable', { message: 'down' });
const hang = (): Promise<never> => new Promise(() => undefined);

/** A service that does the same with every request, and counts them. */
function service(work: Call<unknown>): { requests: number; call: Call<unknown> } {
  const counted = {
    requests: 0,
    call: ((context) => {
      counted.requests += 1;
      return work(context);
    }) as Call<unknown>,
  };
  return counted;
}
const broken = (): ReturnType<typeof service> => service(() => Promise.reject(down));

/** What calls end in within a minute, which is as long as a breaker stays open. */
async function ended(runtime: Runtime, ...calls: Promise<unknown>[]): Promise<unknown[]> {
  const outcomes = Promise.all(calls.map((call) => call.catch((error: unknown) => error)));
  await runtime.clock.advance(59_000);
  return outcomes;
}

async function end(
  runtime: Runtime,
  policy: Pipeline,
  call: Call<unknown>,
  options?: ExecuteOptions,
): Promise<unknown> {
  return (await ended(runtime, policy.execute(call, options)))[0];
}

const noJitter = { baseDelayMs: 100, jitter: 'none' } as const;

describe('C1: the order, outermost first:', () => {
  test('deadline around coalesce, so that who joins late has his whole time', async () => {
    const took = async (order: (runtime: Runtime) => Pipeline): Promise<number> => {
      const runtime = virtualRuntime();
      const policy = order(runtime);
      const first = policy.execute(hang, { key: 'same' }).catch(() => 0);
      await runtime.clock.advance(90);
      const joined = policy.execute(hang, { key: 'same' }).catch(() => runtime.clock.now() - 90);
      await runtime.clock.advance(1_000);
      await first;
      return (await joined) as number;
    };
    const limit = { limitMs: 100 };
    expect(await took((runtime) => pipeline(deadline(limit, runtime), coalesce({}, runtime)))).toBe(100);
    expect(await took((runtime) => pipeline(coalesce({}, runtime), deadline(limit, runtime)))).toBe(10);
  });

  test('coalesce around fallback, so that what stands in is made once', async () => {
    const made = async (order: (standIn: Pipeline) => Pipeline): Promise<number> => {
      let count = 0;
      const policy = order(fallback(() => (count += 1)));
      const call = (): Promise<unknown> => policy.execute(() => Promise.reject(down), { key: 'same' });
      await Promise.all([call(), call(), call()]);
      return count;
    };
    expect(await made((standIn) => pipeline(coalesce(), standIn))).toBe(1);
    expect(await made((standIn) => pipeline(standIn, coalesce()))).toBe(3);
  });

  test('fallback around retry, which would take what stands in for a success', async () => {
    const requests = async (order: (again: Pipeline) => Pipeline): Promise<number> => {
      const runtime = virtualRuntime();
      const upstream = broken();
      expect(await end(runtime, order(retry(noJitter, runtime)), upstream.call)).toBe('later');
      return upstream.requests;
    };
    expect(await requests((again) => pipeline(fallback('later'), again))).toBe(4);
    expect(await requests((again) => pipeline(again, fallback('later')))).toBe(1);
  });

  test('retry around rate limit, so that every attempt is counted', async () => {
    const sent = async (order: (again: Pipeline, limit: Pipeline) => Pipeline): Promise<number> => {
      const runtime = virtualRuntime();
      const upstream = broken();
      const limit = rateLimit({ requests: { limit: 2, perMs: 60_000 } }, runtime);
      void order(retry(noJitter, runtime), limit)
        .execute(upstream.call)
        .catch(() => undefined);
      await runtime.clock.advance(10_000);
      return upstream.requests;
    };
    expect(await sent((again, limit) => pipeline(again, limit))).toBe(2);
    expect(await sent((again, limit) => pipeline(limit, again))).toBe(4);
  });

  test('retry around bulkhead, so that no slot is held through a pause', async () => {
    const running = async (order: (again: Pipeline, slots: Pipeline) => Pipeline): Promise<number> => {
      const runtime = virtualRuntime();
      const slots = bulkhead({ limit: 1 }, runtime);
      const call = order(retry(noJitter, runtime), slots).execute(() => Promise.reject(down));
      await runtime.clock.advance(50); // in the middle of the first pause
      const { running: now } = slots;
      await ended(runtime, call);
      return now;
    };
    expect(await running((again, slots) => pipeline(again, slots))).toBe(0);
    expect(await running((again, slots) => pipeline(slots, again))).toBe(1);
  });

  test('rate limit around bulkhead, so that who waits for his turn holds no slot', async () => {
    const held = async (order: (limit: Pipeline, slots: Pipeline) => Pipeline): Promise<number> => {
      const runtime = virtualRuntime();
      const limit = rateLimit({ requests: { limit: 1, perMs: 1_000 } }, runtime);
      const slots = bulkhead({ limit: 2 }, runtime);
      const policy = order(limit, slots);
      const calls = [policy.execute(() => 'done'), policy.execute(() => 'done')];
      await runtime.clock.advance(500);
      const { running } = slots;
      await ended(runtime, ...calls);
      return running;
    };
    expect(await held((limit, slots) => pipeline(limit, slots))).toBe(0);
    expect(await held((limit, slots) => pipeline(slots, limit))).toBe(1);
  });

  test('bulkhead around breaker, so that a queue does not go on to a service that is found down', async () => {
    const requests = async (order: (slots: Pipeline, breaker: Pipeline) => Pipeline): Promise<number> => {
      const runtime = virtualRuntime();
      const upstream = broken();
      const policy = order(bulkhead({ limit: 1, maxQueue: 3 }, runtime), circuitBreaker({ consecutive: 1 }, runtime));
      await ended(runtime, ...[1, 2, 3, 4].map(() => policy.execute(upstream.call)));
      return upstream.requests;
    };
    expect(await requests((slots, breaker) => pipeline(slots, breaker))).toBe(1);
    expect(await requests((slots, breaker) => pipeline(breaker, slots))).toBe(4);
  });

  test('breaker around timeout, which it would not see', async () => {
    const state = async (order: (breaker: Pipeline, limit: Pipeline) => Pipeline): Promise<string> => {
      const runtime = virtualRuntime();
      const breaker = circuitBreaker({ consecutive: 1 }, runtime);
      const outcome = end(runtime, order(breaker, timeout({ limitMs: 10 }, runtime)), hang);
      expect(await outcome).toMatchObject({ errorType: 'inference_timeout' });
      return breaker.snapshot().state;
    };
    expect(await state((breaker, limit) => pipeline(breaker, limit))).toBe('open');
    expect(await state((breaker, limit) => pipeline(limit, breaker))).toBe('closed');
  });

  test('retry around timeout, so that each attempt has its own', async () => {
    const requests = async (order: (again: Pipeline, limit: Pipeline) => Pipeline): Promise<number> => {
      const runtime = virtualRuntime();
      const upstream = service(hang);
      await end(runtime, order(retry(noJitter, runtime), timeout({ limitMs: 10 }, runtime)), upstream.call);
      return upstream.requests;
    };
    expect(await requests((again, limit) => pipeline(again, limit))).toBe(4);
    expect(await requests((again, limit) => pipeline(limit, again))).toBe(1);
  });

  test('retry around breaker, which would see one failure where there were four', async () => {
    const requests = async (order: (again: Pipeline, breaker: Pipeline) => Pipeline): Promise<number> => {
      const runtime = virtualRuntime();
      const upstream = broken();
      const policy = order(retry({ ...noJitter, baseDelayMs: 0 }, runtime), circuitBreaker({}, runtime));
      for (let call = 0; call < 10; call += 1) {
        const outcome = policy.execute(upstream.call).catch(() => undefined);
        await runtime.clock.advance(1);
        await outcome;
      }
      return upstream.requests;
    };
    expect(await requests((again, breaker) => pipeline(again, breaker))).toBe(5);
    expect(await requests((again, breaker) => pipeline(breaker, again))).toBe(20);
  });

  test('bulkhead around timeout, so that a wait for a slot is not taken for a slow service', async () => {
    const waiting = async (order: (slots: Pipeline, limit: Pipeline) => Pipeline): Promise<unknown> => {
      const runtime = virtualRuntime();
      const policy = order(bulkhead({ limit: 1, maxQueue: 1 }, runtime), timeout({ limitMs: 100 }, runtime));
      const takes = (): Promise<unknown> => new Promise((resolve) => runtime.clock.after(80, () => resolve('done')));
      return (await ended(runtime, policy.execute(takes), policy.execute(takes)))[1];
    };
    expect(await waiting((slots, limit) => pipeline(slots, limit))).toBe('done');
    expect(await waiting((slots, limit) => pipeline(limit, slots))).toMatchObject({ errorType: 'inference_timeout' });
  });
});

describe('facts to mind:', () => {
  test('`timeout` and `deadline` both end after 30 s by default, and then no breaker opens', async () => {
    const state = async (limitMs: number | undefined): Promise<string> => {
      const runtime = virtualRuntime();
      const breaker = circuitBreaker({ consecutive: 1 }, runtime);
      await end(runtime, pipeline(deadline({}, runtime), breaker, timeout({ limitMs }, runtime)), hang);
      return breaker.snapshot().state;
    };
    expect(await state(undefined)).toBe('closed');
    expect(await state(10_000)).toBe('open');
  });

  test('a rejection is no failure: it opens no breaker, costs no token, and is tried again', async () => {
    const runtime = virtualRuntime();
    const inner = circuitBreaker({ consecutive: 1, cooldownMs: 50 }, runtime);
    const outer = circuitBreaker({ consecutive: 1 }, runtime);
    const budget = retryBudget({ minPerSecond: 0 }, runtime);
    await inner.execute(() => Promise.reject(down)).catch(() => undefined);
    const policy = pipeline(deadline({}, runtime), retry({ ...noJitter, budget }, runtime), outer, inner);
    expect(await end(runtime, policy, () => 'done')).toBe('done');
    expect(outer.snapshot().counters.failures).toBe(0);
    expect(budget.balance).toBe(10);
  });

  test('a retry and a hedge multiply', async () => {
    const runtime = virtualRuntime();
    const upstream = broken();
    const both = pipeline(retry(noJitter, runtime), hedge({ safety: 'idempotent', delayMs: 0 }, runtime));
    await end(runtime, both, upstream.call);
    expect(upstream.requests).toBe(8);
  });

  test('of two timeouts the shorter one ends the attempt, and the longer one never does', async () => {
    const runtime = virtualRuntime();
    const expired: number[] = [];
    runtime.events.on((event) => event.type === 'timeout.expired' && expired.push(event.limitMs));
    await end(runtime, pipeline(timeout({ limitMs: 30 }, runtime), timeout({ limitMs: 10 }, runtime)), hang);
    expect(expired).toEqual([10]);
  });

  test('a breaker of each call’s own never opens', async () => {
    const upstream = broken();
    for (let call = 0; call < 10; call += 1)
      await circuitBreaker()
        .execute(upstream.call)
        .catch(() => undefined);
    expect(upstream.requests).toBe(10);
  });
});
