import { assertPositive } from '../../call/options.js';
import type { Clock } from '../../call/runtime.js';

/** How long recent calls took, well enough to say which share of them was faster. */
export interface Quantiles {
  /** Adds a duration, in milliseconds. O(1). */
  record(ms: number): void;
  /**
   * The duration that a share `q` of the recent ones did not exceed, in milliseconds; `undefined` before the first.
   * Never too short, and at most 4 % too long, for durations between 1 ms and 24 hours; what lies outside counts as
   * that bound.
   */
  quantile(q: number): number | undefined;
  /** How many durations it looks back on. */
  readonly count: number;
}

/** Each bucket's upper bound, which is taken for all of it, over the one before. */
const growth = 1.04;
const logGrowth = Math.log(growth);
const shortestMs = 1;
const longestMs = 24 * 60 * 60 * 1_000;
const buckets = indexOf(longestMs) + 1;

/**
 * Two histograms with a fixed number of buckets on a logarithmic scale, which take turns: the older one is emptied
 * every half window, so that quantiles cover between half the window and all of it, in constant memory (4 KB).
 *
 * Source: C. Masson et al., DDSketch (VLDB 2019), for the scale; tower's rotating histogram for the turns.
 *
 * @throws RangeError when `windowMs` is not above 0.
 */
export function quantiles(windowMs: number, clock: Clock): Quantiles {
  assertPositive('windowMs', windowMs);
  const halfMs = windowMs / 2;
  const counts = new Uint32Array(2 * buckets);
  const totals = new Uint32Array(2);
  let epoch = epochNow();

  function epochNow(): number {
    return Math.floor(clock.now() / halfMs);
  }

  /** Empties what is too old, and tells which half is written to. */
  function touch(): number {
    const now = epochNow();
    const stale = Math.min(now - epoch, 2);
    for (let age = 0; age < stale; age += 1) {
      const half = (now - age) % 2;
      counts.fill(0, half * buckets, (half + 1) * buckets);
      totals[half] = 0;
    }
    if (stale > 0) epoch = now;
    return epoch % 2;
  }

  function total(): number {
    touch();
    return (totals[0] ?? 0) + (totals[1] ?? 0);
  }

  return {
    record(ms) {
      const half = touch();
      const at = half * buckets + indexOf(ms);
      counts[at] = (counts[at] ?? 0) + 1;
      totals[half] = (totals[half] ?? 0) + 1;
    },
    quantile(q) {
      const rank = Math.max(1, Math.ceil(q * total()));
      let seen = 0;
      for (let index = 0; index < buckets; index += 1) {
        seen += (counts[index] ?? 0) + (counts[buckets + index] ?? 0);
        if (seen >= rank) return growth ** index;
      }
      return undefined;
    },
    get count() {
      return total();
    },
  };
}

function indexOf(ms: number): number {
  return Math.ceil(Math.log(Math.min(longestMs, Math.max(shortestMs, ms))) / logGrowth);
}
