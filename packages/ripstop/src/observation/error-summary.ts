/** What error metrics tell, with the guide's keys. */
import type { ErrorGroup } from './error-metrics/error-groups.js';
import { type ErrorSubject, perMinute } from './error-metrics/counted-subject.js';
import type { Ledger } from './error-metrics/ledger.js';
import type { SpikeKind } from './error-metrics-options.js';

/** Errors of one type that are out of the ordinary (R140). Rates are errors a minute. */
export interface ErrorSpikeAlert {
  readonly type: 'error_spike';
  readonly error_type: string;
  /** Of error metrics of models: which one. */
  readonly operation?: string;
  readonly recent_rate: number;
  /** Of the time before, without what was out of the ordinary itself. */
  readonly historical_rate: number;
  /** The recent rate over the historical one; where there was no error, over that of a single one. */
  readonly multiplier: number;
  /** ISO 8601, UTC. */
  readonly timestamp: string;
}

/** How long something takes, in milliseconds; never too short, at most 10 % too long. */
export interface LatencySummary {
  readonly count: number;
  readonly p50_ms: number;
  readonly p95_ms: number;
  /** Null where it is not known yet. */
  readonly usual_p50_ms: number | null;
  readonly usual_p95_ms: number | null;
}

/** A spike that has been told of and is not over. */
export interface ActiveSpikeSummary {
  readonly kind: SpikeKind;
  readonly subject: string;
  readonly recent: number;
  readonly baseline: number;
  /** ISO 8601, UTC. */
  readonly since: string;
}

/** All of it (R141). `_1h` is the last hour, rates are per minute. */
export interface ErrorSummary {
  readonly total_errors_1h: number;
  readonly error_rate_1h: number;
  readonly error_types: Readonly<Record<string, number>>;
  readonly top_patterns: readonly (readonly [pattern: string, count: number])[];
  readonly spikes: readonly ErrorSpikeAlert[];
  /** Now. */
  readonly error_rate: number;
  /** Calls of the last hour, those that failed included. */
  readonly total_calls_1h: number;
  /** Errors over calls, at most 1; null where no call is known. */
  readonly error_ratio_1h: number | null;
  /** The same for now. */
  readonly error_ratio: number | null;
  /** By what their messages have in common. */
  readonly top_errors: readonly ErrorGroup[];
  /** Of what went well now, by operation; of streams of models, until their first content. */
  readonly latency: Readonly<Record<string, LatencySummary>>;
  /** Calls a minute by operation, now and usually; null where that is not known yet. */
  readonly throughput: Readonly<Record<string, { readonly rate: number; readonly usual_rate: number | null }>>;
  /** Spikes of all kinds that are under way. */
  readonly active_spikes: readonly ActiveSpikeSummary[];
  /** ISO 8601, UTC. */
  readonly timestamp: string;
}

const hourMs = 3_600_000;
const top = 10;

/** The state of a ledger, as it is told. */
export function errorSummary(ledger: Ledger, now: number, date: Date): ErrorSummary {
  const { recentMs, multiplier } = ledger.shared.settings;
  const errors = ledger.errorsWithin(now, hourMs);
  const recentErrors = ledger.errorsWithin(now, recentMs);
  return {
    total_errors_1h: errors,
    error_rate_1h: rounded(perMinute(errors, hourMs)),
    error_types: typesOf(ledger, now),
    top_patterns: ledger.groups.patterns(now, top),
    spikes: errorSpikes(ledger, { now, date, multiplier }),
    error_rate: rounded(perMinute(recentErrors, recentMs)),
    total_calls_1h: ledger.calls.within(now, hourMs),
    error_ratio_1h: ratio(errors, ledger.calls.within(now, hourMs)),
    error_ratio: ratio(recentErrors, ledger.calls.within(now, recentMs)),
    top_errors: ledger.groups.groups(now, top),
    latency: latencies(ledger, now),
    throughput: Object.fromEntries(
      ledger.callSubjects
        .entries()
        .map(([name, calls]) => [name, { rate: rounded(calls.rate(now)), usual_rate: orNull(calls.usualRate(now)) }]),
    ),
    active_spikes: ledger.active(now).map(({ startedAt, recent, baseline, ...spike }) => ({
      ...spike,
      recent: rounded(recent),
      baseline: rounded(baseline),
      since: new Date(date.getTime() - (now - startedAt)).toISOString(),
    })),
    timestamp: date.toISOString(),
  };
}

/** Which errors are out of the ordinary now, by this multiplier. */
export function errorSpikes(
  ledger: Ledger,
  { now, date, multiplier }: { readonly now: number; readonly date: Date; readonly multiplier: number },
): ErrorSpikeAlert[] {
  if (!ledger.isWarm(now)) return [];
  const timestamp = date.toISOString();
  return ledger.errorSubjects.entries().flatMap(([name, subject]) => {
    const { recent, baseline, isOver } = subject.reading(now, multiplier);
    if (baseline === undefined || !isOver(baseline)) return [];
    const least = leastRate(subject, now);
    const error_type = ledger.typeOf(name);
    const operation = name.slice(error_type.length + 1);
    return {
      type: 'error_spike' as const,
      error_type,
      ...(operation === '' ? {} : { operation }),
      recent_rate: rounded(recent),
      historical_rate: rounded(baseline),
      multiplier: rounded(recent / Math.max(baseline, least)),
      timestamp,
    };
  });
}

/** Errors a minute if there had been one in all the time before. */
function leastRate(subject: ErrorSubject, now: number): number {
  return perMinute(1, subject.series.baseline(now)?.ms ?? hourMs);
}

function typesOf(ledger: Ledger, now: number): Record<string, number> {
  const types = new Map<string, number>();
  for (const [name, { series }] of ledger.errorSubjects.entries()) {
    const count = series.within(now, hourMs);
    const type = ledger.typeOf(name);
    if (count > 0) types.set(type, (types.get(type) ?? 0) + count);
  }
  return Object.fromEntries(types);
}

function latencies(ledger: Ledger, now: number): Record<string, LatencySummary> {
  return Object.fromEntries(
    ledger.timedSubjects.entries().flatMap(([name, timed]) => {
      const recent = timed.recent(now);
      if (recent === undefined) return [];
      const usual = timed.usual(now);
      const { count, p50, p95 } = recent;
      const told = { count, p50_ms: rounded(p50), p95_ms: rounded(p95) };
      return [[name, { ...told, usual_p50_ms: orNull(usual?.p50), usual_p95_ms: orNull(usual?.p95) }]];
    }),
  );
}

function ratio(errors: number, calls: number): number | null {
  return calls === 0 ? null : rounded(Math.min(1, errors / calls));
}

function orNull(value: number | undefined): number | null {
  return value === undefined ? null : rounded(value);
}

/** To what a reader can use: three digits behind the point. */
function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
