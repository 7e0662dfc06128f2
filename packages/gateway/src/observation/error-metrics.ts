/** `GET /error_metrics`: what goes wrong, how often, and since when (R143). With `adminKeys`, operators only (D107). */
import { type ErrorMetricsOptions, type ErrorSummary, errorMetrics } from 'ripstop/observation';
import type { Observed, Observer } from './observed.js';

/** Of requests, with the guide's keys; and of each upstream, what a retry or a fallback hid from the caller included. */
export interface GatewayErrorSummary extends ErrorSummary {
  readonly models: ErrorSummary;
}

/** Counts what callers get and what upstreams do, and tells of spikes in either. */
export interface ErrorObserver extends Observer {
  readonly summary: () => GatewayErrorSummary;
}

/** Probes and pages are no calls: they would make the share of errors small, and the answers fast. */
const ignoredRoutes: readonly string[] = [
  '/',
  '/livez',
  '/readyz',
  '/startupz',
  '/health',
  '/status',
  '/error_metrics',
  '/metrics',
  '/errors',
  '/errors/:correlation_id',
  '/events',
  '/openapi.json',
  '/v1/models',
];

export function observeErrors({ chute, config, runtime }: Observed): ErrorObserver {
  const { recent, baseline, minCount, multiplier } = config.observation.spikes;
  const windows: ErrorMetricsOptions = {
    recentMs: recent,
    baselineMs: baseline,
    warmUpMs: 2 * recent,
    cooldownMs: 5 * recent,
    minCount,
    multiplier,
  };
  const requests = errorMetrics({ ...windows, ignoredRoutes }, runtime);
  // An upstream that others stand in for is asked more or less often without anything being wrong with it.
  const models = errorMetrics({ ...windows, of: 'models', watch: ['errors', 'latency'] }, runtime);
  const ends = [requests.listen(), models.listen()];
  const summary = (): GatewayErrorSummary => ({ ...requests.getErrorSummary(), models: models.getErrorSummary() });

  chute.cord('error_metrics', { method: 'GET' }, summary);

  return {
    summary,
    close() {
      for (const end of ends) end();
    },
  };
}
