/** What a chute says of its own health: the checks that its author registered, run side by side and not too often. */
import { assertNotNegative, assertPositive, type Defaults, withDefaults } from '../call/options.js';
import type { Runtime } from '../call/runtime.js';
import { ModelError } from '../errors/model-error.js';

/** Options of `healthCheck()`. */
export interface HealthCheckOptions {
  /** Does the service serve nobody while this fails? Default: no (R145). */
  readonly critical?: boolean | undefined;
  /** The time for one run, in milliseconds (D110). Default: 5 000. */
  readonly timeoutMs?: number | undefined;
  /** How long a result is good for, in milliseconds: however often it is asked for, a check runs no oftener (D112). Default: 5 000. */
  readonly ttlMs?: number | undefined;
}

/** What a check does unless told otherwise. */
export const healthCheckDefaults: Defaults<HealthCheckOptions, 'critical' | 'timeoutMs' | 'ttlMs'> = {
  critical: false,
  timeoutMs: 5_000,
  ttlMs: 5_000,
};

/**
 * Says whether something works: by nothing or `true`, by `false`, by an object with `healthy` (its other keys are shown
 * as details), or by throwing (D113).
 */
export type HealthCheck<Scope> = (scope: Scope) => unknown;

/** One check's result, with the guide's keys (R147, R148). */
export interface HealthCheckResult {
  readonly status: 'healthy' | 'unhealthy' | 'error' | 'timeout';
  readonly details?: Readonly<Record<string, unknown>>;
  readonly error?: string;
  readonly duration_ms: number;
  readonly timestamp: string;
}

/** The aggregate, with the guide's keys (R150). */
export interface HealthReport {
  readonly overall_status: 'healthy' | 'degraded' | 'critical';
  readonly checks: Readonly<Record<string, HealthCheckResult>>;
  readonly critical_failures: readonly string[];
  readonly timestamp: string;
}

interface Registered<Scope> {
  readonly check: HealthCheck<Scope>;
  readonly settings: typeof healthCheckDefaults;
  last: HealthCheckResult | undefined;
  staleAt: number;
  running: Promise<HealthCheckResult> | undefined;
}

export interface HealthChecks<Scope> {
  /** The same name replaces. @throws RangeError for a bad limit. */
  register(name: string, options: HealthCheckOptions, check: HealthCheck<Scope>): void;
  /** Never rejects. */
  report(): Promise<HealthReport>;
}

export function createHealthChecks<Scope>(scope: Scope, runtime: Runtime): HealthChecks<Scope> {
  const { clock } = runtime;
  const checks = new Map<string, Registered<Scope>>();

  async function run({ check, settings }: Registered<Scope>): Promise<HealthCheckResult> {
    const started = clock.now();
    const outcome = await new Promise<Verdict>((resolve) => {
      const timer = clock.after(settings.timeoutMs, () => resolve({ status: 'timeout' }));
      void Promise.resolve()
        .then(() => check(scope))
        .then(verdict, failed)
        .then((found) => {
          timer.cancel();
          resolve(found);
        });
    });
    return { ...outcome, duration_ms: Math.round(clock.now() - started), timestamp: clock.date().toISOString() };
  }

  async function result(registered: Registered<Scope>): Promise<HealthCheckResult> {
    if (registered.last !== undefined && clock.now() < registered.staleAt) return registered.last;
    registered.running ??= run(registered);
    const fresh = await registered.running;
    registered.running = undefined;
    registered.last = fresh;
    registered.staleAt = clock.now() + registered.settings.ttlMs;
    return fresh;
  }

  return {
    register(name, options, check) {
      const settings = withDefaults(healthCheckDefaults, options);
      assertPositive('timeoutMs', settings.timeoutMs);
      assertNotNegative('ttlMs', settings.ttlMs);
      checks.set(name, { check, settings, last: undefined, staleAt: 0, running: undefined });
    },
    async report() {
      const results = await Promise.all(
        [...checks].map(async ([name, registered]) => [name, await result(registered)] as const),
      );
      const failing = results.filter(([, { status }]) => status !== 'healthy').map(([name]) => name);
      const critical = failing.filter((name) => checks.get(name)?.settings.critical === true);
      return {
        overall_status: critical.length > 0 ? 'critical' : failing.length > 0 ? 'degraded' : 'healthy',
        checks: Object.fromEntries(results),
        critical_failures: critical,
        timestamp: clock.date().toISOString(),
      };
    },
  };
}

type Verdict = Pick<HealthCheckResult, 'status' | 'details' | 'error'>;

/** R147: healthy when the object says so, or says nothing of it. */
function verdict(found: unknown): Verdict {
  if (typeof found !== 'object' || found === null) return { status: found === false ? 'unhealthy' : 'healthy' };
  // Texts of errors name hosts and paths; whoever may know them reads the log (D117).
  const { healthy = true, error: _, ...details } = found as Record<string, unknown>;
  return { status: healthy === false ? 'unhealthy' : 'healthy', details };
}

/** A `ModelError`'s message is made to be shown; the text of any other error is not (D117). */
function failed(error: unknown): Verdict {
  return { status: 'error', error: ModelError.isInstance(error) ? error.message : 'The check failed' };
}
