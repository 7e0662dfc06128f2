/** What each event adds to which metric. */
import type { CallEvent, ReportedEvent } from '../../call/events.js';
import { none, other } from './label-names.js';
import type { Meters } from './meters.js';

type Told<Type> = Extract<ReportedEvent, { readonly type: Type }>;
type Tellers = { readonly [Type in CallEvent['type']]: (event: Told<Type>, meters: Meters) => void };

/** Every event has an entry, so that a new one is not forgotten. */
const tellers: Tellers = {
  'request.finished'({ route = other, method, status, errorType = none, ms, correlationId }, meters) {
    const labels = { route, method, status: String(status), error_type: errorType };
    meters.requests.add(labels, 1, errorType === none ? undefined : correlationId);
    meters.requestSeconds.observe({ route }, ms, correlationId);
  },
  'error.handled'({ errorType, origin, correlationId }, meters) {
    meters.errors.add({ error_type: errorType, origin }, 1, correlationId);
  },
  'error.critical'({ errorType }, meters) {
    meters.criticalErrors.add({ error_type: errorType });
  },
  'attempt.finished'({ model, errorType = none, ms, correlationId }, meters) {
    meters.attempts.add({ model, error_type: errorType }, 1, errorType === none ? undefined : correlationId);
    meters.attemptSeconds.observe({ model }, ms);
  },
  'retry.scheduled'({ errorType = none }, meters) {
    meters.retries.add({ error_type: errorType });
  },
  'retry.stopped'({ stopReason }, meters) {
    meters.retryStops.add({ reason: stopReason });
  },
  'timeout.expired'(_event, meters) {
    meters.timeouts.add({ limit: 'attempt' });
  },
  'deadline.expired'(_event, meters) {
    meters.timeouts.add({ limit: 'deadline' });
  },
  'model.answered'(event, meters) {
    const { model, ms, firstContentMs, inputTokens = 0, outputTokens = 0, correlationId } = event;
    meters.answers.add({ model });
    meters.answerSeconds.observe({ model }, ms);
    if (firstContentMs !== undefined) meters.firstContentSeconds.observe({ model }, firstContentMs, correlationId);
    meters.tokens.add({ model, direction: 'input' }, inputTokens);
    meters.tokens.add({ model, direction: 'output' }, outputTokens);
    if (event.wasFallback) meters.fallbacks.add({ model });
  },
  'model.failed'({ model, errorType }, meters) {
    meters.modelFailures.add({ model, error_type: errorType });
  },
  'model.skipped'({ model, reason }, meters) {
    meters.modelSkips.add({ model, reason });
  },
  'fallback.used'(_event, meters) {
    meters.fallbacks.add({ model: none });
  },
  'stream.resumed'({ model, way }, meters) {
    meters.resumes.add({ model, way });
  },
  'stream.not_resumed'({ reason }, meters) {
    meters.resumeFailures.add({ reason });
  },
  'stream.prefill_refused'({ model }, meters) {
    meters.prefillRefusals.add({ model });
  },
  'hedge.started'(_event, meters) {
    meters.hedges.add({ stage: 'started' });
  },
  'hedge.won'(_event, meters) {
    meters.hedges.add({ stage: 'won' });
  },
  'hedge.lost'(_event, meters) {
    meters.hedges.add({ stage: 'lost' });
  },
  'coalesce.joined'(_event, meters) {
    meters.coalesced.add({});
  },
  'breaker.rejected'({ name }, meters) {
    meters.rejections.add({ by: 'breaker', name, reason: 'circuit_open' });
  },
  'throttle.rejected'(_event, meters) {
    meters.rejections.add({ by: 'throttle', name: none, reason: 'throttled' });
  },
  'rate_limit.rejected'({ name, reason }, meters) {
    meters.rejections.add({ by: 'rate_limit', name, reason });
  },
  'limit.rejected'({ name, reason }, meters) {
    meters.rejections.add({ by: 'limit', name, reason });
  },
  'bulkhead.rejected'({ name, reason }, meters) {
    meters.rejections.add({ by: 'bulkhead', name, reason });
  },
  'admission.rejected'({ reason }, meters) {
    meters.rejections.add({ by: 'admission', name: none, reason });
  },
  'rate_limit.delayed'({ name, waitMs }, meters) {
    meters.delays.add({ name });
    meters.delaySeconds.add({ name }, waitMs / 1_000);
  },
  'rate_limit.paused'({ name }, meters) {
    meters.rateLimitPauses.add({ name });
  },
  'limit.changed'({ name, limit, previous }, meters) {
    meters.limitChanges.add({ name, direction: limit < previous ? 'down' : 'up' });
  },
  'breaker.opened'({ name }, meters) {
    meters.breakerChanges.add({ name, to: 'open' });
  },
  'breaker.paused'({ name }, meters) {
    meters.breakerChanges.add({ name, to: 'paused' });
  },
  'breaker.half_opened'({ name }, meters) {
    meters.breakerChanges.add({ name, to: 'half_open' });
  },
  'breaker.closed'({ name }, meters) {
    meters.breakerChanges.add({ name, to: 'closed' });
  },
  'breaker.overridden'({ name }, meters) {
    meters.breakerChanges.add({ name, to: 'overridden' });
  },
  'breaker.released'({ name }, meters) {
    meters.breakerChanges.add({ name, to: 'released' });
  },
  'generation.reduced'(_event, meters) {
    meters.reductions.add({ kind: 'text' });
  },
  'image.reduced'(_event, meters) {
    meters.reductions.add({ kind: 'image' });
  },
  'degradation.changed'({ name, level }, meters) {
    meters.levelChanges.add({ name, level });
  },
  'degradation.source_failed'({ name, source }, meters) {
    meters.sourceFailures.add({ name, source });
  },
  'chain.down'({ name }, meters) {
    meters.outages.add({ chain: name });
  },
  'chain.recovered'({ name, downMs }, meters) {
    meters.outageSeconds.add({ chain: name }, downMs / 1_000);
  },
  'probe.finished'({ model, healthy }, meters) {
    meters.probes.add({ model, health: healthy ? 'healthy' : 'unhealthy' });
  },
  'health.changed'({ check, status }, meters) {
    meters.healthChanges.add({ check, status });
    meters.checkHealthy.set({ check }, status === 'healthy' ? 1 : 0);
  },
  'health.overall_changed'({ status }, meters) {
    for (const each of ['healthy', 'degraded', 'critical']) {
      meters.overallHealth.set({ status: each }, each === status ? 1 : 0);
    }
  },
  'spike.started'({ kind, subject }, meters) {
    meters.spikes.add({ kind, subject });
    meters.spikeActive.set({ kind, subject }, 1);
  },
  'spike.ended'({ kind, subject }, meters) {
    meters.spikeActive.set({ kind, subject }, 0);
  },
  'incident.opened'({ subject }, meters) {
    meters.incidents.add({ subject });
    meters.incidentsOpen.add({ subject }, 1);
  },
  'incident.closed'({ subject, ms }, meters) {
    meters.incidentsOpen.add({ subject }, -1);
    meters.incidentSeconds.add({ subject }, ms / 1_000);
  },
  'alert.delivered'({ sink }, meters) {
    meters.alerts.add({ sink, outcome: 'delivered' });
  },
  'alert.failed'({ sink }, meters) {
    meters.alerts.add({ sink, outcome: 'failed' });
  },
  'alert.dropped'({ sink }, meters) {
    meters.alerts.add({ sink, outcome: 'dropped' });
  },
  'engine.started'({ runtime }, meters) {
    meters.engineStarts.add({ runtime });
  },
  'engine.stopped'({ reason }, meters) {
    meters.engineStops.add({ reason });
  },
  'listener.failed'(_event, meters) {
    meters.listenerFailures.add({});
  },
};

/** An event of a later version of the library, which has no entry here, is left out. */
export function tell(event: ReportedEvent, meters: Meters): void {
  const teller = tellers[event.type] as ((event: ReportedEvent, meters: Meters) => void) | undefined;
  teller?.(event, meters);
}
