import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { Call, CallContext } from '../call/call.js';
import { callReport } from '../call/call-report.js';
import { GenerationFailedError } from '../errors/upstream-errors.js';
import { recordingContext } from '../testing/recording-context.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { hedge } from './hedge.js';
import { retryBudget } from './parts/retry-budget.js';
import { pipeline } from './policy.js';
import { retry, type RetryOptions } from './retry.js';
import { timeout } from './timeout.js';

const runtime = virtualRuntime();
const plain: RetryOptions = { jitter: 'none' };
const bad = 'bad';
const isBad = (result: unknown): boolean => result === bad;

/** Runs `fn` until time has nothing more to bring. */
async function retried<T>(
  fn: Call<T>,
  options: RetryOptions,
  context = recordingContext(undefined, runtime),
): Promise<T> {
  const outcome = retry(options, runtime).run(fn, context);
  await runtime.clock.runAll();
  return outcome;
}

/** Gives each of `results` in turn. */
function gives<T>(...results: T[]): () => T | undefined {
  return () => results.shift();
}

describe('a result that is sent back', () => {
  test('RT6: is not what the caller gets, if a later one is good enough', async () => {
    expect(await retried(gives<unknown>(bad, bad, 'good'), { whenResult: isBad })).toBe('good');
  });

  test('RT6: is returned as it is, with its report beside it, when it is the last one', async () => {
    const results = [1, 2, 3].map((id) => Object.freeze({ id, status: 503 }));
    const context = recordingContext(undefined, runtime);
    const last = await retried(gives(...results), { ...plain, attempts: 3, whenResult: () => true }, context);
    expect(last).toBe(results[2]);
    expect(callReport(last)).toEqual({
      stopReason: 'attempts',
      attempts: results.map(({ status }) => ({ errorType: 'invalid_response', status, ms: 0 })),
    });
    expect(context.events).toEqual([
      { type: 'retry.scheduled', delayMs: 1_000, errorType: 'invalid_response' },
      { type: 'retry.scheduled', delayMs: 2_000, errorType: 'invalid_response' },
      { type: 'retry.stopped', stopReason: 'attempts', errorType: 'invalid_response' },
    ]);
  });

  test.each([undefined, null, 0, '', false])('RT6 G12: may be any value: %s', async (value) => {
    let calls = 0;
    const fn = (): unknown => ((calls += 1), value);
    expect(await retried(fn, { attempts: 2, whenResult: () => true })).toBe(value);
    expect(calls).toBe(2);
  });

  test('RT6: nothing is asked of results by default, and errors go their own way', async () => {
    const response = new Response('busy', { status: 503 });
    expect(await retried(() => response, {})).toBe(response);
    const asked: unknown[] = [];
    const fn = gives<() => unknown>(
      () => {
        throw new GenerationFailedError('down');
      },
      () => 'good',
    );
    const whenResult = (result: unknown, { attempt }: CallContext): boolean => asked.push([result, attempt]) === 0;
    expect(await retried(() => fn()?.(), { when: () => true, whenResult })).toBe('good');
    expect(asked).toEqual([['good', 2]]);
  });

  test('RT6: `when` is asked of errors alone', async () => {
    const asked: unknown[] = [];
    const when = (error: unknown): boolean => asked.push(error) > 0;
    expect(await retried(gives(bad, 'good'), { when, whenResult: isBad })).toBe('good');
    expect(asked).toEqual([]);
  });

  test('RT6 RT5: a number asks for a wait, which is a floor, and one above the cap ends it', async () => {
    const startedAt = runtime.clock.now();
    await retried(gives(bad, 'good'), { whenResult: (result) => isBad(result) && 7_000 });
    expect(runtime.clock.now() - startedAt).toBeGreaterThanOrEqual(7_000);
    expect(runtime.clock.now() - startedAt).toBeLessThanOrEqual(7_700);
    const daily = { status: 429 };
    expect(await retried(() => daily, { whenResult: () => 60_001 })).toBe(daily);
    expect(callReport(daily)).toMatchObject({ stopReason: 'deadline', attempts: [{ status: 429 }] });
  });

  test('G5: a `whenResult` that throws is reported, and has sent nothing back', async () => {
    const bug = new TypeError('cannot read properties of undefined');
    const context = recordingContext(undefined, runtime);
    const whenResult = (): boolean => {
      throw bug;
    };
    expect(await retried(gives(bad, 'good'), { whenResult }, context)).toBe(bad);
    expect(context.events).toEqual([{ type: 'listener.failed', error: bug }]);
  });

  test('U2: costs a token of the budget, and adds nothing to it', async () => {
    const budget = retryBudget({ capacity: 5, ratio: 0.5, minPerSecond: 0 }, runtime);
    await retried(gives(bad, bad, bad, bad), { budget, attempts: 3, whenResult: isBad });
    expect(budget.balance).toBe(3);
    await retried(gives(bad, 'good'), { budget, whenResult: isBad });
    expect(budget.balance).toBe(2.5);
  });

  test('RT4: a caller who leaves during the wait gets his reason, whose cause is no error that nobody threw', async () => {
    const caller = new AbortController();
    const call = retry({ whenResult: isBad }, runtime)
      .execute(() => bad, { signal: caller.signal })
      .catch((reason: unknown) => reason);
    await runtime.clock.advance(0);
    const reason = new Error('left');
    caller.abort(reason);
    expect(await call).toBe(reason);
    expect(reason).not.toHaveProperty('cause');
    expect(callReport(reason)).toEqual({
      stopReason: 'cancelled',
      attempts: [{ errorType: 'invalid_response', ms: 0 }],
    });
  });
});

describe('what is sent back is closed before the next attempt', () => {
  /** Calls twice, and tells whether `result` was closed when the second attempt began. */
  async function closedBefore(result: unknown, isClosed: () => boolean): Promise<boolean> {
    let before = false;
    const fn: Call<unknown> = ({ attempt }) => {
      if (attempt === 1) return result;
      before = isClosed();
      return 'good';
    };
    expect(await retried(fn, { baseDelayMs: 0, whenResult: (given) => given !== 'good' })).toBe('good');
    return before;
  }

  test('RT6: a web stream, a generator that waits at a yield, and a Node stream', async () => {
    let closed = 0;
    const close = (): void => void (closed += 1);
    expect(await closedBefore(new ReadableStream({ cancel: close }), () => closed === 1)).toBe(true);
    const generator = (async function* () {
      try {
        yield 1;
      } finally {
        close();
      }
    })();
    await generator.next();
    expect(await closedBefore(generator, () => closed === 2)).toBe(true);
    const node = new Readable({ read: () => undefined });
    expect(await closedBefore(node, () => node.destroyed)).toBe(true);
  });

  test('RT6: the body of a Response, and of an answer that is no Response', async () => {
    let cancelled = 0;
    const body = (): ReadableStream => new ReadableStream({ cancel: () => void (cancelled += 1) });
    const response = new Response(body(), { status: 503 });
    expect(await closedBefore(response, () => cancelled === 1)).toBe(true);
    const node = new Readable({ read: () => undefined });
    expect(await closedBefore({ statusCode: 503, body: node }, () => node.destroyed)).toBe(true);
    expect(await closedBefore({ body: 'text' }, () => true)).toBe(true);
  });

  test('RT6: whatever can be disposed of, even if that fails', async () => {
    let disposed = 0;
    const failing = async (): Promise<void> => {
      disposed += 1;
      throw new Error('cannot close');
    };
    expect(await closedBefore({ [Symbol.asyncDispose]: failing }, () => disposed === 1)).toBe(true);
    expect(await closedBefore({ [Symbol.dispose]: () => void (disposed += 1) }, () => disposed === 2)).toBe(true);
  });

  test('RT6: what is returned in the end is left open', async () => {
    let closed = 0;
    const result = { [Symbol.dispose]: () => void (closed += 1) };
    expect(await retried(() => result, { attempts: 1, whenResult: () => true })).toBe(result);
    expect(closed).toBe(0);
  });

  test('RT6: a result that comes after its attempt’s limit is closed too, whatever it is', async () => {
    let cancelled = 0;
    const late = new Response(new ReadableStream({ cancel: () => void (cancelled += 1) }));
    const fn: Call<unknown> = ({ attempt }) => {
      return attempt === 1 ? new Promise((resolve) => runtime.clock.after(15, () => resolve(late))) : 'good';
    };
    const call = pipeline(retry({ ...plain, baseDelayMs: 10 }, runtime), timeout({ limitMs: 10 }, runtime)).execute(fn);
    await runtime.clock.runAll();
    expect(await call).toBe('good');
    expect(cancelled).toBe(1);
  });

  test('RT6: so is the late result of an attempt that lost a race', async () => {
    let disposed = 0;
    const late = { [Symbol.dispose]: () => void (disposed += 1) };
    const call = hedge({ safety: 'idempotent', delayMs: 10 }, runtime).execute(({ attempt }) => {
      return attempt === 1 ? new Promise<unknown>((resolve) => runtime.clock.after(30, () => resolve(late))) : 'good';
    });
    await runtime.clock.runAll();
    expect(await call).toBe('good');
    expect(disposed).toBe(1);
  });

  test('RT6: fetch: the connection of a 503 that is sent back is free again', async () => {
    let closed = 0;
    let asked = 0;
    const server = createServer((_, response) => {
      asked += 1;
      response.on('close', () => (closed += response.writableFinished ? 0 : 1));
      if (asked > 1) return response.end('Paris.');
      response.writeHead(503, { 'retry-after': '0' });
      return response.write('busy, and the rest never comes');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const policy = retry({ baseDelayMs: 0, whenResult: (result) => (result as Response).status === 503 });
      const response = await policy.execute(({ signal }) => fetch(`http://127.0.0.1:${port}/`, { signal }));
      expect(await response.text()).toBe('Paris.');
      await expect.poll(() => closed).toBe(1);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

test('D32: `whenResult` and `nested` have defaults that change nothing, and a bad `nested` is refused', () => {
  expect(() => retry({ whenResult: undefined, nested: undefined })).not.toThrow();
  expect(() => retry({ nested: 'never' as 'once' })).toThrow(
    new RangeError('nested must be one of once, own, got "never"'),
  );
});
