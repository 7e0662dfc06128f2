/** What is counted and watched: errors of one type, or calls of one operation. */
import type { ErrorMetricsSettings } from '../error-metrics-options.js';
import { CountSeries, type Windows } from './count-series.js';
import { type ActiveSpike, type Change, type Reading, SpikeWatch } from './spike-watch.js';

const minuteMs = 60_000;
/** Less says little about how many calls are usual; in present windows. */
const leastOfThroughput = 5;

/** How many there are, or would be, in a minute. */
export function perMinute(count: number, ms: number): number {
  return (count * minuteMs) / ms;
}

/** What all subjects of a collector share. */
export interface Shared {
  readonly settings: ErrorMetricsSettings;
  readonly windows: Windows;
}

/** One thing that can be out of the ordinary. */
export interface Subject {
  /** Compares now with what is usual, `before` being the last time that it did; tells what has changed. */
  look(now: number, before: number): Change | undefined;
  active(now: number): ActiveSpike | undefined;
  /** Would nothing be lost with it? */
  isIdle(now: number): boolean;
}

/** How often something happens, against how often it usually does. In times a minute. */
abstract class CountedSubject implements Subject {
  readonly series: CountSeries;
  protected readonly shared: Shared;
  protected abstract readonly watch: SpikeWatch;

  constructor(shared: Shared) {
    this.shared = shared;
    this.series = new CountSeries(shared.windows);
  }

  abstract reading(now: number): Reading;

  rate(now: number): number {
    return perMinute(this.series.recent(now), this.shared.windows.recentMs);
  }

  usualRate(now: number): number | undefined {
    const usual = this.series.baseline(now);
    return usual && perMinute(usual.count, usual.ms);
  }

  /** What is out of the ordinary is not learnt, nor what led to it. */
  look(now: number, before: number): Change | undefined {
    const change = this.watch.look(now, this.reading(now));
    if (change?.kind === 'started') this.series.exclude(now - this.shared.windows.recentMs, now);
    else if (this.watch.isSpiking) this.series.exclude(before, now);
    return change;
  }

  active(now: number): ActiveSpike | undefined {
    return this.watch.active(this.rate(now));
  }

  isIdle(now: number): boolean {
    return this.watch.isQuiet(now) && this.series.isIdle(now);
  }
}

/** Errors of one type, in all operations or in one. */
export class ErrorSubject extends CountedSubject {
  protected readonly watch: SpikeWatch;
  private readonly callsNow: (now: number) => number | undefined;

  /** `callsNow`: how many calls there are at the present, where that is known. */
  constructor(name: string, shared: Shared, callsNow: (now: number) => number | undefined) {
    super(shared);
    this.callsNow = callsNow;
    const { cooldownMs, recentMs } = shared.settings;
    this.watch = new SpikeWatch('errors', name, {
      clearMs: recentMs,
      cooldownMs,
      newNormalMs: Number.POSITIVE_INFINITY,
    });
  }

  /** By the multiplier of the collector, or by another one. A spike under way is measured against the time before it. */
  reading(now: number, multiplier = this.shared.settings.multiplier): Reading {
    const { minCount, minShare } = this.shared.settings;
    const count = this.series.recent(now);
    const recent = this.rate(now);
    const calls = this.callsNow(now);
    const isMany = count >= minCount && (calls === undefined || count > calls * minShare);
    return {
      recent,
      baseline: this.watch.active(recent)?.baseline ?? this.usualRate(now),
      isOver: (baseline) => isMany && recent > baseline * multiplier,
    };
  }
}

/** Calls of one operation, whatever came of them. */
export class CallSubject extends CountedSubject {
  protected readonly watch: SpikeWatch;

  constructor(name: string, shared: Shared) {
    super(shared);
    const { cooldownMs, recentMs, baselineMs } = shared.settings;
    this.watch = new SpikeWatch('throughput', name, { clearMs: recentMs, cooldownMs, newNormalMs: baselineMs });
  }

  reading(now: number): Reading {
    const { minCalls, multiplier, recentMs } = this.shared.settings;
    const recent = this.rate(now);
    const usual = this.series.baseline(now);
    const isKnown = usual !== undefined && usual.ms >= leastOfThroughput * recentMs;
    return {
      recent,
      baseline: isKnown ? perMinute(usual.count, usual.ms) : undefined,
      isOver: (baseline) => baseline >= perMinute(minCalls, recentMs) && recent * multiplier < baseline,
    };
  }
}
