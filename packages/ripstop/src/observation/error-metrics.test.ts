import { describe, expect, test } from 'vitest';
import type { ReportedEvent } from '../call/events.js';
import { type VirtualRuntime, virtualRuntime } from '../testing/virtual-runtime.js';
import { type ErrorMetrics, errorMetrics } from './error-metrics.js';
import { type ErrorMetricsOptions, errorMetricsDefaults } from './error-metrics-options.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

interface Watched {
  readonly runtime: VirtualRuntime;
  readonly metrics: ErrorMetrics;
  /** The spikes that were told of, as `started errors x` and `ended errors x`. */
  readonly told: string[];
  readonly events: ReportedEvent[];
}

/** Error metrics that listen to their own runtime. */
function watched(options: ErrorMetricsOptions = {}): Watched {
  const runtime = virtualRuntime();
  const metrics = errorMetrics(options, runtime);
  const told: string[] = [];
  const events: ReportedEvent[] = [];
  runtime.events.on((event) => {
    events.push(event);
    if (event.type === 'spike.started' || event.type === 'spike.ended')
      told.push(`${event.type.slice(6)} ${event.kind} ${event.subject}`);
  });
  metrics.listen();
  return { runtime, metrics, told, events };
}

/** Does `action` once in every `everyMs`, for `ms`. */
async function every({ runtime }: Watched, everyMs: number, ms: number, action: () => void): Promise<void> {
  for (let passed = 0; passed < ms; passed += everyMs) {
    action();
    await runtime.clock.advance(everyMs);
  }
}

describe('recording', () => {
  test('R135 R136 R137 R138: two errors of one type and one of another are told by type, rate and pattern', () => {
    const metrics = errorMetrics({}, virtualRuntime());
    metrics.recordError('ModelError', 'Test error 1', { operation: 'inference' });
    metrics.recordError('ModelError', 'Test error 2', { operation: 'inference' });
    metrics.recordError('ValidationError', 'Test error 3', { operation: 'input_validation' });

    expect(metrics.getErrorRate('ModelError', 60)).toBe(2);
    expect(metrics.getErrorRate()).toBe(3);
    expect(metrics.getTopErrorPatterns()).toEqual([
      ['ModelError:inference', 2],
      ['ValidationError:input_validation', 1],
    ]);
    expect(metrics.getErrorSummary()).toMatchObject({
      total_errors_1h: 3,
      error_types: { ModelError: 2, ValidationError: 1 },
    });
  });

  test('R136 D97: an error without a context, without a message, or with nonsense for either is counted, and throws nothing', () => {
    const { metrics, events } = watched();
    metrics.recordError('ModelError', 'failed', null);
    metrics.recordError('ModelError');
    metrics.recordError('ModelError', 'failed', { operation: 7 });
    metrics.recordError(undefined as unknown as string, {} as unknown as string);
    expect(metrics.getTopErrorPatterns()).toEqual([
      ['ModelError:unknown', 3],
      ['unknown:unknown', 1],
    ]);
    expect(events).toEqual([]);
  });

  test('D97: a context that cannot be read is told to whoever listens, and to nobody else', () => {
    const { metrics, events } = watched();
    const trap = {
      get operation(): string {
        throw new Error('not readable');
      },
    };
    metrics.recordError('ModelError', 'failed', trap);
    expect(events).toMatchObject([{ type: 'listener.failed', error: { message: 'not readable' } }]);
  });

  test('R137 D99: five hundred errors in a minute are a rate of five hundred', async () => {
    const all = watched();
    await every(all, 100, 50_000, () => all.metrics.recordError('generation_failed', 'no'));
    expect(all.metrics.getErrorRate('generation_failed')).toBe(500);
    expect(all.metrics.getErrorRate(null, 10)).toBe(600);
  });

  test('R137 D100: more than ten thousand errors of an hour are all counted', async () => {
    const all = watched();
    await every(all, minuteMs, 30 * minuteMs, () => {
      for (let index = 0; index < 500; index += 1) all.metrics.recordError('rate_limited', 'slow down');
    });
    expect(all.metrics.getErrorSummary()).toMatchObject({ total_errors_1h: 15_000, error_rate_1h: 250 });
    expect(all.metrics.getErrorRate('rate_limited', 3_600)).toBe(250);
  });

  test('R137: what is older than the window no longer counts, and an hour later nothing does', async () => {
    const { runtime, metrics } = watched();
    metrics.recordError('generation_failed', 'no', { operation: 'inference' });
    await runtime.clock.advance(59_000);
    expect(metrics.getErrorRate()).toBe(1);
    await runtime.clock.advance(2_000);
    expect(metrics.getErrorRate()).toBe(0);
    expect(metrics.getErrorRate(null, 120)).toBe(0.5);
    await runtime.clock.advance(hourMs);
    expect(metrics.getErrorSummary()).toMatchObject({ total_errors_1h: 0, error_types: {}, top_patterns: [] });
  });

  test('D101: to ask for a type that is not known leaves no trace, and a window must be one', () => {
    const { metrics } = watched();
    expect(metrics.getErrorRate('nobody')).toBe(0);
    expect(metrics.getErrorSummary().error_types).toEqual({});
    for (const window of [0, -1, Number.NaN, 1e9])
      expect(() => metrics.getErrorRate(null, window), String(window)).toThrow(RangeError);
    expect(() => metrics.getTopErrorPatterns(0)).toThrow(RangeError);
    expect(() => metrics.detectErrorSpikes(0)).toThrow(RangeError);
  });

  test('R138 R191 D102: patterns come in order of number, ten by default, and age', async () => {
    const { runtime, metrics } = watched();
    for (let operation = 1; operation <= 12; operation += 1) {
      for (let time = 0; time < operation; time += 1)
        metrics.recordError('generation_failed', 'no', { operation: `operation${operation}` });
    }
    expect(metrics.getTopErrorPatterns(2)).toEqual([
      ['generation_failed:operation12', 12],
      ['generation_failed:operation11', 11],
    ]);
    expect(metrics.getTopErrorPatterns()).toHaveLength(10);
    await runtime.clock.advance(hourMs);
    expect(metrics.getTopErrorPatterns()).toEqual([]);
  });

  test('R188 R191 I14: messages that differ in numbers and ids only are one group, with its number of late', async () => {
    const { runtime, metrics } = watched();
    const context = { operation: 'inference' };
    metrics.recordError('generation_failed', 'CUDA error 719 on worker a81f-22 after 3.5 s', context);
    await runtime.clock.advance(10 * minuteMs);
    metrics.recordError('generation_failed', 'CUDA error 700 on worker 77-bc01 after 12 s', context);
    metrics.recordError('generation_failed', 'the worker is gone', context);
    const [first, second] = metrics.getErrorSummary().top_errors;
    expect(first).toMatchObject({
      pattern: 'generation_failed:inference',
      message: 'CUDA error # on worker # after # s',
      count: 2,
      count_5m: 1,
    });
    expect(second).toMatchObject({ message: 'the worker is gone', count: 1 });
    expect(first?.fingerprint).toMatch(/^[0-9a-f]{14}$/);
    expect(first?.fingerprint).not.toBe(second?.fingerprint);
  });

  test('D104 R141: calls that went well are counted with their durations, and errors as a share of calls', () => {
    const { metrics } = watched();
    expect(metrics.getErrorSummary()).toMatchObject({ error_ratio: null, error_ratio_1h: null, latency: {} });
    for (let call = 0; call < 19; call += 1) metrics.recordSuccess('inference', 100);
    metrics.recordError('generation_failed', 'no', { operation: 'inference' });
    metrics.recordSuccess('embedding');
    const { total_calls_1h, error_ratio, error_ratio_1h, latency, throughput } = metrics.getErrorSummary();
    expect({ total_calls_1h, error_ratio, error_ratio_1h }).toEqual({
      total_calls_1h: 21,
      error_ratio: 0.048,
      error_ratio_1h: 0.048,
    });
    expect(Object.keys(latency)).toEqual(['inference']);
    expect(latency['inference']).toMatchObject({ count: 19, usual_p50_ms: null, usual_p95_ms: null });
    expect(latency['inference']?.p50_ms).toBeGreaterThanOrEqual(100);
    expect(latency['inference']?.p95_ms).toBeLessThanOrEqual(110);
    expect(throughput).toEqual({
      inference: { rate: 20, usual_rate: null },
      embedding: { rate: 1, usual_rate: null },
    });
  });

  test('R141: the summary has the guide’s keys, and is JSON without loss', () => {
    const { metrics } = watched();
    metrics.recordError('generation_failed', 'no', { operation: 'inference' });
    const summary = metrics.getErrorSummary();
    expect(summary).toMatchObject({
      total_errors_1h: 1,
      error_rate_1h: 0.017,
      error_types: { generation_failed: 1 },
      top_patterns: [['generation_failed:inference', 1]],
      spikes: [],
    });
    expect(JSON.parse(JSON.stringify(summary))).toEqual(summary);
  });
});

describe('spikes of errors', () => {
  /** An hour in which calls go well, ten a minute. */
  async function calmHour(options?: ErrorMetricsOptions): Promise<Watched> {
    const all = watched(options);
    await every(all, 6_000, hourMs, () => all.metrics.recordSuccess('inference', 100));
    return all;
  }

  test('R139 D98: the first error ever is no spike, and neither are four of them', async () => {
    const { runtime, metrics, told } = await calmHour();
    for (let count = 0; count < 4; count += 1) metrics.recordError('generation_failed', 'no');
    await runtime.clock.advance(minuteMs);
    expect(metrics.detectErrorSpikes()).toEqual([]);
    expect(told).toEqual([]);
  });

  test('R139 R140 R189 D105 GW20: a minute of errors after a quiet hour is told of within it, once, and its end too', async () => {
    const all = await calmHour();
    const { runtime, metrics, told } = all;
    await every(all, 6_000, minuteMs, () => metrics.recordError('upstream_unavailable', 'refused'));
    expect(told).toEqual(['started errors upstream_unavailable']);
    expect(metrics.detectErrorSpikes()).toEqual([
      {
        type: 'error_spike',
        error_type: 'upstream_unavailable',
        recent_rate: 10,
        historical_rate: 0,
        // A single error in the 3 560 s before would have been 0.0169 a minute.
        multiplier: 593.333,
        timestamp: runtime.clock.date().toISOString(),
      },
    ]);
    expect(metrics.getErrorSummary().spikes).toHaveLength(1);
    expect(metrics.getErrorSummary().active_spikes).toMatchObject([
      { kind: 'errors', subject: 'upstream_unavailable', recent: 10, baseline: 0, since: '2026-01-01T01:00:25.000Z' },
    ]);

    await every(all, 6_000, 3 * minuteMs, () => metrics.recordSuccess('inference', 100));
    expect(told).toEqual(['started errors upstream_unavailable', 'ended errors upstream_unavailable']);
    expect(metrics.getErrorSummary()).toMatchObject({ spikes: [], active_spikes: [], total_errors_1h: 10 });
  });

  test('D105: the end is told of though nothing is recorded any more, with how long it lasted', async () => {
    const all = await calmHour();
    for (let count = 0; count < 10; count += 1) all.metrics.recordError('upstream_unavailable', 'refused');
    await all.runtime.clock.advance(5 * minuteMs);
    const spikes = all.events.filter(({ type }) => type.startsWith('spike.') && type !== 'spike.started');
    const errors = spikes.filter((event) => 'kind' in event && event.kind === 'errors');
    expect(errors).toMatchObject([{ type: 'spike.ended', subject: 'upstream_unavailable', baseline: 0, ms: 115_000 }]);
  });

  test('R139 D98: the baseline leaves the present minute out, so that a steady rate is none and three times as many are', async () => {
    const all = watched();
    const fail = (): void => all.metrics.recordError('rate_limited', 'slow down');
    await every(all, 3_000, hourMs, fail);
    expect(all.told).toEqual([]);
    await every(all, 1_500, minuteMs, fail);
    expect(all.metrics.detectErrorSpikes()).toEqual([]);
    expect(all.metrics.detectErrorSpikes(1.5)).toMatchObject([{ historical_rate: 20, multiplier: 2 }]);
    await every(all, 900, minuteMs, fail);
    expect(all.told).toEqual(['started errors rate_limited']);
  });

  test('D98: there is no spike before it has watched for a while', async () => {
    const { runtime, metrics, told } = watched();
    for (let count = 0; count < 50; count += 1) metrics.recordError('generation_failed', 'no');
    await runtime.clock.advance(minuteMs);
    expect(metrics.detectErrorSpikes()).toEqual([]);
    await runtime.clock.advance(minuteMs);
    for (let count = 0; count < 250; count += 1) metrics.recordError('generation_failed', 'no');
    await runtime.clock.advance(5_000);
    expect(told).toEqual(['started errors generation_failed']);
  });

  test('GW20: where calls are known, a twentieth of them or less is no spike', async () => {
    const all = await calmHour({ watch: ['errors'] });
    const { runtime, metrics, told } = all;
    for (let call = 0; call < 190; call += 1) metrics.recordSuccess('inference', 100);
    for (let count = 0; count < 9; count += 1) metrics.recordError('generation_failed', 'no');
    await runtime.clock.advance(5_000);
    expect(told).toEqual([]);
    for (let count = 0; count < 5; count += 1) metrics.recordError('generation_failed', 'no');
    await runtime.clock.advance(5_000);
    expect(told).toEqual(['started errors generation_failed']);
  });

  test('D98 GW20: a type that spikes again is told of anew only after the cool-down', async () => {
    const all = await calmHour({ watch: ['errors'], cooldownMs: 10 * minuteMs });
    const burst = (): void => {
      for (let count = 0; count < 10; count += 1) all.metrics.recordError('generation_failed', 'no');
    };
    burst();
    await all.runtime.clock.advance(4 * minuteMs);
    burst();
    await all.runtime.clock.advance(4 * minuteMs);
    expect(all.told).toEqual(['started errors generation_failed', 'ended errors generation_failed']);
    await all.runtime.clock.advance(2 * minuteMs);
    burst();
    await all.runtime.clock.advance(minuteMs);
    expect(all.told).toHaveLength(3);
  });

  test('an outage of two hours is one spike: it does not end by becoming usual', async () => {
    const all = await calmHour({ watch: ['errors'] });
    await every(all, 2_000, 2 * hourMs, () => all.metrics.recordError('upstream_unavailable', 'refused'));
    expect(all.told).toEqual(['started errors upstream_unavailable']);
    expect(all.metrics.detectErrorSpikes()).toMatchObject([{ recent_rate: 30, historical_rate: 0 }]);
  });

  test('a second, smaller outage is not measured against the first one', async () => {
    const all = await calmHour({ watch: ['errors'] });
    await every(all, 600, 10 * minuteMs, () => all.metrics.recordError('upstream_unavailable', 'refused'));
    await all.runtime.clock.advance(10 * minuteMs);
    await every(all, 6_000, minuteMs, () => all.metrics.recordError('upstream_unavailable', 'refused'));
    expect(all.told).toEqual([
      'started errors upstream_unavailable',
      'ended errors upstream_unavailable',
      'started errors upstream_unavailable',
    ]);
  });

  test('R139: nobody need listen: spikes are looked for when something is recorded', async () => {
    const runtime = virtualRuntime();
    const metrics = errorMetrics({}, runtime);
    const started: unknown[] = [];
    runtime.events.on((event) => started.push(event));
    expect(runtime.clock.pending).toBe(0);
    await runtime.clock.advance(10 * minuteMs);
    for (let count = 0; count < 6; count += 1) metrics.recordError('generation_failed', 'no');
    await runtime.clock.advance(6_000);
    metrics.recordError('generation_failed', 'no');
    expect(started).toMatchObject([{ type: 'spike.started', kind: 'errors', recent: 7, baseline: 0 }]);
    expect(runtime.clock.pending).toBe(0);
  });
});

describe('latency and throughput', () => {
  test('R192 I24: answers that become three times as slow are told of, and that they are fast again', async () => {
    const all = watched();
    const answer = (ms: number) => (): void => all.metrics.recordSuccess('inference', ms);
    await every(all, 1_000, 20 * minuteMs, answer(200));
    expect(all.told).toEqual([]);
    await every(all, 1_000, 2 * minuteMs, answer(900));
    expect(all.told).toEqual(['started latency inference']);
    expect(all.metrics.getErrorSummary().latency['inference']).toMatchObject({
      p50_ms: expect.closeTo(950, -2) as number,
      usual_p95_ms: expect.closeTo(210, -2) as number,
    });
    await every(all, 1_000, 4 * minuteMs, answer(200));
    expect(all.told).toEqual(['started latency inference', 'ended latency inference']);
  });

  test('R192: what was slow is not learnt as usual, unless it stays for as long as what it is measured against', async () => {
    const all = watched({ baselineMs: 20 * minuteMs });
    const answer = (ms: number) => (): void => all.metrics.recordSuccess('inference', ms);
    await every(all, 1_000, 20 * minuteMs, answer(200));
    await every(all, 1_000, 10 * minuteMs, answer(900));
    expect(all.metrics.getErrorSummary().latency['inference']?.usual_p95_ms).toBeLessThanOrEqual(220);
    await every(all, 1_000, 40 * minuteMs, answer(900));
    expect(all.told).toEqual(['started latency inference', 'ended latency inference']);
    expect(all.metrics.getErrorSummary().latency['inference']?.usual_p95_ms).toBeGreaterThan(800);
  });

  test('I24: few answers, and a difference that nobody feels, are no slowdown', async () => {
    const all = watched({ watch: ['latency'] });
    await every(all, 1_000, 20 * minuteMs, () => {
      all.metrics.recordSuccess('inference', 200);
      all.metrics.recordSuccess('models', 2);
    });
    await all.runtime.clock.advance(3 * minuteMs);
    await every(all, 6_000, minuteMs, () => all.metrics.recordSuccess('inference', 5_000));
    await all.runtime.clock.advance(2 * minuteMs);
    await every(all, 1_000, 2 * minuteMs, () => all.metrics.recordSuccess('models', 50));
    expect(all.told).toEqual([]);
  });

  test('R192 I24: calls that stay away are told of, though nothing is recorded', async () => {
    const all = watched();
    await every(all, 1_000, 20 * minuteMs, () => all.metrics.recordSuccess('inference', 200));
    await all.runtime.clock.advance(minuteMs);
    expect(all.told).toEqual(['started throughput inference']);
    expect(all.events.find(({ type }) => type === 'spike.started')).toMatchObject({ baseline: 60 });
    await every(all, 1_000, 3 * minuteMs, () => all.metrics.recordSuccess('inference', 200));
    expect(all.told).toEqual(['started throughput inference', 'ended throughput inference']);
  });

  test('a service that is called now and then is not told of when nobody calls', async () => {
    const all = watched();
    await every(all, 6_000, hourMs, () => all.metrics.recordSuccess('inference', 200));
    await all.runtime.clock.advance(hourMs);
    expect(all.told).toEqual([]);
  });
});

describe('options', () => {
  test('D103: every window means something: a present of ten seconds makes a rate of ten seconds', async () => {
    const all = watched({ recentMs: 10_000, baselineMs: minuteMs, warmUpMs: 20_000 });
    await all.runtime.clock.advance(30_000);
    for (let count = 0; count < 5; count += 1) all.metrics.recordError('generation_failed', 'no');
    expect(all.metrics.getErrorSummary().error_rate).toBe(30);
    await all.runtime.clock.advance(1_000);
    expect(all.told).toEqual(['started errors generation_failed']);
    await all.runtime.clock.advance(30_000);
    expect(all.told).toHaveLength(2);
  });

  test('defaults are those of the guide', () => {
    expect(errorMetricsDefaults).toMatchObject({ recentMs: 60_000, baselineMs: 3_600_000, multiplier: 3, minCount: 5 });
  });

  test.each([
    { recentMs: 10 },
    { recentMs: 60_000, baselineMs: 60_000 },
    { baselineMs: Number.POSITIVE_INFINITY },
    { multiplier: 1 },
    { minCount: 0 },
    { minShare: 0 },
    { minCalls: 1.5 },
    { warmUpMs: -1 },
    { cooldownMs: Number.NaN },
    { minSlowdownMs: 0 },
    { of: 'people' as 'models' },
    { watch: ['tigers' as 'errors'] },
  ])('%o is refused', (options) => {
    expect(() => errorMetrics(options, virtualRuntime())).toThrow(RangeError);
  });
});
