import * as cockatiel from 'cockatiel';
import { expect, test } from 'vitest';
import { fromCockatiel } from './from-cockatiel.js';
import { pipeline } from './policy.js';
import { retry } from './retry.js';

const down = (): never => {
  throw new Error('down');
};

test('their retry asks again, and each attempt reaches the call', async () => {
  const theirs = cockatiel.retry(cockatiel.handleAll, { maxAttempts: 2, backoff: new cockatiel.ConstantBackoff(0) });
  let calls = 0;
  const answer = await fromCockatiel(theirs).execute(() => {
    calls += 1;
    if (calls < 3) down();
    return 42;
  });
  expect({ answer, calls }).toEqual({ answer: 42, calls: 3 });
});

test('their breaker stands inside our retry, and its own error comes out', async () => {
  const theirs = cockatiel.circuitBreaker(cockatiel.handleAll, {
    halfOpenAfter: 60_000,
    breaker: new cockatiel.ConsecutiveBreaker(2),
  });
  const policy = pipeline(retry({ attempts: 3, baseDelayMs: 0 }), fromCockatiel(theirs));
  await expect(policy.execute(down)).rejects.toBeInstanceOf(cockatiel.BrokenCircuitError);
  expect(theirs.state).toBe(cockatiel.CircuitState.Open);
});

test('a caller’s abort reaches the call through their policy, and its reason comes back', async () => {
  const leaving = new AbortController();
  const reason = new Error('the caller left');
  let told: unknown;
  const outcome = fromCockatiel(cockatiel.noop).execute(
    ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          told = signal.reason;
          reject(signal.reason as Error);
        });
      }),
    { signal: leaving.signal },
  );
  leaving.abort(reason);
  await expect(outcome).rejects.toBe(reason);
  expect(told).toBe(reason);
});

test('their limits abort the call’s signal', async () => {
  const limits: ((reason: unknown) => void)[] = [];
  const theirs = {
    execute<T>(fn: (context: { signal: AbortSignal }) => PromiseLike<T> | T): Promise<T> {
      const limit = new AbortController();
      limits.push((reason) => limit.abort(reason));
      return Promise.resolve(fn({ signal: limit.signal }));
    },
  };
  let signal: AbortSignal | undefined;
  const outcome = fromCockatiel(theirs)
    .execute((context) => {
      ({ signal } = context);
      return new Promise((_, reject) => context.onAbort(reject));
    })
    .catch((error: unknown) => error);
  limits[0]?.('too slow');
  expect(await outcome).toBe('too slow');
  expect(signal?.aborted).toBe(true);
});

test('G6: many calls leave nothing behind on the signal that cockatiel shares between all calls', async () => {
  let shared: AbortSignal | undefined;
  const probe = {
    execute: <T>(fn: (context: { signal: AbortSignal }) => PromiseLike<T> | T) =>
      cockatiel.noop.execute((context) => {
        shared = context.signal;
        return fn(context);
      }),
  };
  const count = { added: 0, removed: 0 };
  await fromCockatiel(probe).execute(() => 1);
  const signal = shared as AbortSignal;
  const { add, remove } = {
    add: signal.addEventListener.bind(signal),
    remove: signal.removeEventListener.bind(signal),
  };
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    count.added += 1;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    count.removed += 1;
    remove(...args);
  };
  await Promise.all(Array.from({ length: 20 }, () => fromCockatiel(probe).execute(() => 1)));
  expect(shared).toBe(signal);
  expect(count.added).toBeGreaterThan(0);
  expect(count.removed).toBe(count.added);
});
