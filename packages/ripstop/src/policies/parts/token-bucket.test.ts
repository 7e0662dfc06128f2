import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { TokenBucket } from './token-bucket.js';

const shape = { burst: 10, msPerUnit: 100 };

function take(bucket: TokenBucket, units: number, now: number): void {
  bucket.fullAt = bucket.fullAfter(units, now);
}

test('starts full, and gives a unit back every so often until it is full again', () => {
  const bucket = new TokenBucket(shape);
  expect(bucket.level(0)).toBe(10);
  take(bucket, 4, 0);
  expect(bucket.level(0)).toBe(6);
  expect(bucket.level(250)).toBe(8.5);
  expect(bucket.level(10_000)).toBe(10);
});

test('says when there will be enough', () => {
  const bucket = new TokenBucket(shape);
  take(bucket, 10, 0);
  expect(bucket.earliest(1)).toBe(100);
  expect(bucket.earliest(10)).toBe(1_000);
});

test('what is larger than the bucket waits for a full one', () => {
  const bucket = new TokenBucket(shape);
  expect(bucket.charge(25)).toBe(10);
  take(bucket, 1, 0);
  expect(bucket.earliest(25)).toBe(100);
});

test('a debt is never deeper than one full bucket', () => {
  const bucket = new TokenBucket(shape);
  take(bucket, 10, 0);
  bucket.settle(10, 1_000_000, 0);
  expect(bucket.level(0)).toBe(-10);
  expect(bucket.earliest(1)).toBe(1_100);
});

test('a bucket that has been full for long is debited all the same', () => {
  const bucket = new TokenBucket(shape);
  take(bucket, 10, 0);
  bucket.settle(0, 4, 60_000);
  expect(bucket.level(60_000)).toBe(6);
});

test('lowering takes nothing from a bucket that is lower already', () => {
  const bucket = new TokenBucket(shape);
  bucket.lower(3, 0);
  expect(bucket.level(0)).toBe(3);
  bucket.lower(7, 0);
  expect(bucket.level(0)).toBe(3);
});

test('a new shape keeps what is in the bucket, as far as it fits', () => {
  const bucket = new TokenBucket(shape);
  take(bucket, 4, 0);
  bucket.reshape({ burst: 100, msPerUnit: 1 }, 0);
  expect(bucket.level(0)).toBe(6);
  expect(bucket.level(10)).toBe(16);
  bucket.shrink(8, 10);
  expect(bucket.level(10)).toBe(8);
  bucket.shrink(50, 10);
  expect(bucket.level(20)).toBe(8);
});

test('settling conserves units: a reservation and its settlement are the same as having taken what was used', () => {
  const calls = fc.array(
    fc.record({ reserved: fc.integer({ min: 0, max: 100 }), used: fc.integer({ min: 0, max: 100 }) }),
    { maxLength: 20 },
  );
  fc.assert(
    fc.property(calls, fc.integer({ min: 0, max: 5_000 }), (list, later) => {
      const bucket = new TokenBucket({ burst: 5_000, msPerUnit: 7 });
      const reference = new TokenBucket({ burst: 5_000, msPerUnit: 7 });
      for (const { reserved } of list) take(bucket, reserved, 0);
      for (const { reserved, used } of list.toReversed()) bucket.settle(reserved, used, 0);
      for (const { used } of list) take(reference, used, 0);
      expect(bucket.level(later)).toBeCloseTo(reference.level(later), 6);
    }),
  );
});

test('time returns what settling did not: the level is the burst, less all that was used, plus all that came back', () => {
  const steps = fc.array(
    fc.record({
      waitMs: fc.integer({ min: 0, max: 500 }),
      reserved: fc.integer({ min: 0, max: 50 }),
      used: fc.integer({ min: 0, max: 50 }),
    }),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(steps, (list) => {
      // Large enough never to be full again, and never to owe too much.
      const bucket = new TokenBucket({ burst: 10_000, msPerUnit: 10 });
      take(bucket, 5_000, 0);
      let now = 0;
      let level = 5_000;
      for (const { waitMs, reserved, used } of list) {
        now += waitMs;
        level += waitMs / 10 - used;
        take(bucket, reserved, now);
        bucket.settle(reserved, used, now);
      }
      expect(bucket.level(now)).toBeCloseTo(level, 6);
    }),
  );
});
