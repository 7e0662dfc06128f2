import { describe, expect, test } from 'vitest';
import { type VirtualRuntime, virtualRuntime } from '../testing/virtual-runtime.js';
import { createErrorHistory, type ErrorRecord } from './error-history.js';

const hourMs = 3_600_000;

function record(type = 'internal_error', message = 'x'): ErrorRecord {
  return {
    error_type: type,
    error_class: `${type}Class`,
    message,
    correlation_id: 'a',
    status: 500,
    context: {},
    timestamp: '2026-01-01T00:00:00.000Z',
    traceback: null,
  };
}

function historyOf(size = 1_000): { history: ReturnType<typeof createErrorHistory>; runtime: VirtualRuntime } {
  const runtime = virtualRuntime();
  return { history: createErrorHistory(size, runtime.clock), runtime };
}

describe('the records', () => {
  test('R72 D53: are the latest, the newest last, and never more than fit', () => {
    const { history } = historyOf(3);
    expect(history.records()).toEqual([]);
    for (const message of ['a', 'b', 'c']) history.add(record('t', message));
    expect(history.records().map(({ message }) => message)).toEqual(['a', 'b', 'c']);
    for (const message of ['d', 'e']) history.add(record('t', message));
    expect(history.records().map(({ message }) => message)).toEqual(['c', 'd', 'e']);
  });
});

describe('the statistics', () => {
  test('R68 R70 R77: count all errors, and those of the last hour, by their type', async () => {
    const { history, runtime } = historyOf();
    history.add(record('rate_limited'));
    history.add(record('internal_error'));
    await runtime.clock.advance(hourMs);
    history.add(record('rate_limited'));
    expect(history.statistics()).toEqual({
      total_errors: 3,
      recent_errors_1h: 1,
      error_types: { rate_limited: 2, internal_error: 1 },
      recent_error_types: { rate_limited: 1 },
      error_classes: { rate_limitedClass: 2, internal_errorClass: 1 },
    });
  });

  test('R77: an error is recent for 3 600 s, and not a millisecond longer', async () => {
    const { history, runtime } = historyOf();
    history.add(record());
    await runtime.clock.advance(hourMs - 1);
    expect(history.statistics().recent_errors_1h).toBe(1);
    await runtime.clock.advance(1);
    expect(history.statistics().recent_errors_1h).toBe(0);
  });

  test('D51: an error of yesterday at this time is not recent', async () => {
    const { history, runtime } = historyOf();
    history.add(record());
    await runtime.clock.advance(24 * hourMs + 10_000);
    expect(history.statistics()).toMatchObject({ total_errors: 1, recent_errors_1h: 0, recent_error_types: {} });
  });

  test('D52: go on when the history is full, also those of the hour', async () => {
    const { history, runtime } = historyOf(1_000);
    for (let index = 0; index < 1_500; index += 1) history.add(record('rate_limited'));
    await runtime.clock.advance(hourMs / 2);
    for (let index = 0; index < 1_500; index += 1) history.add(record('internal_error'));
    expect(history.statistics()).toMatchObject({
      total_errors: 3_000,
      recent_errors_1h: 3_000,
      recent_error_types: { rate_limited: 1_500, internal_error: 1_500 },
    });
    await runtime.clock.advance(hourMs / 2 + 10_000);
    expect(history.statistics()).toMatchObject({
      total_errors: 3_000,
      recent_errors_1h: 1_500,
      error_types: { rate_limited: 1_500, internal_error: 1_500 },
      recent_error_types: { internal_error: 1_500 },
    });
  });

  test('D54: names are counted apart up to a limit, and together beyond', () => {
    const { history } = historyOf();
    for (let index = 0; index < 500; index += 1) history.add(record(`type-${index}`));
    const { error_classes: classes, total_errors: total } = history.statistics();
    expect(total).toBe(500);
    expect(Object.keys(classes)).toHaveLength(65);
    expect(classes['other']).toBe(500 - 64);
  });
});
