import { afterEach, describe, expect, test, vi } from 'vitest';
import { UpstreamUnavailableError } from '../errors/upstream-errors.js';
import { consoleLogger, type Logger, type LogLevel, redactingLogger, withFields, write } from './logger.js';

type Line = readonly [level: LogLevel, message: string, fields: object];

function recorder(): { readonly logger: Logger; readonly lines: Line[] } {
  const lines: Line[] = [];
  const at =
    (level: LogLevel) =>
    (fields: object, message: string): void =>
      void lines.push([level, message, fields]);
  return { lines, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('I12: the one place that every line passes', () => {
  test('takes keys, prompts, answers and the words of others out of texts, fields and errors', () => {
    const { logger, lines } = recorder();
    const error = new UpstreamUnavailableError(undefined, { cause: new Error('canary at db.canary.internal') });
    const safe = redactingLogger(logger);
    safe.error({ authorization: 'canary', prompt: 'canary', err: error, model: 'small' }, 'called with cpk_canary0123');
    safe.info({ answer: 'canary', ms: 7 }, 'two\nlines');
    expect(JSON.stringify(lines)).not.toContain('canary');
    expect(lines).toMatchObject([
      [
        'error',
        'called with cpk-[…]',
        { prompt: '[hidden]', model: 'small', err: { type: 'UpstreamUnavailableError' } },
      ],
      ['info', 'two lines', { ms: 7 }],
    ]);
  });

  test('is passed once, however many layers ask for it, and fields given once pass it too', () => {
    const { logger, lines } = recorder();
    const safe = redactingLogger(logger);
    expect(redactingLogger(safe)).toBe(safe);
    const withId = withFields(safe, { correlation_id: 'a', token: 'canary' });
    expect(redactingLogger(withId)).toBe(withId);
    withId.warn({ cookie: 'canary', n: 1 }, 'hello');
    expect(lines).toEqual([['warn', 'hello', { correlation_id: 'a', token: '[hidden]', cookie: '[hidden]', n: 1 }]]);
  });

  test('hides further names by option', () => {
    const { logger, lines } = recorder();
    redactingLogger(logger, { hide: ['customer'] }).info({ customer: 'canary' }, 'x');
    expect(lines).toEqual([['info', 'x', { customer: '[hidden]' }]]);
  });
});

test('I13: fields that are given once are on every line, at every level', () => {
  const { logger, lines } = recorder();
  const withId = withFields(logger, { correlation_id: 'a' });
  for (const level of ['debug', 'info', 'warn', 'error'] as const) withId[level]({ n: 1 }, level);
  expect(lines).toEqual(
    (['debug', 'info', 'warn', 'error'] as const).map((level) => [level, level, { correlation_id: 'a', n: 1 }]),
  );
});

test('what is fatal is an error to a logger that knows nothing worse', () => {
  const { logger, lines } = recorder();
  write(logger, { level: 'fatal', message: 'x', fields: {} });
  withFields(logger, {}).fatal?.({}, 'y');
  const fatal = vi.fn();
  write({ ...logger, fatal }, { level: 'fatal', message: 'z', fields: { n: 1 } });
  expect(lines).toEqual([
    ['error', 'x', {}],
    ['error', 'y', {}],
  ]);
  expect(fatal).toHaveBeenCalledWith({ n: 1 }, 'z');
});

test('the console gets warnings and errors, and nothing else', () => {
  const spies = (['debug', 'info', 'log', 'warn', 'error'] as const).map((name) =>
    vi.spyOn(console, name).mockImplementation(() => undefined),
  );
  for (const level of ['debug', 'info', 'warn', 'error'] as const) consoleLogger[level]({ n: 1 }, level);
  expect(spies.map(({ mock }) => mock.calls)).toEqual([[], [], [], [['warn', { n: 1 }]], [['error', { n: 1 }]]]);
});
