/** `GET /metrics`: what the gateway sees, as Prometheus reads it. */
import * as client from 'prom-client';
import type { BreakerState } from 'ripstop/policies';
import { type PrometheusReadings, prometheusMetrics } from 'ripstop/prometheus';
import { respond } from 'ripstop/serving';
import { classicText, prefersOpenMetrics } from './classic-text.js';
import type { Observed, Observer } from './observed.js';
import { addProcessMetrics } from './process-metrics.js';

const { OPENMETRICS_CONTENT_TYPE, PROMETHEUS_CONTENT_TYPE } = client.Registry;

type OpenMetricsRegistry = client.Registry<client.OpenMetricsContentType>;

/** The classic text, or OpenMetrics with exemplars for those who ask for it by `Accept`. */
export function observeForPrometheus(observed: Observed): Observer {
  const { chute, config, runtime } = observed;
  const registry = openMetricsRegistry();
  const known = knownNames(config);
  addProcessMetrics(client, registry);
  const metrics = prometheusMetrics({ client, registry, known, readings: readingsOf(observed) }, runtime);
  const open = shared(() => registry.metrics());
  const classic = shared(async () => classicText(await open()));

  chute.cord('metrics', { method: 'GET' }, async ({ request }) => {
    const prefersOpen = prefersOpenMetrics(request.headers['accept']);
    const type = prefersOpen ? OPENMETRICS_CONTENT_TYPE : PROMETHEUS_CONTENT_TYPE;
    const text = await (prefersOpen ? open() : classic());
    return respond(200, { 'content-type': type, 'cache-control': 'no-store' }, text);
  });
  return { close: () => metrics.close() };
}

/** Those who ask at the same time get one text, so that scrapers which never read cost no page each. */
function shared(write: () => Promise<string>): () => Promise<string> {
  let writing: Promise<string> | undefined;
  return () => {
    writing ??= write().finally(() => (writing = undefined));
    return writing;
  };
}

function readingsOf({ config, gate, degradation, chains }: Observed): PrometheusReadings {
  return {
    queues: () => [{ name: 'gateway', running: gate.running, waiting: gate.waiting, limit: config.load.maxInFlight }],
    levels: () => [{ name: 'gateway', level: degradation.level, systemLoad: degradation.systemLoad }],
    breakers: () =>
      chains.upstreams().map(({ name, details }) => ({ name, state: details['breaker'] as BreakerState })),
    chains: () => chains.all().map((chain) => ({ name: chain.name, usable: chain.usable() })),
  };
}

/** Names of the configuration, which have series from the start. */
function knownNames({ upstreams, models, images, alerts }: Observed['config']): Record<string, readonly string[]> {
  const model = Object.keys(upstreams);
  const hasEngine = Object.values(upstreams).some((upstream) => 'engine' in upstream);
  return {
    model,
    name: ['gateway', ...model],
    chain: [...Object.keys(models), ...Object.keys(images)],
    // A sink is named for its kind.
    sink: alerts.flatMap((alert) => Object.keys(alert)),
    runtime: hasEngine ? ['interpreter', 'llama.cpp'] : [],
  };
}

function openMetricsRegistry(): OpenMetricsRegistry {
  const registry: OpenMetricsRegistry = new client.Registry();
  registry.setContentType(OPENMETRICS_CONTENT_TYPE);
  return registry;
}
