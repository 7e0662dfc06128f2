/** The one table of metrics: name, type, labels, and what a label may say. Code, registry and `docs/metrics.md` read it. */
import type { HealthStatus, OverallStatus, Spike } from '../../call/events.js';
import { errorFacts } from '../../errors/error-types.js';
import type { StopReason } from '../../errors/model-error.js';
import type { RejectionReason } from '../../errors/rejections.js';
import type { BreakerState } from '../../policies/circuit-breaker.js';
import type { DegradationLevel } from '../level-tracker.js';
import { none } from './label-names.js';

/**
 * What a label may say: one of a closed list, or a name that the service's author has given. Whatever else comes is
 * `other`, so that no caller makes series.
 */
export type LabelValues = readonly string[] | 'names';

export interface Family<Label extends string = string> {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: Readonly<Record<Label, LabelValues>>;
  /** Of a histogram, in its unit. */
  readonly buckets?: readonly number[];
  /** Carries the id of a call as an exemplar, where the registry can. */
  readonly exemplars?: 'yes';
  /**
   * Is there from the start, with 0, for every known name: an increase from nothing to 1 is none to Prometheus.
   */
  readonly zeroed?: 'yes';
}

const errorTypes = [...Object.keys(errorFacts), none];
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const statuses = [
  200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 413, 415,
  422, 425, 429, 431, 499, 500, 501, 502, 503, 504, 507, 529,
].map(String);
const levels = closed<DegradationLevel>({ full: true, reduced: true, minimal: true });
const spikeKinds = closed<Spike['kind']>({ errors: true, latency: true, throughput: true });
const refusers = ['admission', 'breaker', 'bulkhead', 'limit', 'rate_limit', 'throttle'];
const refusals = closed<RejectionReason>({
  circuit_open: true,
  queue_full: true,
  queue_timeout: true,
  shed: true,
  draining: true,
  throttled: true,
});
const stops = closed<StopReason>({
  cancelled: true,
  committed: true,
  not_retryable: true,
  attempts: true,
  deadline: true,
  circuit_open: true,
  budget: true,
  not_replayable: true,
});
const healthStatuses = closed<HealthStatus>({
  unknown: true,
  healthy: true,
  unhealthy: true,
  error: true,
  timeout: true,
});
const hindrances = ['not_plain_text', 'too_long', 'finished', 'not_resumable', 'diverged', 'exhausted'];

/** From a JSON answer of a small model to the longest that a gateway waits by default, in seconds. */
const requestSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
const firstContentSeconds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60];

const names = 'names';

export const families = {
  requests: counter('ripstop_requests_total', 'Requests that were answered; a stream at its end.', {
    labels: { route: names, method: methods, status: statuses, error_type: errorTypes },
    exemplars: 'yes',
  }),
  requestSeconds: histogram('ripstop_request_duration_seconds', 'From a request to the end of its answer.', {
    labels: { route: names },
    buckets: requestSeconds,
    exemplars: 'yes',
  }),
  errors: counter('ripstop_errors_total', 'Errors that an error handler answered with; a caller who left is one.', {
    labels: { error_type: errorTypes, origin: ['client', 'service', 'upstream'] },
    exemplars: 'yes',
  }),
  criticalErrors: counter('ripstop_critical_errors_total', 'Errors that were reported as critical.', {
    labels: { error_type: errorTypes },
  }),
  attempts: counter('ripstop_attempts_total', 'Tries at a model: its answer began, or it failed with that error.', {
    labels: { model: names, error_type: errorTypes },
    exemplars: 'yes',
    zeroed: 'yes',
  }),
  attemptSeconds: histogram('ripstop_attempt_duration_seconds', 'Until the answer began, or the attempt had failed.', {
    labels: { model: names },
    buckets: requestSeconds,
  }),
  retries: counter('ripstop_retries_total', 'Attempts after the first, by the error before them.', {
    labels: { error_type: errorTypes },
    zeroed: 'yes',
  }),
  retryStops: counter('ripstop_retry_stops_total', 'Calls that were not tried again, by why.', {
    labels: { reason: stops },
    zeroed: 'yes',
  }),
  timeouts: counter('ripstop_timeouts_total', 'Limits that ran out: of one attempt, or of a whole call.', {
    labels: { limit: ['attempt', 'deadline'] },
    zeroed: 'yes',
  }),
  answers: counter('ripstop_answers_total', 'Whole answers of a model.', {
    labels: { model: names },
    zeroed: 'yes',
  }),
  answerSeconds: histogram('ripstop_answer_duration_seconds', 'From asking a model to the end of its answer.', {
    labels: { model: names },
    buckets: requestSeconds,
  }),
  firstContentSeconds: histogram(
    'ripstop_time_to_first_content_seconds',
    'From asking a model to the first content of its stream; of a stream that another model went on with, nothing.',
    { labels: { model: names }, buckets: firstContentSeconds, exemplars: 'yes' },
  ),
  tokens: counter('ripstop_tokens_total', 'Tokens of whole answers, as far as models counted them.', {
    labels: { model: names, direction: ['input', 'output'] },
    zeroed: 'yes',
  }),
  modelFailures: counter(
    'ripstop_model_failures_total',
    'Models that did not answer a call, all their attempts over.',
    {
      labels: { model: names, error_type: errorTypes },
    },
  ),
  modelSkips: counter('ripstop_model_skips_total', 'Models that were not asked, by why.', {
    labels: { model: names, reason: names },
  }),
  fallbacks: counter(
    'ripstop_fallbacks_total',
    'Whole answers of a model that is not the first of its chain; `none`: a fallback policy answered.',
    { labels: { model: names }, zeroed: 'yes' },
  ),
  resumes: counter('ripstop_resumes_total', 'Streams that broke off and that this model went on with.', {
    labels: { model: names, way: ['prefill', 'restart'] },
    zeroed: 'yes',
  }),
  resumeFailures: counter('ripstop_resume_failures_total', 'Streams that broke off for good, by why.', {
    labels: { reason: hindrances },
    zeroed: 'yes',
  }),
  prefillRefusals: counter('ripstop_prefill_refusals_total', 'Models that would not go on from a text.', {
    labels: { model: names },
  }),
  hedges: counter('ripstop_hedges_total', 'Hedges: `started`; `won`, `lost`: attempts of calls that had one.', {
    labels: { stage: ['started', 'won', 'lost'] },
    zeroed: 'yes',
  }),
  coalesced: counter('ripstop_coalesced_calls_total', 'Calls that shared another one’s answer.', { labels: {} }),
  rejections: counter('ripstop_rejections_total', 'Calls that we refused ourselves, by what, and why.', {
    labels: { by: refusers, name: names, reason: refusals },
  }),
  delays: counter('ripstop_rate_limit_delays_total', 'Calls that waited for a rate limit.', {
    labels: { name: names },
  }),
  delaySeconds: counter('ripstop_rate_limit_delay_seconds_total', 'How long calls waited for a rate limit.', {
    labels: { name: names },
  }),
  limitChanges: counter('ripstop_limit_changes_total', 'Changes of a limit that is found out.', {
    labels: { name: names, direction: ['down', 'up'] },
  }),
  breakerChanges: counter('ripstop_breaker_changes_total', 'What a breaker became.', {
    labels: { name: names, to: ['open', 'half_open', 'closed', 'paused', 'overridden', 'released'] },
    zeroed: 'yes',
  }),
  rateLimitPauses: counter('ripstop_rate_limit_pauses_total', 'Rate limits that a service has stated.', {
    labels: { name: names },
  }),
  reductions: counter('ripstop_reductions_total', 'Generations that were repeated with less, for want of memory.', {
    labels: { kind: ['text', 'image'] },
    zeroed: 'yes',
  }),
  levelChanges: counter('ripstop_degradation_changes_total', 'What a degradation level became.', {
    labels: { name: names, level: levels },
  }),
  sourceFailures: counter('ripstop_load_source_failures_total', 'Load sources that began to fail.', {
    labels: { name: names, source: names },
  }),
  outages: counter('ripstop_chain_outages_total', 'Times that all models of a chain were out.', {
    labels: { chain: names },
    zeroed: 'yes',
  }),
  outageSeconds: counter('ripstop_chain_outage_seconds_total', 'How long, told when one of them is back.', {
    labels: { chain: names },
    zeroed: 'yes',
  }),
  probes: counter('ripstop_probes_total', 'Probes of models, by what they found.', {
    labels: { model: names, health: ['healthy', 'unhealthy'] },
  }),
  healthChanges: counter('ripstop_health_changes_total', 'What the status of a health check became.', {
    labels: { check: names, status: healthStatuses },
  }),
  checkHealthy: gauge('ripstop_health_check_healthy', '1 where the last status of a check is healthy, else 0.', {
    check: names,
  }),
  overallHealth: gauge('ripstop_health', '1 for the status of the whole, 0 for the others.', {
    status: closed<OverallStatus>({ healthy: true, degraded: true, critical: true }),
  }),
  spikes: counter('ripstop_spikes_total', 'Spikes that began, by what is out of the ordinary.', {
    labels: { kind: spikeKinds, subject: names },
  }),
  spikeActive: gauge('ripstop_spike_active', '1 while a spike lasts, 0 when it is over.', {
    kind: spikeKinds,
    subject: names,
  }),
  incidents: counter('ripstop_incidents_total', 'Incidents that began.', { labels: { subject: names } }),
  incidentsOpen: gauge('ripstop_incidents_open', 'Incidents that are not over.', { subject: names }),
  incidentSeconds: counter('ripstop_incident_seconds_total', 'How long incidents lasted, told at their end.', {
    labels: { subject: names },
  }),
  alerts: counter('ripstop_alerts_total', 'Alerts, by what became of them.', {
    labels: { sink: names, outcome: ['delivered', 'failed', 'dropped'] },
    zeroed: 'yes',
  }),
  engineStarts: counter('ripstop_engine_starts_total', 'Starts of a local engine.', {
    labels: { runtime: names },
    zeroed: 'yes',
  }),
  engineStops: counter('ripstop_engine_stops_total', 'Ends of a local engine, by why.', { labels: { reason: names } }),
  listenerFailures: counter('ripstop_listener_failures_total', 'Listeners and callbacks that threw.', { labels: {} }),

  inFlight: gauge('ripstop_in_flight', 'Calls under way, streams until their end included.', { name: names }),
  queueLength: gauge('ripstop_queue_length', 'Calls that wait for a slot.', { name: names }),
  concurrencyLimit: gauge('ripstop_concurrency_limit', 'Calls that may be under way at a time.', { name: names }),
  breakerState: gauge('ripstop_breaker_state', 'Breakers of that name that are in that state.', {
    name: names,
    state: closed<BreakerState>({ closed: true, half_open: true, open: true }),
  }),
  level: gauge('ripstop_degradation_level', '1 for the level that holds, 0 for the others.', {
    name: names,
    level: levels,
  }),
  load: gauge('ripstop_load_ratio', 'The smoothed load, of which 1 is full.', { name: names }),
  chainUsable: gauge('ripstop_chain_usable', '1 where somebody of a chain is there to answer, else 0.', {
    chain: names,
  }),
} as const;

/** Every value of a union, and no other. */
function closed<Value extends string>(values: Readonly<Record<Value, true>>): readonly string[] {
  return Object.keys(values);
}

interface CounterSettings<Label extends string> extends Pick<Family<Label>, 'labels' | 'exemplars' | 'zeroed'> {}

interface HistogramSettings<Label extends string> extends Pick<Family<Label>, 'labels' | 'exemplars'> {
  readonly buckets: readonly number[];
}

function counter<Label extends string>(
  name: string,
  help: string,
  settings: CounterSettings<Label>,
): Family<Label> & { readonly type: 'counter' } {
  return { name, help, type: 'counter', ...settings };
}

function histogram<Label extends string>(
  name: string,
  help: string,
  settings: HistogramSettings<Label>,
): Family<Label> & { readonly type: 'histogram' } {
  return { name, help, type: 'histogram', ...settings };
}

function gauge<Label extends string>(
  name: string,
  help: string,
  labels: Family<Label>['labels'],
): Family<Label> & { readonly type: 'gauge' } {
  return { name, help, type: 'gauge', labels };
}
