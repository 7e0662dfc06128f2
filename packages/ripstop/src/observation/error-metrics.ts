import { assertCount, assertPositive, badOption } from '../call/options.js';
import type { Events } from '../call/events.js';
import { type Runtime, systemRuntime, type Timer } from '../call/runtime.js';
import { Ledger } from './error-metrics/ledger.js';
import { horizonMs } from './error-metrics/count-series.js';
import { type Hearing, hearing, unknown } from './error-metrics/heard-events.js';
import type { Change } from './error-metrics/spike-watch.js';
import { type ErrorMetricsOptions, type ErrorMetricsSettings, errorMetricsSettings } from './error-metrics-options.js';
import { type ErrorSpikeAlert, type ErrorSummary, errorSpikes, errorSummary } from './error-summary.js';

/** What is known of an error beside its type. Only `operation` is read; nothing of the rest is kept. */
export interface ErrorMetricsContext {
  readonly operation?: unknown;
  readonly [fact: string]: unknown;
}

/** Counts errors, calls and durations, and notices what is out of the ordinary. */
export interface ErrorMetrics {
  /** One call that has failed (R136). O(1). Never throws. */
  recordError(errorType: string, message?: string, context?: ErrorMetricsContext | null): void;
  /** One call that went well, and how long it took in milliseconds, if that is known (D104). O(1). Never throws. */
  recordSuccess(operation?: string, ms?: number): void;
  /**
   * Errors a minute in the last `windowSeconds`, of one type or of all (R137). A type that is not known has none.
   *
   * @throws RangeError when `windowSeconds` is not above 0, or longer than what is kept: an hour by default.
   */
  getErrorRate(errorType?: string | null, windowSeconds?: number): number;
  /** `type:operation` and how often in the last hour, the most frequent first (R138). @throws RangeError for a bad limit. */
  getTopErrorPatterns(limit?: number): readonly (readonly [pattern: string, count: number])[];
  /**
   * Which errors are out of the ordinary now (R139). It only reads; events tell of spikes by themselves.
   *
   * @throws RangeError when the multiplier is not above 0.
   */
  detectErrorSpikes(thresholdMultiplier?: number): readonly ErrorSpikeAlert[];
  getErrorSummary(): ErrorSummary;
  /**
   * Counts what events tell, and looks for spikes in time; returns the function that ends it. Twice to the same events
   * counts once (D106). It has a timer, so a program that is to end must end it.
   */
  listen(events?: Events): () => void;
}

interface Source {
  listeners: number;
  readonly off: () => void;
}

/** So often in each present window it is compared with what is usual. */
const looksPerWindow = 12;

/**
 * Error metrics: how many errors, of which calls, how much slower, and since when (R135).
 *
 * Everything is counted in buckets of time and groups of bounded number (D99, D102), so that memory stays the same
 * whatever comes in. Reports `spike.started` and `spike.ended`, for errors, latency and throughput: looked for whenever
 * something is recorded, and by a timer while it listens.
 *
 * @throws RangeError for a bad option.
 */
export function errorMetrics(options: ErrorMetricsOptions = {}, runtime: Runtime = systemRuntime): ErrorMetrics {
  return new Collector(errorMetricsSettings(options), runtime);
}

class Collector implements ErrorMetrics {
  private readonly settings: ErrorMetricsSettings;
  private readonly runtime: Runtime;
  private readonly ledger: Ledger;
  private readonly hearing: Hearing;
  private readonly lookEveryMs: number;
  private readonly sources = new Map<Events, Source>();
  private nextLookAt: number;
  private timer: Timer | undefined;

  constructor(settings: ErrorMetricsSettings, runtime: Runtime) {
    const startedAt = runtime.clock.now();
    const { recentMs, baselineMs } = settings;
    this.settings = settings;
    this.runtime = runtime;
    this.ledger = new Ledger({ settings, windows: { recentMs, baselineMs, startedAt } });
    this.hearing = hearing(this.ledger, settings);
    this.lookEveryMs = recentMs / looksPerWindow;
    this.nextLookAt = startedAt + this.lookEveryMs;
  }

  recordError(errorType: string, message?: string, context?: ErrorMetricsContext | null): void {
    this.safely((now) => {
      const operation = nameOf(context?.operation);
      const text = typeof message === 'string' ? message : '';
      this.ledger.addError(now, { type: nameOf(errorType), operation, message: text });
      this.ledger.addCall(now, operation);
    });
  }

  recordSuccess(operation?: string, ms?: number): void {
    this.safely((now) => {
      const name = nameOf(operation);
      this.ledger.knowsCalls = true;
      this.ledger.addCall(now, name);
      if (typeof ms === 'number' && ms >= 0) this.ledger.addDuration(now, name, ms);
    });
  }

  getErrorRate(errorType?: string | null, windowSeconds = 60): number {
    const longest = horizonMs(this.settings) / 1_000;
    if (!(windowSeconds > 0 && windowSeconds <= longest))
      throw badOption('windowSeconds', `must be above 0 and at most ${longest}`, windowSeconds);
    const count = this.ledger.errorsWithin(this.now, windowSeconds * 1_000, errorType ?? undefined);
    return (count * 60) / windowSeconds;
  }

  getTopErrorPatterns(limit = 10): readonly (readonly [pattern: string, count: number])[] {
    assertCount('limit', limit);
    return this.ledger.groups.patterns(this.now, limit);
  }

  detectErrorSpikes(thresholdMultiplier = this.settings.multiplier): readonly ErrorSpikeAlert[] {
    assertPositive('thresholdMultiplier', thresholdMultiplier);
    const date = this.runtime.clock.date();
    return errorSpikes(this.ledger, { now: this.now, date, multiplier: thresholdMultiplier });
  }

  getErrorSummary(): ErrorSummary {
    return errorSummary(this.ledger, this.now, this.runtime.clock.date());
  }

  listen(events: Events = this.runtime.events): () => void {
    const source = this.sources.get(events) ?? { listeners: 0, off: this.listenTo(events) };
    source.listeners += 1;
    this.sources.set(events, source);
    this.timer ??= this.lookLater();
    let listens = true;
    return () => {
      if (listens) this.leave(events, source);
      listens = false;
    };
  }

  private get now(): number {
    return this.runtime.clock.now();
  }

  private listenTo(events: Events): () => void {
    const { types, hear } = this.hearing;
    return events.on((event) => this.safely((now) => hear(event, now)), { name: 'error_metrics', types });
  }

  private leave(events: Events, source: Source): void {
    source.listeners -= 1;
    if (source.listeners > 0) return;
    source.off();
    this.sources.delete(events);
    if (this.sources.size > 0) return;
    this.timer?.cancel();
    this.timer = undefined;
  }

  private lookLater(): Timer {
    return this.runtime.clock.after(this.lookEveryMs, () => {
      this.timer = this.lookLater();
      this.safely((now) => this.look(now));
    });
  }

  /** Whatever goes wrong here is told, and costs nobody a call (D97). */
  private safely(count: (now: number) => void): void {
    const { now } = this;
    try {
      count(now);
      if (now >= this.nextLookAt) this.look(now);
    } catch (error) {
      this.runtime.events.emit({ type: 'listener.failed', error, at: now });
    }
  }

  private look(now: number): void {
    // First: a listener to a spike may record something itself.
    this.nextLookAt = now + this.lookEveryMs;
    for (const change of this.ledger.look(now)) this.tell(change, now);
  }

  private tell(change: Change, at: number): void {
    const { startedAt: _, ...spike } = change.spike;
    const { events } = this.runtime;
    if (change.kind === 'started') events.emit({ type: 'spike.started', ...spike, at });
    else events.emit({ type: 'spike.ended', ...spike, ms: change.ms, at });
  }
}

function nameOf(name: unknown): string {
  return typeof name === 'string' && name !== '' ? name : unknown;
}
