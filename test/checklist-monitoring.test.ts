/** The items of the guide's checklist on monitoring and alerting, tried on the real thing by its public names. */
import type { ReportedEvent } from 'ripstop';
import { OutOfMemoryError, UpstreamUnavailableError } from 'ripstop/errors';
import { type AlertNotice, alerts, errorMetrics, healthChecker } from 'ripstop/observation';
import { createErrorHandler } from 'ripstop/serving';
import { virtualRuntime } from 'ripstop/testing';
import { expect, test } from 'vitest';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

test('R188: errors of a service are counted by listening to it', async () => {
  const watched = virtualRuntime();
  const metrics = errorMetrics({}, watched);
  const off = metrics.listen();
  const handler = createErrorHandler({ logger: quiet }, watched);
  handler.handle(new UpstreamUnavailableError(), { operation: 'ask' });
  handler.handle(new OutOfMemoryError(), { operation: 'ask' });
  expect(metrics.getErrorSummary()).toMatchObject({
    total_errors_1h: 2,
    error_types: { upstream_unavailable: 1, out_of_memory: 1 },
  });
  off();
});

test('R189: a rise of errors raises an alert, and one word when it is over', async () => {
  const { told, watched, metrics, close } = watching();
  await usual(watched, metrics);
  for (let error = 0; error < 50; error += 1) metrics.recordError('generation_failed', '', { operation: 'ask' });
  await watched.clock.advance(30_000);
  expect(told.filter(({ status }) => status === 'firing').length).toBe(1);
  await usual(watched, metrics);
  expect(told.map(({ status }) => status)).toEqual(['firing', 'resolved']);
  await close();
});

test('R190: a health check that begins to fail raises an alert', async () => {
  const { told, watched, close } = watching();
  const health = healthChecker({}, watched);
  let works = true;
  health.registerCheck('model', () => works, { critical: true, failures: 1, ttlMs: 0 });
  await health.runAllChecks();
  works = false;
  await health.runAllChecks();
  await watched.clock.advance(30_000);
  expect(told).toHaveLength(1);
  expect(JSON.stringify(told)).toContain('model');
  health.close();
  await close();
});

test('R191: patterns of errors are told with how often, the most frequent first', () => {
  const metrics = errorMetrics({}, virtualRuntime());
  for (let error = 0; error < 3; error += 1) metrics.recordError('inference_timeout', '', { operation: 'ask' });
  metrics.recordError('invalid_response', '', { operation: 'paint' });
  expect(metrics.getTopErrorPatterns()).toEqual([
    ['inference_timeout:ask', 3],
    ['invalid_response:paint', 1],
  ]);
});

test('R192: growing slow raises an alert', async () => {
  const { told, events, watched, metrics, close } = watching();
  await usual(watched, metrics);
  for (let call = 0; call < 200; call += 1) metrics.recordSuccess('ask', 4_000);
  await watched.clock.advance(30_000);
  expect(events.find((event) => event.type === 'spike.started')).toMatchObject({ kind: 'latency', subject: 'ask' });
  expect(told.length).toBe(1);
  await close();
});

/** Metrics and alerts as a service has them, and whoever is on call. */
function watching() {
  const watched = virtualRuntime();
  const told: AlertNotice[] = [];
  const events: ReportedEvent[] = [];
  watched.events.on((event) => events.push(event), { name: 'test' });
  const metrics = errorMetrics({}, watched);
  const off = metrics.listen();
  const watch = alerts(
    [{ name: 'pager', send: async (notice) => `taken as number ${told.push(notice)}` }],
    {},
    watched,
  );
  const close = async (): Promise<void> => {
    off();
    await watch.close();
  };
  return { told, events, watched, metrics, close };
}

/** An hour in which next to nothing fails. */
async function usual(watched: ReturnType<typeof virtualRuntime>, metrics: ReturnType<typeof errorMetrics>) {
  for (let minute = 0; minute < 60; minute += 1) {
    for (let call = 0; call < 20; call += 1) metrics.recordSuccess('ask', 100);
    if (minute % 20 === 0) metrics.recordError('generation_failed', '', { operation: 'ask' });
    await watched.clock.advance(60_000);
  }
}
