import { describe, expect, test } from 'vitest';
import { errorContext } from '../call/error-context.js';
import type { CallEvent, ReportedEvent } from '../call/events.js';
import { InvalidInputError } from '../errors/input-errors.js';
import { ModelOverloadedError } from '../errors/rejections.js';
import { UpstreamUnavailableError } from '../errors/upstream-errors.js';
import { circuitBreaker } from '../policies/circuit-breaker.js';
import { retry } from '../policies/retry.js';
import { type VirtualRuntime, virtualRuntime } from '../testing/virtual-runtime.js';
import { eventLine, logEvents } from './event-lines.js';
import type { LogLevel } from './logger.js';

interface Line {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

function logOf(runtime: VirtualRuntime): Line[] {
  const lines: Line[] = [];
  const at =
    (level: LogLevel) =>
    (fields: object, message: string): void =>
      void lines.push({ level, message, fields: fields as Record<string, unknown> });
  logEvents(runtime.events, { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') });
  return lines;
}

const told = ({ level, message }: Line): string => `${level} ${message}`;
const failing = (error: Error) => (): Promise<never> => Promise.reject(error);
const ended = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error);

describe('the lines of retry', () => {
  test('R46: each failed attempt but the last, with its number, the operation, the error and the delay', async () => {
    const runtime = virtualRuntime({ random: () => 0.5 });
    const lines = logOf(runtime);
    const policy = retry({ attempts: 3, baseDelayMs: 1_000, jitter: 'none' }, runtime);
    const call = errorContext.run({ correlationId: 'req-1' }, () =>
      errorContext.operation('inference', () => ended(policy.execute(failing(new UpstreamUnavailableError())))),
    );
    await runtime.clock.runAll();
    await call;
    expect(lines.map(told)).toEqual([
      'warn Attempt 1 failed for inference: The model service is unavailable. Retrying in 1.00 seconds...',
      'warn Attempt 2 failed for inference: The model service is unavailable. Retrying in 2.00 seconds...',
      'warn Gave up on inference after attempt 3 (attempts): The model service is unavailable',
    ]);
    expect(lines[0]?.fields).toEqual({
      event: 'retry.scheduled',
      correlation_id: 'req-1',
      attempt: 1,
      delay_ms: 1_000,
      error_type: 'upstream_unavailable',
    });
  });

  test('R46: a retry that was told what it calls says that, whatever runs around it', async () => {
    const runtime = virtualRuntime();
    const lines = logOf(runtime);
    const policy = retry({ name: 'gpt-x', attempts: 1 }, runtime);
    await errorContext.operation('inference', () => ended(policy.execute(failing(new UpstreamUnavailableError()))));
    expect(lines.map(told)).toEqual([
      'warn Gave up on gpt-x after attempt 1 (attempts): The model service is unavailable',
    ]);
  });

  test('R47 D58: an error that is not retried, as an error of ours or as news of a caller’s mistake', async () => {
    const runtime = virtualRuntime();
    const lines = logOf(runtime);
    await ended(retry({}, runtime).execute(failing(new TypeError('canary'))));
    await ended(retry({}, runtime).execute(failing(new InvalidInputError('canary'))));
    expect(lines.map(told)).toEqual([
      expect.stringMatching(/^error Non-retryable error in the call: An unexpected error occurred$/),
      'info Non-retryable error in the call: The request is not valid',
    ]);
  });
});

test('what a policy of ours has refused is told by that policy, and by retry in detail only', async () => {
  const runtime = virtualRuntime();
  const lines = logOf(runtime);
  const full = new ModelOverloadedError(undefined, { details: { reason: 'queue_full' } });
  await ended(retry({ when: () => false }, runtime).execute(failing(full)));
  await ended(retry({ attempts: 1 }, runtime).execute(failing(new ModelOverloadedError())));
  expect(lines.map(told)).toEqual([
    'debug Gave up on the call after attempt 1 (queue_full): The model is overloaded; try again later',
    'warn Gave up on the call after attempt 1 (attempts): The model is overloaded; try again later',
  ]);
  expect(lines[0]?.fields).toMatchObject({ stop_reason: 'not_retryable', rejection: 'queue_full' });
});

test('R52 R54 R56: the lines of a circuit breaker say its name and its new state', async () => {
  const runtime = virtualRuntime();
  const lines = logOf(runtime);
  const breaker = circuitBreaker({ name: 'gpt-x', consecutive: 2, cooldownMs: 100 }, runtime);
  for (let index = 0; index < 2; index += 1) await ended(breaker.execute(failing(new UpstreamUnavailableError())));
  await ended(breaker.execute(async () => 'refused'));
  await runtime.clock.advance(1_000);
  await breaker.execute(async () => 'ok');
  expect(lines.filter(({ level }) => level !== 'debug').map(told)).toEqual([
    'error Circuit breaker for gpt-x is now OPEN',
    'info Circuit breaker for gpt-x is now HALF_OPEN',
    'info Circuit breaker for gpt-x is now CLOSED',
  ]);
  expect(lines.map(told)).toContain('debug breaker.rejected');
});

const handled = {
  type: 'error.handled',
  errorType: 'internal_error',
  errorClass: 'TypeError',
  severity: 'warn',
  status: 500,
  origin: 'service',
  message: 'An unexpected error occurred',
  operation: 'inference',
  context: {},
} as const;

test('R73 R78: an error that was handled, and one that is critical, have their words and levels', () => {
  const reported = (event: CallEvent): ReportedEvent => ({ ...event, at: 0, correlationId: 'a' });
  expect(eventLine(reported(handled))).toMatchObject({
    level: 'warn',
    message: 'Error in inference: An unexpected error occurred',
    fields: { correlation_id: 'a', error_class: 'TypeError', operation: 'inference' },
  });
  const { severity: _, ...facts } = handled;
  expect(eventLine(reported({ ...facts, type: 'error.critical' }))).toMatchObject({
    level: 'fatal',
    message: 'CRITICAL ERROR: An unexpected error occurred',
  });
});

test('an error that a handler has logged is not logged again; what a listener throws is', () => {
  const runtime = virtualRuntime();
  const lines = logOf(runtime);
  runtime.events.emit({ ...handled, at: 0 });
  runtime.events.emit({ type: 'listener.failed', error: new Error('canary sk-canary0123'), at: 0 });
  expect(lines).toMatchObject([{ level: 'error', message: 'listener.failed', fields: { error: { type: 'Error' } } }]);
  expect(JSON.stringify(lines)).not.toContain('canary');
});

test('R117: a model of a chain that failed is named', () => {
  const line = eventLine({ type: 'model.failed', model: 'large', errorType: 'out_of_memory', ms: 7, at: 0 });
  expect(line).toMatchObject({
    level: 'warn',
    message: 'Model large failed: Model inference failed due to insufficient memory',
    fields: { model: 'large', ms: 7 },
  });
});

test('times are whole milliseconds', () => {
  const { fields } = eventLine({ type: 'breaker.rejected', name: 'a', retryAfterMs: 12.7, at: 0.5 });
  expect(fields).toEqual({ event: 'breaker.rejected', name: 'a', retry_after_ms: 13 });
  const ratio = eventLine({ type: 'throttle.rejected', rejectRatio: 0.25, at: 0 });
  expect(ratio.fields).toMatchObject({ reject_ratio: 0.25 });
});

test('a line that the logger would not write is not made', () => {
  const runtime = virtualRuntime();
  const messages: string[] = [];
  const add = (_: object, message: string): void => void messages.push(message);
  const isLevelEnabled = (level: LogLevel): boolean => level !== 'debug';
  logEvents(runtime.events, { debug: add, info: add, warn: add, error: add, isLevelEnabled });
  let read = 0;
  const rejected = { type: 'bulkhead.rejected', name: 'a', at: 0 } as const;
  const reading = Object.defineProperty({ ...rejected, reason: 'queue_full' as const }, 'reason', {
    enumerable: true,
    get: () => ((read += 1), 'queue_full'),
  });
  runtime.events.emit(reading);
  runtime.events.emit({ type: 'breaker.closed', name: 'a', at: 0 });
  expect([messages, read]).toEqual([['Circuit breaker for a is now CLOSED'], 0]);
});

test('the log ends with the function that began it', () => {
  const runtime = virtualRuntime();
  const messages: string[] = [];
  const add = (_: object, message: string): void => void messages.push(message);
  const off = logEvents(runtime.events, { debug: add, info: add, warn: add, error: add });
  runtime.events.emit({ type: 'breaker.closed', name: 'a', at: 0 });
  off();
  runtime.events.emit({ type: 'breaker.closed', name: 'b', at: 0 });
  expect(messages).toEqual(['Circuit breaker for a is now CLOSED']);
});

test('R190: a check that fails is a warning, a service that is critical an error, and the way back is news', () => {
  const change = { type: 'health.changed', check: 'disk', critical: false, at: 0 } as const;
  const levels = [
    eventLine({ ...change, status: 'healthy', previous: 'unknown' }),
    eventLine({ ...change, status: 'unhealthy', previous: 'healthy' }),
    eventLine({ ...change, status: 'healthy', previous: 'unhealthy' }),
    eventLine({
      type: 'health.overall_changed',
      status: 'critical',
      previous: 'healthy',
      criticalFailures: ['model'],
      at: 0,
    }),
  ].map(({ level }) => level);
  expect(levels).toEqual(['debug', 'warn', 'info', 'error']);
});
