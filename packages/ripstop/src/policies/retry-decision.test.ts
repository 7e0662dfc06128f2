import { describe, expect, test } from 'vitest';
import { callReport } from '../call/call-report.js';
import { createError } from '../errors/create-error.js';
import { RateLimitError } from '../errors/rejections.js';
import { GenerationFailedError } from '../errors/upstream-errors.js';
import { recordingContext } from '../testing/recording-context.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { retry } from './retry.js';

const settings = { attempts: 2, baseDelayMs: 1_000, jitter: 'none' } as const;

describe('the order of the questions', () => {
  test('RT2: a deadline that has passed comes before what kind of error it is', async () => {
    const runtime = virtualRuntime();
    const refused = createError('invalid_input');
    const call = retry(settings, runtime)
      .run(
        () => new Promise((_, reject) => runtime.clock.after(150, () => reject(refused))),
        recordingContext({ deadlineMs: 100 }, runtime),
      )
      .catch((error: unknown) => error);
    await runtime.clock.advance(150);
    expect(await call).toBe(refused);
    expect(refused.stopReason).toBe('deadline');
  });

  test('RT2 RT3: a breaker inside that will not admit by then ends the call, before any wait', async () => {
    const runtime = virtualRuntime();
    const error = new GenerationFailedError('down');
    const call = retry(settings, runtime).execute((context) => {
      context.holdUntil(1_001);
      throw error;
    });
    await expect(call).rejects.toBe(error);
    expect(error.stopReason).toBe('circuit_open');
    expect([runtime.clock.now(), runtime.clock.pending]).toEqual([0, 0]);
  });

  test('RT2: one that admits by then does not', async () => {
    const runtime = virtualRuntime();
    const call = retry(settings, runtime).execute((context) => {
      if (context.attempt === 2) return 'done';
      context.holdUntil(1_000);
      throw new GenerationFailedError('down');
    });
    await runtime.clock.advance(1_000);
    expect(await call).toBe('done');
  });
});

test('RT5: a stated wait as long as the longest delay is honoured', async () => {
  const runtime = virtualRuntime();
  const limited = new RateLimitError(undefined, { retryAfterMs: 60_000 });
  const call = retry({}, runtime).execute(({ attempt }) => (attempt === 1 ? Promise.reject(limited) : 'done'));
  await runtime.clock.runAll();
  expect(await call).toBe('done');
});

test('RT4: the last error becomes the cause of an abort as if the reason had been made with it', async () => {
  const runtime = virtualRuntime();
  const caller = new AbortController();
  const down = new GenerationFailedError('down');
  const call = retry(settings, runtime)
    .execute(() => Promise.reject(down), { signal: caller.signal })
    .catch((error: unknown) => error);
  await runtime.clock.advance(0);
  const reason = new Error('left');
  caller.abort(reason);
  expect(await call).toBe(reason);
  const made = Object.getOwnPropertyDescriptor(new Error('left', { cause: down }), 'cause');
  expect(Object.getOwnPropertyDescriptor(reason, 'cause')).toEqual(made);
  expect(callReport(reason)).toMatchObject({ stopReason: 'cancelled' });
});

test('its name is that of the policy', () => {
  expect(retry().name).toBe('retry');
});
