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

const never = (): Promise<never> => new Promise(() => undefined);

/** A check that says what it is set to. */
function lever(): { works: boolean; runs: number; readonly check: () => boolean } {
  const state = { works: true, runs: 0, check: () => ((state.runs += 1), state.works) };
  return state;
}

describe('a run', () => {
  test('D110: a check that hangs is late at its limit, its signal aborts, and the others are told', async () => {
    const { checker, runtime } = watched();
    let aborted = false;
    checker.registerCheck('hangs', ({ signal }) => {
      signal.addEventListener('abort', () => (aborted = true));
      return never();
    });
    checker.registerCheck('works', () => true);
    const report = checker.runAllChecks();
    await runtime.clock.advance(4_999);
    expect(aborted).toBe(false);
    await runtime.clock.advance(1);
    expect((await report).checks).toMatchObject({
      hangs: { status: 'timeout', duration_ms: 5_000, error: 'The check did not answer within 5000 ms' },
      works: { status: 'healthy' },
    });
    expect(aborted).toBe(true);
    expect(runtime.clock.pending).toBe(0);
  });

  test('D111: checks run side by side, and none longer than the limit on all', async () => {
    const { checker, runtime } = watched({ limitMs: 2_000 });
    for (const name of ['a', 'b', 'c']) checker.registerCheck(name, never, { timeoutMs: 60_000 });
    const report = checker.runAllChecks();
    await runtime.clock.advance(2_000);
    expect(Object.values((await report).checks).map(({ duration_ms }) => duration_ms)).toEqual([2_000, 2_000, 2_000]);
  });

  test('D112: a thousand questions at once are one run, and its result is good for ttlMs', async () => {
    const { checker, runtime } = watched();
    const it = lever();
    checker.registerCheck('it', it.check, { ttlMs: 3_000 });
    await Promise.all(Array.from({ length: 1_000 }, () => checker.runAllChecks()));
    await runtime.clock.advance(2_999);
    await checker.runAllChecks();
    expect(it.runs).toBe(1);
    await runtime.clock.advance(1);
    await checker.runAllChecks();
    expect(it.runs).toBe(2);
  });

  test('D112: with an interval it runs by itself, and nobody who asks waits for it', async () => {
    const { checker, runtime } = watched();
    const it = lever();
    const slow = async (): Promise<boolean> => {
      await new Promise<void>((resolve) => void runtime.clock.after(1_000, resolve));
      return it.check();
    };
    checker.registerCheck('it', slow, { intervalMs: 10_000 });
    checker.start();
    checker.start();
    await runtime.clock.advance(1_000);
    for (let second = 0; second < 60; second += 1) {
      const report = await checker.runAllChecks();
      expect(report.checks['it']?.status).toBe('healthy');
      await runtime.clock.advance(1_000);
    }
    expect(it.runs).toBe(6);
    checker.close();
    expect(runtime.clock.pending).toBe(0);
  });

  test('D110: of a check that never ends only four runs are left hanging, and it comes back by itself', async () => {
    const { checker, runtime } = watched();
    const open: (() => void)[] = [];
    checker.registerCheck('it', () => new Promise<void>((resolve) => open.push(resolve)), { ttlMs: 0 });
    for (let run = 0; run < 10; run += 1) {
      const report = checker.runAllChecks();
      await runtime.clock.advance(5_000);
      expect((await report).checks['it']?.status).toBe('timeout');
    }
    expect(open).toHaveLength(4);
    for (const resolve of open) resolve();
    await runtime.clock.advance(0);
    const report = checker.runAllChecks();
    await runtime.clock.advance(0);
    open.at(-1)?.();
    expect((await report).checks['it']?.status).toBe('healthy');
  });

  test('a checker that is closed ends runs and timers, closes its checks, and still tells what it knew', async () => {
    const { checker, runtime, told } = watched();
    let closed = 0;
    let aborted = false;
    const hanging = ({ signal }: { readonly signal: AbortSignal }): Promise<never> => {
      signal.addEventListener('abort', () => (aborted = true));
      return never();
    };
    checker.registerCheck('hangs', Object.assign(hanging, { close: () => (closed += 1) }), { intervalMs: 1_000 });
    checker.start();
    const report = checker.runAllChecks();
    checker.close();
    checker.close();
    expect((await report).checks['hangs']?.status).toBe('unknown');
    expect([aborted, closed, runtime.clock.pending]).toEqual([true, 1, 0]);
    await runtime.clock.advance(60_000);
    expect((await checker.runAllChecks()).checks['hangs']?.status).toBe('unknown');
    expect(told).toEqual([]);
  });
});

describe('changes', () => {
  const quick: HealthCheckOptions = { ttlMs: 0, critical: true };

  test('D118 R190: so many failures in a row make a change; one good run ends it; both are events', async () => {
    const { checker, told } = watched();
    const it = lever();
    checker.registerCheck('model', it.check, { ...quick, failures: 3 });
    await checker.runAllChecks();
    it.works = false;
    const first = await checker.runAllChecks();
    expect(first.checks['model']).toMatchObject({ status: 'healthy', failures_in_row: 1 });
    await checker.runAllChecks();
    it.works = true;
    await checker.runAllChecks();
    it.works = false;
    for (let run = 0; run < 2; run += 1) await checker.runAllChecks();
    expect(told).toHaveLength(1);
    expect(await checker.runAllChecks()).toMatchObject({ overall_status: 'critical' });
    it.works = true;
    expect(await checker.runAllChecks()).toMatchObject({ overall_status: 'healthy' });
    const change = { type: 'health.changed', check: 'model', critical: true, at: 0 };
    expect(told).toEqual([
      { ...change, status: 'healthy', previous: 'unknown' },
      { ...change, status: 'unhealthy', previous: 'healthy' },
      {
        type: 'health.overall_changed',
        status: 'critical',
        previous: 'healthy',
        criticalFailures: ['model'],
        at: 0,
      },
      { ...change, status: 'healthy', previous: 'unhealthy' },
      { type: 'health.overall_changed', status: 'healthy', previous: 'critical', criticalFailures: [], at: 0 },
    ]);
  });

  test('D118: the first result counts at once, and so does another way to fail', async () => {
    const { checker, told } = watched();
    let said: () => unknown = () => false;
    checker.registerCheck('it', () => said(), quick);
    await checker.runAllChecks();
    said = () => Promise.reject(new ModelOverloadedError());
    await checker.runAllChecks();
    expect(told.flatMap((event) => (event.type === 'health.changed' ? [event.status] : []))).toEqual([
      'unhealthy',
      'error',
    ]);
  });

  test('D118: checks that fail in one step are one change of the whole', async () => {
    const { checker, told } = watched();
    checker.registerCheck('cache', async () => false);
    checker.registerCheck('model', () => false, { critical: true });
    await checker.runAllChecks();
    const overall = told.filter(({ type }) => type === 'health.overall_changed');
    expect(overall).toMatchObject([{ status: 'critical', previous: 'healthy', criticalFailures: ['model'] }]);
  });

  test('R145: what a check that was replaced finds in the end is not believed', async () => {
    const { checker, runtime, told } = watched();
    const slow = async (): Promise<boolean> => {
      await new Promise<void>((resolve) => void runtime.clock.after(1_000, resolve));
      return false;
    };
    checker.registerCheck('it', slow, quick);
    const before = checker.runAllChecks();
    checker.registerCheck('it', () => true, quick);
    expect((await before).checks['it']?.status).toBe('unknown');
    expect((await checker.runAllChecks()).checks['it']?.status).toBe('healthy');
    await runtime.clock.advance(5_000);
    expect(checker.latest()).toMatchObject({ overall_status: 'healthy', checks: { it: { status: 'healthy' } } });
    expect(told).toMatchObject([{ type: 'health.changed', status: 'healthy', previous: 'unknown' }]);
  });

  test('D118: the last changes are remembered, with reasons that may be shown', async () => {
    const { checker, runtime } = watched({ maxTransitions: 2 });
    let said: () => unknown = () => true;
    checker.registerCheck('it', () => said(), { ttlMs: 0, failures: 1 });
    await checker.runAllChecks();
    await runtime.clock.advance(1_000);
    for (const answer of [
      () => ({ healthy: false, reason: 'The queue is full' }),
      () => true,
      () => Promise.reject(new Error('ENOENT /srv')),
    ]) {
      said = answer;
      await checker.runAllChecks();
    }
    const change = { check: 'it', critical: false, timestamp: '2026-01-01T00:00:01.000Z' };
    expect(checker.transitions).toEqual([
      { ...change, status: 'healthy', previous: 'unhealthy' },
      { ...change, status: 'error', previous: 'healthy', reason: 'The check failed' },
    ]);
  });
});
