import { expect, test } from 'vitest';
import { seededRandom, virtualRuntime } from '../testing/virtual-runtime.js';
import { errorMetrics } from './error-metrics.js';

const hourMs = 3_600_000;
const minuteMs = 60_000;

/** Letters only, so that no two are the same message. */
function text(random: () => number, length: number): string {
  return Array.from({ length }, () => String.fromCharCode(97 + Math.floor(random() * 26))).join('');
}

test('D54 D102 D97: a hundred thousand random types, operations and texts find a bounded number of places', async () => {
  const runtime = virtualRuntime();
  const failures: unknown[] = [];
  runtime.events.on((event) => {
    if (event.type === 'listener.failed') failures.push(event.error);
  });
  const metrics = errorMetrics({}, runtime);
  const random = runtime.random;
  const hostile = ['__proto__', 'constructor', '', ':', '\u0000', 'x'.repeat(10_000)];
  for (let count = 0; count < 100_000; count += 1) {
    const name = hostile[count % 50] ?? text(random, 12);
    metrics.recordError(name, `${text(random, 20)} ${text(random, 8)}`, { operation: text(random, 12) });
    metrics.recordSuccess(text(random, 10), random() * 1e6);
    if (count % 2_000 === 0) await runtime.clock.advance(minuteMs);
  }

  expect(failures).toEqual([]);
  const summary = metrics.getErrorSummary();
  expect(summary.total_errors_1h).toBe(100_000);
  expect(summary.total_calls_1h).toBe(200_000);
  expect(Object.keys(summary.error_types).length).toBeLessThanOrEqual(65);
  expect(summary.error_types['other']).toBeGreaterThan(80_000);
  expect(Object.keys(summary.throughput).length).toBeLessThanOrEqual(65);
  expect(Object.keys(summary.latency).length).toBeLessThanOrEqual(65);
  expect(metrics.getTopErrorPatterns(Number.POSITIVE_INFINITY).length).toBeLessThanOrEqual(60 * 65);
  expect(JSON.stringify(summary).length).toBeLessThan(60_000);
  for (const [name] of metrics.getTopErrorPatterns(Number.POSITIVE_INFINITY)) expect(name.length).toBeLessThan(257);
});

test('D54: our own types keep their places in a flood of names, and an hour later there is room for new ones', async () => {
  const runtime = virtualRuntime();
  const metrics = errorMetrics({}, runtime);
  const random = seededRandom(7);
  for (let count = 0; count < 1_000; count += 1) metrics.recordError(text(random, 12), 'no');
  metrics.recordError('generation_failed', 'no');
  metrics.recordError('late', 'no');
  expect(metrics.getErrorRate('generation_failed')).toBe(1);
  expect(metrics.getErrorRate('late')).toBe(0);

  await runtime.clock.advance(hourMs + 2 * minuteMs);
  metrics.recordSuccess();
  await runtime.clock.advance(minuteMs);
  metrics.recordError('late', 'no');
  expect(metrics.getErrorRate('late')).toBe(1);
});

test('D102: what fails often is told by name, whatever else comes in', async () => {
  const runtime = virtualRuntime();
  const metrics = errorMetrics({}, runtime);
  const random = seededRandom(7);
  for (let minute = 0; minute < 30; minute += 1) {
    for (let count = 0; count < 500; count += 1) {
      const isReal = random() < 0.05;
      metrics.recordError('generation_failed', isReal ? `worker ${count} is gone` : text(random, 30), {
        operation: isReal ? 'inference' : text(random, 12),
      });
    }
    await runtime.clock.advance(minuteMs);
  }
  expect(metrics.getTopErrorPatterns(2).map(([pattern]) => pattern)).toEqual(['other', 'generation_failed:inference']);
  expect(metrics.getErrorSummary().top_errors[0]).toMatchObject({
    pattern: 'generation_failed:inference',
    message: 'worker # is gone',
  });
});
