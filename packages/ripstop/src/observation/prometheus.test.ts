import * as client from 'prom-client';
import { describe, expect, test } from 'vitest';
import type { CallEvent, ReportedEvent } from '../call/events.js';
import { type ErrorType, errorFacts } from '../errors/error-types.js';
import { UpstreamUnavailableError } from '../errors/upstream-errors.js';
import { retry } from '../policies/retry.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { families } from './prometheus/families.js';
import { type PrometheusOptions, type PrometheusRegistry, prometheusMetrics } from './prometheus.js';

type Reported = CallEvent & { readonly correlationId?: string };

function openMetricsRegistry(): PrometheusRegistry {
  const registry = new client.Registry<client.OpenMetricsContentType>();
  registry.setContentType(client.Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}

function metered(options: Partial<PrometheusOptions> = {}) {
  const runtime = virtualRuntime();
  const registry = options.registry ?? new client.Registry();
  const metrics = prometheusMetrics({ client, ...options, registry }, runtime);
  return {
    runtime,
    registry,
    metrics,
    emit: (...events: readonly Reported[]) => {
      for (const event of events) runtime.events.emit({ ...event, at: runtime.clock.now() } as ReportedEvent);
    },
    /** Every sample above 0, without the parts of histograms. */
    samples: async (): Promise<string[]> => {
      const text = await registry.metrics();
      return text.split('\n').filter((line) => !/^#|_bucket\{| 0$|^$/.test(line));
    },
  };
}

const finished = {
  type: 'request.finished',
  method: 'POST',
  route: '/generate',
  status: 200,
  ms: 30,
  streamed: false,
  errorType: undefined,
  notes: {},
} as const;
const answered = { type: 'model.answered', model: 'main', ms: 2_000, wasFallback: false, streamed: true } as const;
const failed = { type: 'model.failed', model: 'main', ms: 10 } as const;

describe('counts', () => {
  test('R188 I3: requests by route, method, status and error, with their durations in seconds', async () => {
    const { emit, samples } = metered();
    emit(finished, finished, { ...finished, status: 503, errorType: 'model_overloaded', ms: 4 });
    emit({ ...finished, method: 'GET', route: undefined, status: 404, errorType: 'invalid_input', ms: 1 });
    expect(await samples()).toEqual([
      'ripstop_requests_total{route="/generate",method="POST",status="200",error_type="none"} 2',
      'ripstop_requests_total{route="/generate",method="POST",status="503",error_type="model_overloaded"} 1',
      'ripstop_requests_total{route="other",method="GET",status="404",error_type="invalid_input"} 1',
      'ripstop_request_duration_seconds_sum{route="/generate"} 0.064',
      'ripstop_request_duration_seconds_count{route="/generate"} 3',
      'ripstop_request_duration_seconds_sum{route="other"} 0.001',
      'ripstop_request_duration_seconds_count{route="other"} 1',
    ]);
  });

  test('I3: answers, fallbacks, tokens and the time to first content, by model', async () => {
    const { emit, samples } = metered();
    emit({ ...answered, firstContentMs: 250, inputTokens: 9, outputTokens: 90 });
    emit({ ...answered, model: 'spare', wasFallback: true, streamed: false });
    emit({ ...failed, errorType: 'inference_timeout' });
    emit({ type: 'stream.resumed', model: 'spare', previous: 'main', way: 'prefill', sentLength: 4 });
    expect(await samples()).toEqual([
      'ripstop_answers_total{model="main"} 1',
      'ripstop_answers_total{model="spare"} 1',
      'ripstop_answer_duration_seconds_sum{model="main"} 2',
      'ripstop_answer_duration_seconds_count{model="main"} 1',
      'ripstop_answer_duration_seconds_sum{model="spare"} 2',
      'ripstop_answer_duration_seconds_count{model="spare"} 1',
      'ripstop_time_to_first_content_seconds_sum{model="main"} 0.25',
      'ripstop_time_to_first_content_seconds_count{model="main"} 1',
      'ripstop_tokens_total{model="main",direction="input"} 9',
      'ripstop_tokens_total{model="main",direction="output"} 90',
      'ripstop_model_failures_total{model="main",error_type="inference_timeout"} 1',
      'ripstop_fallbacks_total{model="spare"} 1',
      'ripstop_resumes_total{model="spare",way="prefill"} 1',
    ]);
  });

  test('I3: attempts, retries, breakers, rejections, hedges', async () => {
    const { emit, samples } = metered();
    emit({ type: 'attempt.finished', model: 'main', ms: 5, errorType: 'upstream_unavailable' });
    emit({ type: 'attempt.finished', model: 'main', ms: 5 });
    emit({ type: 'breaker.opened', name: 'main', cooldownMs: 2_000, reason: 'consecutive' });
    emit({ type: 'breaker.rejected', name: 'main', retryAfterMs: 1 });
    emit({ type: 'admission.rejected', reason: 'shed' }, { type: 'admission.rejected', reason: 'shed' });
    emit({ type: 'bulkhead.rejected', name: 'chat', reason: 'queue_full' });
    emit({ type: 'hedge.started', reason: 'slow', ms: 1 }, { type: 'hedge.won', ms: 2 });
    emit({ type: 'rate_limit.delayed', name: 'chat', waitMs: 1_500 });
    expect(await samples()).toEqual([
      'ripstop_attempts_total{model="main",error_type="upstream_unavailable"} 1',
      'ripstop_attempts_total{model="main",error_type="none"} 1',
      'ripstop_attempt_duration_seconds_sum{model="main"} 0.01',
      'ripstop_attempt_duration_seconds_count{model="main"} 2',
      'ripstop_hedges_total{stage="started"} 1',
      'ripstop_hedges_total{stage="won"} 1',
      'ripstop_rejections_total{by="breaker",name="main",reason="circuit_open"} 1',
      'ripstop_rejections_total{by="admission",name="none",reason="shed"} 2',
      'ripstop_rejections_total{by="bulkhead",name="chat",reason="queue_full"} 1',
      'ripstop_rate_limit_delays_total{name="chat"} 1',
      'ripstop_rate_limit_delay_seconds_total{name="chat"} 1.5',
      'ripstop_breaker_changes_total{name="main",to="open"} 1',
    ]);
  });

  test('I3: health, spikes and incidents are told as they are now', async () => {
    const { emit, samples } = metered();
    const health = { type: 'health.changed', check: 'disk', critical: true, previous: 'unknown' } as const;
    const spike = { kind: 'errors', subject: 'inference_timeout', recent: 9, baseline: 1 } as const;
    const overall = { type: 'health.overall_changed', previous: 'healthy', criticalFailures: ['disk'] } as const;
    emit({ ...health, status: 'healthy' }, { ...overall, status: 'critical' }, { type: 'spike.started', ...spike });
    emit({ type: 'incident.opened', id: 'a', subject: 'main', errorType: undefined });
    emit({ type: 'alert.delivered', sink: 'slack', alert: 'x', status: 'firing' });
    expect(await samples()).toEqual([
      'ripstop_health_changes_total{check="disk",status="healthy"} 1',
      'ripstop_health_check_healthy{check="disk"} 1',
      'ripstop_health{status="critical"} 1',
      'ripstop_spikes_total{kind="errors",subject="inference_timeout"} 1',
      'ripstop_spike_active{kind="errors",subject="inference_timeout"} 1',
      'ripstop_incidents_total{subject="main"} 1',
      'ripstop_incidents_open{subject="main"} 1',
      'ripstop_alerts_total{sink="slack",outcome="delivered"} 1',
    ]);
    emit({ ...health, status: 'timeout' }, { type: 'spike.ended', ...spike, ms: 60_000 });
    emit({ type: 'incident.closed', id: 'a', subject: 'main', ms: 61_500, failures: 9 });
    const after = await samples();
    expect(after.filter((line) => /check_healthy|spike_active|incidents_open/.test(line))).toEqual([]);
    expect(after).toContain('ripstop_incident_seconds_total{subject="main"} 61.5');
  });

  test('a policy on the same runtime is counted without being told of anything', async () => {
    const { runtime, samples } = metered();
    const call = retry({ attempts: 3 }, runtime).execute(() => Promise.reject(new UpstreamUnavailableError()));
    const outcome = call.catch((error: unknown) => error);
    await runtime.clock.runAll();
    expect(await outcome).toMatchObject({ stopReason: 'attempts' });
    const text = (await samples()).join('\n');
    expect(text).toContain('ripstop_retries_total{error_type="upstream_unavailable"} 2');
    expect(text).toContain('ripstop_retry_stops_total{reason="attempts"} 1');
  });
});

describe('what is read at each scrape', () => {
  test('I3: queues, breakers, levels and chains as they stand, and gone when they are', async () => {
    let breakers = [{ name: 'main', state: 'open' } as const];
    const { samples } = metered({
      readings: {
        queues: () => [{ name: 'gateway', running: 3, waiting: 2, limit: 8 }],
        breakers: () => breakers,
        levels: () => [{ name: 'gateway', level: 'reduced', systemLoad: 0.75 }],
        chains: () => [
          { name: 'default', usable: true },
          { name: 'careful', usable: false },
        ],
      },
    });
    expect(await samples()).toEqual([
      'ripstop_in_flight{name="gateway"} 3',
      'ripstop_queue_length{name="gateway"} 2',
      'ripstop_concurrency_limit{name="gateway"} 8',
      'ripstop_breaker_state{name="main",state="open"} 1',
      'ripstop_degradation_level{name="gateway",level="reduced"} 1',
      'ripstop_load_ratio{name="gateway"} 0.75',
      'ripstop_chain_usable{chain="default"} 1',
    ]);
    breakers = [];
    expect((await samples()).filter((line) => line.includes('breaker'))).toEqual([]);
  });

  test('a function that throws costs its own gauges, and is told of', async () => {
    const gone = new Error('gone');
    const { runtime, samples } = metered({
      readings: {
        queues: () => {
          throw gone;
        },
        levels: () => [{ name: 'x', level: 'full', systemLoad: 0.5 }],
      },
    });
    const told: unknown[] = [];
    runtime.events.on((event) => told.push(event));
    const lines = await samples();
    expect(lines).toContain('ripstop_load_ratio{name="x"} 0.5');
    expect(lines.join()).not.toMatch(/in_flight|queue_length/);
    expect(told).toEqual(Array(3).fill({ type: 'listener.failed', error: gone, at: 0 }));
  });
});

describe('labels', () => {
  test('GW21: ten thousand names and texts make a bounded number of series, and none of a key, an id or a text', async () => {
    const { emit, registry } = metered({ known: { model: ['main'] }, maxNames: 20 });
    const secret = `cpk_${'a1'.repeat(20)}`;
    for (let n = 0; n < 10_000; n += 1) {
      const errorType = `Error ${n}: could not say "hello"` as never;
      emit({ ...finished, route: `/u/${n}`, method: `M${n}`, status: n, errorType, correlationId: `id-${n}` });
      emit({ type: 'attempt.finished', model: `m${n}`, ms: 1, errorType });
      emit({ ...failed, model: n % 2 === 0 ? secret : `user${n}@example.org`, errorType });
      emit({ type: 'breaker.opened', name: `key-${n}`, cooldownMs: 1, reason: 'x' });
      emit({ type: 'model.skipped', model: 'main', reason: `because of ${n}` });
      emit({ type: 'attempt.finished', model: 'main', ms: 1 });
    }
    const text = await registry.metrics();
    expect(text.split('\n').filter((line) => line.startsWith('ripstop_')).length).toBeLessThan(3_000);
    expect(text).toContain('ripstop_attempts_total{model="main",error_type="none"} 10000');
    expect(text).toContain('ripstop_attempts_total{model="other",error_type="other"} 9980');
    expect(text).toContain('ripstop_model_failures_total{model="other",error_type="other"} 10000');
    for (const leak of ['cpk_', '@', 'id-', 'hello']) expect(text).not.toContain(leak);
  });

  test('GW21: however callers combine what labels may say, one metric has some thousand series at most', async () => {
    const { emit, registry } = metered();
    const types = Object.keys(errorFacts) as ErrorType[];
    for (let n = 0; n < 60_000; n += 1) {
      const status = 200 + (n % 300);
      emit({ ...finished, route: `/r/${n % 97}`, method: n % 2 ? 'GET' : 'PUT', status, errorType: types[n % 19] });
    }
    const lines = (await registry.metrics()).split('\n').filter((line) => line.startsWith('ripstop_requests_total{'));
    expect(lines.length).toBeGreaterThan(1_000);
    expect(lines.length).toBeLessThan(6_000);
    expect(lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)).toBe(60_000);
  });

  test('a name with quotes and new lines cannot break the page', async () => {
    const { emit, registry } = metered();
    emit({ ...failed, model: 'a"} 1\nripstop_evil 1', errorType: 'internal_error' });
    const lines = (await registry.metrics()).split('\n');
    expect(lines.filter((line) => line.startsWith('ripstop_evil'))).toEqual([]);
    expect(lines).toContain('ripstop_model_failures_total{model="other",error_type="internal_error"} 1');
  });

  test('known names start with 0, so that the first error is an increase', async () => {
    const { registry } = metered({ known: { model: ['main'] } });
    const text = await registry.metrics();
    expect(text).toContain('ripstop_attempts_total{model="main",error_type="authentication_failed"} 0');
    expect(text).toContain('ripstop_retries_total{error_type="rate_limited"} 0');
  });

  test('tokens that are no number leave their counter alone', async () => {
    const { emit, samples } = metered();
    emit({ ...answered, inputTokens: Number.NaN, outputTokens: -3 }, { ...answered, inputTokens: 5 });
    expect((await samples()).filter((line) => line.includes('tokens'))).toEqual([
      'ripstop_tokens_total{model="main",direction="input"} 5',
    ]);
  });
});

describe('exemplars', () => {
  const exemplars = async (id: string): Promise<string[]> => {
    const { emit, registry } = metered({ registry: openMetricsRegistry() });
    emit({ ...finished, status: 502, errorType: 'upstream_unavailable', correlationId: id });
    return (await registry.metrics()).split('\n').flatMap((line) => / # \{(.*)\}/.exec(line)?.[1] ?? []);
  };

  test('GW21: an OpenMetrics registry tells which request it was, as a trace where it is one', async () => {
    expect(await exemplars('order-17')).toEqual(Array(2).fill('correlation_id="order-17"'));
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    expect(await exemplars(trace)).toEqual(Array(2).fill(`trace_id="${trace}"`));
  });

  test('an id that is longer than OpenMetrics allows is left out, and the request counts', async () => {
    expect(await exemplars('x'.repeat(115))).toEqual([]);
    expect(await exemplars('x'.repeat(114))).toHaveLength(2);
  });

  test('of each bucket the first since the last scrape is told, and all are counted', async () => {
    const { emit, registry } = metered({ registry: openMetricsRegistry() });
    const told = async (): Promise<string[]> => {
      const lines = (await registry.metrics()).split('\n').filter((line) => line.includes('request_duration_seconds'));
      return lines.flatMap((line) => / # \{correlation_id="(.*)"\}/.exec(line)?.[1] ?? []);
    };
    emit({ ...finished, ms: 1, correlationId: 'a' }, { ...finished, ms: 1, correlationId: 'b' });
    emit({ ...finished, ms: 100_000, correlationId: 'slow' });
    expect(await told()).toEqual(['a', 'slow']);
    emit({ ...finished, ms: 1, correlationId: 'c' });
    expect(await told()).toEqual(['c', 'slow']);
    expect(await registry.metrics()).toMatch(/ripstop_request_duration_seconds_count\{.*\} 4\n/);
  });

  test('a classic registry has none', async () => {
    const { emit, registry } = metered();
    emit({ ...finished, correlationId: 'order-17' });
    expect(await registry.metrics()).not.toContain('order-17');
  });
});

describe('the registry', () => {
  test('is the client’s own by default', () => {
    const metrics = prometheusMetrics({ client }, virtualRuntime());
    expect(client.register.getSingleMetric('ripstop_requests_total')).toBeDefined();
    metrics.close();
    expect(client.register.getMetricsAsArray()).toEqual([]);
  });

  test('keeps what is not ours, and is filled once', () => {
    const registry = new client.Registry();
    const own = new client.Counter({ name: 'own_total', help: 'Own.', registers: [registry] });
    const { metrics, runtime } = metered({ registry });
    expect(() => prometheusMetrics({ client, registry }, runtime)).toThrow(/ripstop_requests_total already/);
    metrics.close();
    metrics.close();
    expect(runtime.events.observed).toBe(false);
    expect(registry.getMetricsAsArray()).toEqual([own]);
    expect(() => prometheusMetrics({ client, registry }, runtime)).not.toThrow();
  });

  test('a bad option is a RangeError', () => {
    const registry = new client.Registry();
    expect(() => prometheusMetrics({ client, registry, known: { modell: ['main'] } })).toThrow(/known.*model/);
    for (const maxNames of [0, 1.5, 10_001, Number.NaN]) {
      expect(() => prometheusMetrics({ client, registry: new client.Registry(), maxNames })).toThrow(RangeError);
    }
  });
});

test('GW21: every metric has its prefix, base unit and kind in its name, and labels of closed sets or names', () => {
  for (const { name, type, labels, help } of Object.values(families)) {
    expect(name).toMatch(/^ripstop_[a-z_]+$/);
    expect(name.endsWith('_total'), name).toBe(type === 'counter');
    if (type === 'histogram') expect(name).toMatch(/_seconds$/);
    expect(name).not.toMatch(/_(ms|milliseconds|minutes)/);
    expect(Object.keys(labels).filter((label) => /user|key|id$|message|prompt/.test(label))).toEqual([]);
    expect(help).toMatch(/^[0-9A-Z].*\.$/);
  }
});
