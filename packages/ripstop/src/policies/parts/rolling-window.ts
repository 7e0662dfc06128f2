import { assertCount, assertPositive } from '../../call/options.js';
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
  /** The last `calls` calls. */
  | { readonly calls: number }
  /** The calls of the last `ms` milliseconds. */
  | { readonly ms: number };

/** @throws RangeError when the size is not above 0. */
export function rollingWindow(size: WindowOptions, clock: Clock): RollingWindow {
  return 'calls' in size ? countWindow(size.calls) : timeWindow(size.ms, clock);
}

const FAILED = 1;
const SLOW = 2;

/** A ring of the last outcomes with running totals: O(1) to add and to read. */
function countWindow(calls: number): RollingWindow {
  assertCount('window.calls', calls);
  if (calls > 100_000) throw new RangeError(`window.calls must be at most 100000, got ${calls}`);
  const ring = new Uint8Array(calls);
  let counted = 0;
  let position = 0;
  let failures = 0;
  let slow = 0;
  return {
    add(failedCall, slowCall) {
      const outcome = (failedCall ? FAILED : 0) | (slowCall ? SLOW : 0);
      if (counted === calls) {
        const evicted = ring[position] ?? 0;
        if (evicted & FAILED) failures -= 1;
        if (evicted & SLOW) slow -= 1;
      } else {
        counted += 1;
      }
      ring[position] = outcome;
      position = (position + 1) % calls;
      if (failedCall) failures += 1;
      if (slowCall) slow += 1;
    },
    clear() {
      counted = position = failures = slow = 0;
    },
    get counted() {
      return counted;
    },
    get failures() {
      return failures;
    },
    get slow() {
      return slow;
    },
  };
}

const buckets = 10;

/**
 * Ten buckets keyed by the epoch floor(now / width). Whatever is older than the window is dropped when the window is
 * next touched, read or written, so an idle window costs nothing and forgets all the same (B14).
 *
 * Source: resilience4j, SlidingTimeWindowMetrics (the idea of partial aggregations per epoch).
 */
function timeWindow(ms: number, clock: Clock): RollingWindow {
  assertPositive('window.ms', ms);
  const widthMs = ms / buckets;
  const totals = new Float64Array(buckets * 3);
  const sum = new Float64Array(3);
  let epoch = 0;

  function touch(): number {
    const now = Math.floor(clock.now() / widthMs);
    const stale = Math.min(now - epoch, buckets);
    for (let index = 0; index < stale; index += 1) {
      const at = ((now - index) % buckets) * 3;
      for (let kind = 0; kind < 3; kind += 1) {
        sum[kind] = (sum[kind] ?? 0) - (totals[at + kind] ?? 0);
        totals[at + kind] = 0;
      }
    }
    if (stale > 0) epoch = now;
    return (epoch % buckets) * 3;
  }

  function bump(at: number, kind: number): void {
    totals[at + kind] = (totals[at + kind] ?? 0) + 1;
    sum[kind] = (sum[kind] ?? 0) + 1;
  }

  function read(kind: number): number {
    touch();
    return sum[kind] ?? 0;
  }

  return {
    add(failedCall, slowCall) {
      const at = touch();
      bump(at, 0);
      if (failedCall) bump(at, 1);
      if (slowCall) bump(at, 2);
    },
    clear() {
      totals.fill(0);
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
