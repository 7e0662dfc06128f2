import { createErrorHandler, logEvents } from 'ripstop/serving';
import { InternalError, systemRuntime, UpstreamUnavailableError } from 'ripstop';
import { expect, test } from 'vitest';
import { createLogger } from './log.js';

function recorded(write: (logger: ReturnType<typeof createLogger>) => void): readonly Record<string, unknown>[] {
  const lines: string[] = [];
  write(createLogger('debug', { write: (line) => void lines.push(line) }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('I13: pino fits as it is: events and errors are JSON lines with level, time and correlation id', () => {
  const lines = recorded((logger) => {
    const off = logEvents(systemRuntime.events, logger);
    const opened = { type: 'breaker.opened', name: 'a', cooldownMs: 5, reason: 'failures' } as const;
    systemRuntime.events.emit({ ...opened, at: 0, correlationId: 'c' });
    off();
    const handler = createErrorHandler({ logger });
    handler.handle(new UpstreamUnavailableError(), { correlationId: 'c' });
    handler.handleCriticalError(new InternalError(), { correlationId: 'c' });
  });
  expect(lines).toMatchObject([
    { level: 'error', msg: 'Circuit breaker for a is now OPEN', event: 'breaker.opened', correlation_id: 'c' },
    { level: 'error', msg: 'Error in unknown: The model service is unavailable', correlation_id: 'c' },
    { level: 'fatal', msg: 'CRITICAL ERROR: An unexpected error occurred', correlation_id: 'c' },
  ]);
  expect(lines.map(({ time }) => String(time))).toEqual(Array(3).fill(expect.stringMatching(/^2\d{3}-\d\d-\d\dT.*Z$/)));
});

test('I12: what others wrote into an error never reaches the log, whoever logs it', () => {
  const cause = Object.assign(new TypeError('Headers.append: "Bearer canary-key" is an invalid header value.'), {
    code: 'ERR_INVALID_CHAR',
  });
  const error = new UpstreamUnavailableError(undefined, { cause });
  const lines = recorded((logger) => {
    logger.error({ err: error }, 'by hand');
    createErrorHandler({ logger }).handle(error);
  });
  for (const { err } of lines) {
    expect(err).toMatchObject({
      type: 'UpstreamUnavailableError',
      message: 'The model service is unavailable',
      cause: { type: 'TypeError', code: 'ERR_INVALID_CHAR' },
    });
  }
  expect(JSON.stringify(lines)).not.toContain('canary');
});
