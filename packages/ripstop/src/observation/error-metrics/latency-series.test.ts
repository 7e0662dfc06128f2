import { expect, test } from 'vitest';
import { seededRandom } from '../../testing/virtual-runtime.js';
import { LatencySeries } from './latency-series.js';

const windows = { recentMs: 60_000, baselineMs: 600_000, startedAt: 0 };

test('I24: percentiles are never too short and at most a tenth too long', () => {
  const random = seededRandom(5);
  const series = new LatencySeries(windows);
  const durations = Array.from({ length: 1_000 }, () => Math.exp(random() * 12));
  for (const ms of durations) series.record(1, ms);
  const sorted = durations.toSorted((one, another) => one - another);
  const told = series.recent(1);
  for (const [q, ms] of [
    [0.5, told?.p50],
    [0.95, told?.p95],
  ] as const) {
    const exact = sorted[Math.ceil(q * 1_000) - 1] ?? 0;
    expect(ms).toBeGreaterThanOrEqual(exact);
    expect(ms).toBeLessThanOrEqual(exact * 1.1001);
  }
});

test('I24: what leaves the present becomes usual, and is forgotten when it is older than the baseline', () => {
  const series = new LatencySeries(windows);
  for (let now = 0; now < 60_000; now += 1_000) series.record(now, 200);
  expect(series.baseline(60_000)).toBeUndefined();
  expect(series.recent(130_000)).toBeUndefined();
  expect(series.baseline(130_000)?.count).toBe(60);
  expect(series.isIdle(130_000)).toBe(false);
  expect(series.baseline(800_000)).toBeUndefined();
  expect(series.isIdle(800_000)).toBe(true);
});

test('I24: a pause longer than the present loses nothing of it, and one longer than the baseline all of it', () => {
  const series = new LatencySeries(windows);
  for (let count = 0; count < 30; count += 1) series.record(1_000, 200);
  series.record(400_000, 300);
  expect(series.baseline(400_000)?.count).toBe(30);
  series.record(5_000_000, 300);
  expect(series.baseline(5_000_000)).toBeUndefined();
  expect(series.recent(5_000_000)?.count).toBe(1);
});

test('I24: while it does not learn, what leaves the present is gone', () => {
  const series = new LatencySeries(windows);
  series.learning = false;
  for (let now = 0; now < 60_000; now += 1_000) series.record(now, 9_000);
  expect(series.baseline(200_000)).toBeUndefined();
});

test('durations of any kind find a place: none, a day, and longer', () => {
  const series = new LatencySeries(windows);
  for (const ms of [0, 0.1, 1, 86_400_000, Number.MAX_VALUE]) series.record(1, ms);
  expect(series.recent(1)?.count).toBe(5);
  expect(series.recent(1)?.p95).toBeGreaterThanOrEqual(86_400_000);
});
