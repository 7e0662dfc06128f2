import { describe, expect, test } from 'vitest';
import type { ReportedEvent } from '../call/events.js';
import { ModelOverloadedError } from '../errors/rejections.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import type { HealthCheckOptions } from './health-check.js';
import { type HealthChecker, healthChecker, type HealthCheckerOptions } from './health-checker.js';

interface Watched {
  readonly checker: HealthChecker;
  readonly runtime: ReturnType<typeof virtualRuntime>;
  readonly told: ReportedEvent[];
}

function watched(options: HealthCheckerOptions = {}): Watched {
  const runtime = virtualRuntime();
  const told: ReportedEvent[] = [];
  runtime.events.on((event) => told.push(event));
  return { checker: healthChecker(options, runtime), runtime, told };
}

/** A check that says what it is set to. */
function lever(): { works: boolean; runs: number; readonly check: () => boolean } {
  const state = { works: true, runs: 0, check: () => ((state.runs += 1), state.works) };
  return state;
}

describe('the report', () => {
  test('R144 R145 R146 R147 R149 R150: the guide’s own case: a healthy service, and a critical one that fails', async () => {
    const { checker } = watched();
    checker.registerCheck('service1', () => ({ healthy: true, message: 'Service 1 OK' }));
    checker.registerCheck('service2', async () => ({ healthy: false, message: 'Service 2 down' }), { critical: true });
    const report = await checker.runAllChecks();
    expect(report).toEqual({
      overall_status: 'critical',
      checks: {
        service1: {
          status: 'healthy',
          details: { healthy: true, message: 'Service 1 OK' },
          duration_ms: 0,
          timestamp: '2026-01-01T00:00:00.000Z',
        },
        service2: {
          status: 'unhealthy',
          details: { healthy: false, message: 'Service 2 down' },
          duration_ms: 0,
          timestamp: '2026-01-01T00:00:00.000Z',
        },
      },
      critical_failures: ['service2'],
      timestamp: '2026-01-01T00:00:00.000Z',
    });
    expect(checker.latest()).toEqual(report);
  });

  test('R149: no check is healthy; one that fails and is not critical makes it degraded', async () => {
    const { checker } = watched();
    expect(await checker.runAllChecks()).toMatchObject({ overall_status: 'healthy', checks: {} });
    checker.registerCheck('cache', () => false);
    expect(await checker.runAllChecks()).toMatchObject({ overall_status: 'degraded', critical_failures: [] });
  });

  test('R145: the same name replaces, closes what it replaces, and forgets what that has found', async () => {
    const { checker } = watched();
    let closed = 0;
    checker.registerCheck(
      'a',
      Object.assign(() => false, { close: () => (closed += 1) }),
      { critical: true },
    );
    expect(await checker.runAllChecks()).toMatchObject({ overall_status: 'critical' });
    checker.registerCheck('a', () => true);
    expect(closed).toBe(1);
    expect(checker.latest()).toMatchObject({ overall_status: 'healthy', checks: { a: { status: 'unknown' } } });
  });

  test.each([
    ['nothing', undefined, 'healthy'],
    ['true', true, 'healthy'],
    ['false', false, 'unhealthy'],
    ['an object without healthy', { devices: 2 }, 'healthy'],
    ['a truthy healthy', { healthy: 1 }, 'healthy'],
    ['a falsy healthy', { healthy: 0 }, 'unhealthy'],
    ['healthy null', { healthy: null }, 'unknown'],
  ])('D113 R147: a check may say %s', async (_, said, status) => {
    const { checker } = watched();
    checker.registerCheck('it', () => said);
    expect((await checker.runAllChecks()).checks['it']?.status).toBe(status);
  });

  test('R148: a check that throws has status error, its message, and a duration all the same', async () => {
    const { checker, runtime } = watched();
    checker.registerCheck('it', async () => {
      await new Promise<void>((resolve) => void runtime.clock.after(40, resolve));
      throw new Error('no route');
    });
    const report = checker.runAllChecks({ view: 'full' });
    await runtime.clock.advance(40);
    expect((await report).checks['it']).toMatchObject({ status: 'error', error: 'no route', duration_ms: 40 });
  });

  test.each([
    ['nothing', undefined],
    ['an object without words', Object.create(null)],
    ['an error with a number for a message', Object.assign(new Error(), { message: 7 })],
    [
      'an object that will not be looked at',
      {
        get healthy(): boolean {
          throw new Error('no');
        },
      },
    ],
  ])('R148: a check may throw or say %s', async (_, thing: unknown) => {
    const { checker } = watched();
    checker.registerCheck('throws', () => Promise.reject(thing as Error));
    checker.registerCheck('says', () => thing);
    const { checks } = await checker.runAllChecks();
    expect(checks['throws']).toMatchObject({ status: 'error', error: 'The check failed' });
    expect(checks['says']?.status).toMatch(/^(healthy|error)$/);
  });

  test('D117: the public view has no text of an error, but those that are made to be shown', async () => {
    const { checker } = watched();
    checker.registerCheck('thrown', () => Promise.reject(new Error('connect ECONNREFUSED db-7.internal:5432')));
    checker.registerCheck('told', () => ({ healthy: false, free: 3, error: 'ENOENT /srv/models' }));
    checker.registerCheck('typed', () => Promise.reject(new ModelOverloadedError()));
    checker.registerCheck('secret', () => ({ api_key: 'sk-abcdefghijklmnopqrstuvwxyz123456', when: 1n }));
    const report = await checker.runAllChecks();
    expect(report.checks).toMatchObject({
      thrown: { status: 'error', error: 'The check failed' },
      told: { status: 'unhealthy', details: { healthy: false, free: 3 } },
      typed: { status: 'error', error: 'The model is overloaded; try again later' },
    });
    expect(JSON.stringify(report)).not.toMatch(/db-7|srv|sk-/);
    const full = await checker.runAllChecks({ view: 'full' });
    expect(full.checks).toMatchObject({
      thrown: { error: 'connect ECONNREFUSED db-7.internal:5432' },
      told: { details: { error: 'ENOENT /srv/models' } },
    });
    expect(JSON.stringify(full)).not.toContain('sk-');
  });

  test('D114: a probe asks for the checks of its tag, and no other runs', async () => {
    const { checker } = watched();
    const [alive, ready, started] = [lever(), lever(), lever()];
    checker.registerCheck('alive', alive.check, { tags: ['liveness'] });
    checker.registerCheck('ready', ready.check);
    checker.registerCheck('started', started.check, { tags: ['startup', 'readiness'] });
    expect(Object.keys((await checker.runAllChecks({ tag: 'liveness' })).checks)).toEqual(['alive']);
    expect([alive.runs, ready.runs, started.runs]).toEqual([1, 0, 0]);
    expect(Object.keys((await checker.runAllChecks({ tag: 'readiness' })).checks)).toEqual(['ready', 'started']);
    expect(Object.keys((await checker.runAllChecks({ tag: 'startup' })).checks)).toEqual(['started']);
  });
});

test('a bad option is a RangeError that names it', () => {
  const { checker } = watched();
  expect(() => healthChecker({ limitMs: 0 })).toThrow(new RangeError('limitMs must be above 0, got 0'));
  expect(() => healthChecker({ maxTransitions: 0.5 })).toThrow('maxTransitions');
  const bad: readonly HealthCheckOptions[] = [
    { timeoutMs: 0 },
    { ttlMs: -1 },
    { intervalMs: 0 },
    { failures: 0 },
    { tags: ['live' as 'liveness'] },
  ];
  for (const options of bad) {
    expect(() => checker.registerCheck('it', () => true, options)).toThrow(Object.keys(options)[0]);
  }
  expect(checker.latest().checks).toEqual({});
});
