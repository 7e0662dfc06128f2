import type { CallEvent, HealthStatus, OverallStatus } from '../call/events.js';
import { assertCount, assertPositive, withDefaults } from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import {
  assertHealthCheck,
  type Finding,
  type HealthCheck,
  healthCheckDefaults,
  type HealthCheckOptions,
  type HealthCheckSettings,
  type HealthReport,
  type HealthTag,
  type HealthTransition,
  type HealthView,
  reasonOf,
} from './health-check.js';
import { WatchedCheck } from './watched-check.js';

/** Options of `healthChecker()`. */
export interface HealthCheckerOptions {
  /** No run takes longer, in milliseconds, and so no report does: checks run side by side (D111). Default: 10 000. */
  readonly limitMs?: number | undefined;
  /** Changes that are remembered. Default: 100. */
  readonly maxTransitions?: number | undefined;
}

/** The defaults of `healthChecker()`. */
export const healthCheckerDefaults: Required<HealthCheckerOptions> = { limitMs: 10_000, maxTransitions: 100 };

/** Of a report: which checks, and for whose eyes. */
export interface HealthReportOptions {
  /** Only checks that this probe asks for. Default: all. */
  readonly tag?: HealthTag | undefined;
  /** Default: `public`. */
  readonly view?: HealthView | undefined;
}

/** Knows whether the parts of a service work (R144). */
export interface HealthChecker {
  /** The same name replaces (R145). @throws RangeError for a bad option. */
  registerCheck(name: string, check: HealthCheck, options?: HealthCheckOptions): void;
  /** Runs every check whose last result is no longer good, side by side, and tells of all. Never rejects (R146). */
  runAllChecks(options?: HealthReportOptions): Promise<HealthReport>;
  /** What is known already; nothing is run. A check that has never run is `unknown`. */
  latest(options?: HealthReportOptions): HealthReport;
  /** The last changes, oldest first. That a check was healthy from the beginning is none. */
  readonly transitions: readonly HealthTransition[];
  /** From now on checks with an `intervalMs` run by themselves. Idempotent. */
  start(): void;
  /** Ends timers and runs, and closes the checks. Idempotent. */
  close(): void;
}

/**
 * Health: named checks side by side, each with a timeout, its last result kept for a while.
 *
 * `overall_status` is `critical` while a critical check fails, `degraded` while another does, else `healthy`; what
 * cannot be told counts as neither (R149). A check runs once at a time, however many ask. A healthy one must fail
 * several times in a row before it counts as failing. Reports `health.changed` and `health.overall_changed`.
 *
 * @throws RangeError for a bad option.
 */
export function healthChecker(options: HealthCheckerOptions = {}, runtime: Runtime = systemRuntime): HealthChecker {
  const { limitMs, maxTransitions } = withDefaults<HealthCheckerOptions, typeof healthCheckerDefaults>(
    healthCheckerDefaults,
    options,
  );
  assertPositive('limitMs', limitMs);
  assertCount('maxTransitions', maxTransitions);
  const { clock, events } = runtime;
  const checks = new Map<string, WatchedCheck>();
  const transitions: HealthTransition[] = [];
  let overall: OverallStatus = 'healthy';
  let judging = false;
  let state: 'new' | 'started' | 'closed' = 'new';

  function emit(event: CallEvent): void {
    events.emit({ ...event, at: clock.now() });
  }

  function changed(check: WatchedCheck, previous: HealthStatus, finding: Finding): void {
    const { name, status, settings } = check;
    const { critical } = settings;
    const reason = reasonOf(finding);
    const timestamp = clock.date().toISOString();
    // That something has worked from the beginning is no news.
    if (status !== 'healthy' || previous !== 'unknown')
      transitions.push({ check: name, critical, status, previous, ...(reason !== undefined && { reason }), timestamp });
    if (transitions.length > maxTransitions) transitions.shift();
    emit({ type: 'health.changed', check: name, critical, status, previous });
    judgeSoon();
  }

  /** Checks that end in one step make one change of the whole. */
  function judgeSoon(): void {
    if (judging) return;
    judging = true;
    queueMicrotask(judge);
  }

  function judge(): void {
    judging = false;
    const { status, criticalFailures } = aggregate(checks.values());
    if (status === overall) return;
    const previous = overall;
    overall = status;
    emit({ type: 'health.overall_changed', status, previous, criticalFailures });
  }

  function asked(tag: HealthTag | undefined): WatchedCheck[] {
    return [...checks.values()].filter(({ settings }) => tag === undefined || settings.tags.includes(tag));
  }

  function latest({ tag, view = 'public' }: HealthReportOptions = {}): HealthReport {
    const told = asked(tag);
    const { status, criticalFailures } = aggregate(told);
    return {
      overall_status: status,
      checks: Object.fromEntries(told.map((check) => [check.name, check.result(view)])),
      critical_failures: criticalFailures,
      timestamp: clock.date().toISOString(),
    };
  }

  return {
    registerCheck(name, check, checkOptions = {}) {
      const settings = settingsOf(checkOptions, limitMs);
      checks.get(name)?.close();
      const watched = new WatchedCheck({ name, check, settings, changed }, runtime);
      checks.set(name, watched);
      judgeSoon();
      if (state === 'started') watched.repeat();
    },
    async runAllChecks(reportOptions = {}) {
      await Promise.all(asked(reportOptions.tag).flatMap((check) => check.refreshed() ?? []));
      return latest(reportOptions);
    },
    latest,
    get transitions() {
      return [...transitions];
    },
    start() {
      if (state !== 'new') return;
      state = 'started';
      for (const check of checks.values()) check.repeat();
    },
    close() {
      if (state === 'closed') return;
      state = 'closed';
      for (const check of checks.values()) check.close();
    },
  };
}

/** @throws RangeError for a bad option. */
function settingsOf(options: HealthCheckOptions, limitMs: number): HealthCheckSettings {
  const { timeoutMs = healthCheckDefaults.timeoutMs, intervalMs = healthCheckDefaults.intervalMs } = options;
  const ttlMs = intervalMs === Number.POSITIVE_INFINITY ? healthCheckDefaults.ttlMs : intervalMs + timeoutMs;
  const settings = withDefaults<HealthCheckOptions, HealthCheckSettings>({ ...healthCheckDefaults, ttlMs }, options);
  assertHealthCheck(settings);
  return { ...settings, timeoutMs: Math.min(settings.timeoutMs, limitMs) };
}

interface Aggregate {
  readonly status: OverallStatus;
  readonly criticalFailures: readonly string[];
}

/** R149. */
function aggregate(checks: Iterable<WatchedCheck>): Aggregate {
  const failing = [...checks].filter((check) => check.failing);
  const criticalFailures = failing.filter(({ settings }) => settings.critical).map(({ name }) => name);
  const status = criticalFailures.length > 0 ? 'critical' : failing.length > 0 ? 'degraded' : 'healthy';
  return { status, criticalFailures };
}
