import { TimeBuckets } from './time-buckets.js';

/** The windows of one collector, in milliseconds. */
export interface Windows {
  /** What counts as now. */
  readonly recentMs: number;
  /** What now is measured against: the time before it. */
  readonly baselineMs: number;
  /** When the collector began to watch. */
  readonly startedAt: number;
}

const hourMs = 3_600_000;
const minuteMs = 60_000;
/** A window of ten minutes or more is told to 10 s, a shorter one to a second. */
const coarseMs = 10_000;
const fineMs = 1_000;

/**
 * How often something has happened: finely for the present, coarsely for the hour and for the baseline.
 *
 * The baseline leaves out the present (D98), and the times that were out of the ordinary themselves: a second outage is
 * not measured against the first.
 */
export class CountSeries {
  private readonly windows: Windows;
  private readonly fine: TimeBuckets;
  private readonly coarse: TimeBuckets;
  /** From when to when it was out of the ordinary, in milliseconds; the oldest first. */
  private excluded: { readonly from: number; to: number }[] = [];

  constructor(windows: Windows) {
    const { recentMs, baselineMs } = windows;
    this.windows = windows;
    this.fine = new TimeBuckets(Math.min(fineMs, recentMs / 20), Math.max(minuteMs, recentMs));
    this.coarse = new TimeBuckets(Math.min(coarseMs, baselineMs / 12), horizonMs(windows));
  }

  add(now: number): void {
    this.fine.add(now);
    this.coarse.add(now);
  }

  within(now: number, windowMs: number): number {
    const buckets = windowMs <= this.fine.spanMs ? this.fine : this.coarse;
    return buckets.within(now, windowMs);
  }

  recent(now: number): number {
    return this.within(now, this.windows.recentMs);
  }

  /** How many there usually are, and in which time; `undefined` where no usual time is known. */
  baseline(now: number): { readonly count: number; readonly ms: number } | undefined {
    const { recentMs, baselineMs, startedAt } = this.windows;
    const { widthMs } = this.coarse;
    // Turns the ring to the present.
    this.coarse.within(now, 0);
    const first = Math.max(0, Math.ceil(Math.max(startedAt, now - recentMs - baselineMs) / widthMs));
    const end = Math.floor((now - recentMs) / widthMs);
    let count = 0;
    let buckets = 0;
    for (let epoch = first; epoch < end; epoch += 1) {
      if (this.isExcluded(epoch * widthMs, (epoch + 1) * widthMs)) continue;
      count += this.coarse.at(epoch);
      buckets += 1;
    }
    return buckets === 0 ? undefined : { count, ms: buckets * widthMs };
  }

  /** This time was out of the ordinary. */
  exclude(from: number, to: number): void {
    const last = this.excluded.at(-1);
    if (last !== undefined && last.to >= from) last.to = to;
    else this.excluded.push({ from, to });
    const oldest = to - this.coarse.spanMs;
    this.excluded = this.excluded.filter((time) => time.to > oldest);
  }

  /** Has nothing happened for so long that nothing would be lost with it? */
  isIdle(now: number): boolean {
    return this.coarse.within(now, this.coarse.spanMs) === 0;
  }

  private isExcluded(from: number, to: number): boolean {
    return this.excluded.some((time) => time.from < to && time.to > from);
  }
}

/** How far back anything is known. */
export function horizonMs({ recentMs, baselineMs }: Omit<Windows, 'startedAt'>): number {
  return Math.max(hourMs, recentMs + baselineMs + coarseMs);
}
