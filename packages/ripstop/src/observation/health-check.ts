/** One check of health: what it is, what it may say, and what is told of it. */
import type { HealthStatus, OverallStatus } from '../call/events.js';
import { assertCount, assertNotNegative, assertOneOf, assertPositive, type Defaults } from '../call/options.js';
import { hideSecrets } from '../errors/redact.js';
import { redactFields } from '../errors/redact-fields.js';
import { ModelError } from '../errors/model-error.js';

/** Which probe asks for a check: is the process alive, may it get traffic, has it started. */
export type HealthTag = 'liveness' | 'readiness' | 'startup';

const healthTags: readonly HealthTag[] = ['liveness', 'readiness', 'startup'];

/**
 * Says whether something works: by nothing or `true`, by `false`, by an object with `healthy` (its other keys are told as
 * details; `healthy: null` means that it cannot be told), or by throwing (D113). `signal` aborts when nobody waits any
 * longer.
 */
export interface HealthCheck<Scope = unknown> {
  (scope: Scope & { readonly signal: AbortSignal }): unknown;
  /** Ends what the check has begun to listen to. Called when it is replaced, and when its checker is closed. */
  close?(): void;
}

/** Options of one check. */
export interface HealthCheckOptions {
  /** Does the service serve nobody while this fails? Default: no (R145). */
  readonly critical?: boolean | undefined;
  /** The time for one run, in milliseconds (D110). Default: 5 000. */
  readonly timeoutMs?: number | undefined;
  /**
   * How long a result is good for, in milliseconds: however often it is asked for, a check runs no oftener (D112).
   * Default: 5 000; with `intervalMs` that and `timeoutMs`, so that nobody waits for a run.
   */
  readonly ttlMs?: number | undefined;
  /** It runs by itself so often, in milliseconds, once its checker has been started. Default: never. */
  readonly intervalMs?: number | undefined;
  /** Runs in a row that must fail before a healthy check counts as failing; one good run brings it back (D118). Default: 2. */
  readonly failures?: number | undefined;
  /** Which probes ask for it. `/health` asks for all. Default: `['readiness']`. */
  readonly tags?: readonly HealthTag[] | undefined;
}

type DefaultedOption = 'critical' | 'timeoutMs' | 'ttlMs' | 'intervalMs' | 'failures' | 'tags';

/** What a check does unless told otherwise. */
export const healthCheckDefaults: Defaults<HealthCheckOptions, DefaultedOption> = {
  critical: false,
  timeoutMs: 5_000,
  ttlMs: 5_000,
  intervalMs: Number.POSITIVE_INFINITY,
  failures: 2,
  tags: ['readiness'],
};

export type HealthCheckSettings = typeof healthCheckDefaults;

/** @throws RangeError for a bad option. */
export function assertHealthCheck({ timeoutMs, ttlMs, intervalMs, failures, tags }: HealthCheckSettings): void {
  assertPositive('timeoutMs', timeoutMs);
  assertNotNegative('ttlMs', ttlMs);
  assertPositive('intervalMs', intervalMs);
  assertCount('failures', failures);
  for (const tag of tags) assertOneOf('tags', tag, healthTags);
}

/** Who reads a report: anybody, or those who may see texts of errors (D117). */
export type HealthView = 'public' | 'full';

/** One check's result, with the guide's keys (R147, R148). */
export interface HealthCheckResult {
  readonly status: HealthStatus;
  /** What the check returned, as plain JSON without secrets; in the public view without its `error`. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** In the public view only texts that are made to be shown. */
  readonly error?: string;
  readonly duration_ms: number;
  readonly timestamp: string;
  /** Failed runs since the last good one, while they are too few to count. */
  readonly failures_in_row?: number;
}

/** The aggregate, with the guide's keys (R150). */
export interface HealthReport {
  readonly overall_status: OverallStatus;
  readonly checks: Readonly<Record<string, HealthCheckResult>>;
  readonly critical_failures: readonly string[];
  readonly timestamp: string;
}

/** A check that has become another. */
export interface HealthTransition {
  readonly check: string;
  readonly critical: boolean;
  readonly status: HealthStatus;
  readonly previous: HealthStatus;
  /** Safe to show: an error's public sentence, or the check's own `reason`. */
  readonly reason?: string;
  readonly timestamp: string;
}

/** What one run has found. */
export interface Finding {
  readonly status: HealthStatus;
  readonly details?: Readonly<Record<string, unknown>>;
  /** As it was thrown, without secrets; and what of it may be shown. */
  readonly error?: { readonly full: string; readonly shown: string };
}

/** R147: healthy when the object says so, or says nothing of it. */
export function findingOf(said: unknown): Finding {
  if (typeof said !== 'object' || said === null) return { status: said === false ? 'unhealthy' : 'healthy' };
  const { healthy } = said as { readonly healthy?: unknown };
  const status = healthy === null ? 'unknown' : healthy === undefined || Boolean(healthy) ? 'healthy' : 'unhealthy';
  return { status, details: redactFields(said) };
}

const withoutWords = 'The check failed';

/** A `ModelError`'s message is made to be shown; the text of any other error is not (D117). */
export function failedFinding(error: unknown): Finding {
  try {
    const full = hideSecrets(error instanceof Error ? error.message : String(error));
    return { status: 'error', error: { full, shown: ModelError.isInstance(error) ? error.message : withoutWords } };
  } catch {
    // Anything can be thrown, also what no text can be made of.
    return { status: 'error', error: { full: withoutWords, shown: withoutWords } };
  }
}

export function lateFinding(limitMs: number): Finding {
  const text = `The check did not answer within ${limitMs} ms`;
  return { status: 'timeout', error: { full: text, shown: text } };
}

/** Why a check is what it is, in words that may be shown. */
export function reasonOf({ error, details }: Finding): string | undefined {
  const reason = error?.shown ?? details?.['reason'];
  return typeof reason === 'string' ? reason : undefined;
}

/** What the view's readers see of a finding. */
export function shownFinding(
  { details, error }: Finding,
  view: HealthView,
): Pick<HealthCheckResult, 'details' | 'error'> {
  const { error: _, ...safe } = details ?? {};
  return {
    ...(details && { details: view === 'full' ? details : safe }),
    ...(error && { error: view === 'full' ? error.full : error.shown }),
  };
}
