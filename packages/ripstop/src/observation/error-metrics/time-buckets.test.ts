import { expect, test } from 'vitest';
import { seededRandom } from '../../testing/virtual-runtime.js';
import { CountSeries, horizonMs } from './count-series.js';
import { TimeBuckets } from './time-buckets.js';

test('D99: a ring of buckets counts what a list of times counts, to the bucket, over pauses of any length', () => {
  const random = seededRandom(3);
  const buckets = new TimeBuckets(10, 600);
  const times: number[] = [];
  let now = 5;
  for (let step = 0; step < 5_000; step += 1) {
    now += random() < 0.01 ? random() * 2_000 : random() * 8;
    if (random() < 0.7) {
      buckets.add(now);
      times.push(now);
    }
    const windowMs = 10 + random() * 590;
    const count = (longer: number): number => times.filter((time) => time > now - windowMs - longer).length;
    const told = buckets.within(now, windowMs);
    expect(told).toBeGreaterThanOrEqual(count(-10));
    expect(told).toBeLessThanOrEqual(count(10));
  }
});

test('D98: the baseline is the time before the present, without what was excluded, and knows how long it is', () => {
  const series = new CountSeries({ recentMs: 60_000, baselineMs: 600_000, startedAt: 0 });
  for (let now = 0; now < 60_000; now += 1_000) series.add(now);
  expect(series.baseline(60_000)).toBeUndefined();
  for (let now = 60_000; now < 600_000; now += 1_000) series.add(now);
  for (let now = 600_000; now < 660_000; now += 100) series.add(now);
  expect(series.baseline(660_000)).toEqual({ count: 600, ms: 600_000 });
  expect(series.recent(660_000)).toBe(600);

  series.exclude(600_000, 660_000);
  expect(series.baseline(720_000)).toEqual({ count: 540, ms: 540_000 });
  series.exclude(660_000, 700_000);
  expect(series.baseline(1_260_000)).toEqual({ count: 0, ms: 500_000 });
  expect(series.isIdle(1_260_000)).toBe(false);
  expect(series.isIdle(660_000 + 2 * horizonMs({ recentMs: 60_000, baselineMs: 600_000 }))).toBe(true);
});
