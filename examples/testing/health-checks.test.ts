// Whether the parts of a service work, and what its probes make of that.
import { healthChecker } from 'ripstop/observation';
import { createChute } from 'ripstop/serving';
import { virtualRuntime } from 'ripstop/testing';
import { expect, test } from 'vitest';

const logger = { debug() {}, info() {}, warn() {}, error() {} };
const healthy = async (): Promise<object> => ({ healthy: true, status: 'OK' });
const unhealthy = async (): Promise<object> => ({ healthy: false, status: 'FAILED', error: 'Service down' });

test('R167: one critical check that fails makes the whole critical, and is named', async () => {
  const health = healthChecker({}, virtualRuntime());
  health.registerCheck('service1', healthy);
  health.registerCheck('service2', unhealthy, { critical: true });
  const report = await health.runAllChecks();
  expect(report).toMatchObject({
    overall_status: 'critical',
    critical_failures: ['service2'],
    checks: { service1: { status: 'healthy' }, service2: { status: 'unhealthy' } },
  });
  health.close();
});

test('R167: a failing check that is not critical makes it degraded; its text is for those who may see it', async () => {
  const health = healthChecker({}, virtualRuntime());
  health.registerCheck('service2', unhealthy);
  const [shown, full] = [await health.runAllChecks(), await health.runAllChecks({ view: 'full' })];
  expect(shown.overall_status).toBe('degraded');
  expect(shown.checks['service2']?.details).toEqual({ healthy: false, status: 'FAILED' });
  expect(full.checks['service2']?.details).toMatchObject({ error: 'Service down' });
  health.close();
});

test('R159 R167: a service is taken out of traffic while a critical check fails, and comes back', async () => {
  const runtime = virtualRuntime();
  let works = false;
  const app = createChute({ name: 'answers', logger }, runtime).healthCheck('model', { critical: true }, () => works);
  await app.start();
  const ready = async (): Promise<number> => (await app.request('/readyz')).status;
  expect(await ready()).toBe(503);
  works = true;
  await runtime.clock.advance(5_000);
  expect(await ready()).toBe(200);
  await app.stop();
});
