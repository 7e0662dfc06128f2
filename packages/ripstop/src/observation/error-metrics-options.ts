/** What error metrics can be told, and what they do when they are told nothing. */
import {
  assertCount,
  assertNotNegative,
  assertOneOf,
  assertPositive,
  assertRatio,
  badOption,
  withDefaults,
} from '../call/options.js';
import type { Spike } from '../call/events.js';

/** What can be out of the ordinary. */
export type SpikeKind = Spike['kind'];

/** Options of `errorMetrics()`. */
export interface ErrorMetricsOptions {
  /**
   * Whose calls `listen` counts: `requests`, what callers got, with the route as the operation; or `models`, what each
   * model did, failures included that a fallback hid from the caller, with the model as the operation. Then spikes of
   * errors are watched for each model: `type:model`. Default: `requests`.
   */
  readonly of?: 'requests' | 'models' | undefined;
  /** What counts as now, in milliseconds: 1 s to 1 h. Default: 60 000. */
  readonly recentMs?: number | undefined;
  /** What now is measured against, the time before it, in milliseconds: at least twice `recentMs`. Default: 3 600 000. */
  readonly baselineMs?: number | undefined;
  /** No spike is told of before it has watched for so long, in milliseconds. Default: 120 000. */
  readonly warmUpMs?: number | undefined;
  /** From one beginning of a spike to the next of the same subject, at the least, in milliseconds. Default: 300 000. */
  readonly cooldownMs?: number | undefined;
  /** How many times the usual: more errors, slower answers, fewer calls. Default: 3. */
  readonly multiplier?: number | undefined;
  /** Fewer errors than this are no spike. Default: 5. */
  readonly minCount?: number | undefined;
  /** Errors are a spike from this share of calls on, where calls are known. Default: 0.05. */
  readonly minShare?: number | undefined;
  /** Latency and throughput are judged by at least so many calls. Default: 20. */
  readonly minCalls?: number | undefined;
  /** Latency must have grown by at least so much, in milliseconds. Default: 100. */
  readonly minSlowdownMs?: number | undefined;
  /** Which spikes are told of as events. Default: all three. */
  readonly watch?: readonly SpikeKind[] | undefined;
  /** Routes whose requests are no calls: probes, pages for operators. Default: the probes that every chute has. */
  readonly ignoredRoutes?: readonly string[] | undefined;
}

/** All of them, filled in. */
export type ErrorMetricsSettings = {
  readonly [K in keyof ErrorMetricsOptions]-?: NonNullable<ErrorMetricsOptions[K]>;
};

const kinds: readonly SpikeKind[] = ['errors', 'latency', 'throughput'];
const secondMs = 1_000;
const hourMs = 3_600_000;

/** The guide's minute against the hour before it (R139), with the limits of GW20. */
export const errorMetricsDefaults: ErrorMetricsSettings = {
  of: 'requests',
  recentMs: 60_000,
  baselineMs: 3_600_000,
  warmUpMs: 120_000,
  cooldownMs: 300_000,
  multiplier: 3,
  minCount: 5,
  minShare: 0.05,
  minCalls: 20,
  minSlowdownMs: 100,
  watch: kinds,
  ignoredRoutes: ['/livez', '/readyz', '/startupz', '/health', '/metrics'],
};

/** @throws RangeError */
export function errorMetricsSettings(options: ErrorMetricsOptions): ErrorMetricsSettings {
  const settings = withDefaults<ErrorMetricsOptions, ErrorMetricsSettings>(errorMetricsDefaults, options);
  const { recentMs, baselineMs, multiplier } = settings;
  assertOneOf('of', settings.of, ['requests', 'models']);
  if (!(recentMs >= secondMs && recentMs <= hourMs))
    throw badOption('recentMs', 'must be from 1000 to 3600000', recentMs);
  if (!(baselineMs >= 2 * recentMs && baselineMs <= 24 * hourMs))
    throw badOption('baselineMs', 'must be at least twice recentMs and at most a day', baselineMs);
  if (!(multiplier > 1)) throw badOption('multiplier', 'must be above 1', multiplier);
  assertNotNegative('warmUpMs', settings.warmUpMs);
  assertNotNegative('cooldownMs', settings.cooldownMs);
  assertCount('minCount', settings.minCount);
  assertRatio('minShare', settings.minShare);
  assertCount('minCalls', settings.minCalls);
  assertPositive('minSlowdownMs', settings.minSlowdownMs);
  for (const kind of settings.watch) assertOneOf('watch', kind, kinds);
  return settings;
}
