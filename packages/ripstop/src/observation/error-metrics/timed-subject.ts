import type { Change } from './spike-watch.js';
import type { Shared, Subject } from './counted-subject.js';
import { type Latency, LatencySeries } from './latency-series.js';
import { type ActiveSpike, SpikeWatch } from './spike-watch.js';

/** How long one thing takes, against how long it usually does: the 95th percentile, in milliseconds. */
export class TimedSubject implements Subject {
  private readonly series: LatencySeries;
  private readonly shared: Shared;
  private readonly watch: SpikeWatch;

  constructor(name: string, shared: Shared) {
    this.shared = shared;
    this.series = new LatencySeries(shared.windows);
    const { cooldownMs, recentMs, baselineMs } = shared.settings;
    this.watch = new SpikeWatch('latency', name, { clearMs: recentMs, cooldownMs, newNormalMs: baselineMs });
  }

  record(now: number, ms: number): void {
    this.series.record(now, ms);
  }

  recent(now: number): Latency | undefined {
    return this.series.recent(now);
  }

  usual(now: number): Latency | undefined {
    return this.series.baseline(now);
  }

  look(now: number): Change | undefined {
    const { minCalls, minSlowdownMs, multiplier } = this.shared.settings;
    const latency = this.recent(now);
    const usual = this.usual(now);
    const recent = latency?.p95 ?? 0;
    const isKnown = latency !== undefined && latency.count >= minCalls;
    const change = this.watch.look(now, {
      recent,
      baseline: usual !== undefined && usual.count >= minCalls ? usual.p95 : undefined,
      isOver: (baseline) => isKnown && recent > baseline * multiplier && recent - baseline >= minSlowdownMs,
    });
    this.series.learning = !this.watch.isSpiking;
    return change;
  }

  active(now: number): ActiveSpike | undefined {
    return this.watch.active(this.recent(now)?.p95 ?? 0);
  }

  isIdle(now: number): boolean {
    return this.watch.isQuiet(now) && this.series.isIdle(now);
  }
}
