import type { Windows } from './count-series.js';

/** What durations were like, in milliseconds. */
export interface Latency {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
}

/** Each bucket's upper bound, which is taken for all of it, over the one before. */
const growth = 1.1;
const logGrowth = Math.log(growth);
const longestMs = 24 * 60 * 60 * 1_000;
const buckets = indexOf(longestMs) + 1;
/** The present is four slices and the one that is being filled, the baseline twelve and one. */
const recentSlices = 5;
const baselineSlices = 13;

/**
 * How long something takes: histograms on a logarithmic scale, for the present and for the time before it. Never too
 * short and at most 10 % too long, between 1 ms and a day. O(1) to record, in constant memory (14 KB).
 *
 * What leaves the present joins the baseline, unless `learning` is off: what is out of the ordinary is not learnt.
 *
 * Source: C. Masson et al., DDSketch (VLDB 2019), for the scale.
 */
export class LatencySeries {
  /** Does the baseline take up what leaves the present? */
  learning = true;
  private readonly recentCounts = new Uint32Array(recentSlices * buckets);
  private readonly baselineCounts = new Uint32Array(baselineSlices * buckets);
  private readonly recentWidthMs: number;
  private readonly baselineWidthMs: number;
  private recentEpoch = 0;
  private baselineEpoch = 0;

  constructor({ recentMs, baselineMs }: Windows) {
    this.recentWidthMs = recentMs / (recentSlices - 1);
    this.baselineWidthMs = baselineMs / (baselineSlices - 1);
  }

  record(now: number, ms: number): void {
    this.turn(now);
    const at = (this.recentEpoch % recentSlices) * buckets + indexOf(ms);
    this.recentCounts[at] = (this.recentCounts[at] ?? 0) + 1;
  }

  recent(now: number): Latency | undefined {
    this.turn(now);
    return latencyOf(this.recentCounts, recentSlices);
  }

  baseline(now: number): Latency | undefined {
    this.turn(now);
    return latencyOf(this.baselineCounts, baselineSlices);
  }

  isIdle(now: number): boolean {
    return this.recent(now) === undefined && this.baseline(now) === undefined;
  }

  private turn(now: number): void {
    const epoch = Math.floor(now / this.recentWidthMs);
    if (epoch <= this.recentEpoch) return;
    const steps = Math.min(epoch - this.recentEpoch, recentSlices);
    for (let step = 1; step <= steps; step += 1) this.retire(this.recentEpoch + step - recentSlices);
    this.turnBaseline(now);
    this.recentEpoch = epoch;
  }

  /** A slice leaves the present. */
  private retire(epoch: number): void {
    if (epoch < 0) return;
    const from = (epoch % recentSlices) * buckets;
    const slice = this.recentCounts.subarray(from, from + buckets);
    if (this.learning) {
      const to = (this.turnBaseline(epoch * this.recentWidthMs) % baselineSlices) * buckets;
      for (let index = 0; index < buckets; index += 1) {
        this.baselineCounts[to + index] = (this.baselineCounts[to + index] ?? 0) + (slice[index] ?? 0);
      }
    }
    slice.fill(0);
  }

  private turnBaseline(now: number): number {
    const epoch = Math.floor(now / this.baselineWidthMs);
    const first = Math.max(this.baselineEpoch + 1, epoch - baselineSlices + 1);
    for (let next = first; next <= epoch; next += 1) {
      const from = (next % baselineSlices) * buckets;
      this.baselineCounts.fill(0, from, from + buckets);
    }
    this.baselineEpoch = Math.max(this.baselineEpoch, epoch);
    return this.baselineEpoch;
  }
}

function latencyOf(counts: Uint32Array, slices: number): Latency | undefined {
  const sums = new Float64Array(buckets);
  let count = 0;
  for (let at = 0; at < slices * buckets; at += 1) {
    const seen = counts[at] ?? 0;
    sums[at % buckets] = (sums[at % buckets] ?? 0) + seen;
    count += seen;
  }
  return count === 0 ? undefined : { count, p50: quantile(sums, count, 0.5), p95: quantile(sums, count, 0.95) };
}

function quantile(sums: Float64Array, count: number, q: number): number {
  const rank = Math.ceil(q * count);
  let seen = 0;
  const index = sums.findIndex((sum) => {
    seen += sum;
    return seen >= rank;
  });
  return growth ** index;
}

function indexOf(ms: number): number {
  return Math.ceil(Math.log(Math.min(longestMs, Math.max(1, ms))) / logGrowth);
}
