import { check, positive, type Rule } from '../../call/options.js';
import type { Clock } from '../../call/runtime.js';

/** Outcomes of the most recent calls. */
export interface RollingWindow {
  add(failed: boolean, slow: boolean): void;
  clear(): void;
  readonly counted: number;
  readonly failures: number;
  readonly slow: number;
}

/** What a breaker looks back on: the last calls, or the last stretch of time. */
export type WindowOptions =
  /** The last `calls` calls. At most 100 000. */
  | { readonly calls: number }
  /** The calls of the last `ms` milliseconds. */
  | { readonly ms: number };

/** Of a window of time. A window of calls has one for each. */
const bucketsOfTime = 10;
/** What a bucket counts: calls, failures, slow calls. */
const kinds = 3;

const rules: Record<'window.calls' | 'window.ms', Rule> = {
  'window.calls': [
    'a whole number from 1 to 100000',
    (calls) => Number.isInteger(calls) && calls >= 1 && calls <= 100_000,
  ],
  'window.ms': positive,
};

/**
 * A ring of buckets with running totals: O(1) to add and to read. A bucket holds one call, or a tenth of the time;
 * then it is keyed by the epoch floor(now / width), and whatever is older than the window is dropped when the window
 * is next touched, read or written, so that an idle window costs nothing and forgets all the same (B14).
 *
 * Source: resilience4j, SlidingTimeWindowMetrics (the idea of partial aggregations per epoch).
 *
 * @throws RangeError when the size is not above 0.
 */
export function rollingWindow(size: WindowOptions, clock: Pick<Clock, 'now'>): RollingWindow {
  const { calls, ms } = size as { readonly calls?: number; readonly ms?: number };
  check({ 'window.calls': calls, 'window.ms': calls === undefined ? (ms ?? Number.NaN) : undefined }, rules);
  const buckets = calls ?? bucketsOfTime;
  const widthMs = (ms ?? 0) / buckets;
  const ring = new Uint32Array(buckets * kinds);
  const sum = new Uint32Array(kinds);
  let epoch = 0;

  /** Turns the ring to the bucket of the present, and empties those that it comes by. */
  function turn(present: number): void {
    for (let ago = Math.min(present - epoch, buckets) - 1; ago >= 0; ago -= 1) {
      const at = ((present - ago) % buckets) * kinds;
      for (let kind = 0; kind < kinds; kind += 1) {
        bump(sum, kind, -(ring[at + kind] ?? 0));
        ring[at + kind] = 0;
      }
    }
    epoch = Math.max(epoch, present);
  }

  function turnToNow(): void {
    if (calls === undefined) turn(Math.floor(clock.now() / widthMs));
  }

  function read(kind: number): number {
    turnToNow();
    return sum[kind] ?? 0;
  }

  function count(kind: number): void {
    bump(sum, kind, 1);
    bump(ring, (epoch % buckets) * kinds + kind, 1);
  }

  return {
    add(failed, slow) {
      if (calls === undefined) turnToNow();
      else turn(epoch + 1);
      count(0);
      if (failed) count(1);
      if (slow) count(2);
    },
    clear() {
      ring.fill(0);
      sum.fill(0);
    },
    get counted() {
      return read(0);
    },
    get failures() {
      return read(1);
    },
    get slow() {
      return read(2);
    },
  };
}

function bump(counts: Uint32Array, index: number, by: number): void {
  counts[index] = (counts[index] ?? 0) + by;
}
